/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the disk back-end share. */
#ifndef _LODGE_BACKENDS_BLOCK_H
#define _LODGE_BACKENDS_BLOCK_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/mempool.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include <lodge/io/block.h>

#include "backend.h"
#include "limit.h"

#define BLOCK_ORDER 8 /* entries of a ring, at most */
#define BLOCK_KEEP 512 /* pages of a queue that stay mapped, at most */
#define BLOCK_MAPPED 8192 /* of a disk that are mapped for requests, at most */

struct block_disk;

/* A request that is under way. */
struct block_op {
	struct block_queue *queue;
	struct block_op *next; /* of those that are free */
	struct lodge_block_request r; /* our copy */
	atomic_t bios; /* unanswered, and one while they are made */
	int status;
	bool paid; /* for what is limited */
	unsigned int mapped; /* entries of map */
	struct lodge_map *map; /* own, or from disk->maps for more; or NULL */
	struct lodge_map own[LODGE_BLOCK_SEGMENTS];
};

struct block_queue {
	struct block_disk *disk;
	struct lodge_back_queue q;
	struct task_struct *thread; /* consumes requests */
	wait_queue_head_t wait;
	bool kicked, stop;
	/* of the thread */
	struct xarray kept; /* by reference: struct lodge_map */
	unsigned int kept_count;
	struct block_op *held; /* was read, but may not begin yet */
	struct lodge_block_segment *segments;
	struct page *pages[LODGE_BLOCK_SEGMENTS_MAX];
	/* the lock is over what follows, and the ring of responses */
	spinlock_t lock;
	struct block_op *free;
	unsigned int under_way;
	struct block_op *ops; /* as many as there are entries */
};

/* One device. */
struct block_disk {
	struct lodge_backend *backend;
	struct file *bdev_file;
	struct block_device *bdev;
	struct lodge_block_config config;
	u64 features; /* offered */
	u64 chosen; /* of them, while it runs */
	mempool_t *maps;
	atomic_t mapped; /* pages, for requests that are under way */
	struct block_queue *queues;
	unsigned int queue_count;
	spinlock_t limit_lock;
	struct lodge_limit bytes, operations;
	atomic64_t stat[LODGE_DEV_STATS];
};

static inline void block_count(struct block_disk *disk, unsigned int stat,
			       u64 n)
{
	atomic64_add(n, &disk->stat[stat]);
}

/* block_queue.c */
int lodge_block_queue_start(struct block_disk *disk, unsigned int index,
			    const struct lodge_device_front *answer);
/* Waits for what is under way, then unmaps everything. */
void lodge_block_queue_stop(struct block_queue *queue);
/* Something may have changed: limits, or that it is to stop. */
void lodge_block_queue_kick(struct block_queue *queue);

/* block_io.c */
/* Carries out op->r, whose segments have been checked and mapped to *pages. */
void lodge_block_submit(struct block_op *op, struct page **pages,
			const struct lodge_block_segment *segments);
/* Answers it: op->status. Any context. */
void lodge_block_answer(struct block_op *op);
/* Unmaps what was mapped for it alone. Any context. */
void lodge_block_unmap(struct block_op *op);

#endif /* _LODGE_BACKENDS_BLOCK_H */
