// SPDX-License-Identifier: GPL-2.0
/*
 * Building a domain from boot modules: memory, kernel, initrd, start
 * information (start.h says what the guest finds), and vCPU 0.
 */
#include <lodge/start.h>
#include "../x86/cpu.h"
#include "../x86/cpufeat.h"
#include "domain.h"
#include "elf.h"
#include "frame.h"
#include "string.h"
#include "time.h"

#define START_INFO_GPA 0x10000UL
#define CMDLINE_GPA 0x11000UL
#define LOW_END 0x9f000UL /* RAM shown below this */
#define HIGH_START 0x100000UL /* and above this */

/* Memory in pieces of 2 MiB as long as there are any. */
static int add_memory(struct domain *d)
{
	u64 frames = d->mem_frames;
	gpa_t gpa = 0;

	while (frames) {
		unsigned int order =
			frames >= 1UL << LARGE_ORDER ? LARGE_ORDER : 0;
		mpa_t mpa = frame_alloc(order, d->id);
		int err;

		if (!mpa && order) {
			order = 0;
			mpa = frame_alloc(0, d->id);
		}
		if (!mpa)
			return -LODGE_ENOMEM;
		memset(mpa_to_virt(mpa), 0, PAGE_SIZE << order);
		err = p2m_map(&d->p2m, gpa, mpa, order);
		if (err) {
			frame_free(mpa, order);
			return err;
		}
		gpa += PAGE_SIZE << order;
		frames -= 1UL << order;
	}
	return 0;
}

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
				    gpa_t initrd, size_t initrd_size)
{
	struct lodge_start_info si = {
		.magic = LODGE_START_MAGIC,
		.version = LODGE_ABI_VERSION,
		.features = LODGE_FEATURES,
		.domid = d->id,
		.vcpu_count = d->vcpu_count,
		.cmdline = CMDLINE_GPA,
		.initrd = initrd,
		.initrd_size = initrd_size,
		.tsc_khz = time_tsc_khz(),
	};

	add_region(&si, 0, LOW_END, LODGE_REGION_RAM);
	add_region(&si, LOW_END, HIGH_START, LODGE_REGION_RESERVED);
	add_region(&si, HIGH_START, d->mem_frames << PAGE_SHIFT,
		   LODGE_REGION_RAM);
	str_copy(si.name, d->name, sizeof(si.name));
	if (copy_to_guest(d, START_INFO_GPA, &si, sizeof(si)) ||
	    copy_to_guest(d, CMDLINE_GPA, append, strlen(append) + 1))
		return "less than 1 MiB of memory";
	return NULL;
}

const char *domain_build(struct domain *d, const struct domain_config *cfg,
			 const void *kernel, size_t kernel_size,
			 const void *initrd, size_t initrd_size)
{
	gpa_t end = d->mem_frames << PAGE_SHIFT, initrd_gpa = 0;
	struct vcpu *v = d->vcpu[0];
	struct elf_image img;
	const char *err;

	err = elf_parse(kernel, kernel_size, &img);
	if (err)
		return err;
	if (img.end > end || end < 2 * HIGH_START)
		return "the kernel does not fit into the memory";
	if (add_memory(d))
		return "not enough memory in the machine";
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
	err = write_start_info(d, cfg->append, initrd_gpa, initrd_size);
	if (err)
		return err;
	if (shadow_load_root(v, img.root))
		return "the kernel's root note names no memory";
	v->regs->rip = img.entry;
	v->regs->rsi = START_INFO_GPA;
	v->regs->cs = LODGE_KERNEL_CS;
	v->regs->ss = LODGE_KERNEL_DS;
	v->regs->rflags = RFLAGS_IF | RFLAGS_ONE;
	v->initialised = true;
	return NULL;
}
