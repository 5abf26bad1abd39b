// SPDX-License-Identifier: GPL-2.0-only
/*
 * kcore: reads all RAM through /proc/kcore, which leaves out what the balloon
 * has given back.
 */
#include <elf.h>
#include <fcntl.h>

#include "check.h"

static char buffer[1 << 20];

/* Of one segment; returns the bytes that are not zero. */
static unsigned long read_all(int fd, unsigned long offset, unsigned long size)
{
	unsigned long used = 0;

	while (size) {
		size_t want = size < sizeof(buffer) ? size : sizeof(buffer);
		ssize_t got = pread(fd, buffer, want, offset);

		check(got > 0, "pread of %zu at %#lx: %zd", want, offset, got);
		for (ssize_t i = 0; i < got; i++)
			used += !!buffer[i];
		offset += got;
		size -= got;
	}
	return used;
}

int main(void)
{
	unsigned long size = 0, used = 0;
	int fd = open("/proc/kcore", O_RDONLY);
	Elf64_Ehdr head;
	Elf64_Phdr part;

	check(fd >= 0, "open");
	check(pread(fd, &head, sizeof(head), 0) == sizeof(head), "header");
	for (int i = 0; i < head.e_phnum; i++) {
		check(pread(fd, &part, sizeof(part),
			    head.e_phoff + i * sizeof(part)) == sizeof(part),
		      "program header %d", i);
		/* The linear mapping, not modules or vmalloc. */
		if (part.p_type != PT_LOAD || part.p_paddr == -1UL ||
		    part.p_vaddr >= 0xffffffff80000000)
			continue;
		size += part.p_filesz;
		used += read_all(fd, part.p_offset, part.p_filesz);
	}
	check(size && used, "nothing in %lu bytes", size);
	printf("kcore: %lu KiB, %lu not zero\n", size >> 10, used >> 10);
	return 0;
}
