// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of the control domain: one to one, so that the addresses that
 * its drivers give to devices are the machine's.
 *
 * Its RAM is one piece, taken out of the frame allocator when the machine
 * starts (x86/layout.c). Whatever is no RAM of the machine, and neither the
 * processors' nor ours, may be a device: such a page is mapped, uncached, when
 * a fault meets it, so there is no call to map a BAR. Others' RAM is never
 * reached in this way. What is mapped stays until the domain ends, and the
 * tables for it are limited by their number (memory_set_max()).
 */
#include "../x86/platform.h"
#include "domain.h"
#include "frame.h"
#include "printk.h"

int control_populate(struct domain *d)
{
	s64 err = 1;

	/*
	 * Piece by piece, for what one gives back the next table of the p2m
	 * could be made of.
	 */
	for (mpa_t a = control_memory.start; a < control_memory.end && err > 0;
	     a += LARGE_SIZE) {
		frame_free(a, LARGE_ORDER);
		err = memory_populate(d, a, 1UL << LARGE_ORDER);
	}
	return err < 0 ? err : 0;
}

static void add_region(struct lodge_start_info *si, mpa_t start, mpa_t end,
		       u32 type)
{
	if (start >= end)
		return;
	if (si->region_count == LODGE_START_REGIONS) {
		printk("control: memory at %lx is not shown\n", start);
		return;
	}
	si->region[si->region_count++] = (struct lodge_region){
		.base = start, .size = end - start, .type = type
	};
}

/* What others have is shown as reserved: no BAR shall be put there. */
void control_regions(struct lodge_start_info *si)
{
	const struct boot_region *own = &control_memory, *r;
	unsigned int i;

	add_region(si, own->start, own->end, LODGE_REGION_RAM);
	for (i = 0; i < ARRAY_SIZE(no_device); i++)
		add_region(si, no_device[i].start, no_device[i].end,
			   LODGE_REGION_RESERVED);
	for (i = 0; i < boot_info.region_count; i++) {
		r = &boot_info.region[i];
		add_region(si, r->start, MIN(r->end, own->start),
			   LODGE_REGION_RESERVED);
		add_region(si, MAX(r->start, own->end), r->end,
			   LODGE_REGION_RESERVED);
	}
	for (i = 0; i < boot_info.reserved_count; i++) {
		r = &boot_info.reserved[i];
		add_region(si, r->start, r->end, LODGE_REGION_RESERVED);
	}
}

void control_map_device(struct domain *d, gpa_t gpa)
{
	struct p2m_entry e;
	gpa_t page = gpa & PAGE_MASK;

	if (p2m_get(&d->p2m, page, &e) || !is_device_memory(page))
		return;
	/* Another vCPU may be faster, or there is no memory. */
	p2m_map(&d->p2m, page, page, 0, P2M_DEVICE);
}
