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
 * there are none. owner: domain id; then it is for RAM, and what is promised
 * is not taken; or FRAME_DOM_NONE.
 */
mpa_t frame_alloc(unsigned int order, u16 owner);
/*
 * Allocates exactly the frames in [start, end), multiples of PAGE_SIZE: as
 * blocks of LARGE_ORDER where one fits, else of order 0. False, and nothing
 * has changed, if any of them is not free.
 */
bool frame_claim(mpa_t start, mpa_t end, u16 owner);
/*
 * order must be that of the allocation. A frame of the block that still has
 * references is free when the last of them goes.
 */
void frame_free(mpa_t addr, unsigned int order);
/* From now on the frames of an allocated block are freed one by one. */
void frame_split(mpa_t addr, unsigned int order);

/*
 * References to a domain's frame by others than its p2m. p2m_pin() takes the
 * first; who has one may take more.
 */
void frame_ref(mpa_t addr);
void frame_unref(mpa_t addr);
/* Has any frame of the block one? */
bool frame_refs(mpa_t addr, unsigned int order);

/*
 * How often the control domain maps this frame of another's, which has a
 * reference for each, and FRAME_*. Lock: that of the control domain's p2m.
 */
u32 *frame_maps(mpa_t addr);
#define FRAME_SHOWN (1U << 31) /* is in that p2m, mapped or not */
#define FRAME_LEAVING (1U << 30) /* its owner has it no more */
#define FRAME_MAPS (FRAME_LEAVING - 1)

/*
 * A list of allocated blocks that belongs to the caller, linked through the
 * frame table; *head is 0 at first. pop returns 0 when it is empty.
 */
void frame_push(u32 *head, mpa_t addr);
mpa_t frame_pop(u32 *head, unsigned int *order);

/*
 * retire.c: as frame_free(), when no processor can still be using a pointer
 * that it found in a p2m before.
 */
void frame_retire(mpa_t addr, unsigned int order);
/* The same for what page_alloc() gave. */
void page_retire(void *page);
/* Some frames are on their way to become free. */
bool frame_retired(void);
/* This processor holds no such pointer now. Frees what it can. */
void frame_collect(void);

/* Owner of an allocated frame; FRAME_DOM_NONE for all others. */
u16 frame_owner(mpa_t addr);
u64 frame_free_count(void);
/*
 * Of the free frames, n more (or fewer) are kept for shadows. False: that many
 * are not free now.
 */
bool frame_promise(s64 n);
/* Free frames that are not promised. */
u64 frame_spare_count(void);
u64 frame_total_count(void); /* that were ever added */
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
