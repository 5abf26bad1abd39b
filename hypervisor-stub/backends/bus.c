// SPDX-License-Identifier: GPL-2.0
/*
 * The control domain's bus: a device and its back-end driver. See backend.h,
 * and docs/protocols.md, section 2, for the order of events.
 *
 * b->mutex is held over every call to the driver, and protects state and
 * generation. What the front-end writes is copied before it is looked at; and it
 * can write to all of the page, so nothing of that is read back. The driver of a
 * type is found and lost under lodge_backends_mutex.
 */
#include <linux/err.h>
#include <linux/etherdevice.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <asm/lodge.h>

#include "bus.h"

#define DRIVERS 8

DEFINE_MUTEX(lodge_backends_mutex);
DECLARE_WAIT_QUEUE_HEAD(lodge_backends_wait);
struct workqueue_struct *lodge_backends_wq;

static const struct lodge_backend_driver *drivers[DRIVERS]; /* by type */

void lodge_backend_check(struct lodge_backend *b)
{
	mod_delayed_work(lodge_backends_wq, &b->work, 0);
}

static void notify(struct lodge_backend *b)
{
	if (b->irq)
		lodge_notify_port(b->port); /* -EAGAIN: nobody is there */
}

void lodge_backend_fail(struct lodge_backend *b, int error, const char *why)
{
	if (test_and_set_bit(BACKEND_BROKEN, &b->flags))
		return;
	b->error = error;
	strscpy(b->spec.reason, why, sizeof(b->spec.reason));
	dev_err_ratelimited(&b->dev, "broken by its front-end: %s (%d)\n", why,
			    error);
	lodge_backend_check(b);
}
EXPORT_SYMBOL_GPL(lodge_backend_fail);

/* --- what is shared --- */

static void set_state(struct lodge_backend *b, u32 state)
{
	b->state = state;
	/* Pairs with the acquire of whoever reads our state. */
	smp_store_release(&b->page->back.state, state);
	notify(b);
}

void lodge_backend_config(struct lodge_backend *b, const void *config,
			  size_t size)
{
	struct lodge_device_back *back = &b->page->back;

	WRITE_ONCE(back->config_sequence, b->config_sequence + 1);
	smp_wmb(); /* before any of the config */
	memcpy(back->config, config, min(size, sizeof(back->config)));
	b->config_sequence += 2;
	/* Pairs with the acquire of a reader. */
	smp_store_release(&back->config_sequence, b->config_sequence);
	notify(b);
}
EXPORT_SYMBOL_GPL(lodge_backend_config);

/* What the operator allows, too. Network devices have pairs of them. */
static u16 max_queues(const struct lodge_backend *b)
{
	u16 wanted = b->type == LODGE_DEVICE_NET ? 2 * b->spec.queues :
						   b->spec.queues;

	return wanted ? min(b->offer.max_queues, wanted) : b->offer.max_queues;
}

/* A new generation. The front-end uses no queue, or none that is mapped. */
static void offer(struct lodge_backend *b)
{
	struct lodge_device_back *back = &b->page->back;

	clear_bit(BACKEND_BROKEN, &b->flags);
	if (!++b->generation)
		b->generation = 1;
	back->features = b->offer.features;
	back->port = b->port;
	back->error = 0;
	back->max_queues = max_queues(b);
	back->max_order = b->offer.max_order;
	WRITE_ONCE(back->generation, b->generation);
	set_state(b, LODGE_BACK_OFFERS);
}

/* --- from an offer to running, and back --- */

static void stop(struct lodge_backend *b)
{
	if (b->running)
		b->driver->stop(b);
	b->running = false;
}

static void fail(struct lodge_backend *b, int error)
{
	stop(b);
	b->error = error;
	b->page->back.error = -error;
	set_state(b, LODGE_BACK_FAILED);
}

/* By what we know of the offer: our half of the page is not safe from it. */
static int check_answer(const struct lodge_backend *b,
			const struct lodge_device_front *a)
{
	if (a->features & ~b->offer.features || !a->queues ||
	    a->queues > max_queues(b) || a->order > b->offer.max_order)
		return -EINVAL;
	return 0;
}

static void take_answer(struct lodge_backend *b)
{
	struct lodge_device_front *a;
	int err;

	a = kmemdup(&b->page->front, sizeof(*a), GFP_KERNEL);
	if (!a) {
		queue_delayed_work(lodge_backends_wq, &b->work, HZ / 10);
		return;
	}
	/* From here on it may break. */
	b->error = 0;
	b->spec.reason[0] = '\0';
	err = check_answer(b, a);
	if (err)
		strscpy(b->spec.reason, "front-end: answer beyond the offer",
			sizeof(b->spec.reason));
	else
		err = b->driver->start(b, a);
	kfree(a);
	if (err) {
		dev_err_ratelimited(&b->dev, "cannot start: %s (%d)\n",
				    b->spec.reason, err);
		fail(b, err);
		return;
	}
	b->running = true;
	set_state(b, LODGE_BACK_RUNS);
}

static void while_running(struct lodge_backend *b, u32 front, u32 generation)
{
	if (test_bit(BACKEND_BROKEN, &b->flags)) {
		fail(b, b->error);
	} else if (front != LODGE_FRONT_ANSWERS ||
		   generation != b->generation) {
		stop(b);
		offer(b);
	} else if (b->driver->front_changed) {
		b->driver->front_changed(b, &b->page->front);
	}
}

/* It runs on while the front-end finishes what it has begun. */
static void close_in_order(struct lodge_backend *b, u32 front)
{
	if (b->state != LODGE_BACK_CLOSING)
		set_state(b, LODGE_BACK_CLOSING);
	if (b->running && front == LODGE_FRONT_ANSWERS &&
	    !test_bit(BACKEND_BROKEN, &b->flags))
		return;
	stop(b);
	set_bit(BACKEND_CLOSED, &b->flags);
	lodge_backend_sweep_later();
}

static void work(struct work_struct *work)
{
	struct lodge_backend *b =
		container_of(work, struct lodge_backend, work.work);
	u32 front, generation;

	if (!lodge_port_is_connected(b->port))
		lodge_backend_sweep_later();
	mutex_lock(&b->mutex);
	/* What it speaks of was written before; so it is read after. */
	front = smp_load_acquire(&b->page->front.state);
	generation = READ_ONCE(b->page->front.generation);
	if (!b->driver)
		goto out;
	if (test_bit(BACKEND_CLOSING, &b->flags)) {
		close_in_order(b, front);
		goto out;
	}
	switch (b->state) {
	case LODGE_BACK_NONE:
		offer(b);
		break;
	case LODGE_BACK_OFFERS:
		if (front == LODGE_FRONT_ANSWERS && generation == b->generation)
			take_answer(b);
		break;
	case LODGE_BACK_RUNS:
		while_running(b, front, generation);
		break;
	case LODGE_BACK_FAILED:
		if (front == LODGE_FRONT_CLOSED)
			offer(b);
		break;
	default:
		break;
	}
out:
	mutex_unlock(&b->mutex);
}

/* --- drivers --- */

int lodge_backend_open(struct lodge_backend *b)
{
	const struct lodge_backend_driver *driver = drivers[b->type];
	int err;

	lockdep_assert_held(&lodge_backends_mutex);
	if (!driver)
		return -ENODEV;
	b->spec.reason[0] = '\0';
	mutex_lock(&b->mutex);
	err = driver->open(b);
	b->error = err;
	if (!err)
		b->driver = driver;
	mutex_unlock(&b->mutex);
	if (!err)
		lodge_backend_check(b);
	return err;
}

static void let_go(struct lodge_backend *b)
{
	mutex_lock(&b->mutex);
	if (b->driver) {
		stop(b);
		b->driver->close(b);
		b->driver = NULL;
		set_state(b, LODGE_BACK_NONE);
	}
	mutex_unlock(&b->mutex);
}

static void take_over(struct lodge_backend *b, void *data)
{
	const struct lodge_backend_driver *driver = data;

	if (b->type == driver->type && lodge_backend_open(b))
		dev_err(&b->dev, "cannot open: %s (%d)\n", b->spec.reason,
			b->error);
}

static void give_up(struct lodge_backend *b, void *data)
{
	if (b->driver == data)
		let_go(b);
}

int lodge_backend_register(const struct lodge_backend_driver *driver)
{
	int err = 0;

	if (!lodge_backends_wq)
		return -ENODEV;
	if (driver->type >= DRIVERS)
		return -EINVAL;
	mutex_lock(&lodge_backends_mutex);
	if (drivers[driver->type])
		err = -EBUSY;
	else
		drivers[driver->type] = driver;
	if (!err)
		lodge_backend_for_all(take_over, (void *)driver);
	mutex_unlock(&lodge_backends_mutex);
	return err;
}
EXPORT_SYMBOL_GPL(lodge_backend_register);

void lodge_backend_unregister(const struct lodge_backend_driver *driver)
{
	mutex_lock(&lodge_backends_mutex);
	lodge_backend_for_all(give_up, (void *)driver);
	drivers[driver->type] = NULL;
	mutex_unlock(&lodge_backends_mutex);
}
EXPORT_SYMBOL_GPL(lodge_backend_unregister);

/* --- a device --- */

static irqreturn_t interrupt(int irq, void *data)
{
	lodge_backend_check(data);
	return IRQ_HANDLED;
}

static int make_port(struct lodge_backend *b)
{
	long port = lodge_alloc_port(b->domid);
	int err;

	if (port < 0)
		return port;
	b->irq = lodge_port_to_irq(port);
	if (!b->irq) {
		lodge_release_port(port);
		return -ENOMEM;
	}
	b->port = port;
	err = request_irq(b->irq, interrupt, 0, dev_name(&b->dev), b);
	if (err) {
		lodge_release_port(port);
		b->irq = 0;
	}
	return err;
}

static int make_page(struct lodge_backend *b)
{
	b->page = (void *)get_zeroed_page(GFP_KERNEL);
	if (!b->page)
		return -ENOMEM;
	b->page_ref = lodge_grant(b->domid, virt_to_phys(b->page), true);
	return b->page_ref ? 0 : -ENOSPC;
}

static void end_port(struct lodge_backend *b)
{
	if (!b->irq)
		return;
	free_irq(b->irq, b);
	lodge_release_port(b->port);
	b->irq = 0;
}

static void release(struct device *dev)
{
	struct lodge_backend *b = container_of(dev, struct lodge_backend, dev);

	/* The other end may still have it mapped. */
	if (b->page_ref)
		lodge_grant_end(b->page_ref, virt_to_page(b->page));
	else
		free_page((unsigned long)b->page);
	if (b->file)
		fput(b->file);
	kfree(b);
}

struct lodge_backend *lodge_backend_new(const struct lodge_dev_device *spec)
{
	const char *type = spec->type == LODGE_DEVICE_NET ? "net" : "block";
	struct lodge_backend *b = kzalloc(sizeof(*b), GFP_KERNEL);
	int err;

	if (!b)
		return ERR_PTR(-ENOMEM);
	b->spec = *spec;
	b->domid = spec->domid;
	b->type = spec->type;
	b->index = spec->index;
	if (b->type == LODGE_DEVICE_NET && is_zero_ether_addr(b->spec.mac))
		eth_random_addr(b->spec.mac);
	mutex_init(&b->mutex);
	INIT_DELAYED_WORK(&b->work, work);
	device_initialize(&b->dev);
	b->dev.release = release;
	err = dev_set_name(&b->dev, "%s-%u-%u", type, b->domid, b->index);
	if (!err)
		err = make_page(b) ?: make_port(b);
	if (err) {
		end_port(b);
		put_device(&b->dev);
		return ERR_PTR(err);
	}
	return b;
}

void lodge_backend_end(struct lodge_backend *b)
{
	let_go(b);
	end_port(b);
	cancel_delayed_work_sync(&b->work);
	put_device(&b->dev);
}

static int __init lodge_backends_init(void)
{
	int err;

	if (!lodge_is_control() || !lodge_has_requests())
		return 0;
	err = lodge_grant_setup();
	if (err)
		return err;
	lodge_backends_wq = alloc_workqueue("lodge-backends", WQ_UNBOUND, 0);
	return lodge_backends_wq ? 0 : -ENOMEM;
}
subsys_initcall(lodge_backends_init);
