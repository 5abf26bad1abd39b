// SPDX-License-Identifier: GPL-2.0
/*
 * The p2m radix: which machine frame stands behind a guest-physical address.
 *
 * Owns the tables of one domain's radix, four levels of 512 entries in the
 * format of x86 page tables with 4 KiB and 2 MiB leaves. Every entry has the
 * write and user bits, which nested paging asks for.
 *
 * Writers hold p2m.lock and only ever turn an empty entry into a valid one;
 * tables are freed in p2m_destroy() alone, when nobody reads any more. So a
 * reader needs no lock: the release store in publish() pairs with the
 * acquire load in entry_at(), and a table is cleared before it is published.
 */
#include <lodge/errno.h>
#include "frame.h"
#include "p2m.h"
#include "string.h"
#include "../x86/cpu.h"

#define P2M_LEVELS 4
#define P2M_ENTRIES 512
#define P2M_LIMIT (1UL << 47) /* first address that cannot be mapped */
#define P2M_FLAGS (PTE_P | PTE_W | PTE_U)

static unsigned int level_shift(int level)
{
	return PAGE_SHIFT + 9 * (level - 1);
}

static u64 *slot_of(u64 *table, gpa_t gpa, int level)
{
	return &table[(gpa >> level_shift(level)) & (P2M_ENTRIES - 1)];
}

static u64 entry_at(const u64 *slot)
{
	return __atomic_load_n(slot, __ATOMIC_ACQUIRE);
}

static void publish(u64 *slot, u64 entry)
{
	__atomic_store_n(slot, entry, __ATOMIC_RELEASE);
}

static u64 *entry_table(u64 entry)
{
	return mpa_to_virt(entry & PTE_ADDR);
}

static bool is_leaf(u64 entry, int level)
{
	return level == 1 || (entry & PTE_PS);
}

int p2m_init(struct p2m *p)
{
	spin_init(&p->lock, LOCK_P2M);
	p->end = 0;
	p->root = page_alloc();
	p->table_count = p->root ? 1 : 0;
	return p->root ? 0 : -LODGE_ENOMEM;
}

static void free_tables(u64 *table, int level)
{
	unsigned int i;

	for (i = 0; level > 1 && i < P2M_ENTRIES; i++)
		if ((table[i] & PTE_P) && !is_leaf(table[i], level))
			free_tables(entry_table(table[i]), level - 1);
	page_free(table);
}

void p2m_destroy(struct p2m *p)
{
	if (p->root)
		free_tables(p->root, P2M_LEVELS);
	p->root = NULL;
	p->table_count = 0;
	p->end = 0;
}

/* The slot for gpa at level `leaf`, with tables made on the way down. */
static int make_slot(struct p2m *p, gpa_t gpa, int leaf, u64 **slot)
{
	u64 *table = p->root;
	int level;

	for (level = P2M_LEVELS; level > leaf; level--) {
		u64 *s = slot_of(table, gpa, level);

		if (!(*s & PTE_P)) {
			u64 *page = page_alloc();

			if (!page)
				return -LODGE_ENOMEM;
			p->table_count++;
			publish(s, virt_to_mpa(page) | P2M_FLAGS);
		} else if (is_leaf(*s, level)) {
			return -LODGE_EEXIST;
		}
		table = entry_table(*s);
	}
	*slot = slot_of(table, gpa, leaf);
	return *(*slot) & PTE_P ? -LODGE_EEXIST : 0;
}

int p2m_map(struct p2m *p, gpa_t gpa, mpa_t mpa, unsigned int order)
{
	u64 size = PAGE_SIZE << order;
	u64 *slot;
	int err;

	if (order != 0 && order != LARGE_ORDER)
		return -LODGE_EINVAL;
	if ((gpa | mpa) & (size - 1) || gpa >= P2M_LIMIT || mpa & ~PTE_ADDR)
		return -LODGE_EINVAL;

	spin_lock(&p->lock);
	err = make_slot(p, gpa, order ? 2 : 1, &slot);
	if (!err) {
		publish(slot, mpa | P2M_FLAGS | (order ? PTE_PS : 0));
		WRITE_ONCE(p->end, MAX(p->end, gpa + size));
	}
	spin_unlock(&p->lock);
	return err;
}

mpa_t __hot p2m_lookup_order(const struct p2m *p, gpa_t gpa,
			     unsigned int *order)
{
	u64 *table = READ_ONCE(p->root);
	int level;

	*order = 0;
	if (!table || gpa >= P2M_LIMIT)
		return INVALID_MPA;
	for (level = P2M_LEVELS;; level--) {
		u64 entry = entry_at(slot_of(table, gpa, level));
		u64 inside = (1UL << level_shift(level)) - 1;

		if (!(entry & PTE_P))
			return INVALID_MPA;
		if (is_leaf(entry, level)) {
			*order = level == 1 ? 0 : LARGE_ORDER;
			return (entry & PTE_ADDR & ~inside) | (gpa & inside);
		}
		table = entry_table(entry);
	}
}

mpa_t __hot p2m_lookup(const struct p2m *p, gpa_t gpa)
{
	unsigned int order;

	return p2m_lookup_order(p, gpa, &order);
}

static void visit(u64 *table, int level, gpa_t gpa, p2m_visitor *fn)
{
	unsigned int i;

	for (i = 0; i < P2M_ENTRIES; i++) {
		u64 entry = entry_at(&table[i]);
		gpa_t at = gpa + ((u64)i << level_shift(level));

		if (!(entry & PTE_P))
			continue;
		if (is_leaf(entry, level))
			fn(at, entry & PTE_ADDR, level == 1 ? 0 : LARGE_ORDER);
		else
			visit(entry_table(entry), level - 1, at, fn);
	}
}

void p2m_for_each(struct p2m *p, p2m_visitor *fn)
{
	if (p->root)
		visit(p->root, P2M_LEVELS, 0, fn);
}
