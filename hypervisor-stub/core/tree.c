// SPDX-License-Identifier: GPL-2.0
/*
 * Shadow trees: filling them, bringing them up to date, taking them down.
 *
 * A tree is indexed by guest-virtual address alone. Entries of its upper
 * levels allow everything; a leaf carries the rights of all guest levels
 * together. A leaf exists only if the guest's leaf has A set, and is writable
 * only if that has D set, so that the processor's first access always comes
 * to shadow_fault(), which sets them. Leaves are 4 KiB, or 2 MiB where both
 * the guest's entry and the machine memory under it are large. G is never
 * set (R15); the cache bits are those of the memory: RAM is write-back,
 * devices are uncached. Bits of P2M_KIND are kept in leaves.
 *
 * Everything here runs under the lock of the tree. Whoever takes rights away
 * notes it in the garbage; garbage_finish() shoots down before unlocking.
 */
#include "../x86/cpu.h"
#include "frame.h"
#include "printk.h"
#include "shadow_tree.h"

#define TABLE_FLAGS (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D)

/* Leaves made ahead around a fault: aligned blocks of this many entries. */
#define WINDOW_USER 64
#define WINDOW_KERNEL 512

void *shadow_page_alloc(struct domain *d)
{
	void *page;

	if (__atomic_fetch_add(&d->shadow.page_count, 1, __ATOMIC_RELAXED) >=
	    d->shadow.page_limit)
		goto err;
	page = page_alloc();
	if (page) {
		frame_promise(-1);
		return page;
	}
err:
	__atomic_fetch_sub(&d->shadow.page_count, 1, __ATOMIC_RELAXED);
	return NULL;
}

void shadow_page_free(struct domain *d, void *page)
{
	page_free(page);
	frame_promise(1);
	__atomic_fetch_sub(&d->shadow.page_count, 1, __ATOMIC_RELAXED);
}

void garbage_finish(struct garbage *g)
{
	unsigned int i;

	if (g->flush || g->count)
		shootdown(g->d);
	for (i = 0; i < g->count; i++)
		shadow_page_free(g->d, g->page[i]);
	g->flush = false;
	g->count = 0;
}

static void garbage_add(struct garbage *g, u64 *page)
{
	if (g->count == GARBAGE_MAX)
		garbage_finish(g);
	g->page[g->count++] = page;
}

/* Removes what *e points to; the entry goes first. */
static void zap(u64 *e, int level, struct garbage *g)
{
	u64 old = *e;
	u64 *table;
	unsigned int i;

	if (!(old & PTE_P))
		return;
	WRITE_ONCE(*e, 0);
	g->flush = true;
	if (pte_is_leaf(old, level))
		return;
	table = pte_table(old);
	if (level > 2) /* below level 2 there are only leaves */
		for (i = 0; i < 512; i++)
			zap(&table[i], level - 1, g);
	garbage_add(g, table);
}

/*
 * An L4 entry is also in the private tables of the vCPUs, and must leave
 * those before the pages below it are freed.
 */
static void zap_top(struct tree *t, unsigned int slot, struct garbage *g)
{
	unsigned int i;

	if (!(t->top[slot] & PTE_P))
		return;
	BUG_ON(!t->root); /* the kernel half keeps its level 3 */
	for (i = 0; i < t->d->vcpu_count; i++)
		if (t->root->l4[i])
			WRITE_ONCE(((u64 *)mpa_to_virt(t->root->l4[i]))[slot],
				   0);
	zap(&t->top[slot], 4, g);
}

void tree_clear(struct tree *t, unsigned int from, unsigned int to,
		struct garbage *g)
{
	unsigned int i, j;

	for (i = from; i <= to; i++) {
		if (t->root) {
			zap_top(t, i, g);
		} else if (t->top[i] & PTE_P) {
			for (j = 0; j < 512; j++)
				zap(&pte_table(t->top[i])[j], 3, g);
		}
	}
}

static void purge(u64 *table, int level, struct garbage *g)
{
	unsigned int i;

	for (i = 0; i < 512; i++) {
		u64 e = table[i];

		if (!(e & PTE_P))
			continue;
		if (!pte_is_leaf(e, level))
			purge(pte_table(e), level - 1, g);
		else if (e & P2M_FOREIGN &&
			 !(READ_ONCE(*frame_maps(e & PTE_ADDR)) & FRAME_SHOWN))
			zap(&table[i], level, g);
	}
}

void tree_purge(struct tree *t, struct garbage *g)
{
	unsigned int i = t->root ? 0 : LODGE_SLOT_LAST + 1;
	unsigned int end = t->root ? 256 : 512;

	for (; i < end; i++)
		if (t->top[i] & PTE_P)
			purge(pte_table(t->top[i]), 3, g);
}

/*
 * Writes a leaf. The processors may go on with the old one only if the new
 * one allows all that it did, on the same frame.
 */
static __hot void set_leaf(u64 *e, u64 leaf, struct garbage *g)
{
	u64 old = *e;

	if (old == leaf)
		return;
	if ((old & PTE_P) &&
	    (((old ^ leaf) & (PTE_ADDR | PTE_PS | PTE_P)) ||
	     (old & ~leaf & (PTE_W | PTE_U)) || (leaf & ~old & PTE_NX)))
		g->flush = true;
	WRITE_ONCE(*e, leaf);
}

/*
 * p2m_get(), remembering the last 2 MiB piece: neighbours are most often in
 * the same. Who changes the p2m locks the tree afterwards, to flush it, so for
 * as long as it is locked the old answer will do.
 */
static bool lookup(struct tree *t, gpa_t gpa, struct p2m_entry *e)
{
	gpa_t piece = gpa & ~(LARGE_SIZE - 1);

	if (!t->piece_valid || t->piece_gpa != piece) {
		if (!p2m_get(&t->d->p2m, gpa, e))
			return false;
		if (e->order != LARGE_ORDER)
			return true;
		t->piece_valid = true;
		t->piece_gpa = piece;
		t->piece = *e;
		t->piece.mpa -= gpa - piece;
	}
	*e = t->piece;
	e->mpa += gpa - piece;
	return true;
}

/*
 * The leaf for guest entry ge of this level (1 or 2), upper being the rights
 * of the levels above; 0 if there may be none.
 */
static __hot u64 make_leaf(struct tree *t, u64 ge, int level, u64 upper)
{
	struct p2m_entry e;
	u64 leaf;

	if ((ge & (PTE_P | PTE_A)) != (PTE_P | PTE_A) ||
	    !lookup(t, ge & PTE_ADDR & ~(pt_size(level) - 1), &e) ||
	    (level == 2 && e.order != LARGE_ORDER))
		return 0;
	DEBUG_BUG_ON(!(e.flags & P2M_KIND) && frame_owner(e.mpa) != t->d->id);
	if (e.flags & P2M_FOREIGN && t->root)
		WRITE_ONCE(t->root->foreign, true);
	leaf = e.mpa | PTE_P | PTE_A | PTE_D | pte_rights(upper, ge) |
	       (e.flags & P2M_KIND);
	if (!(ge & PTE_D) || e.flags & P2M_READ_ONLY)
		leaf &= ~PTE_W;
	if (e.flags & P2M_DEVICE)
		leaf |= PTE_PCD | PTE_PWT | PTE_NX;
	if (level == 2)
		leaf |= PTE_PS;
	return leaf;
}

/* The table of level `to` for va, made on the way; NULL: no memory. */
static __hot u64 *descend(struct tree *t, gva_t va, int to, struct garbage *g)
{
	u64 *table = t->top;
	int level;

	for (level = 4; level > to; level--) {
		u64 *e = &table[pt_index(va, level)];
		void *page;

		if ((*e & PTE_P) && pte_is_leaf(*e, level))
			zap(e, level, g);
		if (!(*e & PTE_P)) {
			page = shadow_page_alloc(t->d);
			if (!page)
				return NULL;
			smp_wmb(); /* an empty table, then who points to it */
			WRITE_ONCE(*e, virt_to_mpa(page) | TABLE_FLAGS);
		}
		table = pte_table(*e);
	}
	return table;
}

/* Neighbours of the leaf at index, out of the same guest table. */
static __hot void fill_window(struct tree *t, u64 *table, gva_t va,
			      const struct guest_walk *w, struct garbage *g,
			      struct lodge_counters *count)
{
	unsigned int window = va >> 63 ? WINDOW_KERNEL : WINDOW_USER;
	unsigned int index = pt_index(va, 1);
	unsigned int i = index & ~(window - 1), end = i + window;
	const u64 *guest = w->ptr[w->level] - pt_index(va, w->level);
	u64 leaf, ge;

	for (; i < end; i++) {
		if (i == index || (table[i] & PTE_P))
			continue;
		if (w->level == 1)
			ge = READ_ONCE(guest[i]);
		else /* a part of a large guest page, in small frames */
			ge = (w->entry[w->level] & ~PTE_ADDR) |
			     (ALIGN_DOWN(w->gpa, LARGE_SIZE) + i * PAGE_SIZE);
		leaf = make_leaf(t, ge, 1, w->upper);
		if (!leaf)
			continue;
		set_leaf(&table[i], leaf, g);
		count->prefills++;
	}
}

/* The memory itself may allow less than the guest's tables. */
static bool denies(u64 leaf, u32 error)
{
	return (error & PF_W && !(leaf & PTE_W)) ||
	       (error & PF_I && leaf & PTE_NX);
}

int __hot tree_fill(struct tree *t, gva_t va, const struct guest_walk *w,
		    u32 error, struct garbage *g, struct lodge_counters *count)
{
	u64 ge = (w->entry[w->level] & ~PTE_ADDR) | (w->gpa & PAGE_MASK);
	u64 *table, leaf;

	count->fills++;
	if (w->level >= 2) {
		leaf = make_leaf(t, ge, 2, w->upper);
		if (leaf && !denies(leaf, error)) {
			table = descend(t, va, 2, g);
			if (!table)
				return -LODGE_ENOMEM;
			table += pt_index(va, 2);
			if ((*table & PTE_P) && !pte_is_leaf(*table, 2))
				zap(table, 2, g);
			set_leaf(table, leaf, g);
			return 0;
		}
	}
	leaf = make_leaf(t, ge, 1, w->upper);
	if (!leaf || denies(leaf, error))
		return -LODGE_EFAULT;
	table = descend(t, va, 1, g);
	if (!table)
		return -LODGE_ENOMEM;
	set_leaf(&table[pt_index(va, 1)], leaf, g);
	fill_window(t, table, va, w, g, count);
	return 0;
}

/*
 * A new root, after fork() above all, is about to use what its tables hold
 * already: make up to PREFILL leaves from each end of the user half. fork()
 * leaves the child's entries old; A is set here as by a processor that walks
 * tables ahead of the program, which the manuals allow.
 */
#define PREFILL_LEAVES 256
#define PREFILL_TABLES 64 /* that are looked at: they may all be empty */

struct prefill {
	struct tree *t;
	struct garbage *g;
	struct lodge_counters *count;
	unsigned int leaves, tables; /* still allowed */
	bool down; /* from the high end */
};

static u64 read_accessed(u64 *e)
{
	u64 old = READ_ONCE(*e);

	if ((old & (PTE_P | PTE_A)) != PTE_P)
		return old;
	if (__atomic_compare_exchange_n(e, &old, old | PTE_A, false,
					__ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		return old | PTE_A;
	return 0; /* it is being changed: not now */
}

static void prefill_table(struct prefill *p, gva_t base, u64 *guest, u64 upper)
{
	u64 *table = NULL, leaf;
	unsigned int i;

	for (i = 0; i < 512 && p->leaves; i++) {
		leaf = make_leaf(p->t, read_accessed(&guest[i]), 1, upper);
		if (!leaf)
			continue;
		if (!table)
			table = descend(p->t, base, 1, p->g);
		if (!table)
			return;
		set_leaf(&table[i], leaf, p->g);
		p->count->prefills++;
		p->leaves--;
	}
}

static void prefill(struct prefill *p, u64 *guest, int level, gva_t base,
		    u64 upper)
{
	unsigned int n = level == 4 ? 256 : 512, k, i;

	for (k = 0; k < n && p->leaves && p->tables; k++) {
		gva_t at;
		mpa_t mpa;
		u64 e;

		i = p->down ? n - 1 - k : k;
		e = read_accessed(&guest[i]);
		if (!(e & PTE_P) || (e & PTE_PS))
			continue;
		mpa = p2m_lookup(&p->t->d->p2m, e & PTE_ADDR);
		if (mpa == INVALID_MPA)
			continue;
		p->tables--;
		at = base + i * pt_size(level);
		if (level > 2)
			prefill(p, mpa_to_virt(mpa), level - 1, at,
				pte_rights(upper, e));
		else
			prefill_table(p, at, mpa_to_virt(mpa),
				      pte_rights(upper, e));
	}
}

void tree_prefill(struct tree *t, struct lodge_counters *count)
{
	mpa_t mpa = p2m_lookup(&t->d->p2m, t->guest);
	struct garbage g;
	int down;

	garbage_init(&g, t->d);
	for (down = 0; down < 2 && mpa != INVALID_MPA; down++) {
		struct prefill p = {
			t, &g, count, PREFILL_LEAVES, PREFILL_TABLES, down
		};

		prefill(&p, mpa_to_virt(mpa), 4, 0, PTE_W | PTE_U);
	}
	garbage_finish(&g);
}

/* What the guest's tables say about the range of one shadow table. */
struct view {
	const u64 *table; /* guest table; NULL: nothing, or part of a leaf */
	u64 large; /* the guest leaf that covers it all; 0: none */
	u64 upper; /* rights of the levels above */
};

static u64 view_entry(const struct view *v, int level, unsigned int i)
{
	if (v->table)
		return READ_ONCE(v->table[i]);
	return v->large ? v->large + i * pt_size(level) : 0;
}

static struct view view_below(struct domain *d, const struct view *v, u64 ge,
			      int level)
{
	struct view below = { .upper = pte_rights(v->upper, ge) };
	mpa_t mpa;

	if (v->large || pte_is_leaf(ge, level)) {
		/* the PAT bit of a large leaf lies within its address */
		below.large = (ge & ~PTE_ADDR) |
			      (ge & PTE_ADDR & ~(pt_size(level) - 1));
		return below;
	}
	mpa = p2m_lookup(&d->p2m, ge & PTE_ADDR);
	if (mpa != INVALID_MPA)
		below.table = mpa_to_virt(mpa & PAGE_MASK);
	return below;
}

static __hot void resync_table(struct tree *t, u64 *table, int level,
			       gva_t base, gva_t first, gva_t last,
			       const struct view *v, struct garbage *g)
{
	u64 size = pt_size(level);
	unsigned int i = first > base ? (first - base) / size : 0;
	unsigned int end = last - base >= 512 * size ? 511 :
						       (last - base) / size;

	for (; i <= end; i++) {
		u64 *e = &table[i];
		struct view below;
		u64 ge;

		if (!(*e & PTE_P))
			continue;
		ge = view_entry(v, level, i);
		if (pte_is_leaf(*e, level)) {
			if (level > 1 && !v->large && !pte_is_leaf(ge, level))
				ge = 0; /* the guest has split it */
			set_leaf(e, make_leaf(t, ge, level, v->upper), g);
			continue;
		}
		below = view_below(t->d, v, ge, level);
		if ((ge & PTE_P) && (below.table || below.large))
			resync_table(t, pte_table(*e), level - 1,
				     base + i * size, first, last, &below, g);
		else
			zap(e, level, g);
	}
}

void __hot tree_resync(struct tree *t, gva_t first, gva_t last,
		       struct garbage *g)
{
	mpa_t mpa = p2m_lookup(&t->d->p2m, t->guest);
	const u64 *guest = mpa == INVALID_MPA ? NULL : mpa_to_virt(mpa);
	struct view none = { 0 }, v = { .upper = PTE_W | PTE_U }, below;
	gva_t canon = t->root ? 0 : 0xffffUL << 48;
	unsigned int slot;

	for (slot = pt_index(first, 4); slot <= pt_index(last, 4); slot++) {
		u64 ge = guest ? READ_ONCE(guest[slot]) : 0;

		if (!(t->top[slot] & PTE_P))
			continue;
		below = ge & PTE_PS ? none : view_below(t->d, &v, ge, 4);
		if ((ge & PTE_P) && below.table)
			resync_table(t, pte_table(t->top[slot]), 3,
				     canon | (u64)slot << 39, first, last,
				     &below, g);
		else
			tree_clear(t, slot, slot, g);
	}
}
