/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One end of a ring, for front-ends and back-ends; <lodge/io/ring.h> has the
 * rules. Entries are contiguous here, whatever they are elsewhere. A ring end
 * belongs to one context at a time.
 */
#ifndef _ASM_X86_LODGE_RING_H
#define _ASM_X86_LODGE_RING_H

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/string.h>

#include <asm/barrier.h>

#include <lodge/io/ring.h>

struct lodge_ring_end {
	struct lodge_ring *ring; /* shared with the other end */
	void *entries; /* shared as well */
	u32 size; /* bytes of an entry */
	u32 count; /* of entries, a power of two */
	u32 at; /* the next entry to be written, or to be read */
	u32 told; /* producer: what `produced` says */
};

static inline void *lodge_ring_entry(const struct lodge_ring_end *r, u32 n)
{
	return r->entries + (size_t)(n & (r->count - 1)) * r->size;
}

/* --- producer --- */

/* Writes an entry, which the other end does not see before it is published. */
static inline void lodge_ring_put(struct lodge_ring_end *r, const void *entry)
{
	memcpy(lodge_ring_entry(r, r->at++), entry, r->size);
}

/* Shows what was put; true if the other end wants an event for it. */
static inline bool lodge_ring_publish(struct lodge_ring_end *r)
{
	u32 old = r->told, wanted;

	if (r->at == old)
		return false;
	r->told = r->at;
	/* Pairs with the acquire of lodge_ring_ready(). */
	smp_store_release(&r->ring->produced, r->at);
	virt_mb(); /* with lodge_ring_rest() of the other end */
	wanted = READ_ONCE(r->ring->wanted);
	return r->at - wanted - 1 < r->at - old;
}

/* --- consumer --- */

/* Entries that can be read; -EIO: the other end broke the ring. */
static inline int lodge_ring_ready(const struct lodge_ring_end *r)
{
	/* Pairs with the release of lodge_ring_publish(). */
	u32 ahead = smp_load_acquire(&r->ring->produced) - r->at;

	return ahead > r->count ? -EIO : ahead;
}

/* Copies the next entry out; the copy alone may be looked at. */
static inline void lodge_ring_get(struct lodge_ring_end *r, void *entry)
{
	memcpy(entry, lodge_ring_entry(r, r->at++), r->size);
	barrier(); /* so that nobody reads it twice */
}

/*
 * Asks for an event when `more` further entries (at least 1) are there; true if
 * something is there already, and no event may come for it.
 */
static inline bool lodge_ring_rest(struct lodge_ring_end *r, u32 more)
{
	WRITE_ONCE(r->ring->wanted, r->at + more - 1);
	virt_mb(); /* with lodge_ring_publish() of the other end */
	return READ_ONCE(r->ring->produced) != r->at;
}

#endif /* _ASM_X86_LODGE_RING_H */
