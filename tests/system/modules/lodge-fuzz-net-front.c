// SPDX-License-Identifier: GPL-2.0
/*
 * A front-end of networks that keeps no rule, for tests of the back-end: packets
 * that are nearly right or not at all, buffers that are none, counters that
 * jump, entries and pages that change after they were shown, filters that are
 * never done, events for nothing. Each connection lasts a moment; then it closes
 * and begins anew.
 *
 * Bind it to a device in the place of lodge_net. parameters/connections,
 * requests and answers count what it did. Even queues send.
 */
#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include <asm/lodge_bus.h>

#include <lodge/io/net.h>

#define PAGES 64
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

/* --- packets --- */

/* The beginning of a TCP segment to somebody, more or less. */
static void write_headers(struct fuzz *f, u8 *to)
{
	static const u8 start[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,	  0,	0,    0,
		0,    9,    8,	  0,	0x45, 0,    0x05, 0xdc, 0,    0,
		0,    0,    64,	  6,	0,    0,    10,	  9,	0,    9,
		10,   9,    0,	  1,	0x12, 0x34, 0x14, 0x51, 0,    0,
		0,    1,    0,	  0,	0,    1,    0x50, 0x10, 0x10, 0,
	};

	memcpy(to, start, sizeof(start));
	if (one_in(f, 2))
		ether_addr_copy(to, f->d->offer.config);
	if (one_in(f, 8)) {
		to[12] = 0x86; /* IPv6 */
		to[13] = 0xdd;
		to[14] = 0x60;
	}
	if (one_in(f, 3))
		to[below(f, sizeof(start))] = anything(f);
}

static void describe(struct fuzz *f, struct lodge_net_request *r)
{
	if (one_in(f, 2)) {
		r->flags |= LODGE_NET_CSUM;
		r->csum_start = one_in(f, 5) ? anything(f) : 34;
		r->csum_offset = one_in(f, 5) ? anything(f) : 16;
	}
	if (one_in(f, 3)) {
		r->gso_type = one_in(f, 10) ? anything(f) : 1 + below(f, 2);
		r->gso_size = one_in(f, 4) ? anything(f) : 1448;
		r->header = one_in(f, 4) ? anything(f) : 54;
	}
}

static void put(struct fuzz *f, struct lodge_queue *q,
		struct lodge_net_request *r)
{
	u32 ref = r->ref;

	if (one_in(f, 50))
		((u8 *)r)[below(f, sizeof(*r))] = anything(f);
	if (one_in(f, 200))
		prandom_bytes_state(&f->rnd, r, sizeof(*r));
	/* One that cannot be mapped ends the connection: not always. */
	if (!one_in(f, 50))
		r->ref = ref;
	lodge_ring_put(&q->requests, r);
	requests++;
}

static void put_packet(struct fuzz *f, struct lodge_queue *q)
{
	unsigned int count = one_in(f, 3) ? 1 + below(f, 20) : 1, i, page;

	for (i = 0; i < count; i++) {
		struct lodge_net_request r = { .id = anything(f) };

		page = below(f, PAGES);
		r.ref = f->ref[page];
		r.length = count > 1 && one_in(f, 2) ? 4096 :
						       1 + below(f, 4096);
		if (one_in(f, 4))
			r.offset = below(f, 4097 - r.length);
		if (!i) {
			write_headers(f, page_address(f->page[page]) +
						 (r.offset & 0xf00));
			describe(f, &r);
		}
		if (i + 1 < count || one_in(f, 200))
			r.flags |= LODGE_NET_MORE;
		put(f, q, &r);
	}
}

static void put_buffer(struct fuzz *f, struct lodge_queue *q)
{
	struct lodge_net_request r = {
		.id = anything(f),
		.ref = f->ref[below(f, PAGES)],
		.length = one_in(f, 20) ? 1 + below(f, 4096) : 4096,
	};

	put(f, q, &r);
}

static void do_something(struct fuzz *f)
{
	unsigned int index = below(f, f->made);
	struct lodge_queue *q = &f->q[index];
	struct lodge_ring_end *ring = &q->requests;
	unsigned int n = 1 + below(f, 4);

	answers += READ_ONCE(q->responses.ring->produced) - q->responses.at;
	q->responses.at = READ_ONCE(q->responses.ring->produced);
	WRITE_ONCE(q->responses.ring->wanted, anything(f));
	/* More than it may have unanswered breaks the ring: not always. */
	if (ring->at - q->responses.at + 20 * n > ring->count &&
	    !one_in(f, 2000)) {
		usleep_range(20, 100);
		return;
	}
	for (; n; n--) {
		if (index & 1)
			put_buffer(f, q);
		else
			put_packet(f, q);
	}
	if (lodge_ring_publish(ring) || one_in(f, 3))
		lodge_queue_notify(q);
	if (one_in(f, 20000))
		WRITE_ONCE(ring->ring->produced, ring->at + anything(f));
	/* What was shown changes. */
	if (one_in(f, 50))
		prandom_bytes_state(&f->rnd,
				    lodge_ring_entry(ring, anything(f)),
				    ring->size);
	if (one_in(f, 4))
		prandom_bytes_state(&f->rnd,
				    page_address(f->page[below(f, PAGES)]),
				    below(f, 128));
	if (one_in(f, 200)) {
		prandom_bytes_state(&f->rnd, f->d->page->front.config,
				    sizeof(struct lodge_net_filter));
		lodge_device_notify(f->d);
	}
}

static int thread(void *data)
{
	struct fuzz *f = data;
	unsigned long end = jiffies + 1 + below(f, HZ);
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
		/* Where it must be for writing, and is not, once in a while. */
		f->ref[i] = lodge_grant(f->d->back_domid,
					page_to_phys(f->page[i]),
					!one_in(f, 500));
		if (!f->ref[i])
			return -ENOSPC;
	}
	return 0;
}

static int make_queues(struct fuzz *f, unsigned int order, unsigned int count)
{
	int err = 0;

	for (; f->made < count; f->made++) {
		err = lodge_queue_make(f->d, &f->q[f->made], f->made, order,
				       sizeof(struct lodge_net_request),
				       sizeof(struct lodge_net_response));
		if (!err)
			err = request_irq(f->q[f->made].irq, interrupt, 0,
					  "fuzz", f);
		if (err) {
			lodge_queue_end(&f->q[f->made]);
			break;
		}
	}
	return err;
}

static int fuzz_connect(struct lodge_device *d)
{
	struct fuzz *f = dev_get_drvdata(&d->dev);
	struct lodge_device_front *front = &d->page->front;
	unsigned int order = below(f, 3) ? min_t(u16, d->offer.max_order, 7) :
					   below(f, 8);
	unsigned int count = min_t(u16, d->offer.max_queues, QUEUES);
	int err;

	if (one_in(f, 4))
		count = 1 + below(f, count);
	err = grant_pages(f) ?: make_queues(f, order, count);
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
		.name = "lodge_fuzz_net_front",
		.owner = THIS_MODULE,
	},
	.type = LODGE_DEVICE_NET,
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

MODULE_DESCRIPTION("A front-end of networks that keeps no rule");
MODULE_LICENSE("GPL");
