/* SPDX-License-Identifier: GPL-2.0 */
/* One shadow tree and its changes; between shadow.c, roots.c and tree.c. */
#ifndef CORE_SHADOW_TREE_H
#define CORE_SHADOW_TREE_H

#include "domain.h"

/*
 * A tree that the caller has locked: the user half of a root, or the kernel
 * half of a domain (root NULL).
 */
struct tree {
	struct domain *d;
	struct root *root;
	u64 *top; /* level 4 */
	gpa_t guest; /* guest top-level table that it follows */
	/* the 2 MiB piece of the p2m that was looked up last */
	bool piece_valid;
	gpa_t piece_gpa;
	struct p2m_entry piece;
};

/* The user half of r, or (NULL) the kernel half of d as root guest has it. */
static inline struct tree tree_of(struct domain *d, struct root *r, gpa_t guest)
{
	return (struct tree){
		.d = d,
		.root = r,
		.top = r ? r->master : d->shadow.kernel,
		.guest = guest,
	};
}

static inline void tree_lock(struct tree *t)
{
	spin_lock(t->root ? &t->root->lock : &t->d->shadow.kernel_lock);
}

static inline void tree_unlock(struct tree *t)
{
	spin_unlock(t->root ? &t->root->lock : &t->d->shadow.kernel_lock);
}

/*
 * Shadow pages taken out of a tree. A processor may still be walking them, so
 * they are freed only after a shootdown; the tree stays locked until then.
 */
#define GARBAGE_MAX 62
struct garbage {
	struct domain *d;
	bool flush; /* rights were taken away: shoot down in any case */
	unsigned int count;
	u64 *page[GARBAGE_MAX];
};

static inline void garbage_init(struct garbage *g, struct domain *d)
{
	g->d = d;
	g->flush = false;
	g->count = 0;
}

void garbage_finish(struct garbage *g);

/* A cleared shadow page, or NULL at the domain's limit. */
void *shadow_page_alloc(struct domain *d);
void shadow_page_free(struct domain *d, void *page);

/*
 * Makes the leaf for va, of which w is a fresh walk with A and D set, and its
 * neighbours. 0, -ENOMEM, or -EFAULT: the leaf names no memory, or such that
 * forbids the access (error, as of #PF).
 */
int tree_fill(struct tree *t, gva_t va, const struct guest_walk *w, u32 error,
	      struct garbage *g, struct lodge_counters *count);
/* Fills what a fresh tree will need first, as far as memory allows. */
void tree_prefill(struct tree *t, struct lodge_counters *count);
/* Makes all leaves in [first, last] agree with the guest's tables. */
void tree_resync(struct tree *t, gva_t first, gva_t last, struct garbage *g);
/* Removes leaves of others' frames that are no longer shown (frame.h). */
void tree_purge(struct tree *t, struct garbage *g);
/* Removes everything below slots [from, to] of the top. */
void tree_clear(struct tree *t, unsigned int from, unsigned int to,
		struct garbage *g);

/* roots.c */
/* The root at gpa, locked; NULL if it is not known. */
struct root *shadow_get_root(struct domain *d, gpa_t gpa);
/* Some vCPU has r loaded, as far as is known. Lock: roots_lock. */
bool root_in_use(struct domain *d, const struct root *r);
/* Frees shadow pages of v's domain; false if there are none. No locks held. */
bool shadow_reclaim(struct vcpu *v);

#endif
