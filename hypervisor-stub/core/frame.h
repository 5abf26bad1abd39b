/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The machine's memory in frames of 4 KiB: a buddy allocator with orders 0
 * to 9 (2 MiB). All RAM is mapped one to one in the hypervisor's tables, so
 * a frame's address is also a pointer.
 */
#ifndef CORE_FRAME_H
#define CORE_FRAME_H

#include "types.h"

#define FRAME_ORDERS (LARGE_ORDER + 1)
#define FRAME_DOM_NONE 0xffff /* owner: the hypervisor itself */

/*
 * table: array with an entry for each frame below max_mfn, zeroed memory of
 * frame_table_size(max_mfn) bytes; every frame starts as reserved.
 */
size_t frame_table_size(mfn_t max_mfn);
void frame_init(void *table, mfn_t max_mfn);
/* Gives [start, end) (bytes; rounded inwards) to the allocator. */
void frame_add(mpa_t start, mpa_t end);
/*
 * Allocates 2^order frames, aligned to their size, not cleared. Returns 0 if
 * there are none. owner: domain id or FRAME_DOM_NONE.
 */
mpa_t frame_alloc(unsigned int order, u16 owner);
/* order must be that of the allocation. Catches double frees in debug. */
void frame_free(mpa_t addr, unsigned int order);
/* Owner of an allocated frame; FRAME_DOM_NONE for all others. */
u16 frame_owner(mpa_t addr);
u64 frame_free_count(void);
/* One cleared frame for the hypervisor's own use; NULL if none. */
void *page_alloc(void);
void page_free(void *page);

static inline void *mpa_to_virt(mpa_t a)
{
	return (void *)a;
}

static inline mpa_t virt_to_mpa(const void *p)
{
	return (mpa_t)p;
}

#endif
