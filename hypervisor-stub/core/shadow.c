// SPDX-License-Identifier: GPL-2.0
/*
 * Shadow paging: how a guest's page tables become the processor's.
 *
 * 1. The idea. A guest's tables hold guest-physical addresses and are plain
 *    memory; it writes them without telling anyone. The processor walks
 *    shadows, which are nothing but a large software TLB: filled on faults and
 *    by FILL, made to agree again by FLUSH, dropped whenever memory is short.
 *
 * 2. The parts. walk.c reads the guest's tables. tree.c changes one tree of
 *    shadow tables. roots.c knows which trees there are. This file decides
 *    what a fault means and what a flush covers.
 *
 * 3. Two kinds of trees. The user half of each root has one of its own, under
 *    the root's lock; the kernel half is shared by all roots of a domain
 *    (which the guest promises to keep equal), under kernel_lock.
 *
 * 4. Order. A fill reads the guest's entries, and a flush removes the shadow's,
 *    under the same lock, and a flush gives the lock back only when no
 *    processor can use the old entries. So a guest that writes an entry and
 *    then flushes never sees the old one again: a fill before the flush is
 *    undone by it, and one after it reads the new entry. A fill that replaces
 *    a present leaf by a narrower one shoots down, too, so that a flush that
 *    finds nothing left to change has nothing left to wait for.
 *
 * 5. Safety. A leaf is made of p2m entries alone: whatever a guest's tables
 *    say, only frames of its domain are mapped (R17).
 */
#include <lodge/hypercall.h>
#include "../x86/cpu.h"
#include "../x86/cpufeat.h"
#include "frame.h"
#include "printk.h"
#include "shadow_tree.h"

#define USER_LAST ((1UL << 47) - 1)
#define KERNEL_FIRST 0xffff880000000000UL /* above the hypervisor's slots */
#define KERNEL_LAST (~0UL)

/* Does perm allow the access? SMEP is always on. */
static bool allowed(u64 perm, u32 error)
{
	if ((error & PF_U) && !(perm & PTE_U))
		return false;
	if ((error & PF_W) && !(perm & PTE_W))
		return false;
	if ((error & PF_I) && (perm & PTE_NX))
		return false;
	return !((error & PF_I) && !(error & PF_U) && (perm & PTE_U));
}

/*
 * Sets A on all levels and, for a write, D on the leaf, as the processor
 * would: only while the entry is still what was walked.
 */
static __hot bool set_accessed(struct guest_walk *w, bool write)
{
	int level;

	for (level = 4; level >= w->level; level--) {
		u64 old = w->entry[level];
		u64 new = old | PTE_A;

		if (level == w->level && write)
			new |= PTE_D;
		if (new == old)
			continue;
		if (!__atomic_compare_exchange_n(w->ptr[level], &old, new,
						 false, __ATOMIC_SEQ_CST,
						 __ATOMIC_RELAXED))
			return false;
		w->entry[level] = new;
	}
	return true;
}

/* 0, or -ENOMEM: nothing decided. */
static __hot int fault_locked(struct tree *t, struct vcpu *v, gva_t va,
			      u32 error, u32 *guest_error,
			      enum fault_result *result)
{
	struct guest_walk w;
	struct garbage g;
	int err;

	guest_walk(t->d, t->guest, va, &w);
	if (!w.level) {
		*guest_error = error & ~(PF_P | PF_RSVD);
		if (w.bad)
			*guest_error |= PF_P | PF_RSVD;
		*result = w.bad ? FAULT_BAD_GPA : FAULT_GUEST;
		return 0;
	}
	if (!allowed(w.perm, error)) {
		*guest_error = (error & ~PF_RSVD) | PF_P;
		*result = FAULT_GUEST;
		return 0;
	}
	*result = FAULT_AGAIN; /* it changes just now */
	if (!set_accessed(&w, error & PF_W))
		return 0;

	*result = FAULT_FILLED;
	if (unlikely(t->d->privileged))
		control_map_device(t->d, w.gpa);
	garbage_init(&g, t->d);
	err = tree_fill(t, va, &w, error, &g, &v->counters);
	garbage_finish(&g);
	if (err == -LODGE_ENOMEM)
		return err;
	if (err) {
		*guest_error = error | PF_P | PF_RSVD;
		*result = FAULT_BAD_GPA;
		return 0;
	}
	/* v's private top-level table may not have this slot yet. */
	WRITE_ONCE(((u64 *)mpa_to_virt(v->root->l4[v->id]))[pt_index(va, 4)],
		   t->top[pt_index(va, 4)]);
	return 0;
}

/* The entry for va names no RAM with a frame. */
static enum fault_result demand(struct vcpu *v, const struct tree *t, gva_t va)
{
	struct guest_walk w;
	s64 err;

	if (!guest_walk(v->domain, t->guest, va, &w))
		return w.bad ? FAULT_BAD_GPA : FAULT_AGAIN;
	err = memory_demand(v->domain, w.gpa);
	if (err == -LODGE_ENOMEM)
		return FAULT_WAIT;
	return err ? FAULT_BAD_GPA : FAULT_AGAIN;
}

enum fault_result __hot shadow_fault(struct vcpu *v, gva_t va, u32 error,
				     u32 *guest_error)
{
	enum fault_result result = FAULT_NOMEM;
	unsigned int tries;
	struct tree t;
	int err;

	if (is_hypervisor_va(va) || !is_canonical(va)) {
		*guest_error = error & ~PF_RSVD;
		return FAULT_GUEST;
	}
	for (tries = 0; tries < 4; tries++) {
		t = tree_of(v->domain, va >> 63 ? NULL : v->root, v->root->gpa);
		tree_lock(&t);
		err = fault_locked(&t, v, va, error, guest_error, &result);
		tree_unlock(&t);
		if (!err && result == FAULT_BAD_GPA)
			result = demand(v, &t, va);
		if (!err)
			return result;
		if (!shadow_reclaim(v))
			break;
	}
	return FAULT_NOMEM;
}

static __hot void flush_root(struct domain *d, struct root *r, gva_t first,
			     gva_t last)
{
	struct tree t = tree_of(d, r, r->gpa);
	struct garbage g;

	garbage_init(&g, d);
	tree_resync(&t, first, last, &g);
	garbage_finish(&g);
}

static void flush_kernel(struct vcpu *v, gva_t first, gva_t last)
{
	struct tree t = tree_of(v->domain, NULL, v->root->gpa);
	struct garbage g;

	tree_lock(&t);
	garbage_init(&g, v->domain);
	tree_resync(&t, first, last, &g);
	garbage_finish(&g);
	tree_unlock(&t);
}

/*
 * A root that was not flushed since flush `gen` began, locked; or NULL. Those
 * that were go to the end of the list, so that nobody meets them twice.
 */
static struct root *next_to_flush(struct shadow *s, u64 gen)
{
	struct root *r, *moved = NULL, *found = NULL;

	spin_lock(&s->roots_lock);
	while (!list_empty(&s->all)) {
		r = list_first(&s->all, struct root, all);
		if (r == moved) /* all the way round */
			break;
		if (READ_ONCE(r->flushed) < gen) {
			spin_lock(&r->lock);
			found = r;
			break;
		}
		list_del(&r->all);
		list_add_tail(&s->all, &r->all);
		if (!moved)
			moved = r;
	}
	spin_unlock(&s->roots_lock);
	return found;
}

/*
 * All roots, one by one, so that their locks are held for short. A root that
 * another vCPU has flushed since this began needs no second flush.
 */
void shadow_flush_all(struct vcpu *v)
{
	struct shadow *s = &v->domain->shadow;
	u64 gen = __atomic_add_fetch(&s->flush_gen, 1, __ATOMIC_SEQ_CST);
	struct root *r;

	while ((r = next_to_flush(s, gen))) {
		u64 upto = READ_ONCE(s->flush_gen);

		flush_root(v->domain, r, 0, USER_LAST);
		r->flushed = upto;
		spin_unlock(&r->lock);
		irq_window();
	}
	flush_kernel(v, KERNEL_FIRST, KERNEL_LAST);
}

static void purge_tree(struct tree t)
{
	struct garbage g;

	tree_lock(&t);
	garbage_init(&g, t.d);
	tree_purge(&t, &g);
	garbage_finish(&g);
	tree_unlock(&t);
}

void shadow_purge(struct domain *d)
{
	struct root *r;

	spin_lock(&d->shadow.roots_lock);
	list_for_each(r, &d->shadow.all, all)
		if (READ_ONCE(r->foreign))
			purge_tree(tree_of(d, r, r->gpa));
	purge_tree(tree_of(d, NULL, 0));
	spin_unlock(&d->shadow.roots_lock);
}

s64 __hot shadow_flush(struct vcpu *v, u64 flags, gpa_t root, gva_t start,
		       gva_t end)
{
	gva_t first = start & PAGE_MASK, last = end - 1;
	struct root *r = v->root;

	if (flags & ~(u64)(LODGE_FLUSH_ALL | LODGE_FLUSH_KERNEL |
			   LODGE_FLUSH_EVERYTHING))
		return -LODGE_EINVAL;
	v->counters.flushes++;
	if (flags & LODGE_FLUSH_EVERYTHING) {
		shadow_flush_all(v);
		return 0;
	}
	if (flags & LODGE_FLUSH_ALL) {
		first = 0;
		last = USER_LAST;
	} else if (start == end) {
		return 0;
	} else if (last < start) {
		return -LODGE_EINVAL;
	}
	if (flags & LODGE_FLUSH_KERNEL) {
		if (flags & LODGE_FLUSH_ALL || first < KERNEL_FIRST)
			return -LODGE_EINVAL;
		flush_kernel(v, first, last);
		return 0;
	}
	if (last > USER_LAST)
		return -LODGE_EINVAL;
	if (r->gpa == root)
		spin_lock(&r->lock); /* cannot go away: it is loaded */
	else
		r = shadow_get_root(v->domain, root);
	if (r) {
		flush_root(v->domain, r, first, last);
		spin_unlock(&r->lock);
	}
	return 0;
}
