/* SPDX-License-Identifier: GPL-2.0 */
/*
 * p2m: guest-physical to machine addresses of one domain, as a four-level
 * radix in the format of x86 page tables (so that nested paging could walk
 * it). Readers take no lock; writers hold p2m.lock.
 */
#ifndef CORE_P2M_H
#define CORE_P2M_H

#include "lock.h"
#include "types.h"

/*
 * What stands behind an address: nothing of these, RAM of the domain itself;
 * FOREIGN, a frame of another's that was mapped for it; DEVICE, memory of a
 * device. In the format of the entry.
 */
#define P2M_FOREIGN (1UL << 9)
#define P2M_DEVICE (1UL << 10)
#define P2M_KIND (P2M_FOREIGN | P2M_DEVICE)
#define P2M_READ_ONLY (1UL << 11)
/* An entry of just this is RAM that lost its frame: see memory_demand(). */
#define P2M_REPORTED (1UL << 8)

#define P2M_LIMIT (1UL << 47) /* first address that cannot be mapped */

struct p2m {
	struct spinlock lock;
	u64 *root; /* top-level table */
	u64 table_count, table_max; /* frames that the radix uses, and may */
};

struct p2m_entry {
	mpa_t mpa;
	unsigned int order; /* of the mapping: 0 or LARGE_ORDER */
	u64 flags; /* P2M_* */
};

/* 0 or -ENOMEM. */
int p2m_init(struct p2m *p);
/* Frees the tables, not the memory they name. */
void p2m_destroy(struct p2m *p);
/*
 * Maps 2^order frames (order 0 or LARGE_ORDER, both addresses aligned to it).
 * With P2M_REPORTED in flags, what is there must have been reported. -ENOMEM,
 * -EINVAL (alignment, gpa above 2^47), -EEXIST (something else is there).
 */
int p2m_map(struct p2m *p, gpa_t gpa, mpa_t mpa, unsigned int order, u64 flags);
/*
 * Takes away a mapping of this kind (P2M_KIND bits); *mpa is what it named, or
 * INVALID_MPA where that was reported. P2M_REPORTED in kind comes in its place.
 * Shadows may still have it; frames are freed through frame_retire(). -ENOENT,
 * -EINVAL (of another kind; order LARGE_ORDER in small mappings), -ENOMEM (a
 * large mapping cannot be split), -EBUSY (RAM with references).
 */
int p2m_unmap(struct p2m *p, gpa_t gpa, unsigned int order, u64 kind,
	      mpa_t *mpa);
/* Bytes of the aligned piece around gpa that was reported; 0: it was not. */
u64 p2m_reported(const struct p2m *p, gpa_t gpa);
/*
 * In the p2m of the control domain: makes the frame at mpa, which is another's
 * and pinned by the caller, appear at gpa = mpa, or takes that back. Counted;
 * but it stays there until its owner has it no more: the last unshare takes it
 * out only if that is so already, and says so in *stale. Then all shadows are
 * flushed before the caller gives its reference back. 0, -ENOMEM, -EEXIST; or
 * 0, -ENOENT (not shared).
 */
int p2m_share(struct p2m *p, mpa_t mpa);
int p2m_unshare(struct p2m *p, mpa_t mpa, bool *stale);
/*
 * The owner has these frames no more: takes those out that are there for
 * nobody. True: some were, so the shadows are flushed before they are free.
 */
bool p2m_forget(struct p2m *p, mpa_t mpa, unsigned int order);
/*
 * The first RAM of the domain itself at or above *gpa; returns its length in
 * frames, which may be less than all of the piece. 0: none up to the new *gpa;
 * that is P2M_LIMIT if there is no more at all.
 */
u64 p2m_next_ram(const struct p2m *p, gpa_t *gpa);
/* False if nothing is there. Any 64-bit value may be asked. */
bool p2m_get(const struct p2m *p, gpa_t gpa, struct p2m_entry *e);
/* Machine address of gpa, if it is the domain's own RAM; or INVALID_MPA. */
mpa_t p2m_lookup(const struct p2m *p, gpa_t gpa);
/* The same for a whole page, with a reference to the frame for the caller. */
mpa_t p2m_pin(const struct p2m *p, gpa_t gpa);
/* Calls fn for each mapping in ascending order. */
typedef void p2m_visitor(gpa_t gpa, const struct p2m_entry *e);
void p2m_for_each(struct p2m *p, p2m_visitor *fn);

#endif
