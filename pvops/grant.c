// SPDX-License-Identifier: GPL-2.0
/*
 * Grants of this domain: the table of <lodge/grant.h>, and who has which entry.
 *
 * A reference is free (in the list that begins at `first`), granted, or ending:
 * to be taken back as soon as the other end lets go of it, which a timer looks
 * for. Reference 0 is never given, so that it can mean none.
 *
 * table_lock protects all but the entries themselves, which the hypervisor
 * changes as well.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include <asm/lodge_grant.h>

#include <lodge/grant.h>

#include "lodge.h"

#define REFS_PER_PAGE (PAGE_SIZE / sizeof(struct lodge_grant))
#define MEMORY_PER_PAGE SZ_4M /* of the domain, for each page of the table */
#define PAGES_MIN 4
#define END_DELAY (HZ / 20)
#define END_DELAY_MAX (10 * HZ)

struct ref {
	u32 next; /* in a list; 0: the last one */
	struct page *page; /* ending: to be put */
};

static struct lodge_grant *page_of[LODGE_GRANT_PAGES];
static struct ref *refs;
static u32 first, ending, free_count, kept_count;
static unsigned long end_delay;
static DEFINE_SPINLOCK(table_lock);
static DEFINE_MUTEX(setup_mutex);

static void end_later(struct work_struct *work);
static DECLARE_DELAYED_WORK(end_work, end_later);

static struct lodge_grant *entry_of(u32 ref)
{
	return &page_of[ref / REFS_PER_PAGE][ref % REFS_PER_PAGE];
}

/* --- the table --- */

static int register_table(unsigned int pages)
{
	u64 *list = (u64 *)get_zeroed_page(GFP_KERNEL);
	unsigned int i;
	int err;

	if (!list)
		return -ENOMEM;
	for (i = 0; i < pages; i++)
		list[i] = lodge_pa(page_of[i]);
	err = hc_grant(LODGE_GRANT_SETUP, lodge_pa(list), pages);
	free_page((unsigned long)list);
	return err;
}

static void free_table(void)
{
	unsigned int i;

	for (i = 0; i < LODGE_GRANT_PAGES; i++) {
		free_page((unsigned long)page_of[i]);
		page_of[i] = NULL;
	}
}

static int make_table(void)
{
	unsigned long pages, memory = totalram_pages() << PAGE_SHIFT;
	struct ref *list;
	u32 i, count;
	int err = -ENOMEM;

	pages = clamp_t(unsigned long, memory / MEMORY_PER_PAGE, PAGES_MIN,
			LODGE_GRANT_PAGES);
	count = pages * REFS_PER_PAGE;
	list = kvcalloc(count, sizeof(*list), GFP_KERNEL);
	if (!list)
		return -ENOMEM;
	for (i = 0; i < pages; i++) {
		page_of[i] = (void *)get_zeroed_page(GFP_KERNEL);
		if (!page_of[i])
			goto fail;
	}
	err = register_table(pages);
	if (err)
		goto fail;
	for (i = 1; i + 1 < count; i++)
		list[i].next = i + 1;
	refs = list;
	first = 1;
	free_count = count - 1;
	kept_count = count / 4;
	return 0;
fail:
	free_table();
	kvfree(list);
	return err;
}

int lodge_grant_setup(void)
{
	int err = 0;

	if (!lodge_guest() || !(lodge_start.features & LODGE_FEATURE_GRANTS))
		return -ENODEV;
	mutex_lock(&setup_mutex);
	if (!refs)
		err = make_table();
	mutex_unlock(&setup_mutex);
	return err;
}

/* --- granting --- */

u32 lodge_grant(unsigned int domid, phys_addr_t page, bool write)
{
	struct lodge_grant *e;
	unsigned long flags;
	u64 access;
	u32 ref;

	spin_lock_irqsave(&table_lock, flags);
	ref = first;
	if (ref) {
		first = refs[ref].next;
		free_count--;
	}
	spin_unlock_irqrestore(&table_lock, flags);
	if (!ref)
		return 0;

	e = entry_of(ref);
	access = LODGE_GRANT_READ | (write ? LODGE_GRANT_WRITE : 0);
	e->page = page;
	/* Whoever sees that it is granted sees which page. */
	smp_store_release(&e->access, access | (u64)domid << 32);
	return ref;
}
EXPORT_SYMBOL_GPL(lodge_grant);

unsigned int lodge_grant_spare(void)
{
	u32 count = READ_ONCE(free_count);

	return count > kept_count ? count - kept_count : 0;
}
EXPORT_SYMBOL_GPL(lodge_grant_spare);

/* The entry says that nobody may use it any more; false: somebody does. */
static bool take_back(u32 ref)
{
	struct lodge_grant *e = entry_of(ref);
	u64 access = READ_ONCE(e->access);

	do {
		if (access & LODGE_GRANT_IN_USE)
			return false;
	} while (!try_cmpxchg(&e->access, &access, 0));
	return true;
}

static void make_free(u32 ref)
{
	unsigned long flags;

	spin_lock_irqsave(&table_lock, flags);
	refs[ref].next = first;
	first = ref;
	free_count++;
	spin_unlock_irqrestore(&table_lock, flags);
}

bool lodge_grant_try_end(u32 ref)
{
	if (!take_back(ref))
		return false;
	make_free(ref);
	return true;
}
EXPORT_SYMBOL_GPL(lodge_grant_try_end);

/* --- taking back what is in use --- */

void lodge_grant_end(u32 ref, struct page *page)
{
	unsigned long flags;

	if (lodge_grant_try_end(ref)) {
		if (page)
			put_page(page);
		return;
	}
	spin_lock_irqsave(&table_lock, flags);
	refs[ref].page = page;
	refs[ref].next = ending;
	ending = ref;
	end_delay = END_DELAY;
	spin_unlock_irqrestore(&table_lock, flags);
	mod_delayed_work(system_wq, &end_work, END_DELAY);
}
EXPORT_SYMBOL_GPL(lodge_grant_end);

static void end_later(struct work_struct *work)
{
	u32 ref, next, last = 0, left = 0;

	spin_lock_irq(&table_lock);
	ref = ending;
	ending = 0;
	end_delay = min(2 * end_delay, (unsigned long)END_DELAY_MAX);
	spin_unlock_irq(&table_lock);

	for (; ref; ref = next) {
		struct page *page = refs[ref].page;

		next = refs[ref].next;
		if (lodge_grant_try_end(ref)) {
			if (page)
				put_page(page);
			continue;
		}
		refs[ref].next = left;
		left = ref;
		last = last ?: ref;
	}
	if (!left)
		return;
	spin_lock_irq(&table_lock);
	refs[last].next = ending;
	ending = left;
	spin_unlock_irq(&table_lock);
	queue_delayed_work(system_wq, &end_work, end_delay);
}
