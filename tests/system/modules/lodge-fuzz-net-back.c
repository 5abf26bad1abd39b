// SPDX-License-Identifier: GPL-2.0
/*
 * A back-end of networks that keeps no rule, for tests of the front-end: offers
 * that cannot be, packets that are none, responses to what was not asked or was
 * answered before, counters that jump, configurations that change all the time,
 * pages that change while they are looked at, events for nothing.
 *
 * Load it in the place of lodge_net_backend. parameters/starts, responses and
 * packets count what it did. Even queues are those that the front-end sends by.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/etherdevice.h>
#include <linux/interrupt.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include <lodge/io/net.h>

#include "backend.h"

#define QUEUES 4
#define FEATURES                                                             \
	(LODGE_NET_SEND_CSUM | LODGE_NET_SEND_TSO | LODGE_NET_RECEIVE_CSUM | \
	 LODGE_NET_RECEIVE_TSO | LODGE_NET_FILTER)

static unsigned long starts, responses, packets;
module_param(starts, ulong, 0444);
module_param(responses, ulong, 0444);
module_param(packets, ulong, 0444);
static unsigned int seed = 1;
module_param(seed, uint, 0444);
/* How often, of a hundred thousand, an id or a length is wrong. */
static unsigned int wrong = 30;
module_param(wrong, uint, 0644);

struct fuzz {
	struct lodge_backend *b;
	struct lodge_back_queue q[QUEUES];
	unsigned int made;
	struct task_struct *thread;
	struct rnd_state rnd;
	struct lodge_net_config config;
	struct lodge_map map; /* some page of the front-end, for a moment */
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

static bool is_wrong(struct fuzz *f)
{
	return below(f, 100000) < wrong;
}

static irqreturn_t interrupt(int irq, void *data)
{
	return IRQ_HANDLED;
}

static void tell_config(struct fuzz *f, bool sane)
{
	f->config = (struct lodge_net_config){
		.mac = { 2, 0, 0, 0, 0, 77 },
		.mtu_max = sane ? 1500 : 68 + below(f, 9000),
		.flags = sane || one_in(f, 2) ? LODGE_NET_LINK : 0,
		.speed = sane ? 1000 : anything(f),
	};
	if (!sane && one_in(f, 3))
		((u8 *)&f->config)[below(f, sizeof(f->config))] = anything(f);
	lodge_backend_config(f->b, &f->config, sizeof(f->config));
}

/* --- packets --- */

static void write_packet(struct fuzz *f, u8 *to)
{
	static const u8 start[] = {
		2,    0, 0,  0,	   0, 77, 2, 0, 0,  0, 0, 9, 8,	 0,
		0x45, 0, 0,  0x54, 0, 0,  0, 0, 64, 1, 0, 0, 10, 9,
		0,    1, 10, 9,	   0, 2,  8, 0, 0,  0, 0, 1, 0,	 1,
	};

	memcpy(to, start, sizeof(start));
	to[23] = one_in(f, 2) ? 6 : one_in(f, 2) ? 17 : 1;
	if (one_in(f, 4))
		to[13] = 6; /* ARP */
	if (one_in(f, 8)) {
		to[12] = 0x86;
		to[13] = 0xdd;
		to[14] = 0x60;
	}
	if (one_in(f, 2))
		to[below(f, sizeof(start))] = anything(f);
}

static void fill_page(struct fuzz *f, u32 ref)
{
	f->map = (struct lodge_map){ .ref = ref, .write = true };
	if (lodge_map_grants(f->b->domid, &f->map, 1))
		return;
	write_packet(f, page_address(f->map.page));
	lodge_unmap_grants(&f->map, 1);
}

static void describe(struct fuzz *f, struct lodge_net_response *r)
{
	if (one_in(f, 3)) {
		r->flags |= LODGE_NET_CSUM;
		r->csum_start = one_in(f, 3) ? anything(f) : 34;
		r->csum_offset = one_in(f, 3) ? anything(f) : 16;
	}
	if (one_in(f, 4))
		r->flags |= LODGE_NET_VALID;
	if (one_in(f, 3)) {
		r->gso_type = one_in(f, 5) ? anything(f) : 1 + below(f, 2);
		r->gso_size = one_in(f, 3) ? anything(f) : 1448;
		r->header = one_in(f, 3) ? anything(f) : 54;
	}
}

static void respond(struct fuzz *f, struct lodge_back_queue *q,
		    const struct lodge_net_request *request, bool more)
{
	struct lodge_net_response r = { .id = request->id };

	if ((q - f->q) & 1) {
		r.length = 14 + below(f, 4083);
		if (one_in(f, 4))
			r.offset = below(f, 4097 - r.length);
		describe(f, &r);
		if (more)
			r.flags |= LODGE_NET_MORE;
		packets += !more;
	} else if (one_in(f, 20)) {
		r.status = anything(f);
	}
	if (is_wrong(f))
		((u8 *)&r)[below(f, sizeof(r))] = anything(f);
	if (is_wrong(f) && one_in(f, 4))
		prandom_bytes_state(&f->rnd, &r, sizeof(r));
	lodge_ring_put(&q->responses, &r);
	responses++;
	if (is_wrong(f) && one_in(f, 2))
		lodge_ring_put(&q->responses, &r);
}

static void do_something(struct fuzz *f)
{
	unsigned int index = below(f, f->made);
	struct lodge_back_queue *q = &f->q[index];
	struct lodge_net_request r;
	int ready = lodge_ring_ready(&q->requests);
	unsigned int n, chain = 0;

	for (n = 0; ready > 0 && n < 24; n++, ready--) {
		lodge_ring_get(&q->requests, &r);
		if (index & 1 && !chain) {
			fill_page(f, r.ref);
			chain = one_in(f, 4) ? 1 + below(f, 17) : 1;
		}
		if (chain)
			chain--;
		respond(f, q, &r, chain && ready > 1 && n < 23);
	}
	if (lodge_ring_publish(&q->responses) || one_in(f, 100))
		lodge_back_queue_notify(q);
	WRITE_ONCE(q->requests.ring->wanted,
		   one_in(f, 100) ? anything(f) : q->requests.at);
	if (one_in(f, 20000))
		WRITE_ONCE(q->responses.ring->produced,
			   q->responses.at + anything(f));
	if (one_in(f, 500))
		tell_config(f, one_in(f, 2));
	if (one_in(f, 20000))
		lodge_backend_fail(f->b, -EINVAL, "as it likes");
}

static int thread(void *data)
{
	struct fuzz *f = data;

	while (!kthread_should_stop()) {
		do_something(f);
		usleep_range(20, 200);
	}
	return 0;
}

/* --- the bus --- */

static void fuzz_stop(struct lodge_backend *b)
{
	struct fuzz *f = b->data;

	if (f->thread)
		kthread_stop(f->thread);
	f->thread = NULL;
	while (f->made) {
		free_irq(f->q[--f->made].irq, f);
		lodge_back_queue_unmap(&f->q[f->made]);
	}
	/* The next offer. */
	b->offer.features = one_in(f, 8) ? anything(f) : FEATURES;
	b->offer.max_queues = one_in(f, 8) ? anything(f) : QUEUES;
	b->offer.max_order = one_in(f, 8) ? anything(f) : 8;
	tell_config(f, !one_in(f, 3));
}

static int fuzz_start(struct lodge_backend *b,
		      const struct lodge_device_front *answer)
{
	struct fuzz *f = b->data;
	int err;

	while (f->made < min_t(u16, answer->queues, QUEUES)) {
		err = lodge_back_queue_map(b, &f->q[f->made], answer, f->made,
					   sizeof(struct lodge_net_request),
					   sizeof(struct lodge_net_response));
		if (!err)
			err = request_irq(f->q[f->made].irq, interrupt, 0,
					  "fuzz", f);
		if (err) {
			lodge_back_queue_unmap(&f->q[f->made]);
			fuzz_stop(b);
			return err;
		}
		f->made++;
	}
	f->thread = kthread_run(thread, f, "lodge-fuzz");
	if (IS_ERR(f->thread))
		f->thread = NULL;
	starts++;
	return 0;
}

static int fuzz_open(struct lodge_backend *b)
{
	struct fuzz *f = kzalloc(sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	f->b = b;
	prandom_seed_state(&f->rnd, seed);
	b->data = f;
	b->offer.features = FEATURES;
	b->offer.max_queues = QUEUES;
	b->offer.max_order = 8;
	tell_config(f, true);
	return 0;
}

static void fuzz_close(struct lodge_backend *b)
{
	kfree(b->data);
	b->data = NULL;
}

static const struct lodge_backend_driver fuzz_driver = {
	.owner = THIS_MODULE,
	.name = "fuzz",
	.type = LODGE_DEVICE_NET,
	.open = fuzz_open,
	.close = fuzz_close,
	.start = fuzz_start,
	.stop = fuzz_stop,
};

static int __init fuzz_init(void)
{
	return lodge_backend_register(&fuzz_driver);
}
module_init(fuzz_init);

static void __exit fuzz_exit(void)
{
	lodge_backend_unregister(&fuzz_driver);
}
module_exit(fuzz_exit);

MODULE_DESCRIPTION("A back-end of networks that keeps no rule");
MODULE_LICENSE("GPL");
