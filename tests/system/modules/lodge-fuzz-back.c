// SPDX-License-Identifier: GPL-2.0
/*
 * A back-end of disks that keeps no rule, for tests of the front-end: offers of
 * disks that cannot be, responses to what was not asked or was answered before,
 * errors that there are not, counters that jump, configurations that change all
 * the time, events for nothing. It does nothing to the block device, and so what
 * is read is what was there.
 *
 * Load it in the place of lodge_block_backend. parameters/starts and responses
 * count what it did.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/interrupt.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <lodge/io/block.h>

#include "backend.h"

#define QUEUES 4
#define FEATURES (LODGE_BLOCK_FEATURES & ~(LODGE_BLOCK_FLUSH | LODGE_BLOCK_FUA))
#define KNOWN 64 /* ids that were asked for */

static unsigned long starts, responses;
module_param(starts, ulong, 0444);
module_param(responses, ulong, 0444);
static unsigned int seed = 1;
module_param(seed, uint, 0444);
/* How often, of a thousand, a response is wrong. */
static unsigned int wrong = 5;
module_param(wrong, uint, 0644);

struct fuzz {
	struct lodge_backend *b;
	struct lodge_back_queue q[QUEUES];
	unsigned int made;
	struct task_struct *thread;
	struct rnd_state rnd;
	struct lodge_block_config config;
	u64 known[KNOWN];
	unsigned int count;
};

static u32 below(struct fuzz *f, u32 n)
{
	return prandom_u32_state(&f->rnd) % n;
}

static bool one_in(struct fuzz *f, u32 n)
{
	return !below(f, n);
}

static u64 anything(struct fuzz *f)
{
	u64 v = (u64)prandom_u32_state(&f->rnd) << 32;

	return (v | prandom_u32_state(&f->rnd)) >> below(f, 64);
}

static irqreturn_t interrupt(int irq, void *data)
{
	return IRQ_HANDLED;
}

static void describe(struct fuzz *f, bool sane)
{
	f->config = (struct lodge_block_config){
		.sectors = sane ? 1 << 17 : (1 << 17) + below(f, 1000) * 8,
		.logical_block = 512,
		.physical_block = 4096,
		.max_length = SZ_1M,
		.max_discard = SZ_1G,
		.max_zeroes = SZ_1G,
		.serial = "fuzz",
	};
	if (!sane && one_in(f, 3))
		((u8 *)&f->config)[below(f, sizeof(f->config))] = anything(f);
	if (!sane && one_in(f, 30))
		prandom_bytes_state(&f->rnd, &f->config, sizeof(f->config));
	lodge_backend_config(f->b, &f->config, sizeof(f->config));
}

static void respond(struct fuzz *f, struct lodge_back_queue *q, u64 id)
{
	struct lodge_block_response r = { .id = id };

	if (one_in(f, 20))
		r.status = one_in(f, 2) ? -EIO : (s32)anything(f);
	if (below(f, 1000) < wrong)
		r.id = one_in(f, 2) ? anything(f) : f->known[below(f, KNOWN)];
	lodge_ring_put(&q->responses, &r);
	responses++;
	if (below(f, 1000) < wrong && one_in(f, 2))
		lodge_ring_put(&q->responses, &r);
}

static void do_something(struct fuzz *f)
{
	struct lodge_back_queue *q = &f->q[below(f, f->made)];
	struct lodge_block_request r;
	int ready = lodge_ring_ready(&q->requests);
	unsigned int n;

	for (n = 0; ready > 0 && n < 8; n++, ready--) {
		lodge_ring_get(&q->requests, &r);
		f->known[f->count++ % KNOWN] = r.id;
		respond(f, q, r.id);
	}
	if (lodge_ring_publish(&q->responses) || one_in(f, 100))
		lodge_back_queue_notify(q);
	WRITE_ONCE(q->requests.ring->wanted,
		   one_in(f, 100) ? anything(f) : q->requests.at);
	if (one_in(f, 20000))
		WRITE_ONCE(q->responses.ring->produced,
			   q->responses.at + anything(f));
	if (one_in(f, 500))
		describe(f, false);
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
	/* A disk that had no cache does not get one. */
	b->offer.features = one_in(f, 4) ? anything(f) : FEATURES;
	b->offer.max_queues = one_in(f, 8) ? anything(f) : QUEUES;
	b->offer.max_order = one_in(f, 8) ? anything(f) : 8;
	describe(f, !one_in(f, 3));
}

static int fuzz_start(struct lodge_backend *b,
		      const struct lodge_device_front *answer)
{
	struct fuzz *f = b->data;
	int err;

	while (f->made < min_t(u16, answer->queues, QUEUES)) {
		err = lodge_back_queue_map(b, &f->q[f->made], answer, f->made,
					   sizeof(struct lodge_block_request),
					   sizeof(struct lodge_block_response));
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
	describe(f, true);
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
	.type = LODGE_DEVICE_BLOCK,
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

MODULE_DESCRIPTION("A back-end of disks that keeps no rule");
MODULE_LICENSE("GPL");
