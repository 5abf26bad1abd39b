// SPDX-License-Identifier: GPL-2.0
/*
 * Building a domain from boot modules: memory, kernel, initrd, start
 * information (start.h says what the guest finds), and vCPU 0.
 */
#include <lodge/start.h>
#include "../x86/cpu.h"
#include "../x86/cpufeat.h"
#include "../x86/platform.h"
#include "domain.h"
#include "elf.h"
#include "frame.h"
#include "string.h"
#include "time.h"

#define START_INFO_GPA 0x10000UL /* the command line is in the next page */
#define INFO_SIZE (2 * PAGE_SIZE)
#define LOW_END 0x9f000UL /* RAM shown below this */
#define HIGH_START 0x100000UL /* and above this */

static const char *load_kernel(struct domain *d, const struct elf_image *img,
			       const char *data)
{
	unsigned int i;

	for (i = 0; i < img->segment_count; i++) {
		const struct elf_segment *s = &img->segment[i];

		if (copy_to_guest(d, s->paddr, data + s->offset, s->filesz))
			return "a kernel segment lies outside of the memory";
	}
	return NULL;
}

static void add_region(struct lodge_start_info *si, gpa_t base, gpa_t end,
		       u32 type)
{
	struct lodge_region *r = &si->region[si->region_count++];

	r->base = base;
	r->size = end - base;
	r->type = type;
}

static const char *write_start_info(struct domain *d, const char *append,
				    gpa_t info, gpa_t initrd,
				    size_t initrd_size)
{
	struct lodge_start_info si = {
		.magic = LODGE_START_MAGIC,
		.version = LODGE_ABI_VERSION,
		.features = LODGE_FEATURES,
		.domid = d->id,
		.vcpu_count = d->vcpu_count,
		.cmdline = info + PAGE_SIZE,
		.initrd = initrd,
		.initrd_size = initrd_size,
		.tsc_khz = time_tsc_khz(),
	};

	if (d->privileged) {
		si.flags = LODGE_START_CONTROL;
		control_regions(&si);
	} else {
		add_region(&si, 0, LOW_END, LODGE_REGION_RAM);
		add_region(&si, LOW_END, HIGH_START, LODGE_REGION_RESERVED);
		add_region(&si, HIGH_START, d->mem_frames << PAGE_SHIFT,
			   LODGE_REGION_RAM);
	}
	str_copy(si.name, d->name, sizeof(si.name));
	if (copy_to_guest(d, info, &si, sizeof(si)) ||
	    copy_to_guest(d, si.cmdline, append, strlen(append) + 1))
		return "less than 1 MiB of memory";
	return NULL;
}

static s64 populate(struct domain *d)
{
	s64 done = 1;

	for (u64 n = 0; n < d->mem_max && done > 0; n += done)
		done = memory_populate(d, n << PAGE_SHIFT, d->mem_max - n);
	return done < 0 ? done : 0;
}

const char *domain_build(struct domain *d, const struct domain_config *cfg,
			 const void *kernel, size_t kernel_size,
			 const void *initrd, size_t initrd_size)
{
	gpa_t base = d->privileged ? control_memory.start : 0;
	gpa_t end = base + (d->mem_max << PAGE_SHIFT);
	gpa_t info = START_INFO_GPA, initrd_gpa = 0;
	struct elf_image img;
	const char *err;

	err = elf_parse(kernel, kernel_size, &img);
	if (err)
		return err;
	if (d->privileged && !d->mem_max)
		return "not enough memory where its kernel is linked";
	if (img.end > end || end - base < 2 * HIGH_START)
		return "the kernel does not fit into the memory";
	if (d->privileged ? control_populate(d) : populate(d))
		return "not enough memory in the machine";
	/* The control domain has no RAM below 1 MiB. */
	if (d->privileged)
		info = end -= INFO_SIZE;
	err = load_kernel(d, &img, kernel);
	if (err)
		return err;
	if (initrd_size) {
		if (initrd_size > end - img.end ||
		    ALIGN_DOWN(end - initrd_size, PAGE_SIZE) < img.end)
			return "the initrd does not fit into the memory";
		initrd_gpa = ALIGN_DOWN(end - initrd_size, PAGE_SIZE);
		copy_to_guest(d, initrd_gpa, initrd, initrd_size);
	}
	err = write_start_info(d, cfg->append, info, initrd_gpa, initrd_size);
	if (err)
		return err;
	if (vcpu_set_start(d->vcpu[0], img.entry, img.root))
		return "the kernel's root note names no memory";
	d->vcpu[0]->regs->rsi = info;
	return NULL;
}
