// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of a new domain: start information and command line in the first
 * 640 KiB, the kernel where it is linked, the ramdisk at the end (start.h).
 *
 * It is in one piece, from 0 on. Linux is linked to 16 MiB though, so a domain
 * whose end would be too low for its kernel gets all but the first MiB of its
 * memory from there on, and has a hole below.
 */
#include <string.h>
#include "build_layout.h"

#define PAGE 4096ULL
#define MIB (1ULL << 20)
#define LARGE (2 * MIB)
#define LOW_END 0x9f000ULL /* RAM shown below this */
#define HIGH_START MIB /* and above this, or from the end of the hole on */

static unsigned long long mib(uint64_t bytes)
{
	return (bytes + MIB - 1) / MIB;
}

/* Places the ramdisk, if all is large enough for that. */
static bool place(struct layout *p, const struct image *img,
		  uint64_t ramdisk_size)
{
	uint64_t at;

	if (img->end > p->end || ramdisk_size > p->end - img->end)
		return false;
	at = (p->end - ramdisk_size) & -PAGE;
	if (at < img->end)
		return false;
	p->ramdisk = ramdisk_size ? at : 0;
	p->ramdisk_size = ramdisk_size;
	return true;
}

/* What can be left out below the kernel: whole pieces of 2 MiB. */
static uint64_t hole_below(const struct image *img)
{
	uint64_t start = img->end;

	for (unsigned int i = 0; i < img->segment_count; i++)
		if (img->segment[i].paddr < start)
			start = img->segment[i].paddr;
	start &= -LARGE;
	return start > LAYOUT_HOLE ? start - LAYOUT_HOLE : 0;
}

int layout_plan(struct layout *p, const struct config *cfg,
		const struct image *img, uint64_t ramdisk_size,
		struct complaint *c)
{
	uint64_t needed;

	*p = (struct layout){ .end = cfg->memory * MIB };
	if (place(p, img, ramdisk_size))
		return 0;
	p->hole = hole_below(img);
	p->end += p->hole;
	if (cfg->memory * MIB > LAYOUT_HOLE && place(p, img, ramdisk_size))
		return 0;
	needed = img->end - p->hole;
	if (img->end > p->end)
		return complain(
			c, "memory = %llu: the kernel alone needs %llu MiB",
			(unsigned long long)cfg->memory, mib(needed));
	return complain(c,
			"memory = %llu: kernel and ramdisk need %llu MiB, and "
			"Linux some more",
			(unsigned long long)cfg->memory,
			mib(needed + ramdisk_size + PAGE));
}

uint64_t layout_gpa(const struct layout *p, uint64_t offset)
{
	return offset < LAYOUT_HOLE ? offset : offset + p->hole;
}

static void add_region(struct lodge_start_info *si, uint64_t base, uint64_t end,
		       uint32_t type)
{
	si->region[si->region_count++] = (struct lodge_region){
		.base = base,
		.size = end - base,
		.type = type,
	};
}

void layout_start_info(const struct layout *p, const struct config *cfg,
		       uint32_t domid, const struct lodge_machine_info *machine,
		       struct lodge_start_info *si)
{
	*si = (struct lodge_start_info){
		.magic = LODGE_START_MAGIC,
		.version = machine->version,
		.features = machine->features,
		.domid = domid,
		.vcpu_count = cfg->maxvcpus,
		.cmdline = LAYOUT_CMDLINE,
		.initrd = p->ramdisk,
		.initrd_size = p->ramdisk_size,
		.tsc_khz = machine->tsc_khz,
	};
	add_region(si, 0, LOW_END, LODGE_REGION_RAM);
	add_region(si, LOW_END, HIGH_START, LODGE_REGION_RESERVED);
	add_region(si, HIGH_START + p->hole, p->end, LODGE_REGION_RAM);
	strcpy(si->name, cfg->name);
}
