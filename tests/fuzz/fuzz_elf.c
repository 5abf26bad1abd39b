// SPDX-License-Identifier: GPL-2.0
// modules: core/elf core/string
/*
 * Any bytes as a kernel image: either an error text, or an image about which
 * everything holds that elf.h promises to the domain builder.
 */
#include <stdlib.h>
#include <string.h>
#include "core/elf.h"
#include "x86/cpu.h"
#include "x86/cpufeat.h"

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_image(const struct elf_image *img, size_t size)
{
	bool root_found = false;
	u64 end = 0;

	check(img->segment_count && img->segment_count <= ELF_MAX_SEGMENTS);
	for (unsigned int i = 0; i < img->segment_count; i++) {
		const struct elf_segment *s = &img->segment[i];

		check(s->filesz <= s->memsz && s->memsz);
		check(s->offset <= size && s->filesz <= size - s->offset);
		check(s->paddr + s->memsz > s->paddr);
		check(s->paddr >= 1 << 20 && s->paddr + s->memsz <= 1UL << 47);
		end = MAX(end, s->paddr + s->memsz);
		root_found |= img->root >= s->paddr &&
			      img->root + PAGE_SIZE <= s->paddr + s->memsz;
		for (unsigned int j = 0; j < i; j++) {
			const struct elf_segment *t = &img->segment[j];

			check(s->paddr + s->memsz <= t->paddr ||
			      t->paddr + t->memsz <= s->paddr);
		}
	}
	check(img->end == end);
	check(root_found && !(img->root & (PAGE_SIZE - 1)));
	check(is_canonical(img->entry) && img->entry >> 63);
	check(!is_hypervisor_va(img->entry));
	check(img->abi_version >> 16 == LODGE_ABI_MAJOR);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_image img;
	const char *error = elf_parse(data, size, &img);

	if (error)
		check(*error);
	else
		check_image(&img, size);
	return 0;
}
