// SPDX-License-Identifier: GPL-2.0
/*
 * Disks on Lodge: the pages of requests.
 *
 * A small request is copied through pages of a pool, which are granted as long
 * as the connection lasts and which the back-end keeps mapped: to map a page
 * costs it more than the copy costs us. Others lend their pages as they are,
 * described in a page of the pool if they are many.
 *
 * When references or memory have run out, and for memory that is not aligned, a
 * large request goes through the pool as well, in parts: so one page of
 * the pool is enough for everything to go on, slowly.
 *
 * The queue's lock protects the pool; what a request has of it is its own.
 */
#include <linux/bvec.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "block.h"

static unsigned int copy_max = 65536;
module_param(copy_max, uint, 0644);
MODULE_PARM_DESC(copy_max, "Bytes of a request that is copied, not lent");
static unsigned int pool_max = BLOCK_POOL;
module_param(pool_max, uint, 0644);
MODULE_PARM_DESC(pool_max, "Pages of a queue through which it is copied");

/* --- the pool --- */

/*
 * Not more than a hundredth of the memory for all queues of a disk, and of the
 * references what leaves enough for the rings of all disks that may come.
 */
static unsigned int pool_size(const struct lodge_disk *disk)
{
	unsigned long share = totalram_pages() / 100 / disk->tags.nr_hw_queues;

	share = clamp_t(unsigned long, share, BLOCK_POOL_MIN, BLOCK_POOL);
	share = clamp_t(unsigned long, lodge_grant_spare() / 16, 1, share);
	return clamp_t(unsigned long, READ_ONCE(pool_max), 1, share);
}

/* At least one page, if it is not to fail. */
int lodge_block_fill_pool(struct block_queue *queue)
{
	unsigned int domid = queue->disk->device->back_domid, i;
	unsigned int size = pool_size(queue->disk);

	for (i = 0; i < size; i++) {
		struct page *page = queue->pool_page[i];
		u32 ref;

		if (!page)
			page = alloc_page(GFP_KERNEL | __GFP_ZERO |
					  __GFP_NORETRY | __GFP_NOWARN);
		if (!page)
			break;
		queue->pool_page[i] = page;
		ref = lodge_grant(domid, page_to_phys(page), true);
		if (!ref)
			break;
		queue->pool_ref[i] = ref;
	}
	queue->pool_count = queue->pool_free = i;
	while (i--)
		queue->pool_slot[i] = i;
	return queue->pool_count ? 0 : -ENOSPC;
}

void lodge_block_end_pool(struct block_queue *queue)
{
	unsigned int i;

	for (i = 0; i < queue->pool_count; i++) {
		if (lodge_grant_try_end(queue->pool_ref[i]))
			continue;
		/* It is used, though it should not: nobody else gets it. */
		lodge_grant_end(queue->pool_ref[i], queue->pool_page[i]);
		queue->pool_page[i] = NULL;
	}
	queue->pool_count = queue->pool_free = 0;
}

void lodge_block_free_pool(struct block_queue *queue)
{
	unsigned int i;

	for (i = 0; i < BLOCK_POOL; i++)
		if (queue->pool_page[i])
			put_page(queue->pool_page[i]);
}

/* Up to `count` pages, but at least `least`; or none. */
static bool take_slots(struct block_queue *queue, struct block_op *op,
		       unsigned int least, unsigned int count)
{
	unsigned long flags;
	bool enough;

	spin_lock_irqsave(&queue->lock, flags);
	enough = queue->pool_free >= least;
	while (enough && op->slots < count && queue->pool_free)
		op->slot[op->slots++] = queue->pool_slot[--queue->pool_free];
	spin_unlock_irqrestore(&queue->lock, flags);
	return enough;
}

static void give_slots(struct block_queue *queue, struct block_op *op)
{
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	/* After a connection was lost the pool is another one. */
	while (op->slots) {
		op->slots--;
		if (queue->pool_count)
			queue->pool_slot[queue->pool_free++] =
				op->slot[op->slots];
	}
	spin_unlock_irqrestore(&queue->lock, flags);
}

/* --- copying --- */

static void *pool_at(const struct block_queue *queue, const struct block_op *op,
		     unsigned int at)
{
	return page_address(queue->pool_page[op->slot[at / PAGE_SIZE]]) +
	       at % PAGE_SIZE;
}

static void copy_piece(struct block_queue *queue, struct block_op *op,
		       struct bio_vec *bv, unsigned int at, bool to_pool)
{
	void *mem = bvec_kmap_local(bv), *next = mem;
	unsigned int some, left = min(bv->bv_len, op->length - at);

	for (; left; left -= some, next += some, at += some) {
		some = min_t(unsigned int, left, PAGE_SIZE - at % PAGE_SIZE);
		if (to_pool)
			memcpy(pool_at(queue, op, at), next, some);
		else
			memcpy(next, pool_at(queue, op, at), some);
	}
	kunmap_local(mem);
}

/* The first op->length bytes of the request. */
static void copy(struct request *rq, struct block_queue *queue, bool to_pool)
{
	struct block_op *op = block_op_of(rq);
	struct req_iterator iter;
	unsigned int at = 0;
	struct bio_vec bv;

	rq_for_each_segment(bv, rq, iter) {
		if (at >= op->length)
			break;
		copy_piece(queue, op, &bv, at, to_pool);
		at += bv.bv_len;
	}
}

/* The segments are in the last page that op has. */
static struct lodge_block_segment *indirect(struct block_op *op,
					    struct block_queue *queue,
					    struct lodge_block_request *r)
{
	unsigned int slot = op->slot[op->slots - 1];

	r->indirect = queue->pool_ref[slot];
	r->flags |= LODGE_BLOCK_FLAG_INDIRECT | LODGE_BLOCK_FLAG_KEEP_INDIRECT;
	return page_address(queue->pool_page[slot]);
}

/* At least so many pages of it, for all of the request or a part. */
static bool use_pool(struct request *rq, struct block_queue *queue,
		     struct lodge_block_request *r, unsigned int least,
		     unsigned int most)
{
	struct lodge_block_segment *s = r->segment;
	struct block_op *op = block_op_of(rq);
	unsigned int left = blk_rq_bytes(rq), n;
	bool many = least > LODGE_BLOCK_SEGMENTS;

	if (!take_slots(queue, op, least + many, most + many))
		return false;
	if (many)
		s = indirect(op, queue, r);
	r->segments = op->slots - many;
	left = min_t(unsigned int, left, r->segments *PAGE_SIZE);
	r->length = op->length = left;
	r->flags |= LODGE_BLOCK_FLAG_KEEP;
	for (n = 0; n < r->segments; n++) {
		s[n] = (struct lodge_block_segment){
			.ref = queue->pool_ref[op->slot[n]],
			.length = min_t(unsigned int, left, PAGE_SIZE),
		};
		left -= min_t(unsigned int, left, PAGE_SIZE);
	}
	if (rq_data_dir(rq) == WRITE)
		copy(rq, queue, true);
	return true;
}

/* --- lending --- */

/* Calls fn for each piece of a page that the request consists of. */
typedef bool piece_fn(void *data, const struct bio_vec *piece);

static bool for_pieces(struct request *rq, piece_fn *fn, void *data)
{
	struct bio_vec piece = {}, next;
	struct req_iterator iter;

	rq_for_each_segment(next, rq, iter) {
		if (piece.bv_len && next.bv_page == piece.bv_page &&
		    next.bv_offset == piece.bv_offset + piece.bv_len) {
			piece.bv_len += next.bv_len;
			continue;
		}
		if (piece.bv_len && !fn(data, &piece))
			return false;
		piece = next;
	}
	return !piece.bv_len || fn(data, &piece);
}

struct counting {
	unsigned int count, block; /* pieces; bytes */
};

/* False: it cannot be lent. */
static bool count_piece(void *data, const struct bio_vec *piece)
{
	struct counting *c = data;

	c->count++;
	return !((piece->bv_offset | piece->bv_len) & (c->block - 1));
}

struct lending {
	struct block_op *op;
	struct lodge_block_segment *segment;
	unsigned int domid;
	bool write; /* by the back-end */
};

static bool lend_piece(void *data, const struct bio_vec *piece)
{
	struct lending *l = data;
	unsigned int n = l->op->lent;
	u32 ref = lodge_grant(l->domid, page_to_phys(piece->bv_page), l->write);

	if (!ref)
		return false;
	l->op->ref[n] = ref;
	l->segment[n] = (struct lodge_block_segment){
		.ref = ref,
		.offset = piece->bv_offset,
		.length = piece->bv_len,
	};
	l->op->lent++;
	return true;
}

struct ending {
	struct block_op *op;
	unsigned int n;
};

/*
 * What the back-end still uses, though it should not, must not become somebody
 * else's memory before it lets go.
 */
static bool end_piece(void *data, const struct bio_vec *piece)
{
	struct ending *e = data;
	u32 ref;

	if (e->n == e->op->lent)
		return false;
	ref = e->op->ref[e->n++];
	if (!lodge_grant_try_end(ref)) {
		get_page(piece->bv_page);
		lodge_grant_end(ref, piece->bv_page);
	}
	return true;
}

static void take_pages(struct request *rq, struct block_op *op)
{
	struct ending e = { .op = op };

	if (op->lent)
		for_pieces(rq, end_piece, &e);
	op->lent = 0;
	if (op->ref != op->own)
		kfree(op->ref);
	op->ref = NULL;
}

/* More segments than fit into the request: a page of them. */
static bool make_room(struct block_op *op, struct block_queue *queue,
		      unsigned int count)
{
	op->ref = kmalloc_array(count, sizeof(*op->ref),
				GFP_ATOMIC | __GFP_NOWARN);
	return op->ref && take_slots(queue, op, 1, 1);
}

static bool lend_pages(struct request *rq, struct block_queue *queue,
		       struct lodge_block_request *r)
{
	struct block_op *op = block_op_of(rq);
	struct lending l = {
		.op = op,
		.segment = r->segment,
		.domid = queue->disk->device->back_domid,
		.write = rq_data_dir(rq) == READ,
	};
	struct counting c = { .block = queue_logical_block_size(rq->q) };

	if (!for_pieces(rq, count_piece, &c) ||
	    c.count > LODGE_BLOCK_SEGMENTS_MAX)
		return false;
	op->ref = op->own;
	if (c.count > LODGE_BLOCK_SEGMENTS) {
		if (!make_room(op, queue, c.count))
			goto fail;
		l.segment = indirect(op, queue, r);
	}
	if (!for_pieces(rq, lend_piece, &l))
		goto fail;
	r->segments = c.count;
	return true;
fail:
	take_pages(rq, op);
	give_slots(queue, op);
	r->flags &= LODGE_BLOCK_FLAG_FUA;
	return false;
}

/* --- both --- */

bool lodge_block_lend(struct request *rq, struct block_queue *queue,
		      struct lodge_block_request *r)
{
	unsigned int length = blk_rq_bytes(rq);
	unsigned int pages = DIV_ROUND_UP(length, PAGE_SIZE);

	if (length <= READ_ONCE(copy_max) &&
	    use_pool(rq, queue, r, pages, pages))
		return true;
	return lend_pages(rq, queue, r) ||
	       use_pool(rq, queue, r, 1,
			min_t(unsigned int, pages, LODGE_BLOCK_SEGMENTS));
}

void lodge_block_take(struct request *rq, struct block_queue *queue, bool good)
{
	struct block_op *op = block_op_of(rq);

	if (op->ref)
		take_pages(rq, op);
	else if (op->slots && good && rq_data_dir(rq) == READ)
		copy(rq, queue, false);
	if (op->slots)
		give_slots(queue, op);
}
