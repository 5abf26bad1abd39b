// SPDX-License-Identifier: GPL-2.0
/*
 * The p2m radix: which machine frame stands behind a guest-physical address.
 *
 * Owns the tables of one domain's radix, four levels of 512 entries in the
 * format of x86 page tables with 4 KiB and 2 MiB leaves. Every entry has the
 * write and user bits, which nested paging asks for.
 *
 * Writers hold p2m.lock. A reader needs no lock: the release store in
 * publish() pairs with the acquire load in entry_at(), and a table is filled
 * before it is published. What a reader found may be unmapped meanwhile; the
 * frame stays what it was until a grace period is over (retire.c). Who needs
 * it for longer takes a reference with p2m_pin(), and then it cannot be
 * unmapped. Tables are freed in p2m_destroy() alone, after a grace period.
 */
#include <lodge/errno.h>
#include "frame.h"
#include "p2m.h"
#include "string.h"
#include "../x86/cpu.h"

#define P2M_LEVELS 4
#define P2M_ENTRIES 512
#define P2M_FLAGS (PTE_P | PTE_W | PTE_U)

static u64 entry_at(const u64 *slot)
{
	return __atomic_load_n(slot, __ATOMIC_ACQUIRE);
}

static void publish(u64 *slot, u64 entry)
{
	__atomic_store_n(slot, entry, __ATOMIC_RELEASE);
}

int p2m_init(struct p2m *p)
{
	spin_init(&p->lock, LOCK_P2M);
	p->root = page_alloc();
	p->table_count = p->root ? 1 : 0;
	p->table_max = ~0UL;
	return p->root ? 0 : -LODGE_ENOMEM;
}

static void free_tables(u64 *table, int level)
{
	unsigned int i;

	for (i = 0; level > 1 && i < P2M_ENTRIES; i++)
		if ((table[i] & PTE_P) && !pte_is_leaf(table[i], level))
			free_tables(pte_table(table[i]), level - 1);
	page_retire(table);
}

void p2m_destroy(struct p2m *p)
{
	if (p->root)
		free_tables(p->root, P2M_LEVELS);
	p->root = NULL;
	p->table_count = 0;
}

/* Makes 512 leaves of the large one in slot, and single frames of its block. */
static int split(struct p2m *p, u64 *slot)
{
	u64 *table, old = *slot;
	unsigned int i;

	table = p->table_count < p->table_max ? page_alloc() : NULL;
	if (!table)
		return -LODGE_ENOMEM;
	for (i = 0; i < P2M_ENTRIES; i++)
		table[i] = old & PTE_P ? (old & ~PTE_PS) + i * PAGE_SIZE : old;
	p->table_count++;
	if ((old & PTE_P) && !(old & P2M_KIND))
		frame_split(old & PTE_ADDR, LARGE_ORDER);
	publish(slot, virt_to_mpa(table) | P2M_FLAGS);
	return 0;
}

/*
 * The slot for gpa at level `leaf`, with tables made on the way down. It must
 * hold `was`.
 */
static int make_slot(struct p2m *p, gpa_t gpa, int leaf, u64 was, u64 **slot)
{
	u64 *table = p->root;
	int level;

	for (level = P2M_LEVELS; level > leaf; level--) {
		u64 *s = &table[pt_index(gpa, level)];

		if (*s & PTE_P ? pte_is_leaf(*s, level) : *s && *s != was)
			return -LODGE_EEXIST;
		if (!(*s & PTE_P) && split(p, s))
			return -LODGE_ENOMEM;
		table = pte_table(*s);
	}
	*slot = &table[pt_index(gpa, leaf)];
	return *(*slot) == was ? 0 : -LODGE_EEXIST;
}

int p2m_map(struct p2m *p, gpa_t gpa, mpa_t mpa, unsigned int order, u64 flags)
{
	u64 size = PAGE_SIZE << order;
	u64 *slot;
	int err;

	if (order != 0 && order != LARGE_ORDER)
		return -LODGE_EINVAL;
	if ((gpa | mpa) & (size - 1) || gpa >= P2M_LIMIT || mpa & ~PTE_ADDR)
		return -LODGE_EINVAL;

	spin_lock(&p->lock);
	err = make_slot(p, gpa, order ? 2 : 1, flags & P2M_REPORTED, &slot);
	flags &= ~P2M_REPORTED;
	if (!err)
		publish(slot, mpa | PTE_P | PTE_U | flags |
				      (flags & P2M_READ_ONLY ? 0 : PTE_W) |
				      (order ? PTE_PS : 0));
	spin_unlock(&p->lock);
	return err;
}

/* The slot of the leaf that speaks for gpa, and its level; NULL: none does. */
static u64 *find_slot(struct p2m *p, gpa_t gpa, int *level)
{
	u64 *table = p->root, *slot;

	for (*level = P2M_LEVELS;; --*level) {
		slot = &table[pt_index(gpa, *level)];
		if (!*slot)
			return NULL;
		if (!(*slot & PTE_P) || pte_is_leaf(*slot, *level))
			return slot;
		table = pte_table(*slot);
	}
}

static int unmap(struct p2m *p, gpa_t gpa, unsigned int order, u64 kind,
		 mpa_t *mpa)
{
	int level, err;
	u64 *slot, old;

	slot = find_slot(p, gpa, &level);
	if (!slot)
		return -LODGE_ENOENT;
	if ((*slot ^ kind) & P2M_KIND || (order && level == 1))
		return -LODGE_EINVAL;
	if (!order && level > 1) {
		err = split(p, slot);
		if (err)
			return err;
		slot = &pte_table(*slot)[pt_index(gpa, 1)];
	}
	old = *slot;
	*mpa = old & PTE_P ? old & PTE_ADDR : INVALID_MPA;
	/* Pairs with p2m_pin(). */
	__atomic_store_n(slot, kind & P2M_REPORTED, __ATOMIC_SEQ_CST);
	if (!(kind & P2M_KIND) && (old & PTE_P) && frame_refs(*mpa, order)) {
		publish(slot, old);
		return -LODGE_EBUSY;
	}
	return 0;
}

int p2m_unmap(struct p2m *p, gpa_t gpa, unsigned int order, u64 kind,
	      mpa_t *mpa)
{
	int err;

	if ((order != 0 && order != LARGE_ORDER) || gpa >= P2M_LIMIT ||
	    gpa & ((PAGE_SIZE << order) - 1))
		return -LODGE_EINVAL;
	spin_lock(&p->lock);
	err = unmap(p, gpa, order, kind, mpa);
	spin_unlock(&p->lock);
	return err;
}

/* The entry that speaks for gpa; *size is for how many bytes around it. */
static __hot u64 find(const struct p2m *p, gpa_t gpa, u64 *size)
{
	u64 *table = READ_ONCE(p->root), entry;
	int level;

	for (level = P2M_LEVELS;; level--) {
		entry = entry_at(&table[pt_index(gpa, level)]);
		if (!(entry & PTE_P) || pte_is_leaf(entry, level)) {
			*size = pt_size(level);
			return entry;
		}
		table = pte_table(entry);
	}
}

u64 p2m_reported(const struct p2m *p, gpa_t gpa)
{
	u64 size;

	if (!p->root || gpa >= P2M_LIMIT)
		return 0;
	return find(p, gpa, &size) == P2M_REPORTED ? size : 0;
}

int p2m_share(struct p2m *p, mpa_t mpa)
{
	u32 *maps = frame_maps(mpa);
	int err = 0;
	u64 *slot;

	spin_lock(&p->lock);
	if ((*maps & FRAME_MAPS) == FRAME_MAPS)
		err = -LODGE_ENOMEM;
	if (!(*maps & FRAME_SHOWN) && !err) {
		err = make_slot(p, mpa, 1, 0, &slot);
		if (!err) {
			publish(slot, mpa | P2M_FLAGS | P2M_FOREIGN);
			*maps |= FRAME_SHOWN;
		}
	}
	*maps += !err;
	spin_unlock(&p->lock);
	return err;
}

/* Takes it out if it is there for nobody. Lock: p, which maps belongs to. */
static bool hide(struct p2m *p, mpa_t mpa, u32 *maps)
{
	int level;

	if (*maps != (FRAME_SHOWN | FRAME_LEAVING))
		return false;
	publish(find_slot(p, mpa, &level), 0);
	*maps = FRAME_LEAVING;
	return true;
}

int p2m_unshare(struct p2m *p, mpa_t mpa, bool *stale)
{
	int level, err = -LODGE_ENOENT;
	u32 *maps;
	u64 *slot;

	spin_lock(&p->lock);
	slot = mpa & ~PAGE_MASK || mpa >= P2M_LIMIT ? NULL :
						      find_slot(p, mpa, &level);
	maps = slot && (*slot & P2M_KIND) == P2M_FOREIGN ? frame_maps(mpa) :
							   NULL;
	if (maps && *maps & FRAME_MAPS) {
		--*maps;
		*stale |= hide(p, mpa, maps);
		err = 0;
	}
	spin_unlock(&p->lock);
	return err;
}

bool p2m_forget(struct p2m *p, mpa_t mpa, unsigned int order)
{
	const mpa_t end = mpa + (PAGE_SIZE << order);
	bool stale = false;

	spin_lock(&p->lock);
	for (; mpa < end; mpa += PAGE_SIZE) {
		u32 *maps = frame_maps(mpa);

		*maps |= FRAME_LEAVING;
		stale |= hide(p, mpa, maps);
	}
	spin_unlock(&p->lock);
	return stale;
}

#define RAM_STEPS 4096 /* entries looked at in one call */

u64 p2m_next_ram(const struct p2m *p, gpa_t *gpa)
{
	gpa_t start = 0, at = *gpa;
	u64 size, entry;
	bool ram;
	int i;

	for (i = 0; i < RAM_STEPS && at < P2M_LIMIT; i++) {
		entry = find(p, at, &size);
		ram = (entry & PTE_P) && !(entry & P2M_KIND);
		if (ram && !start)
			start = at + 1; /* 0 is an address, too */
		if (!ram && start)
			break;
		at = ALIGN_DOWN(at, size) + size;
	}
	*gpa = start ? start - 1 : at;
	return start ? (at - *gpa) >> PAGE_SHIFT : 0;
}

bool __hot p2m_get(const struct p2m *p, gpa_t gpa, struct p2m_entry *e)
{
	u64 size, entry;

	if (!READ_ONCE(p->root) || gpa >= P2M_LIMIT)
		return false;
	entry = find(p, gpa, &size);
	if (!(entry & PTE_P))
		return false;
	e->mpa = (entry & PTE_ADDR & -size) | (gpa & (size - 1));
	e->order = size == PAGE_SIZE ? 0 : LARGE_ORDER;
	e->flags = entry & (P2M_KIND | P2M_READ_ONLY);
	return true;
}

mpa_t __hot p2m_lookup(const struct p2m *p, gpa_t gpa)
{
	struct p2m_entry e;

	return p2m_get(p, gpa, &e) && !(e.flags & P2M_KIND) ? e.mpa :
							      INVALID_MPA;
}

mpa_t p2m_pin(const struct p2m *p, gpa_t gpa)
{
	mpa_t mpa = p2m_lookup(p, gpa);

	if (mpa == INVALID_MPA || gpa & ~PAGE_MASK)
		return INVALID_MPA;
	frame_ref(mpa);
	/* Either we see that it has gone, or p2m_unmap() sees the reference. */
	if (p2m_lookup(p, gpa) == mpa)
		return mpa;
	frame_unref(mpa);
	return INVALID_MPA;
}

static void visit(u64 *table, int level, gpa_t gpa, p2m_visitor *fn)
{
	unsigned int i;

	for (i = 0; i < P2M_ENTRIES; i++) {
		u64 entry = entry_at(&table[i]);
		gpa_t at = gpa + i * pt_size(level);

		if (!(entry & PTE_P))
			continue;
		if (pte_is_leaf(entry, level))
			fn(at, &(struct p2m_entry){
				       .mpa = entry & PTE_ADDR,
				       .order = level == 1 ? 0 : LARGE_ORDER,
				       .flags = entry & P2M_KIND });
		else
			visit(pte_table(entry), level - 1, at, fn);
	}
}

void p2m_for_each(struct p2m *p, p2m_visitor *fn)
{
	if (p->root)
		visit(p->root, P2M_LEVELS, 0, fn);
}
