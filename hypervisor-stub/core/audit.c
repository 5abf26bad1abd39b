// SPDX-License-Identifier: GPL-2.0
/*
 * The auditor of debug builds: compares every shadow leaf with a fresh walk
 * of the guest's tables.
 *
 * A leaf that names a frame of somebody else is fatal at once. One that
 * allows more than the guest's tables do may be a change whose flush is still
 * to come, so it counts only if it is there for some audits in a row. A root
 * whose user half is empty belongs to a process that has ended, and may be
 * loaded for its kernel half only: Linux does not flush it before it is
 * dropped. Nor need the page of a root that no vCPU has loaded be a table any
 * more (pvops/retire.c), so such roots wait until they are loaded. The kernel
 * half is checked for ownership alone: Linux flushes vmalloc lazily.
 */
#include "../x86/cpu.h"
#include "frame.h"
#include "printk.h"
#include "shadow_tree.h"
#include "string.h"
#include "time.h"

#ifdef LODGE_DEBUG
#define SUSPECTS 256
#define SUSPECTS_PRINTED 16
#define POLL_AUDITS 40 /* a task can lose the processor before its flush */
#define ASKED_AUDITS 2 /* who asks sees to it that none is in between */

struct suspect {
	u64 domain, root;
	gva_t va;
	u64 leaf;
	unsigned int audits; /* that have found it, in a row */
};

/* Of the last audits of all domains, and of the one under way. */
static struct suspect before[SUSPECTS], found[SUSPECTS];
static unsigned int before_count, found_count, printed;
static unsigned int needed; /* audits in a row that make a difference count */
static struct spinlock audit_lock = SPINLOCK_INIT(LOCK_DOMAIN);

/* How many of the last audits in a row have found s. */
static unsigned int seen_before(const struct suspect *s)
{
	unsigned int i;

	for (i = 0; i < before_count; i++)
		if (before[i].domain == s->domain &&
		    before[i].root == s->root && before[i].va == s->va &&
		    before[i].leaf == s->leaf)
			return before[i].audits;
	return 0;
}

/* What was found in this root, or in other domains, waits for their audit. */
static void keep_suspects(u64 domain, u64 root, bool others)
{
	unsigned int i;

	for (i = 0; i < before_count && found_count < SUSPECTS; i++)
		if (others ? before[i].domain != domain :
			     before[i].domain == domain &&
				     before[i].root == root)
			found[found_count++] = before[i];
}

/* Does the guest's entry justify this leaf? */
static bool justified(struct domain *d, const struct guest_walk *w, gva_t va,
		      u64 leaf, int level)
{
	u64 offset = va & (pt_size(level) - 1);
	struct p2m_entry e;

	if (!w->level)
		return false;
	if (!p2m_get(&d->p2m, w->gpa, &e) ||
	    e.mpa != (leaf & PTE_ADDR) + offset ||
	    (e.flags & P2M_KIND) != (leaf & P2M_KIND) ||
	    (e.flags & P2M_READ_ONLY && leaf & PTE_W))
		return false;
	if ((leaf & PTE_W) &&
	    (!(w->perm & PTE_W) || !(w->entry[w->level] & PTE_D)))
		return false;
	if ((leaf & PTE_U) && !(w->perm & PTE_U))
		return false;
	return (leaf & PTE_NX) || !(w->perm & PTE_NX);
}

static u64 check_leaf(struct tree *t, gva_t va, u64 leaf, int level, bool print)
{
	struct suspect s = { t->d->id, t->guest, va, leaf, 0 };
	struct guest_walk w;

	if (!(leaf & P2M_KIND) && frame_owner(leaf & PTE_ADDR) != t->d->id)
		panic("audit: %s maps frame %lx, which is not its own, at %lx",
		      t->d->name, leaf, va);
	if (!t->root)
		return 0;
	guest_walk(t->d, t->guest, va, &w);
	if (justified(t->d, &w, va, leaf, level))
		return 0;
	s.audits = seen_before(&s) + 1;
	if (found_count < SUSPECTS)
		found[found_count++] = s;
	if (s.audits < needed)
		return 0;
	if (print && printed++ < SUSPECTS_PRINTED)
		printk("lodge: audit: %s root %lx va %lx: shadow %lx, "
		       "guest level %d entry %lx\n",
		       t->d->name, t->guest, va, leaf, w.level,
		       w.level ? w.entry[w.level] : 0);
	return 1;
}

static u64 check_table(struct tree *t, const u64 *table, int level, gva_t base,
		       bool print)
{
	u64 bad = 0;
	unsigned int i;

	for (i = 0; i < 512; i++) {
		gva_t va = base + i * pt_size(level);
		u64 e = table[i];

		if (!(e & PTE_P))
			continue;
		if (pte_is_leaf(e, level))
			bad += check_leaf(t, va, e, level, print);
		else
			bad += check_table(t, pte_table(e), level - 1, va,
					   print);
	}
	return bad;
}

static bool has_ended(struct domain *d, const struct root *r)
{
	mpa_t mpa = p2m_lookup(&d->p2m, r->gpa);
	const u64 *table = mpa_to_virt(mpa);
	unsigned int i;

	for (i = 0; mpa != INVALID_MPA && i < 256; i++)
		if (READ_ONCE(table[i]) & PTE_P)
			return false;
	return true;
}

static u64 audit(struct domain *d, unsigned int audits, bool print)
{
	struct shadow *s = &d->shadow;
	struct root *r;
	struct tree t;
	unsigned int i;
	u64 bad = 0;

	spin_lock(&audit_lock);
	needed = audits;
	printed = 0;
	spin_lock(&s->roots_lock);
	list_for_each(r, &s->all, all) {
		if (needed == POLL_AUDITS && !root_in_use(d, r)) {
			keep_suspects(d->id, r->gpa, false);
			continue;
		}
		t = tree_of(d, r, r->gpa);
		tree_lock(&t);
		for (i = has_ended(d, r) ? 256 : 0; i < 256; i++)
			if (t.top[i] & PTE_P)
				bad += check_table(&t, pte_table(t.top[i]), 3,
						   (u64)i << 39, print);
		tree_unlock(&t);
	}
	t = tree_of(d, NULL, 0);
	tree_lock(&t);
	for (i = 272; i < 512; i++)
		if (t.top[i] & PTE_P)
			check_table(&t, pte_table(t.top[i]), 3,
				    0xffffUL << 48 | (u64)i << 39, print);
	tree_unlock(&t);
	spin_unlock(&s->roots_lock);
	keep_suspects(d->id, 0, true);
	memcpy(before, found, sizeof(before));
	before_count = found_count;
	found_count = 0;
	spin_unlock(&audit_lock);
	return bad;
}

u64 shadow_audit(struct domain *d, bool print)
{
	return audit(d, ASKED_AUDITS, print);
}

#define AUDIT_INTERVAL 500000000UL /* ns, for each domain */

void audit_poll(struct domain *d)
{
	u64 now = time_now(), due = READ_ONCE(d->audit_due);

	if (now < due || !__atomic_compare_exchange_n(
				 &d->audit_due, &due, now + AUDIT_INTERVAL,
				 false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	audit(d, POLL_AUDITS, true);
	/* what it took shall not count as time between audits */
	WRITE_ONCE(d->audit_due, time_now() + AUDIT_INTERVAL);
}
#else
u64 shadow_audit(struct domain *d, bool print)
{
	return 0;
}

void audit_poll(struct domain *d)
{
}
#endif
