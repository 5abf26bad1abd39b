/* SPDX-License-Identifier: GPL-2.0 */
/* Where things are in the memory of a new domain. Pure. */
#ifndef BUILD_LAYOUT_H
#define BUILD_LAYOUT_H

#include <lodge/start.h>
#include "complain.h"
#include "config.h"
#include "image.h"

#define LAYOUT_INFO 0x10000ULL /* start information; below 1 MiB */
#define LAYOUT_CMDLINE 0x11000ULL
#define LAYOUT_HOLE 0x100000ULL /* where one begins, if there is one */

struct layout {
	uint64_t end; /* of memory, bytes */
	uint64_t hole; /* bytes without memory, from LAYOUT_HOLE on */
	uint64_t ramdisk; /* 0: there is none */
	uint64_t ramdisk_size;
};

/* 0, or -1 and a complaint: it does not fit. */
int layout_plan(struct layout *p, const struct config *cfg,
		const struct image *img, uint64_t ramdisk_size,
		struct complaint *c);

/* Where the byte at this offset into its memory is: the hole is left out. */
uint64_t layout_gpa(const struct layout *p, uint64_t offset);

/* As the hypervisor writes it for domains that it builds (core/build.c). */
void layout_start_info(const struct layout *p, const struct config *cfg,
		       uint32_t domid, const struct lodge_machine_info *machine,
		       struct lodge_start_info *si);

#endif
