// SPDX-License-Identifier: GPL-2.0
/*
 * Disks for other domains: one queue, and the thread that takes its requests.
 * A request is copied, checked, mapped and submitted; the copy alone is looked
 * at. What cannot begin now, because a limit is reached or nothing more can
 * be mapped, is held, and all that comes after it waits in the ring.
 *
 * Pages that the front-end says it will use again stay mapped, up to a limit,
 * and are found by their reference.
 */
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include <asm/lodge.h>

#include "block.h"
#include "block_check.h"

#define ROUND 32 /* requests between two looks at whether to stop */
#define RETRY (HZ / 50) /* when nothing can be mapped */

void lodge_block_queue_kick(struct block_queue *queue)
{
	WRITE_ONCE(queue->kicked, true);
	wake_up(&queue->wait);
}

static irqreturn_t interrupt(int irq, void *data)
{
	lodge_block_queue_kick(data);
	return IRQ_HANDLED;
}

/* --- limits --- */

/* ns to wait until op may begin; 0: it has paid. */
static u64 pay(struct block_disk *disk, struct block_op *op)
{
	u64 now = ktime_get_ns(), wait;

	if (op->paid ||
	    (!READ_ONCE(disk->bytes.rate) && !READ_ONCE(disk->operations.rate)))
		return 0;
	spin_lock(&disk->limit_lock);
	wait = max(lodge_limit_wait(&disk->bytes, now),
		   lodge_limit_wait(&disk->operations, now));
	if (!wait) {
		if (op->r.op <= LODGE_BLOCK_OP_WRITE)
			lodge_limit_take(&disk->bytes, op->r.length);
		lodge_limit_take(&disk->operations, 1);
		op->paid = true;
	}
	spin_unlock(&disk->limit_lock);
	return wait;
}

/* --- pages --- */

static struct lodge_map *map_kept(struct block_queue *queue, u32 ref)
{
	struct lodge_map *map = xa_load(&queue->kept, ref);

	if (map || queue->kept_count == BLOCK_KEEP)
		return map;
	map = kzalloc(sizeof(*map), GFP_KERNEL);
	if (!map)
		return NULL;
	map->ref = ref;
	map->write = true;
	if (lodge_map_grants(queue->disk->backend->domid, map, 1) ||
	    xa_err(xa_store(&queue->kept, ref, map, GFP_KERNEL))) {
		lodge_unmap_grants(map, 1);
		kfree(map);
		return NULL;
	}
	queue->kept_count++;
	return map;
}

/* False: not all of them can be kept. */
static bool use_kept(struct block_op *op, const struct lodge_block_segment *s,
		     struct page **pages)
{
	unsigned int i;

	if (!(op->r.flags & LODGE_BLOCK_FLAG_KEEP))
		return false;
	for (i = 0; i < op->r.segments; i++) {
		struct lodge_map *map = map_kept(op->queue, s[i].ref);

		if (!map)
			return false;
		pages[i] = map->page;
	}
	return true;
}

/* What an error of mapping means: that it is to be tried again, or not. */
static int later_or_never(int err)
{
	/* -EAGAIN: the front-end changes its table just now. */
	return err == -ENOMEM || err == -ENOSPC || err == -EAGAIN ? -EAGAIN :
								    -EFAULT;
}

static int map_pages(struct block_op *op, const struct lodge_block_segment *s,
		     struct page **pages)
{
	struct block_disk *disk = op->queue->disk;
	unsigned int i, count = op->r.segments;
	int err;

	if (use_kept(op, s, pages))
		return 0;
	/* What can be mapped in all has to do for other guests as well. */
	if (atomic_add_return(count, &disk->mapped) > BLOCK_MAPPED) {
		atomic_sub(count, &disk->mapped);
		return -EAGAIN;
	}
	op->map = count <= ARRAY_SIZE(op->own) ?
			  op->own :
			  mempool_alloc(disk->maps, GFP_NOIO);
	for (i = 0; i < count; i++)
		op->map[i] = (struct lodge_map){
			.ref = s[i].ref,
			.write = op->r.op == LODGE_BLOCK_OP_READ,
		};
	op->mapped = count;
	err = lodge_map_grants(disk->backend->domid, op->map, count);
	if (err) {
		lodge_block_unmap(op);
		return later_or_never(err);
	}
	for (i = 0; i < count; i++)
		pages[i] = op->map[i].page;
	return 0;
}

/* The segments, copied: from the request, or from the page that it names. */
static int read_segments(struct block_op *op, struct lodge_block_segment *s)
{
	struct lodge_map once = { .ref = op->r.indirect }, *map = NULL;
	int err;

	if (!(op->r.flags & LODGE_BLOCK_FLAG_INDIRECT)) {
		memcpy(s, op->r.segment, op->r.segments * sizeof(*s));
		return 0;
	}
	if (op->r.flags & LODGE_BLOCK_FLAG_KEEP_INDIRECT)
		map = map_kept(op->queue, once.ref);
	if (!map) {
		map = &once;
		err = lodge_map_grants(op->queue->disk->backend->domid, map, 1);
		if (err)
			return later_or_never(err);
	}
	memcpy(s, page_address(map->page), op->r.segments * sizeof(*s));
	lodge_unmap_grants(&once, 1);
	return 0;
}

/* --- requests --- */

/* 0: it is under way, or was answered. -EAGAIN: later. */
static int begin(struct block_op *op)
{
	const struct lodge_block_config *c = &op->queue->disk->config;
	struct lodge_block_segment *s = op->queue->segments;
	struct page **pages = op->queue->pages;
	int err = 0;

	if (op->r.op <= LODGE_BLOCK_OP_WRITE)
		err = read_segments(op, s)			 ?:
			      block_check_segments(c, &op->r, s) ?:
			      map_pages(op, s, pages);
	if (err == -EAGAIN)
		return err;
	if (err) {
		op->status = err;
		lodge_block_answer(op);
		return 0;
	}
	lodge_block_submit(op, pages, s);
	return 0;
}

/* Takes the next request off the ring. NULL: it was answered. */
static struct block_op *read_request(struct block_queue *queue)
{
	struct block_disk *disk = queue->disk;
	struct block_op *op;

	spin_lock_irq(&queue->lock);
	op = queue->free;
	if (op) {
		queue->free = op->next;
		queue->under_way++;
	}
	spin_unlock_irq(&queue->lock);
	if (!op) {
		lodge_backend_fail(disk->backend, -EINVAL,
				   "more requests than entries");
		return ERR_PTR(-EIO);
	}
	lodge_ring_get(&queue->q.requests, &op->r);
	op->paid = false;
	op->status = block_check(&disk->config, disk->chosen, &op->r);
	if (!op->status)
		return op;
	lodge_block_answer(op);
	return NULL;
}

/* ns until it goes on with what is held; 0: nothing is. */
static u64 take_requests(struct block_queue *queue, int ready)
{
	struct block_op *op;
	u64 wait;

	for (; ready > 0 || queue->held; ready--) {
		op = queue->held;
		if (op)
			ready++;
		else
			op = read_request(queue);
		queue->held = NULL;
		if (IS_ERR(op))
			return jiffies_to_nsecs(RETRY);
		if (!op)
			continue;
		wait = pay(queue->disk, op);
		if (wait || begin(op)) {
			block_count(queue->disk, LODGE_DEV_WAITED, !!wait);
			queue->held = op;
			return wait ?: jiffies_to_nsecs(RETRY);
		}
	}
	return 0;
}

/* ns to wait for the time, or 0: for an event. */
static u64 work(struct block_queue *queue)
{
	struct blk_plug plug;
	u64 wait = 0;
	int ready;

	do {
		ready = lodge_ring_ready(&queue->q.requests);
		if (ready < 0) {
			lodge_backend_fail(queue->disk->backend, -EINVAL,
					   "more requests than entries");
			return 0;
		}
		blk_start_plug(&plug);
		wait = take_requests(queue, min(ready, ROUND));
		blk_finish_plug(&plug);
		cond_resched();
		if (wait || READ_ONCE(queue->stop))
			return wait;
	} while (lodge_ring_rest(&queue->q.requests, 1));
	return 0;
}

/*
 * A broken ring stays broken: nothing wakes it up then but stop(), or events,
 * each of which it looks at once.
 */
static int thread(void *data)
{
	struct block_queue *queue = data;
	u64 wait = 0;

	/* Not to wait for disks, which may be this one, for memory. */
	memalloc_noio_save();
	while (!kthread_should_stop()) {
		if (wait)
			wait_event_interruptible_hrtimeout(
				queue->wait,
				READ_ONCE(queue->kicked) ||
					kthread_should_stop(),
				ns_to_ktime(wait));
		else
			wait_event_interruptible(queue->wait,
						 READ_ONCE(queue->kicked) ||
							 kthread_should_stop());
		WRITE_ONCE(queue->kicked, false);
		if (!READ_ONCE(queue->stop))
			wait = work(queue);
	}
	return 0;
}

/* --- start and stop --- */

static void free_ops(struct block_queue *queue)
{
	kvfree(queue->ops);
	kvfree(queue->segments);
	queue->ops = NULL;
	queue->segments = NULL;
}

static int make_ops(struct block_queue *queue, unsigned int count)
{
	unsigned int i;

	queue->ops = kvcalloc(count, sizeof(*queue->ops), GFP_KERNEL);
	queue->segments = kvcalloc(LODGE_BLOCK_SEGMENTS_MAX,
				   sizeof(*queue->segments), GFP_KERNEL);
	if (!queue->ops || !queue->segments)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		struct block_op *op = &queue->ops[i];

		op->queue = queue;
		op->next = queue->free;
		queue->free = op;
	}
	return 0;
}

static int begin_thread(struct block_queue *queue, unsigned int index)
{
	struct lodge_backend *b = queue->disk->backend;
	struct task_struct *t;
	int err;

	t = kthread_create(thread, queue, "lvd%u.%u-%u", b->domid, b->index,
			   index);
	if (IS_ERR(t))
		return PTR_ERR(t);
	queue->thread = t;
	lodge_place_irq(queue->q.irq, b->domid + b->index + index);
	err = request_irq(queue->q.irq, interrupt, 0, dev_name(&b->dev), queue);
	if (err) {
		kthread_stop(t);
		return err;
	}
	/* What is there already was told to nobody. */
	queue->kicked = true;
	wake_up_process(t);
	return 0;
}

int lodge_block_queue_start(struct block_disk *disk, unsigned int index,
			    const struct lodge_device_front *answer)
{
	struct block_queue *queue = &disk->queues[index];
	unsigned int count = 1U << answer->order;
	int err;

	memset(queue, 0, sizeof(*queue));
	queue->disk = disk;
	init_waitqueue_head(&queue->wait);
	spin_lock_init(&queue->lock);
	xa_init(&queue->kept);
	err = make_ops(queue, count);
	if (!err)
		err = lodge_back_queue_map(disk->backend, &queue->q, answer,
					   index,
					   sizeof(struct lodge_block_request),
					   sizeof(struct lodge_block_response));
	if (!err)
		err = begin_thread(queue, index);
	if (err) {
		lodge_back_queue_unmap(&queue->q);
		free_ops(queue);
	}
	return err;
}

static void unmap_kept(struct block_queue *queue)
{
	struct lodge_map *map;
	unsigned long ref;

	xa_for_each(&queue->kept, ref, map) {
		lodge_unmap_grants(map, 1);
		kfree(map);
	}
	xa_destroy(&queue->kept);
}

static bool is_idle(struct block_queue *queue)
{
	bool idle;

	spin_lock_irq(&queue->lock);
	idle = !queue->under_way;
	spin_unlock_irq(&queue->lock);
	return idle;
}

void lodge_block_queue_stop(struct block_queue *queue)
{
	WRITE_ONCE(queue->stop, true);
	free_irq(queue->q.irq, queue);
	kthread_stop(queue->thread);
	if (queue->held) {
		spin_lock_irq(&queue->lock);
		queue->under_way--;
		spin_unlock_irq(&queue->lock);
	}
	wait_event(queue->wait, is_idle(queue));
	unmap_kept(queue);
	lodge_back_queue_unmap(&queue->q);
	free_ops(queue);
}
