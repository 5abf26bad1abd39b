// SPDX-License-Identifier: GPL-2.0
/*
 * Grants of other domains: pages of theirs that this one uses.
 *
 * A guest maps single pages, at addresses in a piece of the highest
 * guest-physical addresses that its processor has, where there is never RAM.
 *
 * In the control domain a page appears at its machine address. It gets a
 * struct page and a place in the direct map the first time that a page near it
 * is mapped, in blocks of foreign memory that stay; so a disk can be told of
 * it like of any other page. Where the control domain once had RAM of its own
 * and gave it back, both are there already.
 *
 * Hypercalls have their entries in a page of the processor, used with
 * interrupts off. foreign_mutex protects the list of blocks.
 */
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/memory_hotplug.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include <asm/lodge_grant.h>

#include <lodge/grant.h>

#include "lodge.h"

union batch {
	struct lodge_grant_map map[LODGE_GRANT_MAX];
	struct lodge_grant_unmap unmap[LODGE_GRANT_MAX];
	u8 page[PAGE_SIZE];
};

static DEFINE_PER_CPU_PAGE_ALIGNED(union batch, batches);

static long unmap_handle(u32 handle)
{
	union batch *b;
	unsigned long flags;
	long err;

	local_irq_save(flags);
	b = this_cpu_ptr(&batches);
	b->unmap[0] = (struct lodge_grant_unmap){ .handle = handle };
	err = hc_grant(LODGE_GRANT_UNMAP, lodge_pa(b), 1) ?: b->unmap[0].status;
	local_irq_restore(flags);
	return err;
}

static long map_ref(unsigned int domid, u32 ref, bool write, u64 *gpa,
		    u32 *handle)
{
	union batch *b;
	unsigned long flags;
	long err;

	local_irq_save(flags);
	b = this_cpu_ptr(&batches);
	b->map[0] = (struct lodge_grant_map){
		.domid = domid,
		.ref = ref,
		.flags = LODGE_GRANT_READ | (write ? LODGE_GRANT_WRITE : 0),
		.gpa = *gpa,
	};
	err = hc_grant(LODGE_GRANT_MAP, lodge_pa(b), 1) ?: b->map[0].status;
	*gpa = b->map[0].gpa;
	*handle = b->map[0].handle;
	local_irq_restore(flags);
	return err;
}

/* --- single pages, any domain --- */

#define WINDOW_PAGES 512 /* one p2m table */

static DECLARE_BITMAP(window_used, WINDOW_PAGES);
static DEFINE_SPINLOCK(window_lock);

static u64 window_base(void)
{
	return (1ULL << boot_cpu_data.x86_phys_bits) - WINDOW_PAGES * PAGE_SIZE;
}

static long window_take(void)
{
	unsigned long at;

	spin_lock(&window_lock);
	at = find_first_zero_bit(window_used, WINDOW_PAGES);
	if (at < WINDOW_PAGES)
		__set_bit(at, window_used);
	spin_unlock(&window_lock);
	return at < WINDOW_PAGES ? at : -ENOSPC;
}

static void window_give(u64 gpa)
{
	spin_lock(&window_lock);
	__clear_bit((gpa - window_base()) >> PAGE_SHIFT, window_used);
	spin_unlock(&window_lock);
}

void *lodge_map_page(struct lodge_page_map *m, unsigned int domid, u32 ref,
		     bool write)
{
	long at, err;

	/* There, pages have the machine's addresses. */
	if (lodge_is_control())
		return ERR_PTR(-EOPNOTSUPP);
	at = window_take();
	if (at < 0)
		return ERR_PTR(at);
	m->gpa = window_base() + at * PAGE_SIZE;
	err = map_ref(domid, ref, write, &m->gpa, &m->handle);
	if (err) {
		window_give(window_base() + at * PAGE_SIZE);
		return ERR_PTR(err);
	}
	m->address = memremap(m->gpa, PAGE_SIZE, MEMREMAP_WB);
	if (!m->address) {
		unmap_handle(m->handle);
		window_give(m->gpa);
		return ERR_PTR(-ENOMEM);
	}
	return m->address;
}
EXPORT_SYMBOL_GPL(lodge_map_page);

void lodge_unmap_page(struct lodge_page_map *m)
{
	if (!m->address)
		return;
	memunmap(m->address);
	m->address = NULL;
	/* It must not be used for another page while this one is there. */
	if (!WARN_ON(unmap_handle(m->handle)))
		window_give(m->gpa);
}
EXPORT_SYMBOL_GPL(lodge_unmap_page);

/* --- many pages, in the control domain --- */

#ifdef CONFIG_LODGE_BACKEND

#define BLOCK_MIN (PAGES_PER_SUBSECTION << PAGE_SHIFT)
#define BLOCK_MAX (16 * BLOCK_MIN)

/* What has struct pages, by number of the smallest block. */
static DEFINE_XARRAY(foreign);
static DEFINE_MUTEX(foreign_mutex);

static bool is_foreign(u64 address)
{
	return xa_load(&foreign, address / BLOCK_MIN);
}

/* Nothing of ours is there. */
static bool block_is_free(u64 start, u64 size)
{
	u64 at;

	for (at = start; at < start + size; at += BLOCK_MIN)
		if (is_foreign(at))
			return false;
	return region_intersects(start, size, IORESOURCE_SYSTEM_RAM,
				 IORES_DESC_NONE) == REGION_DISJOINT;
}

/* Makes room for the block in `foreign`, where it is not seen yet. */
static int reserve_block(u64 start, u64 size)
{
	u64 at;
	int err;

	for (at = start; at < start + size; at += BLOCK_MIN) {
		err = xa_reserve(&foreign, at / BLOCK_MIN, GFP_KERNEL);
		if (err)
			return err;
	}
	return 0;
}

static int add_block(u64 start, u64 size)
{
	struct dev_pagemap *map = kzalloc(sizeof(*map), GFP_KERNEL);
	void *address;
	int err;

	if (!map)
		return -ENOMEM;
	map->type = MEMORY_DEVICE_GENERIC;
	map->range.start = start;
	map->range.end = start + size - 1;
	map->nr_range = 1;
	/*
	 * First what can fail and be repeated. Who finds the block, without a
	 * lock, uses its struct pages; so it is shown when they are there.
	 */
	err = reserve_block(start, size);
	address = err ? ERR_PTR(err) : memremap_pages(map, NUMA_NO_NODE);
	for (; size; size -= BLOCK_MIN, start += BLOCK_MIN) {
		if (IS_ERR(address))
			xa_release(&foreign, start / BLOCK_MIN);
		else
			xa_store(&foreign, start / BLOCK_MIN, map, GFP_KERNEL);
	}
	if (!IS_ERR(address))
		return 0;
	kfree(map);
	return PTR_ERR(address);
}

/* RAM of ours that was given back, or a hole beside some. */
static struct page *own_page(u64 address)
{
	struct page *page = pfn_to_online_page(PHYS_PFN(address));
	unsigned int level;
	pte_t *pte;

	if (!page)
		return NULL;
	pte = lookup_address((unsigned long)__va(address), &level);
	if (!pte || !pte_present(*pte))
		init_memory_mapping(address, address + PAGE_SIZE, PAGE_KERNEL);
	return page;
}

static struct page *make_page(u64 address)
{
	struct page *page = NULL;
	u64 size, start;
	int err = -ENXIO;

	mutex_lock(&foreign_mutex);
	if (is_foreign(address)) {
		page = pfn_to_page(PHYS_PFN(address));
		goto out;
	}
	page = own_page(address);
	for (size = BLOCK_MAX; !page && size >= BLOCK_MIN; size /= 2) {
		start = ALIGN_DOWN(address, size);
		if (!block_is_free(start, size))
			continue;
		err = add_block(start, size);
		if (!err)
			page = pfn_to_page(PHYS_PFN(address));
	}
out:
	mutex_unlock(&foreign_mutex);
	if (!page)
		pr_warn_ratelimited("Lodge: no struct page for %llx: %d\n",
				    address, err);
	return page;
}

static struct page *page_at(u64 address)
{
	if (is_foreign(address))
		return pfn_to_page(PHYS_PFN(address));
	return make_page(address);
}

/* One hypercall: at most LODGE_GRANT_MAX. */
static void map_some(unsigned int domid, struct lodge_map *map,
		     unsigned int count, u64 *address)
{
	unsigned long flags;
	unsigned int i;
	union batch *b;
	long err;

	local_irq_save(flags);
	b = this_cpu_ptr(&batches);
	for (i = 0; i < count; i++)
		b->map[i] = (struct lodge_grant_map){
			.domid = domid,
			.ref = map[i].ref,
			.flags = LODGE_GRANT_READ |
				 (map[i].write ? LODGE_GRANT_WRITE : 0),
			.status = -EIO,
		};
	err = hc_grant(LODGE_GRANT_MAP, lodge_pa(b), count);
	for (i = 0; i < count; i++) {
		/* An error of the whole comes before the first entry. */
		map[i].status = err ?: b->map[i].status;
		map[i].handle = b->map[i].handle;
		address[i] = b->map[i].gpa;
	}
	local_irq_restore(flags);
}

int lodge_map_grants(unsigned int domid, struct lodge_map *map,
		     unsigned int count)
{
	u64 address[LODGE_GRANT_MAX];
	unsigned int i, some;
	int err = 0;

	for (; count; count -= some, map += some) {
		some = min_t(unsigned int, count, LODGE_GRANT_MAX);
		map_some(domid, map, some, address);
		for (i = 0; i < some; i++) {
			map[i].page = NULL;
			if (!map[i].status) {
				map[i].page = page_at(address[i]);
				if (!map[i].page) {
					unmap_handle(map[i].handle);
					map[i].status = -ENOMEM;
				}
			}
			err = map[i].status ?: err;
		}
	}
	return err;
}
EXPORT_SYMBOL_GPL(lodge_map_grants);

/* The first entries of map that are mapped, as many as fit; *done are gone. */
static void unmap_some(struct lodge_map *map, unsigned int count,
		       unsigned int *done)
{
	unsigned int i, n = 0;
	unsigned long flags;
	union batch *b;
	long err = 0;

	local_irq_save(flags);
	b = this_cpu_ptr(&batches);
	for (i = 0; i < count && n < LODGE_GRANT_MAX; i++) {
		if (!map[i].page)
			continue;
		b->unmap[n++] =
			(struct lodge_grant_unmap){ .handle = map[i].handle };
		map[i].page = NULL;
	}
	*done = i;
	if (n)
		err = hc_grant(LODGE_GRANT_UNMAP, lodge_pa(b), n);
	for (i = 0; i < n && !err; i++)
		err = b->unmap[i].status;
	local_irq_restore(flags);
	WARN_ON_ONCE(err);
}

void lodge_unmap_grants(struct lodge_map *map, unsigned int count)
{
	unsigned int done;

	for (; count; count -= done, map += done)
		unmap_some(map, count, &done);
}
EXPORT_SYMBOL_GPL(lodge_unmap_grants);

#endif /* CONFIG_LODGE_BACKEND */
