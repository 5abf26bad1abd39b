// SPDX-License-Identifier: GPL-2.0
/*
 * A front-end of disks that keeps no rule, for tests of the back-end: answers
 * beyond the offer, requests that are nearly right or not at all, counters that
 * jump, entries and segments that change after they were shown, events for
 * nothing. Each connection lasts a moment; then it closes and begins anew.
 *
 * Bind it to a device in the place of lodge_block. parameters/connections and
 * requests count what it did.
 */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include <asm/lodge_bus.h>

#include <lodge/io/block.h>

#define PAGES 40
#define QUEUES 4

static unsigned long connections, requests, answers;
module_param(connections, ulong, 0444);
module_param(requests, ulong, 0444);
module_param(answers, ulong, 0444);
static unsigned int seed = 1;
module_param(seed, uint, 0444);

struct fuzz {
	struct lodge_device *d;
	struct lodge_queue q[QUEUES];
	unsigned int made;
	struct task_struct *thread;
	struct rnd_state rnd;
	struct page *page[PAGES];
	u32 ref[PAGES];
};

static u32 below(struct fuzz *f, u32 n)
{
	return prandom_u32_state(&f->rnd) % n;
}

static bool one_in(struct fuzz *f, u32 n)
{
	return !below(f, n);
}

static u32 anything(struct fuzz *f)
{
	return prandom_u32_state(&f->rnd) >> below(f, 32);
}

static irqreturn_t interrupt(int irq, void *data)
{
	return IRQ_HANDLED;
}

/* --- requests --- */

static void make_segment(struct fuzz *f, struct lodge_block_segment *s)
{
	unsigned int start = one_in(f, 4) ? below(f, 8) * 512 : 0;

	s->ref = f->ref[below(f, PAGES)];
	s->offset = start;
	s->length = 4096 - start;
	if (one_in(f, 60))
		s->ref = anything(f);
	if (one_in(f, 60))
		s->offset = anything(f);
	if (one_in(f, 60))
		s->length = anything(f);
}

static void make_data(struct fuzz *f, struct lodge_block_request *r)
{
	unsigned int at = below(f, PAGES), i;
	struct lodge_block_segment *s = r->segment;

	r->segments = 1 + below(f, LODGE_BLOCK_SEGMENTS);
	if (one_in(f, 3)) {
		r->flags |= LODGE_BLOCK_FLAG_INDIRECT;
		r->segments = 1 + below(f, LODGE_BLOCK_SEGMENTS_MAX);
		r->indirect = f->ref[at];
		s = page_address(f->page[at]);
		if (one_in(f, 2))
			r->flags |= LODGE_BLOCK_FLAG_KEEP_INDIRECT;
	}
	for (i = 0; i < r->segments; i++) {
		make_segment(f, &s[i]);
		r->length += s[i].length;
	}
	if (one_in(f, 2))
		r->flags |= LODGE_BLOCK_FLAG_KEEP;
	if (r->op == LODGE_BLOCK_OP_WRITE && one_in(f, 8))
		r->flags |= LODGE_BLOCK_FLAG_FUA;
}

static void make_request(struct fuzz *f, struct lodge_block_request *r)
{
	static const u8 ops[] = { 0, 0, 0, 1, 1, 1, 2, 3, 4 };

	memset(r, 0, sizeof(*r));
	r->id = anything(f);
	r->op = ops[below(f, sizeof(ops))];
	if (r->op <= LODGE_BLOCK_OP_WRITE)
		make_data(f, r);
	else if (r->op != LODGE_BLOCK_OP_FLUSH)
		r->length = (1 + below(f, 64)) * 512;
	if (r->op != LODGE_BLOCK_OP_FLUSH)
		r->sector = below(f, 1 << 16) * 8;
	/* One of the bytes is another one. */
	if (one_in(f, 6))
		((u8 *)r)[below(f, sizeof(*r))] = anything(f);
	if (one_in(f, 40))
		prandom_bytes_state(&f->rnd, r, sizeof(*r));
}

static void do_something(struct fuzz *f)
{
	struct lodge_queue *q = &f->q[below(f, f->made)];
	struct lodge_ring_end *ring = &q->requests;
	struct lodge_block_request r;
	unsigned int n = 1 + below(f, 12);

	answers += READ_ONCE(q->responses.ring->produced) - q->responses.at;
	q->responses.at = READ_ONCE(q->responses.ring->produced);
	WRITE_ONCE(q->responses.ring->wanted, anything(f));
	/* More than it may have unanswered breaks the ring: not always. */
	if (ring->at - q->responses.at + n > ring->count && !one_in(f, 20000))
		return;
	for (; n; n--, requests++) {
		make_request(f, &r);
		lodge_ring_put(ring, &r);
	}
	if (lodge_ring_publish(ring) || one_in(f, 3))
		lodge_queue_notify(q);
	if (one_in(f, 3000))
		WRITE_ONCE(ring->ring->produced, ring->at + anything(f));
	/* What was shown changes. */
	if (one_in(f, 4))
		prandom_bytes_state(&f->rnd,
				    lodge_ring_entry(ring, anything(f)),
				    ring->size);
	if (one_in(f, 4))
		prandom_bytes_state(&f->rnd,
				    page_address(f->page[below(f, PAGES)]),
				    below(f, 4096));
}

static int thread(void *data)
{
	struct fuzz *f = data;
	unsigned long end = jiffies + below(f, HZ / 3);
	bool told = false;

	while (!kthread_should_stop()) {
		if (time_before(jiffies, end)) {
			do_something(f);
			cond_resched();
			continue;
		}
		if (!told)
			lodge_device_broken(f->d, "by itself, as it likes");
		told = true;
		msleep(20);
	}
	return 0;
}

/* --- the bus --- */

static void end_all(struct fuzz *f)
{
	unsigned int i;

	if (f->thread)
		kthread_stop(f->thread);
	f->thread = NULL;
	while (f->made) {
		free_irq(f->q[--f->made].irq, f);
		lodge_queue_end(&f->q[f->made]);
	}
	for (i = 0; i < PAGES; i++) {
		if (f->ref[i])
			lodge_grant_end(f->ref[i], f->page[i]);
		else if (f->page[i])
			put_page(f->page[i]);
		f->ref[i] = 0;
		f->page[i] = NULL;
	}
}

static int grant_pages(struct fuzz *f)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		f->page[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!f->page[i])
			return -ENOMEM;
		f->ref[i] = lodge_grant(f->d->back_domid,
					page_to_phys(f->page[i]),
					!one_in(f, 10));
		if (!f->ref[i])
			return -ENOSPC;
	}
	return 0;
}

/* The other half of the page is not ours, and yet it can be written. */
static void write_theirs(struct fuzz *f)
{
	struct lodge_device_page *page = f->d->page;

	if (one_in(f, 8))
		page->back.features = ~0ULL;
	if (one_in(f, 8))
		page->back.config_sequence += 2;
	if (one_in(f, 8)) {
		page->back.max_queues = U16_MAX;
		page->back.max_order = U16_MAX;
		page->front.queues = anything(f);
	}
}

static int fuzz_connect(struct lodge_device *d)
{
	struct fuzz *f = dev_get_drvdata(&d->dev);
	struct lodge_device_front *front = &d->page->front;
	unsigned int order = below(f, 3) ? min_t(u16, d->offer.max_order, 7) :
					   below(f, 8);
	unsigned int count =
		1 + below(f, min_t(u16, d->offer.max_queues, QUEUES));
	int err = grant_pages(f);

	for (; !err && f->made < count; f->made++) {
		err = lodge_queue_make(d, &f->q[f->made], f->made, order,
				       sizeof(struct lodge_block_request),
				       sizeof(struct lodge_block_response));
		if (!err)
			err = request_irq(f->q[f->made].irq, interrupt, 0,
					  "fuzz", f);
		if (err) {
			lodge_queue_end(&f->q[f->made]);
			break;
		}
	}
	if (err) {
		end_all(f);
		return err;
	}
	front->features = d->offer.features;
	front->queues = count;
	front->order = order;
	if (one_in(f, 4))
		front->features &= anything(f);
	if (one_in(f, 20))
		front->features = anything(f);
	if (one_in(f, 20))
		front->queues = anything(f);
	if (one_in(f, 20))
		front->order = anything(f);
	if (one_in(f, 10))
		front->queue[below(f, count)].ref[below(f, 8)] = anything(f);
	if (one_in(f, 10))
		front->queue[below(f, count)].port = anything(f);
	write_theirs(f);
	connections++;
	return 0;
}

static void fuzz_running(struct lodge_device *d)
{
	struct fuzz *f = dev_get_drvdata(&d->dev);
	struct task_struct *t = kthread_run(thread, f, "lodge-fuzz");

	f->thread = IS_ERR(t) ? NULL : t;
}

static void fuzz_lost(struct lodge_device *d)
{
	end_all(dev_get_drvdata(&d->dev));
}

static void fuzz_changed(struct lodge_device *d)
{
}

static bool fuzz_closing(struct lodge_device *d)
{
	return true;
}

static int fuzz_probe(struct lodge_device *d)
{
	struct fuzz *f = kzalloc(sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	f->d = d;
	prandom_seed_state(&f->rnd, seed + d->index);
	dev_set_drvdata(&d->dev, f);
	return 0;
}

static void fuzz_remove(struct lodge_device *d)
{
	struct fuzz *f = dev_get_drvdata(&d->dev);

	end_all(f);
	kfree(f);
}

static struct lodge_driver fuzz_driver = {
	.driver = {
		.name = "lodge_fuzz_front",
		.owner = THIS_MODULE,
	},
	.type = LODGE_DEVICE_BLOCK,
	.probe = fuzz_probe,
	.remove = fuzz_remove,
	.connect = fuzz_connect,
	.running = fuzz_running,
	.lost = fuzz_lost,
	.changed = fuzz_changed,
	.closing = fuzz_closing,
};

static int __init fuzz_init(void)
{
	return lodge_register_driver(&fuzz_driver);
}
module_init(fuzz_init);

static void __exit fuzz_exit(void)
{
	lodge_unregister_driver(&fuzz_driver);
}
module_exit(fuzz_exit);

MODULE_DESCRIPTION("A front-end of disks that keeps no rule");
MODULE_LICENSE("GPL");
