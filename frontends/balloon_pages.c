// SPDX-License-Identifier: GPL-2.0
/*
 * Pages without memory: what the balloon has taken from Linux.
 *
 * Each was allocated from Linux, or came with hotplug, and is on one of two
 * lists: single pages, and pieces of 2 MiB. It is not counted as managed by
 * its zone. The linear mapping still shows it, but there is nothing behind the
 * address: whoever touches it gets a fault that no handler expects. So it is
 * PageOffline from before its memory goes until after it is there again. Those
 * who read all pages (/proc/kcore, dumps) leave such pages out, and
 * page_offline_begin() waits for one that is reading just now.
 *
 * pages_lock protects the lists and `list`, which the hypervisor reads. It is
 * taken when Linux is out of memory: who holds it must not allocate, nor wait
 * for anybody who may.
 *
 * A large piece stays in one, with a reference to its first page alone, for as
 * long as the hypervisor can do it in one. It refuses when it has the memory in
 * small pieces, or has not got 2 MiB in one; then the piece is split, and
 * Linux's allocator joins its pages when they are back.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/page-flags.h>
#include <linux/page_ref.h>

#include <asm/lodge.h>

#include <lodge/memory.h>

#include "balloon.h"

/* Nothing that would hurt: no reserves, no OOM killer, one try at reclaim. */
#define GFP_BALLOON \
	(GFP_HIGHUSER | __GFP_NORETRY | __GFP_NOWARN | __GFP_NOMEMALLOC)
/* Releases for which large pieces are not tried after one could not be had. */
#define LARGE_PAUSE 16

static DEFINE_MUTEX(pages_lock);
static LIST_HEAD(small_pages);
static LIST_HEAD(large_pages);
static unsigned long small_count, large_count;
static u64 list[LODGE_MEMORY_MAX] __aligned(PAGE_SIZE);
static struct lodge_memory_info info __aligned(64);

unsigned long balloon_absent_large(void)
{
	return READ_ONCE(large_count) << LARGE_ORDER;
}

unsigned long balloon_absent(void)
{
	return READ_ONCE(small_count) + balloon_absent_large();
}

struct lodge_memory_info balloon_info(void)
{
	guard(mutex)(&pages_lock);
	lodge_memory(LODGE_MEMORY_INFO, &info, 0);
	return info;
}

/* The page has no memory and goes to its list; pages_lock is held. */
static void keep_page(struct page *page, unsigned int order)
{
	list_add(&page->lru, order ? &large_pages : &small_pages);
	if (order)
		WRITE_ONCE(large_count, large_count + 1);
	else
		WRITE_ONCE(small_count, small_count + 1);
}

static struct page *take_page(unsigned int order)
{
	struct page *page;

	page = list_first_entry_or_null(order ? &large_pages : &small_pages,
					struct page, lru);
	if (!page)
		return NULL;
	list_del(&page->lru);
	if (order)
		WRITE_ONCE(large_count, large_count - 1);
	else
		WRITE_ONCE(small_count, small_count - 1);
	return page;
}

static void set_offline(struct page *page, unsigned int order)
{
	unsigned int i;

	for (i = 0; i < 1U << order; i++)
		__SetPageOffline(page + i);
}

/* To Linux; memory is there. */
static void free_page_to_linux(struct page *page, unsigned int order)
{
	unsigned int i;

	for (i = 0; i < 1U << order; i++)
		__ClearPageOffline(page + i);
	__free_pages(page, order);
}

static void free_list(struct list_head *pages, unsigned int order)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, pages, lru) {
		list_del(&page->lru);
		free_page_to_linux(page, order);
	}
}

/* All pages of a piece, which is no longer one, at the end of `pages`. */
static void split_piece(struct page *page, struct list_head *pages)
{
	unsigned int i;

	split_page(page, LARGE_ORDER);
	for (i = 0; i < LARGE_FRAMES; i++)
		list_add_tail(&page[i].lru, pages);
}

/*
 * The hypercall for the first pages of `pages`; those that were carried out go
 * to `done`. Returns 0 when none is left, or the error of the first that is.
 */
static long change(unsigned int operation, struct list_head *pages,
		   unsigned int order, struct list_head *done)
{
	while (!list_empty(pages)) {
		unsigned int count = 0;
		struct page *page;
		long ret;

		list_for_each_entry(page, pages, lru) {
			list[count++] = page_to_phys(page) |
					(order ? LODGE_MEMORY_LARGE : 0);
			if (count == LODGE_MEMORY_MAX)
				break;
		}
		ret = lodge_memory(operation, list, count);
		if (ret <= 0)
			return ret ?: -EAGAIN;
		while (ret--)
			list_move_tail(pages->next, done);
	}
	return 0;
}

/* --- from Linux to the machine --- */

static unsigned int allocate(struct list_head *pages, unsigned int order,
			     unsigned int want)
{
	struct page *page;
	unsigned int count;

	for (count = 0; count < want; count++) {
		page = alloc_pages(GFP_BALLOON, order);
		if (!page)
			break;
		list_add_tail(&page->lru, pages);
	}
	if (!count)
		return 0;
	page_offline_begin();
	list_for_each_entry(page, pages, lru)
		set_offline(page, order);
	page_offline_end();
	return count;
}

static unsigned long keep_list(struct list_head *pages, unsigned int order)
{
	struct page *page, *next;
	unsigned long frames = 0;

	list_for_each_entry_safe(page, next, pages, lru) {
		list_del(&page->lru);
		adjust_managed_page_count(page, -(1L << order));
		keep_page(page, order);
		frames += 1UL << order;
	}
	return frames;
}

/*
 * Single pages. One that another domain still maps (-EBUSY) stays with us,
 * and in `pages`; *err is what prevented the others.
 */
static unsigned long release_small(struct list_head *pages, long *err)
{
	LIST_HEAD(gone);
	LIST_HEAD(busy);

	do {
		*err = change(LODGE_MEMORY_RELEASE, pages, 0, &gone);
		if (*err == -EBUSY)
			list_move_tail(pages->next, &busy);
		else if (*err == -ENOENT) /* it has none, and that is fine */
			list_move_tail(pages->next, &gone);
	} while (*err == -EBUSY || *err == -ENOENT);
	if (!list_empty(&busy))
		*err = -EBUSY;
	list_splice(&busy, pages);
	return keep_list(&gone, 0);
}

/* Large pieces. What is left in `small` afterwards are single pages. */
static unsigned long release_large(struct list_head *pages,
				   struct list_head *small, long *err)
{
	unsigned long frames;
	struct page *page;
	LIST_HEAD(gone);

	*err = change(LODGE_MEMORY_RELEASE, pages, LARGE_ORDER, &gone);
	frames = keep_list(&gone, LARGE_ORDER);
	if (*err != -EINVAL && *err != -EBUSY)
		return frames;
	/* The hypervisor has this one in small pieces. */
	page = list_first_entry(pages, struct page, lru);
	list_del(&page->lru);
	split_piece(page, small);
	return frames + release_small(small, err);
}

static long release(unsigned int order, unsigned int want)
{
	unsigned long frames;
	LIST_HEAD(pages);
	LIST_HEAD(small);
	long err;

	if (!allocate(&pages, order, want))
		return -ENOMEM;
	mutex_lock(&pages_lock);
	if (order)
		frames = release_large(&pages, &small, &err);
	else
		frames = release_small(&pages, &err);
	mutex_unlock(&pages_lock);
	free_list(&pages, order);
	free_list(&small, 0);
	return frames ?: err;
}

/* Called by one task at a time. */
long balloon_release(unsigned long frames)
{
	static unsigned int pause;
	long ret;

	if (frames >= LARGE_FRAMES && !pause) {
		ret = release(LARGE_ORDER, min(frames, 8 * LARGE_FRAMES) >>
			      LARGE_ORDER);
		if (ret != -ENOMEM)
			return ret;
		pause = LARGE_PAUSE;
	}
	if (pause)
		pause--;
	return release(0, min_t(unsigned long, frames, AT_ONCE));
}

/* --- and back --- */

static long populate(unsigned int order, unsigned int want)
{
	unsigned long frames = 0;
	struct page *page;
	LIST_HEAD(pages);
	LIST_HEAD(back);
	long err;

	mutex_lock(&pages_lock);
	while (want-- && (page = take_page(order)))
		list_add_tail(&page->lru, &pages);
	do {
		err = change(LODGE_MEMORY_POPULATE, &pages, order, &back);
		if (err == -EEXIST && !order) /* it has its memory */
			list_move_tail(pages.next, &back);
	} while (err == -EEXIST && !order);
	while ((page = list_first_entry_or_null(&pages, struct page, lru))) {
		list_del(&page->lru);
		keep_page(page, order);
	}
	mutex_unlock(&pages_lock);

	list_for_each_entry(page, &back, lru) {
		adjust_managed_page_count(page, 1L << order);
		frames += 1UL << order;
	}
	free_list(&back, order);
	return frames ?: err ?: -ENOENT;
}

/* Makes single pages of a large piece, if there are none. */
static void split_one(void)
{
	struct page *page;
	LIST_HEAD(pages);

	guard(mutex)(&pages_lock);
	if (small_count)
		return;
	page = take_page(LARGE_ORDER);
	if (!page)
		return;
	split_piece(page, &pages);
	list_splice(&pages, &small_pages);
	WRITE_ONCE(small_count, LARGE_FRAMES);
}

/* May be called when there is no memory; allocates nothing. */
long balloon_populate(unsigned long frames)
{
	long ret;

	if (frames >= LARGE_FRAMES && balloon_absent_large()) {
		ret = populate(LARGE_ORDER, min(frames, 8 * LARGE_FRAMES) >>
			       LARGE_ORDER);
		/* Else there may be small ones, or room for those. */
		if (ret > 0 || ret == -EAGAIN)
			return ret;
	}
	split_one();
	return populate(0, min_t(unsigned long, frames, AT_ONCE));
}

void balloon_add_absent(struct page *page, unsigned int order)
{
	unsigned int piece = order < LARGE_ORDER ? 0 : LARGE_ORDER;
	struct page *end = page + (1UL << order);
	unsigned int i;

	guard(mutex)(&pages_lock);
	for (; page < end; page += 1UL << piece) {
		set_offline(page, piece);
		for (i = 1; i < 1U << piece; i++)
			set_page_count(page + i, 0);
		keep_page(page, piece);
	}
}
