// SPDX-License-Identifier: GPL-2.0
/*
 * The frame allocator.
 *
 * Owns the frame table: one struct frame for each frame of the machine below
 * max_mfn, which says what the frame is used for and, if it heads a free
 * block, links that block into the list of its order. Nothing is ever written
 * into a free frame itself.
 *
 * Invariants: a block of order n starts at a multiple of 2^n frames; its head
 * is FREE or USED and carries the order, its other frames are TAIL; no two
 * free buddies stand side by side, they have been merged; frame 0 is never
 * handed out, so that address 0 can mean "none".
 *
 * Everything is protected by frame_lock, except that frame_owner() reads one
 * field of a frame without it: the answer for a frame that the caller holds
 * cannot change under it.
 */
#include "frame.h"
#include "lock.h"
#include "printk.h"
#include "string.h"

enum frame_state {
	FRAME_RESERVED, /* never given to the allocator */
	FRAME_FREE,
	FRAME_USED,
	FRAME_TAIL, /* inside the block of a FREE or USED head */
};

struct frame {
	u32 next, prev; /* frame numbers; 0 ends the list */
	u16 owner; /* FRAME_DOM_NONE unless in a USED block */
	u8 state;
	u8 order;
};

static struct spinlock frame_lock = SPINLOCK_INIT(LOCK_FRAMES);
static struct frame *frames;
static mfn_t frame_max;
static u32 free_head[FRAME_ORDERS];
static u64 free_count;

size_t frame_table_size(mfn_t max_mfn)
{
	return max_mfn * sizeof(struct frame);
}

void frame_init(void *table, mfn_t max_mfn)
{
	frames = table;
	/* Links are 32 bits wide: 16 TiB, far above what is mapped. */
	frame_max = MIN(max_mfn, (mfn_t)UINT32_MAX);
	free_count = 0;
	memset(free_head, 0, sizeof(free_head));
}

static void list_push(mfn_t mfn, unsigned int order)
{
	struct frame *f = &frames[mfn];

	f->state = FRAME_FREE;
	f->order = order;
	f->prev = 0;
	f->next = free_head[order];
	if (f->next)
		frames[f->next].prev = mfn;
	free_head[order] = mfn;
}

static void list_remove(mfn_t mfn)
{
	struct frame *f = &frames[mfn];

	if (f->prev)
		frames[f->prev].next = f->next;
	else
		free_head[f->order] = f->next;
	if (f->next)
		frames[f->next].prev = f->prev;
}

static bool is_free_block(mfn_t mfn, unsigned int order)
{
	return mfn < frame_max && frames[mfn].state == FRAME_FREE &&
	       frames[mfn].order == order;
}

/* Puts a block whose frames are all TAIL back, with as many as will merge. */
static void release_block(mfn_t mfn, unsigned int order)
{
	free_count += 1UL << order;
	for (; order < LARGE_ORDER; order++) {
		mfn_t buddy = mfn ^ (1UL << order);

		if (!is_free_block(buddy, order))
			break;
		list_remove(buddy);
		frames[buddy].state = FRAME_TAIL;
		mfn = MIN(mfn, buddy);
	}
	list_push(mfn, order);
}

void frame_add(mpa_t start, mpa_t end)
{
	mfn_t mfn = MAX(ALIGN_UP(start, PAGE_SIZE) >> PAGE_SHIFT, 1UL);
	mfn_t last = MIN(end >> PAGE_SHIFT, frame_max);

	spin_lock(&frame_lock);
	while (mfn < last) {
		unsigned int order = LARGE_ORDER;
		mfn_t i;

		while ((mfn & ((1UL << order) - 1)) ||
		       mfn + (1UL << order) > last)
			order--;
		for (i = mfn; i < mfn + (1UL << order); i++) {
			BUG_ON(frames[i].state != FRAME_RESERVED);
			frames[i].state = FRAME_TAIL;
			frames[i].owner = FRAME_DOM_NONE;
		}
		release_block(mfn, order);
		mfn += 1UL << order;
	}
	spin_unlock(&frame_lock);
}

static mfn_t take_block(unsigned int order)
{
	unsigned int have = order;
	mfn_t mfn;

	while (have < FRAME_ORDERS && !free_head[have])
		have++;
	if (have == FRAME_ORDERS)
		return 0;
	mfn = free_head[have];
	list_remove(mfn);
	/* Keep the lower half, so that small blocks stay close together. */
	while (have > order) {
		have--;
		list_push(mfn + (1UL << have), have);
	}
	free_count -= 1UL << order;
	return mfn;
}

mpa_t frame_alloc(unsigned int order, u16 owner)
{
	mfn_t mfn, i;

	BUG_ON(order >= FRAME_ORDERS);
	spin_lock(&frame_lock);
	mfn = take_block(order);
	if (mfn) {
		for (i = mfn; i < mfn + (1UL << order); i++)
			frames[i].owner = owner;
		frames[mfn].state = FRAME_USED;
		frames[mfn].order = order;
	}
	spin_unlock(&frame_lock);
#ifdef LODGE_DEBUG
	/* Who takes new memory for empty, or shows it to a guest, finds out. */
	if (mfn)
		memset(mpa_to_virt(mfn << PAGE_SHIFT), 0xc5,
		       PAGE_SIZE << order);
#endif
	return mfn << PAGE_SHIFT;
}

void frame_free(mpa_t addr, unsigned int order)
{
	mfn_t mfn = addr >> PAGE_SHIFT, i;

	spin_lock(&frame_lock);
	/* Always checked: a double free would hand one frame to two guests. */
	BUG_ON(!mfn || mfn >= frame_max || (addr & ~PAGE_MASK));
	BUG_ON(frames[mfn].state != FRAME_USED || frames[mfn].order != order);
	for (i = mfn; i < mfn + (1UL << order); i++)
		frames[i].owner = FRAME_DOM_NONE;
	frames[mfn].state = FRAME_TAIL;
	release_block(mfn, order);
	spin_unlock(&frame_lock);
}

u16 frame_owner(mpa_t addr)
{
	mfn_t mfn = addr >> PAGE_SHIFT;

	if (mfn >= frame_max || READ_ONCE(frames[mfn].state) == FRAME_RESERVED)
		return FRAME_DOM_NONE;
	return READ_ONCE(frames[mfn].owner);
}

u64 frame_free_count(void)
{
	return READ_ONCE(free_count);
}

void *page_alloc(void)
{
	mpa_t addr = frame_alloc(0, FRAME_DOM_NONE);

	if (!addr)
		return NULL;
	return memset(mpa_to_virt(addr), 0, PAGE_SIZE);
}

void page_free(void *page)
{
	frame_free(virt_to_mpa(page), 0);
}
