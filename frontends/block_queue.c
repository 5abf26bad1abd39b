// SPDX-License-Identifier: GPL-2.0
/*
 * Disks on Lodge: requests and their responses. docs/protocols.md, section 4.
 *
 * What the back-end writes is copied once. A response counts only if its
 * request was issued to that queue and has had none; else the device is broken
 * and all its requests wait for another generation.
 *
 * The queue's lock protects its rings. op->queue is set and cleared under it,
 * or when the queue is quiesced and has no interrupt. Data is copied, and
 * the back-end told, without it.
 *
 * When requests are issued again, flushes are held back until the writes among
 * them are answered: disk->again counts those.
 */
#include <linux/interrupt.h>
#include <linux/slab.h>

#include <asm/lodge.h>

#include "block.h"

/* --- issuing --- */

static bool operation_of(struct request *rq, u64 features,
			 struct lodge_block_request *r)
{
	switch (req_op(rq)) {
	case REQ_OP_READ:
		r->op = LODGE_BLOCK_OP_READ;
		return true;
	case REQ_OP_WRITE:
		r->op = LODGE_BLOCK_OP_WRITE;
		if (rq->cmd_flags & REQ_FUA && features & LODGE_BLOCK_FUA)
			r->flags |= LODGE_BLOCK_FLAG_FUA;
		return true;
	case REQ_OP_FLUSH:
		r->op = LODGE_BLOCK_OP_FLUSH;
		r->sector = 0;
		r->length = 0;
		return true;
	case REQ_OP_DISCARD:
		r->op = LODGE_BLOCK_OP_DISCARD;
		return features & LODGE_BLOCK_DISCARD;
	case REQ_OP_WRITE_ZEROES:
		r->op = LODGE_BLOCK_OP_WRITE_ZEROES;
		if (rq->cmd_flags & REQ_NOUNMAP)
			r->flags |= LODGE_BLOCK_FLAG_NOUNMAP;
		return features & LODGE_BLOCK_WRITE_ZEROES;
	default:
		return false;
	}
}

static struct block_queue *queue_of(struct lodge_disk *disk,
				    const struct blk_mq_hw_ctx *hctx)
{
	unsigned int count = READ_ONCE(disk->queue_count);

	return count ? &disk->queues[hctx->queue_num % count] : NULL;
}

/* True: it waits for writes that are issued again. */
static bool hold_back(struct lodge_disk *disk, struct request *rq)
{
	unsigned long flags;
	bool held;

	spin_lock_irqsave(&disk->lock, flags);
	held = disk->again;
	if (held) {
		blk_mq_start_request(rq);
		list_add_tail(&rq->queuelist, &disk->held);
	}
	spin_unlock_irqrestore(&disk->lock, flags);
	return held;
}

/* One of the writes that were issued again is answered, or cannot be issued. */
static void one_less(struct lodge_disk *disk, struct block_op *op)
{
	struct request *rq, *next;
	LIST_HEAD(ready);
	unsigned long flags;

	op->again = false;
	spin_lock_irqsave(&disk->lock, flags);
	if (!--disk->again)
		list_splice_init(&disk->held, &ready);
	spin_unlock_irqrestore(&disk->lock, flags);
	list_for_each_entry_safe(rq, next, &ready, queuelist) {
		list_del_init(&rq->queuelist);
		blk_mq_requeue_request(rq, true);
	}
}

static bool put(struct request *rq, struct blk_mq_hw_ctx *hctx,
		struct block_queue *queue, const struct lodge_block_request *r)
{
	lockdep_assert_held(&queue->lock);
	if (queue->unanswered == queue->q.requests.count) {
		queue->full = true;
		blk_mq_stop_hw_queue(hctx);
		return false;
	}
	block_op_of(rq)->queue = queue;
	queue->unanswered++;
	blk_mq_start_request(rq);
	lodge_ring_put(&queue->q.requests, r);
	return true;
}

static blk_status_t issue(struct request *rq, struct blk_mq_hw_ctx *hctx,
			  struct block_queue *queue, bool last)
{
	struct lodge_disk *disk = queue->disk;
	struct block_op *op = block_op_of(rq);
	struct lodge_block_request r = {
		.id = blk_mq_unique_tag(rq),
		.sector = blk_rq_pos(rq),
		.length = blk_rq_bytes(rq),
	};
	bool room, tell = false;

	if (!operation_of(rq, disk->features, &r))
		return BLK_STS_NOTSUPP;
	op->length = r.length;
	/* The pool is in use: it comes again when that ends, or soon. */
	if (r.op <= LODGE_BLOCK_OP_WRITE && !lodge_block_lend(rq, queue, &r))
		return BLK_STS_RESOURCE;
	if (!(disk->features & LODGE_BLOCK_KEEP))
		r.flags &= ~(LODGE_BLOCK_FLAG_KEEP |
			     LODGE_BLOCK_FLAG_KEEP_INDIRECT);
	spin_lock_irq(&queue->lock);
	room = put(rq, hctx, queue, &r);
	if (last || !room)
		tell = lodge_ring_publish(&queue->q.requests);
	spin_unlock_irq(&queue->lock);
	if (tell)
		lodge_queue_notify(&queue->q);
	if (!room)
		lodge_block_take(rq, queue, false);
	return room ? BLK_STS_OK : BLK_STS_DEV_RESOURCE;
}

static void publish(struct block_queue *queue)
{
	bool tell;

	spin_lock_irq(&queue->lock);
	tell = lodge_ring_publish(&queue->q.requests);
	spin_unlock_irq(&queue->lock);
	if (tell)
		lodge_queue_notify(&queue->q);
}

static blk_status_t queue_rq(struct blk_mq_hw_ctx *hctx,
			     const struct blk_mq_queue_data *bd)
{
	struct lodge_disk *disk = hctx->queue->queuedata;
	struct block_queue *queue = queue_of(disk, hctx);
	struct request *rq = bd->rq;
	bool flush = req_op(rq) == REQ_OP_FLUSH;
	blk_status_t status = BLK_STS_OK;

	if (READ_ONCE(disk->dead))
		return BLK_STS_IOERR;
	if (!queue)
		return BLK_STS_RESOURCE;
	if (!flush) {
		status = issue(rq, hctx, queue, bd->last);
	} else if (!(disk->features & LODGE_BLOCK_FLUSH)) {
		/* There was a cache, and there is none any more. */
		blk_mq_start_request(rq);
		blk_mq_end_request(rq, BLK_STS_OK);
	} else if (!hold_back(disk, rq)) {
		status = issue(rq, hctx, queue, bd->last);
	}
	if (status == BLK_STS_NOTSUPP && block_op_of(rq)->again)
		one_less(disk, block_op_of(rq));
	/* The last one may not have been issued: but others before it were. */
	if (bd->last && (status || flush))
		publish(queue);
	return status;
}

static void commit_rqs(struct blk_mq_hw_ctx *hctx)
{
	struct block_queue *queue = queue_of(hctx->queue->queuedata, hctx);

	if (queue)
		publish(queue);
}

/* A back-end may be away for as long as it likes. */
static enum blk_eh_timer_return timed_out(struct request *rq)
{
	return BLK_EH_RESET_TIMER;
}

static int init_request(struct blk_mq_tag_set *set, struct request *rq,
			unsigned int hctx, unsigned int node)
{
	memset(block_op_of(rq), 0, sizeof(struct block_op));
	return 0;
}

const struct blk_mq_ops lodge_block_ops = {
	.queue_rq = queue_rq,
	.commit_rqs = commit_rqs,
	.timeout = timed_out,
	.init_request = init_request,
};

/* --- responses --- */

static blk_status_t status_of(int error)
{
	switch (error) {
	case 0:
		return BLK_STS_OK;
	case -EOPNOTSUPP:
		return BLK_STS_NOTSUPP;
	case -ENOSPC:
		return BLK_STS_NOSPC;
	default:
		return BLK_STS_IOERR;
	}
}

static void finish(struct block_queue *queue, struct block_op *op)
{
	struct request *rq = blk_mq_rq_from_pdu(op);
	unsigned int length = op->length;
	blk_status_t status = status_of(op->status);

	lodge_block_take(rq, queue, !status);
	if (!status && length < blk_rq_bytes(rq)) {
		/* A part: the rest is issued as if it were new. */
		blk_update_request(rq, BLK_STS_OK, length);
		blk_mq_requeue_request(rq, true);
		return;
	}
	if (op->again)
		one_less(queue->disk, op);
	blk_mq_end_request(rq, status);
}

/* NULL: it names no request that was issued here and waits. */
static struct request *find_request(struct block_queue *queue, u64 id)
{
	struct blk_mq_tag_set *set = &queue->disk->tags;
	struct request *rq;
	u16 hwq;

	if (id > U32_MAX)
		return NULL;
	hwq = blk_mq_unique_tag_to_hwq(id);
	if (hwq >= set->nr_hw_queues)
		return NULL;
	rq = blk_mq_tag_to_rq(set->tags[hwq], blk_mq_unique_tag_to_tag(id));
	return rq && block_op_of(rq)->queue == queue ? rq : NULL;
}

/* Those that are answered, in a list; *err: the ring is broken. */
static struct block_op *read_responses(struct block_queue *queue, int *err)
{
	struct lodge_ring_end *ring = &queue->q.responses;
	struct block_op *first = NULL, **end = &first;
	struct lodge_block_response r;
	int ready;

	do {
		ready = lodge_ring_ready(ring);
		if (ready < 0)
			*err = ready;
		for (; ready > 0; ready--) {
			struct request *rq;

			lodge_ring_get(ring, &r);
			rq = find_request(queue, r.id);
			if (!rq) {
				*err = -ENOENT;
				break;
			}
			*end = block_op_of(rq);
			(*end)->queue = NULL;
			(*end)->status = r.status;
			end = &(*end)->next;
			queue->unanswered--;
		}
	} while (!*err && lodge_ring_rest(ring, 1));
	*end = NULL;
	return first;
}

static void look_for_responses(struct block_queue *queue)
{
	struct lodge_disk *disk = queue->disk;
	struct block_op *op, *next;
	unsigned long flags;
	bool restart;
	int err = 0;

	if (test_bit(LODGE_DEVICE_BROKEN, &disk->device->flags))
		return;
	spin_lock_irqsave(&queue->lock, flags);
	op = read_responses(queue, &err);
	restart = queue->full && queue->unanswered < BLOCK_DEPTH / 2;
	if (restart)
		queue->full = false;
	spin_unlock_irqrestore(&queue->lock, flags);
	for (; op; op = next) {
		next = op->next;
		finish(queue, op);
	}
	if (restart)
		blk_mq_start_stopped_hw_queues(disk->gendisk->queue, true);
	if (err)
		lodge_device_broken(disk->device,
				    err == -ENOENT ?
					    "response to what was not asked" :
					    "more responses than requests");
}

static irqreturn_t interrupt(int irq, void *data)
{
	look_for_responses(data);
	return IRQ_HANDLED;
}

/* --- queues that come and go --- */

int lodge_block_make_queue(struct lodge_disk *disk, unsigned int index)
{
	struct block_queue *queue = &disk->queues[index];
	int err;

	spin_lock_init(&queue->lock);
	queue->disk = disk;
	queue->unanswered = 0;
	queue->full = false;
	err = lodge_queue_make(disk->device, &queue->q, index, BLOCK_ORDER,
			       sizeof(struct lodge_block_request),
			       sizeof(struct lodge_block_response));
	if (err)
		return err;
	/* As blk_mq_map_queues() has it. */
	lodge_place_irq(queue->q.irq, index);
	err = lodge_block_fill_pool(queue);
	if (!err)
		err = request_irq(queue->q.irq, interrupt, 0,
				  dev_name(&disk->device->dev), queue);
	if (err) {
		lodge_block_end_pool(queue);
		lodge_queue_end(&queue->q);
	}
	return err;
}

/* What has been answered need not be issued again. */
void lodge_block_end_queue(struct block_queue *queue)
{
	free_irq(queue->q.irq, queue);
	look_for_responses(queue);
	lodge_queue_end(&queue->q);
	lodge_block_end_pool(queue);
}

static bool take_back(struct request *rq, void *data)
{
	struct block_op *op = block_op_of(rq);
	struct lodge_disk *disk = data;

	if (!op->queue)
		return true;
	lodge_block_take(rq, op->queue, false);
	op->queue = NULL;
	if (op_is_write(req_op(rq)) && req_op(rq) != REQ_OP_FLUSH) {
		/* It is counted, so it must not become part of another. */
		rq->cmd_flags |= REQ_NOMERGE;
		disk->again += !op->again;
		op->again = true;
	}
	blk_mq_requeue_request(rq, false);
	return true;
}

/* The disk is quiesced, and its queues have ended. */
void lodge_block_take_back(struct lodge_disk *disk)
{
	struct request *rq, *next;
	LIST_HEAD(held);

	blk_mq_tagset_busy_iter(&disk->tags, take_back, disk);
	spin_lock_irq(&disk->lock);
	list_splice_init(&disk->held, &held);
	spin_unlock_irq(&disk->lock);
	list_for_each_entry_safe(rq, next, &held, queuelist) {
		list_del_init(&rq->queuelist);
		blk_mq_requeue_request(rq, false);
	}
}
