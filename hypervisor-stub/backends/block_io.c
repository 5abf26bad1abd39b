// SPDX-License-Identifier: GPL-2.0
/*
 * Disks for other domains: from a checked request to bios, and back to a
 * response. A request has one bio or several; the last one to end answers, in
 * whatever context that is. The pages are unmapped before, since the front-end
 * takes its grants back when it reads the response.
 */
#include "block.h"

/* --- responses --- */

static const unsigned int stat_of[] = {
	[LODGE_BLOCK_OP_READ] = LODGE_DEV_READS,
	[LODGE_BLOCK_OP_WRITE] = LODGE_DEV_WRITES,
	[LODGE_BLOCK_OP_FLUSH] = LODGE_DEV_FLUSHES,
	[LODGE_BLOCK_OP_DISCARD] = LODGE_DEV_DISCARDS,
	[LODGE_BLOCK_OP_WRITE_ZEROES] = LODGE_DEV_DISCARDS,
};

static void count(const struct block_op *op)
{
	struct block_disk *disk = op->queue->disk;
	unsigned int n = op->r.op;

	if (op->status == -EINVAL || n >= ARRAY_SIZE(stat_of)) {
		block_count(disk, LODGE_DEV_BAD_REQUESTS, 1);
		return;
	}
	if (op->status)
		block_count(disk, LODGE_DEV_IO_ERRORS, 1);
	block_count(disk, stat_of[n], 1);
	if (n <= LODGE_BLOCK_OP_WRITE)
		block_count(disk, stat_of[n] + 1, op->r.length);
}

void lodge_block_unmap(struct block_op *op)
{
	lodge_unmap_grants(op->map, op->mapped);
	atomic_sub(op->mapped, &op->queue->disk->mapped);
	op->mapped = 0;
	if (op->map && op->map != op->own)
		mempool_free(op->map, op->queue->disk->maps);
	op->map = NULL;
}

void lodge_block_answer(struct block_op *op)
{
	struct block_queue *queue = op->queue;
	struct lodge_block_response r = {
		.id = op->r.id,
		.status = op->status,
	};
	unsigned long flags;
	bool wanted;

	count(op);
	lodge_block_unmap(op);
	spin_lock_irqsave(&queue->lock, flags);
	lodge_ring_put(&queue->q.responses, &r);
	wanted = lodge_ring_publish(&queue->q.responses);
	op->next = queue->free;
	queue->free = op;
	/* With the lock: stop() frees the queue when the last one is done. */
	if (wanted)
		lodge_back_queue_notify(&queue->q);
	if (!--queue->under_way && READ_ONCE(queue->stop))
		wake_up(&queue->wait);
	spin_unlock_irqrestore(&queue->lock, flags);
}

static void put_bio(struct block_op *op)
{
	if (atomic_dec_and_test(&op->bios))
		lodge_block_answer(op);
}

static void bio_ended(struct bio *bio)
{
	struct block_op *op = bio->bi_private;
	int err = blk_status_to_errno(bio->bi_status);

	/* What a guest can understand. */
	if (err && err != -ENOSPC && err != -EOPNOTSUPP)
		err = -EIO;
	if (err)
		WRITE_ONCE(op->status, err);
	bio_put(bio);
	put_bio(op);
}

/* --- requests --- */

static void send(struct block_op *op, struct bio *bio)
{
	bio->bi_private = op;
	bio->bi_end_io = bio_ended;
	atomic_inc(&op->bios);
	submit_bio(bio);
}

static void submit_data(struct block_op *op, struct page **pages,
			const struct lodge_block_segment *s)
{
	struct block_device *bdev = op->queue->disk->bdev;
	blk_opf_t opf = op->r.op == LODGE_BLOCK_OP_READ ? REQ_OP_READ :
							  REQ_OP_WRITE;
	unsigned int i, left = op->r.segments;
	sector_t sector = op->r.sector;
	struct bio *bio = NULL;

	if (op->r.flags & LODGE_BLOCK_FLAG_FUA)
		opf |= REQ_FUA;
	if (opf & REQ_FUA || op->r.op == LODGE_BLOCK_OP_READ)
		opf |= REQ_SYNC;
	for (i = 0; i < op->r.segments; i++, left--) {
		while (!bio || bio_add_page(bio, pages[i], s[i].length,
					    s[i].offset) != s[i].length) {
			if (bio)
				send(op, bio);
			bio = bio_alloc(bdev, bio_max_segs(left), opf,
					GFP_NOIO);
			bio->bi_iter.bi_sector = sector;
		}
		sector += s[i].length >> SECTOR_SHIFT;
	}
	send(op, bio);
}

static void submit_flush(struct block_op *op)
{
	send(op, bio_alloc(op->queue->disk->bdev, 0,
			   REQ_OP_WRITE | REQ_PREFLUSH | REQ_SYNC, GFP_NOIO));
}

static int submit_blank(struct block_op *op)
{
	struct block_device *bdev = op->queue->disk->bdev;
	sector_t count = op->r.length >> SECTOR_SHIFT;
	struct bio *bio = NULL;
	unsigned int flags = 0;
	int err;

	if (op->r.op == LODGE_BLOCK_OP_DISCARD) {
		err = __blkdev_issue_discard(bdev, op->r.sector, count,
					     GFP_NOIO, &bio);
	} else {
		if (op->r.flags & LODGE_BLOCK_FLAG_NOUNMAP)
			flags |= BLKDEV_ZERO_NOUNMAP;
		err = __blkdev_issue_zeroout(bdev, op->r.sector, count,
					     GFP_NOIO, &bio, flags);
	}
	if (bio)
		send(op, bio);
	return err;
}

void lodge_block_submit(struct block_op *op, struct page **pages,
			const struct lodge_block_segment *segments)
{
	int err = 0;

	op->status = 0;
	atomic_set(&op->bios, 1);
	switch (op->r.op) {
	case LODGE_BLOCK_OP_READ:
	case LODGE_BLOCK_OP_WRITE:
		submit_data(op, pages, segments);
		break;
	case LODGE_BLOCK_OP_FLUSH:
		submit_flush(op);
		break;
	default:
		err = submit_blank(op);
	}
	if (err)
		WRITE_ONCE(op->status, err == -EOPNOTSUPP ? err : -EIO);
	put_bio(op);
}
