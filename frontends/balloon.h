/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the balloon driver share. Frames are of 4 KiB. */
#ifndef _LODGE_BALLOON_H
#define _LODGE_BALLOON_H

#include <linux/types.h>

#include <lodge/memory.h>

struct page;

/* balloon_pages.c */
#define LARGE_ORDER 9 /* of a piece of 2 MiB */
#define LARGE_FRAMES (1UL << LARGE_ORDER)
#define AT_ONCE 512 /* frames in one call, or 8 large pieces */

/*
 * Take up to `frames` from Linux and give their memory back, or the other way
 * round. They do some of it, in one hypercall or a few, and return how many,
 * or an error if there was none: -ENOMEM when Linux or the machine has no
 * memory to give, else what the hypercall says.
 */
long balloon_release(unsigned long frames);
long balloon_populate(unsigned long frames);
/* Pages of Linux that have no memory, and those of them in large pieces. */
unsigned long balloon_absent(void);
unsigned long balloon_absent_large(void);
/* An aligned block of pages without memory that nobody has used so far. */
void balloon_add_absent(struct page *page, unsigned int order);
struct lodge_memory_info balloon_info(void);

/* balloon_grow.c */
#ifdef CONFIG_MEMORY_HOTPLUG
void balloon_grow_init(void);
/* Adds a block of pages without memory. 0 or an error; may sleep. */
int balloon_grow(void);
/* Frames in all blocks that were added. */
unsigned long balloon_added(void);
#else
static inline void balloon_grow_init(void)
{
}

static inline int balloon_grow(void)
{
	return -ENOSPC;
}

static inline unsigned long balloon_added(void)
{
	return 0;
}
#endif

/* balloon.c */
struct balloon_counters {
	unsigned long oom_deflated; /* frames */
	unsigned long target_missed;
};

extern struct balloon_counters balloon_counters;

u64 balloon_target(u64 max);
/* The domain's own wish, which can only be lower than its operator's. */
void balloon_set_limit(u64 frames);
/* Frames that it could be made to have now, at least. */
u64 balloon_least(u64 frames);

/* balloon_sysfs.c */
int balloon_sysfs_init(void);

/* balloon_report.c */
void balloon_report_init(void);

/* balloon_stat.c */
void balloon_stat_init(void);

#endif /* _LODGE_BALLOON_H */
