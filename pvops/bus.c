// SPDX-License-Identifier: GPL-2.0
/*
 * The bus of a guest: which devices the directory says that there are, and how
 * each comes together with its back-end. <lodge/io/bus.h> has what is shared,
 * docs/protocols.md, sections 1 and 2, the rules.
 *
 * One work item, `scan`, reads the directory and makes and removes devices; it
 * alone uses the list of them. Each device has a work item of its own, which
 * alone calls its driver between probe() and remove(); so no locks are needed.
 * Whoever notices something queues the work.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <asm/lodge_bus.h>

#include "lodge.h"

#define SCAN_DELAY (HZ / 20) /* when it was being written */
#define OFFER_DELAY (HZ / 5) /* until there is a port */
#define RETRY_DELAY HZ
#define RETRY_DELAY_MAX (60 * HZ)
#define READ_TRIES 100

static struct workqueue_struct *bus_wq;

static const struct lodge_driver *
to_lodge_driver(const struct device_driver *drv)
{
	return container_of(drv, const struct lodge_driver, driver);
}

static const struct lodge_driver *driver_of(const struct lodge_device *d)
{
	return to_lodge_driver(d->dev.driver);
}

static const char *type_name(unsigned int type)
{
	return type == LODGE_DEVICE_BLOCK ? "block" :
	       type == LODGE_DEVICE_NET	  ? "net" :
					    NULL;
}

void lodge_device_check(struct lodge_device *d)
{
	mod_delayed_work(bus_wq, &d->work, 0);
}
EXPORT_SYMBOL_GPL(lodge_device_check);

void lodge_device_broken(struct lodge_device *d, const char *why)
{
	if (test_and_set_bit(LODGE_DEVICE_BROKEN, &d->flags))
		return;
	dev_err_ratelimited(&d->dev, "broken by its back-end: %s\n", why);
	lodge_device_check(d);
}
EXPORT_SYMBOL_GPL(lodge_device_broken);

void lodge_device_notify(struct lodge_device *d)
{
	if (d->irq)
		lodge_notify_port(d->port);
}
EXPORT_SYMBOL_GPL(lodge_device_notify);

/* --- what is shared --- */

static u32 back_state(struct lodge_device *d)
{
	/* What it speaks of was written before; so it is read after. */
	return smp_load_acquire(&d->page->back.state);
}

static void set_front_state(struct lodge_device *d, u32 state)
{
	/* Pairs with the acquire of whoever reads our state. */
	smp_store_release(&d->page->front.state, state);
	lodge_device_notify(d);
}

/*
 * Copies size bytes that the other end writes between two increments of
 * *sequence; false if it never stops.
 */
static bool read_stable(void *to, const void *from, size_t size,
			const u32 *sequence, u32 *seen)
{
	unsigned int tries;
	u32 before;

	for (tries = 0; tries < READ_TRIES; tries++) {
		/* Pairs with the release of the writer's last increment. */
		before = smp_load_acquire(sequence);
		if (!(before & 1)) {
			memcpy(to, from, size);
			smp_rmb(); /* the copy, before it is looked at again */
			if (READ_ONCE(*sequence) == before) {
				*seen = before;
				return true;
			}
		}
		cpu_relax();
	}
	return false;
}

/* --- one device: from an offer to queues, and back --- */

static irqreturn_t device_interrupt(int irq, void *data)
{
	lodge_device_check(data);
	return IRQ_HANDLED;
}

static void unbind_port(struct lodge_device *d)
{
	if (!d->irq)
		return;
	free_irq(d->irq, d);
	lodge_release_port(d->port);
	d->irq = 0;
}

/* The back-end's port is the same for all generations, unless it says other. */
static int bind_port(struct lodge_device *d, u32 remote)
{
	long port;
	int err;

	if (d->irq && d->remote_port == remote &&
	    lodge_port_is_connected(d->port))
		return 0;
	unbind_port(d);
	port = lodge_bind_port(d->back_domid, remote);
	if (port < 0)
		return port;
	d->irq = lodge_port_to_irq(port);
	if (!d->irq) {
		lodge_release_port(port);
		return -ENOMEM;
	}
	d->port = port;
	d->remote_port = remote;
	err = request_irq(d->irq, device_interrupt, 0, dev_name(&d->dev), d);
	if (err) {
		lodge_release_port(port);
		d->irq = 0;
	}
	return err;
}

static bool read_config(struct lodge_device *d)
{
	const struct lodge_device_back *back = &d->page->back;

	return read_stable(d->offer.config, back->config, sizeof(back->config),
			   &back->config_sequence, &d->offer.config_sequence);
}

/* The driver's queues and what it shows of them are no more. */
static void go_down(struct lodge_device *d, u32 state)
{
	const struct lodge_driver *driver = driver_of(d);

	if (d->link != LODGE_LINK_DOWN) {
		d->link = LODGE_LINK_DOWN;
		driver->lost(d);
		memset(&d->page->front.queue, 0, sizeof(d->page->front.queue));
	}
	clear_bit(LODGE_DEVICE_BROKEN, &d->flags);
	set_front_state(d, state);
}

static void try_again(struct lodge_device *d)
{
	unsigned long delay = RETRY_DELAY << min(d->failures++, 8U);

	queue_delayed_work(bus_wq, &d->work,
			   min_t(unsigned long, delay, RETRY_DELAY_MAX));
}

static int answer(struct lodge_device *d, u32 generation)
{
	const struct lodge_device_back *back = &d->page->back;
	struct lodge_device_front *front = &d->page->front;
	int err;

	memcpy(&d->offer, back, offsetof(struct lodge_device_back, config));
	if (!read_config(d))
		return -EAGAIN;
	d->offer.generation = generation;
	d->offer.max_queues =
		clamp_t(u16, d->offer.max_queues, 1, LODGE_DEVICE_QUEUES);
	d->offer.max_order =
		min_t(u16, d->offer.max_order, LODGE_RING_ORDER_MAX);
	err = bind_port(d, d->offer.port);
	if (err)
		return err;
	front->generation = generation;
	d->link = LODGE_LINK_ANSWERED;
	err = driver_of(d)->connect(d);
	if (err) {
		go_down(d, LODGE_FRONT_NONE);
		return err;
	}
	set_front_state(d, LODGE_FRONT_ANSWERS);
	return 0;
}

static void consider_offer(struct lodge_device *d, u32 generation)
{
	int err;

	if (!generation || generation == d->refused)
		return;
	err = answer(d, generation);
	if (err == -ENOMEM || err == -ENOSPC || err == -EAGAIN ||
	    err == -ENOENT) {
		if (d->failures == 1)
			dev_warn(&d->dev, "cannot connect yet: error %d%s\n",
				 err, err == -ENOSPC ? ", no grants" : "");
		try_again(d);
	} else if (err) {
		dev_err(&d->dev, "the offer is of no use: error %d\n", err);
		d->refused = generation;
	}
}

/* It comes with the first offer. Before it is bound neither hears the other. */
static void wait_for_port(struct lodge_device *d)
{
	if (!d->irq && bind_port(d, READ_ONCE(d->page->back.port)))
		queue_delayed_work(bus_wq, &d->work, OFFER_DELAY);
}

/* The back-end says that we are wrong. It waits for this end to close. */
static void heed_failure(struct lodge_device *d)
{
	if (d->link != LODGE_LINK_DOWN)
		dev_err(&d->dev, "refused by its back-end: error %d\n",
			READ_ONCE(d->page->back.error));
	go_down(d, LODGE_FRONT_NONE);
	/* Not at once: this may happen again, and again. */
	if (!d->waits) {
		d->waits = true;
		try_again(d);
		return;
	}
	d->waits = false;
	set_front_state(d, LODGE_FRONT_CLOSED);
}

static void while_up(struct lodge_device *d)
{
	const struct lodge_driver *driver = driver_of(d);

	if (d->link == LODGE_LINK_ANSWERED) {
		d->link = LODGE_LINK_UP;
		d->failures = 0;
		driver->running(d);
	}
	if (READ_ONCE(d->page->back.config_sequence) !=
	    d->offer.config_sequence) {
		if (read_config(d))
			driver->changed(d);
		else
			try_again(d);
	}
}

/* Whoever reclaims memory may wait for this very device, if it is a disk. */
static void device_work(struct work_struct *work)
{
	struct lodge_device *d =
		container_of(work, struct lodge_device, work.work);
	unsigned int saved = memalloc_noio_save();
	u32 state, generation;

	wait_for_port(d);
	state = back_state(d);
	generation = READ_ONCE(d->page->back.generation);
	if (test_bit(LODGE_DEVICE_BROKEN, &d->flags)) {
		d->refused = d->offer.generation;
		go_down(d, LODGE_FRONT_CLOSED);
	}
	if (d->link != LODGE_LINK_DOWN &&
	    (state == LODGE_BACK_NONE || generation != d->offer.generation))
		go_down(d, LODGE_FRONT_NONE);

	switch (state) {
	case LODGE_BACK_OFFERS:
		if (d->link == LODGE_LINK_DOWN)
			consider_offer(d, generation);
		break;
	case LODGE_BACK_RUNS:
		if (d->link != LODGE_LINK_DOWN)
			while_up(d);
		else if (READ_ONCE(d->page->front.state) != LODGE_FRONT_CLOSED)
			set_front_state(d, LODGE_FRONT_NONE);
		break;
	case LODGE_BACK_CLOSING:
		if (driver_of(d)->closing(d))
			go_down(d, LODGE_FRONT_CLOSED);
		break;
	case LODGE_BACK_FAILED:
		heed_failure(d);
		break;
	}
	memalloc_noio_restore(saved);
}

/* --- driver core --- */

static int bus_match(struct device *dev, const struct device_driver *drv)
{
	return to_lodge_driver(drv)->type == to_lodge_device(dev)->type;
}

static int bus_uevent(const struct device *dev, struct kobj_uevent_env *env)
{
	const struct lodge_device *d =
		container_of_const(dev, struct lodge_device, dev);

	return add_uevent_var(env, "MODALIAS=" LODGE_MODALIAS "%s",
			      type_name(d->type));
}

static int bus_probe(struct device *dev)
{
	struct lodge_device *d = to_lodge_device(dev);
	int err = driver_of(d)->probe(d);

	if (err)
		return err;
	/* What another driver did wrong is not held against this one. */
	d->refused = 0;
	d->failures = 0;
	d->waits = false;
	enable_delayed_work(&d->work);
	lodge_device_check(d);
	return 0;
}

static void bus_remove(struct device *dev)
{
	struct lodge_device *d = to_lodge_device(dev);

	disable_delayed_work_sync(&d->work);
	go_down(d, LODGE_FRONT_NONE);
	driver_of(d)->remove(d);
	unbind_port(d);
}

static ssize_t modalias_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	return sysfs_emit(buf, LODGE_MODALIAS "%s\n",
			  type_name(to_lodge_device(dev)->type));
}
static DEVICE_ATTR_RO(modalias);

static ssize_t label_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%s\n", to_lodge_device(dev)->label);
}
static DEVICE_ATTR_RO(label);

static ssize_t state_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	static const char *const name[] = { "waiting", "connecting",
					    "connected" };

	return sysfs_emit(buf, "%s\n", name[to_lodge_device(dev)->link]);
}
static DEVICE_ATTR_RO(state);

static ssize_t generation_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_lodge_device(dev)->offer.generation);
}
static DEVICE_ATTR_RO(generation);

static struct attribute *device_attrs[] = { &dev_attr_modalias.attr,
					    &dev_attr_label.attr,
					    &dev_attr_state.attr,
					    &dev_attr_generation.attr, NULL };
ATTRIBUTE_GROUPS(device);

static const struct bus_type lodge_bus = {
	.name = "lodge",
	.match = bus_match,
	.uevent = bus_uevent,
	.probe = bus_probe,
	.remove = bus_remove,
	.dev_groups = device_groups,
};

int lodge_register_driver(struct lodge_driver *driver)
{
	if (!lodge_guest() || !bus_wq)
		return -ENODEV;
	driver->driver.bus = &lodge_bus;
	return driver_register(&driver->driver);
}
EXPORT_SYMBOL_GPL(lodge_register_driver);

void lodge_unregister_driver(struct lodge_driver *driver)
{
	driver_unregister(&driver->driver);
}
EXPORT_SYMBOL_GPL(lodge_unregister_driver);

/* --- the directory --- */

static LIST_HEAD(devices); /* of scan alone */
static struct lodge_directory directory; /* our copy */
static struct lodge_page_map directory_map;
static u64 directory_word; /* request.devices of directory_map */
static struct device *bus_root;

/* Not on bus_wq: a driver that goes waits for works that reclaim does not. */
static void scan(struct work_struct *work);
static DECLARE_DELAYED_WORK(scan_work, scan);

static void release_device(struct device *dev)
{
	struct lodge_device *d = to_lodge_device(dev);

	lodge_unmap_page(&d->map);
	kfree(d);
}

static void remove_device(struct lodge_device *d)
{
	list_del(&d->list);
	device_unregister(&d->dev);
}

static void add_device(unsigned int domid, const struct lodge_device_slot *slot)
{
	struct lodge_device *d = kzalloc(sizeof(*d), GFP_KERNEL);
	void *page;

	if (!d)
		return;
	INIT_DELAYED_WORK(&d->work, device_work);
	disable_delayed_work(&d->work);
	d->type = slot->type;
	d->index = slot->index;
	d->incarnation = slot->incarnation;
	d->back_domid = domid;
	strscpy(d->label, slot->label, sizeof(d->label));
	d->seen = true;
	page = lodge_map_page(&d->map, domid, slot->page_ref, true);
	if (IS_ERR(page)) {
		pr_err("Lodge: page of device %s-%u: %ld\n", type_name(d->type),
		       d->index, PTR_ERR(page));
		kfree(d);
		return;
	}
	d->page = page;
	/* What a kernel before this one left there. */
	memset(&d->page->front, 0, sizeof(d->page->front));
	d->dev.bus = &lodge_bus;
	d->dev.parent = bus_root;
	d->dev.release = release_device;
	dev_set_name(&d->dev, "%s-%u", type_name(d->type), d->index);
	list_add_tail(&d->list, &devices);
	if (device_register(&d->dev)) {
		list_del(&d->list);
		put_device(&d->dev);
	}
}

static struct lodge_device *find_device(const struct lodge_device_slot *slot)
{
	struct lodge_device *d;

	list_for_each_entry(d, &devices, list)
		if (d->type == slot->type && d->index == slot->index)
			return d;
	return NULL;
}

static void compare(unsigned int domid)
{
	struct lodge_device *d, *next;
	unsigned int i;

	list_for_each_entry(d, &devices, list)
		d->seen = false;
	for (i = 0; i < LODGE_DEVICE_SLOTS; i++) {
		d = find_device(&directory.slot[i]);
		if (d && d->incarnation == directory.slot[i].incarnation &&
		    d->back_domid == domid)
			d->seen = true;
	}
	list_for_each_entry_safe(d, next, &devices, list)
		if (!d->seen)
			remove_device(d);
	for (i = 0; i < LODGE_DEVICE_SLOTS; i++)
		if (type_name(directory.slot[i].type) &&
		    !find_device(&directory.slot[i]))
			add_device(domid, &directory.slot[i]);
}

static void remove_all(void)
{
	struct lodge_device *d, *next;

	list_for_each_entry_safe(d, next, &devices, list)
		remove_device(d);
}

static int map_directory(u64 word)
{
	void *page;

	if (word == directory_word)
		return 0;
	remove_all();
	lodge_unmap_page(&directory_map);
	directory_word = 0;
	if (!word)
		return 0;
	page = lodge_map_page(&directory_map, word >> 32, word, false);
	if (IS_ERR(page))
		return PTR_ERR(page);
	directory_word = word;
	return 0;
}

static void scan(struct work_struct *work)
{
	u64 word = READ_ONCE(lodge_request()->devices);
	const struct lodge_directory *shared;
	u32 sequence;
	int err = lodge_grant_setup() ?: map_directory(word);

	if (err) {
		pr_warn_once("Lodge: directory of devices: %d\n", err);
		queue_delayed_work(system_unbound_wq, &scan_work, RETRY_DELAY);
		return;
	}
	if (!word)
		return;
	shared = directory_map.address;
	if (!read_stable(&directory, shared, sizeof(directory),
			 &shared->sequence, &sequence)) {
		queue_delayed_work(system_unbound_wq, &scan_work, SCAN_DELAY);
		return;
	}
	if (directory.version != LODGE_BUS_VERSION) {
		pr_warn_once("Lodge: directory of devices has version %u\n",
			     directory.version);
		return;
	}
	compare(word >> 32);
}

static void look(struct lodge_request *request)
{
	if (READ_ONCE(request->devices) || directory_word)
		mod_delayed_work(system_unbound_wq, &scan_work, 0);
}

static struct lodge_heeder bus_heeder = { .look = look };

/* Before the drivers register; after the control interrupt has a handler. */
static int __init lodge_bus_init(void)
{
	int err;

	if (!lodge_has_requests() ||
	    !(lodge_start.features & LODGE_FEATURE_DEVICES))
		return 0;
	err = bus_register(&lodge_bus);
	if (err)
		return err;
	bus_root = root_device_register("lodge");
	if (IS_ERR(bus_root))
		return PTR_ERR(bus_root);
	/* Ordered by device; reclaim may wait for what it does. */
	bus_wq = alloc_workqueue("lodge-bus", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!bus_wq)
		return -ENOMEM;
	lodge_heed(&bus_heeder);
	return 0;
}
subsys_initcall(lodge_bus_init);
