/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the disk driver share. */
#ifndef _LODGE_BLOCK_H
#define _LODGE_BLOCK_H

#include <linux/blk-mq.h>
#include <linux/spinlock.h>

#include <asm/lodge_bus.h>

#include <lodge/io/block.h>

#define BLOCK_ORDER 7 /* entries of a ring */
#define BLOCK_DEPTH (1 << BLOCK_ORDER)
#define BLOCK_POOL 512U /* pages of a queue that stay granted, at most */
#define BLOCK_POOL_MIN 64U

struct lodge_disk;

/* One queue. `lock` is over the rings and the pool. */
struct block_queue {
	struct lodge_disk *disk;
	struct lodge_queue q;
	spinlock_t lock;
	unsigned int unanswered;
	bool full; /* hardware queues are stopped for it */
	unsigned int pool_count, pool_free;
	u16 pool_slot[BLOCK_POOL]; /* a stack of those that are free */
	struct page *pool_page[BLOCK_POOL]; /* also while there is no ring */
	u32 pool_ref[BLOCK_POOL];
};

/*
 * One disk, from probe() on; freed with the gendisk. What has no other owner
 * belongs to the calls of the bus, which come one at a time.
 */
struct lodge_disk {
	struct lodge_device *device;
	struct gendisk *gendisk; /* NULL until the first offer */
	struct blk_mq_tag_set tags;
	struct block_queue *queues; /* LODGE_DEVICE_QUEUES */
	unsigned int queue_count; /* that are in use; 0: not connected */
	unsigned int made; /* that have a ring, and an interrupt */
	u64 features; /* of this generation */
	u64 known; /* features of the first one, as the kernel knows them */
	bool quiesced; /* requests wait */
	bool dead; /* the device is gone: requests fail */
	bool add_begun; /* once */
	bool add_over, added; /* written by `add`, in reverse order */
	struct work_struct add;
	char serial[64];
	/* the lock is over what follows */
	spinlock_t lock;
	unsigned int users; /* that have it open */
	bool closing; /* somebody waits for the last of them */
	bool closed; /* nobody can open it any more */
	/*
	 * Writes that are issued again, unanswered; and flushes that are held
	 * back until there is none.
	 */
	unsigned int again;
	struct list_head held;
};

/* What a request has lent to the back-end. */
struct block_op {
	struct block_queue *queue; /* NULL: it is not with the back-end */
	struct block_op *next; /* of those that were answered together */
	int status; /* of the answer */
	unsigned int length; /* bytes; less than the request has: a part */
	bool again; /* counted in disk->again */
	unsigned int slots; /* of the pool, in slot[] */
	u16 slot[LODGE_BLOCK_SEGMENTS_MAX + 1]; /* the last: of segments */
	unsigned int lent; /* pages, in ref[] */
	u32 *ref; /* own[], or memory for more */
	u32 own[LODGE_BLOCK_SEGMENTS];
};

static inline struct block_op *block_op_of(struct request *rq)
{
	return blk_mq_rq_to_pdu(rq);
}

/* block_disk.c */
struct lodge_disk *lodge_disk_new(struct lodge_device *d);
/* Before anything is known of it. */
void lodge_disk_free(struct lodge_disk *disk);
/* The first offer: makes the gendisk, which is shown by disk->add. */
int lodge_disk_make(struct lodge_disk *disk, unsigned int queues);
/* Another offer: 0 if it is for a disk of the same kind. */
int lodge_disk_check(struct lodge_disk *disk);
/* Size, serial number and whether it can be written. */
void lodge_disk_show(struct lodge_disk *disk);

/* block_queue.c */
extern const struct blk_mq_ops lodge_block_ops;
/* Rings, pages and interrupts of one queue; -ENOMEM, -ENOSPC ... */
int lodge_block_make_queue(struct lodge_disk *disk, unsigned int index);
void lodge_block_end_queue(struct block_queue *queue);
/* Takes everything back that is with the back-end, to be issued again. */
void lodge_block_take_back(struct lodge_disk *disk);

/* block_pages.c */
/*
 * Makes the data of a READ or WRITE, or a part from its beginning, reachable
 * and describes it in *r. False: there is no room now.
 */
bool lodge_block_lend(struct request *rq, struct block_queue *queue,
		      struct lodge_block_request *r);
/* Undoes that. good: what was read is copied to where it belongs. */
void lodge_block_take(struct request *rq, struct block_queue *queue, bool good);
int lodge_block_fill_pool(struct block_queue *queue);
/* Nothing is granted any more. */
void lodge_block_end_pool(struct block_queue *queue);
void lodge_block_free_pool(struct block_queue *queue);

#endif /* _LODGE_BLOCK_H */
