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

struct p2m {
	struct spinlock lock;
	u64 *root; /* top-level table */
	u64 table_count; /* frames that the radix itself uses */
	gpa_t end; /* first address above all mappings */
};

/* 0 or -ENOMEM. */
int p2m_init(struct p2m *p);
/* Frees the tables, not the memory they name. */
void p2m_destroy(struct p2m *p);
/*
 * Maps 2^order frames (order 0 or LARGE_ORDER, both addresses aligned to it).
 * -ENOMEM, -EINVAL (alignment, gpa above 2^47), -EEXIST.
 */
int p2m_map(struct p2m *p, gpa_t gpa, mpa_t mpa, unsigned int order);
/* Machine address of gpa, or INVALID_MPA. Any 64-bit value may be asked. */
mpa_t p2m_lookup(const struct p2m *p, gpa_t gpa);
/* As p2m_lookup; *order is that of the mapping: 0 or LARGE_ORDER. */
mpa_t p2m_lookup_order(const struct p2m *p, gpa_t gpa, unsigned int *order);
/* Calls fn for each mapping in ascending order. */
typedef void p2m_visitor(gpa_t gpa, mpa_t mpa, unsigned int order);
void p2m_for_each(struct p2m *p, p2m_visitor *fn);

#endif
