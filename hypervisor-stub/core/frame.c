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
 * A domain's frame can have references: others than its owner map it, or the
 * hypervisor keeps a pointer to it. Who takes one makes sure that the frame is
 * the owner's at that moment (p2m_pin). A frame with references is not freed
 * when its owner releases it, but orphaned.
 *
 * Everything is protected by frame_lock, except for references, and that
 * frame_owner() reads one field of a frame without it: the answer for a frame
 * that the caller holds cannot change under it.
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
	FRAME_ORPHAN, /* released by its owner; free with its last reference */
};

struct frame {
	u32 next; /* frame number; 0 ends the list */
	union {
		u32 prev; /* of a FREE head */
		u32 maps; /* of others: frame_maps() */
	};
	u32 refs; /* of a frame in a USED block, or an ORPHAN; atomic */
	u16 owner; /* FRAME_DOM_NONE unless in a USED block */
	u8 state;
	u8 order;
};

static struct spinlock frame_lock = SPINLOCK_INIT(LOCK_FRAMES);
static struct frame *frames;
static mfn_t frame_max;
static u32 free_head[FRAME_ORDERS];
static u64 free_count, total_count;
/*
 * Free ones that no domain gets as RAM; atomic. Negative while one whose limit
 * was lowered has more than that.
 */
static s64 promised;

size_t frame_table_size(mfn_t max_mfn)
{
	return max_mfn * sizeof(struct frame);
}

void frame_init(void *table, mfn_t max_mfn)
{
	frames = table;
	/* Links are 32 bits wide: 16 TiB, far above what is mapped. */
	frame_max = MIN(max_mfn, (mfn_t)UINT32_MAX);
	free_count = total_count = 0;
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
		total_count += 1UL << order;
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

static struct frame *frame_of(mpa_t addr)
{
	BUG_ON(!addr || addr >> PAGE_SHIFT >= frame_max);
	return &frames[addr >> PAGE_SHIFT];
}

static void set_owner(mfn_t mfn, mfn_t last, u16 owner)
{
	for (; mfn < last; mfn++) {
		frames[mfn].owner = owner;
		frames[mfn].refs = 0;
		frames[mfn].maps = 0;
	}
}

mpa_t frame_alloc(unsigned int order, u16 owner)
{
	mfn_t mfn;

	BUG_ON(order >= FRAME_ORDERS);
	spin_lock(&frame_lock);
	mfn = owner == FRAME_DOM_NONE || frame_spare_count() >> order ?
		      take_block(order) :
		      0;
	if (mfn) {
		set_owner(mfn, mfn + (1UL << order), owner);
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

/* The free block that mfn is in; 0 if it is not free. */
static mfn_t free_block_of(mfn_t mfn)
{
	for (unsigned int order = 0; order < FRAME_ORDERS; order++) {
		mfn_t head = mfn & ~((1UL << order) - 1);

		if (is_free_block(head, order))
			return head;
	}
	return 0;
}

static bool all_free(mfn_t mfn, mfn_t last)
{
	while (mfn < last) {
		mfn_t head = free_block_of(mfn);

		if (!head)
			return false;
		mfn = head + (1UL << frames[head].order);
	}
	return true;
}

/* Takes the free block at head apart; what is outside [mfn, last) goes back. */
static void carve(mfn_t head, mfn_t mfn, mfn_t last)
{
	mfn_t i, end = head + (1UL << frames[head].order);

	list_remove(head);
	free_count -= end - head;
	frames[head].state = FRAME_TAIL;
	for (i = head; i < end; i++)
		if (i < mfn || i >= last)
			release_block(i, 0);
}

static unsigned int claimed_order(mfn_t mfn, mfn_t last)
{
	const mfn_t size = 1UL << LARGE_ORDER;

	return !(mfn & (size - 1)) && last - mfn >= size ? LARGE_ORDER : 0;
}

bool frame_claim(mpa_t start, mpa_t end, u16 owner)
{
	mfn_t mfn = start >> PAGE_SHIFT, last = end >> PAGE_SHIFT, i, next;
	bool free;

	BUG_ON((start | end) & ~PAGE_MASK);
	spin_lock(&frame_lock);
	free = mfn < last && last <= frame_max && all_free(mfn, last);
	for (i = mfn; free && i < last; i = next) {
		mfn_t head = free_block_of(i);

		next = head + (1UL << frames[head].order);
		carve(head, mfn, last);
	}
	if (free)
		set_owner(mfn, last, owner);
	for (i = mfn; free && i < last; i += 1UL << frames[i].order) {
		frames[i].state = FRAME_USED;
		frames[i].order = claimed_order(i, last);
	}
	spin_unlock(&frame_lock);
	return free;
}

/* Always checked: a double free would hand one frame to two guests. */
static void check_block(mpa_t addr, unsigned int order)
{
	struct frame *f = frame_of(addr);

	BUG_ON(addr & ~PAGE_MASK);
	BUG_ON(f->state != FRAME_USED || f->order != order);
}

void frame_free(mpa_t addr, unsigned int order)
{
	mfn_t mfn = addr >> PAGE_SHIFT, i;
	bool whole = true;

	spin_lock(&frame_lock);
	check_block(addr, order);
	for (i = mfn; i < mfn + (1UL << order); i++) {
		const bool used = frame_refs(i << PAGE_SHIFT, 0);

		/* What is used may be unmapped at this moment. */
		DEBUG_BUG_ON(!used && frames[i].maps & FRAME_SHOWN);
		frames[i].owner = FRAME_DOM_NONE;
		whole = whole && !used;
	}
	frames[mfn].state = FRAME_TAIL;
	if (whole)
		release_block(mfn, order);
	for (i = mfn; !whole && i < mfn + (1UL << order); i++) {
		if (frame_refs(i << PAGE_SHIFT, 0))
			frames[i].state = FRAME_ORPHAN;
		else
			release_block(i, 0);
	}
	spin_unlock(&frame_lock);
}

void frame_split(mpa_t addr, unsigned int order)
{
	struct frame *f = frame_of(addr);
	mfn_t i;

	spin_lock(&frame_lock);
	check_block(addr, order);
	for (i = 0; i < 1UL << order; i++) {
		f[i].state = FRAME_USED;
		f[i].order = 0;
	}
	spin_unlock(&frame_lock);
}

/* --- references --- */

void frame_ref(mpa_t addr)
{
	__atomic_fetch_add(&frame_of(addr)->refs, 1, __ATOMIC_SEQ_CST);
}

void frame_unref(mpa_t addr)
{
	struct frame *f = frame_of(addr);
	u32 before = __atomic_fetch_sub(&f->refs, 1, __ATOMIC_SEQ_CST);

	BUG_ON(!before);
	if (before > 1)
		return;
	spin_lock(&frame_lock);
	/* Its owner may have released it meanwhile, or be about to. */
	if (f->state == FRAME_ORPHAN && !frame_refs(addr, 0)) {
		DEBUG_BUG_ON(f->maps & FRAME_SHOWN);
		f->state = FRAME_TAIL;
		release_block(addr >> PAGE_SHIFT, 0);
	}
	spin_unlock(&frame_lock);
}

bool frame_refs(mpa_t addr, unsigned int order)
{
	const struct frame *f = frame_of(addr);
	mfn_t i;

	for (i = 0; i < 1UL << order; i++)
		if (__atomic_load_n(&f[i].refs, __ATOMIC_SEQ_CST))
			return true;
	return false;
}

u32 *frame_maps(mpa_t addr)
{
	return &frame_of(addr)->maps;
}

/* --- lists of blocks in use, by their holder --- */

void frame_push(u32 *head, mpa_t addr)
{
	frame_of(addr)->next = *head;
	*head = addr >> PAGE_SHIFT;
}

mpa_t frame_pop(u32 *head, unsigned int *order)
{
	mpa_t addr = (mpa_t)*head << PAGE_SHIFT;

	if (addr) {
		*order = frame_of(addr)->order;
		*head = frame_of(addr)->next;
	}
	return addr;
}

u16 frame_owner(mpa_t addr)
{
	mfn_t mfn = addr >> PAGE_SHIFT;

	if (mfn >= frame_max || READ_ONCE(frames[mfn].state) == FRAME_RESERVED)
		return FRAME_DOM_NONE;
	return READ_ONCE(frames[mfn].owner);
}

u64 frame_total_count(void)
{
	return total_count;
}

u64 frame_free_count(void)
{
	return READ_ONCE(free_count);
}

bool frame_promise(s64 n)
{
	__atomic_fetch_add(&promised, n, __ATOMIC_RELAXED);
	return READ_ONCE(promised) <= (s64)READ_ONCE(free_count);
}

u64 frame_spare_count(void)
{
	s64 have = READ_ONCE(free_count), used = READ_ONCE(promised);

	return have > MAX(used, 0) ? have - MAX(used, 0) : 0;
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
