/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The control domain's side of the bus, for back-end drivers. The bus (in the
 * kernel) owns devices, their pages and what the operator said of them; a
 * driver (a module) can go and come while they stay.
 */
#ifndef _LODGE_BACKEND_H
#define _LODGE_BACKEND_H

#include <linux/device.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include <asm/lodge_grant.h>
#include <asm/lodge_ring.h>

#include <lodge/dev.h>
#include <lodge/io/bus.h>

struct lodge_backend_driver;
struct file;

struct lodge_backend {
	struct device dev; /* "block-3-0": domain 3, index 0 */
	unsigned int domid;
	unsigned int type; /* LODGE_DEVICE_* */
	unsigned int index; /* among those of its type and domain */
	struct lodge_dev_device spec; /* what the operator said */
	struct file *file; /* block: of the block device; stays open */
	void *data; /* the driver's */
	/*
	 * What is offered; filled in by open(): features, max_queues,
	 * max_order. For config: lodge_backend_config().
	 */
	struct lodge_device_back offer;
	/* private to the bus */
	struct lodge_device_page *page;
	const struct lodge_backend_driver *driver; /* open() has succeeded */
	struct mutex mutex; /* over the calls to the driver */
	struct delayed_work work;
	struct list_head list;
	unsigned int state; /* LODGE_BACK_* */
	u32 incarnation, generation, config_sequence;
	u32 page_ref;
	u32 port;
	unsigned int irq;
	unsigned int slot;
	bool running; /* start() has succeeded */
	unsigned long flags;
	int error;
};

/* All are called in process context, never two at a time for one device. */
struct lodge_backend_driver {
	struct module *owner;
	const char *name;
	unsigned int type;
	/*
	 * Takes the device: opens the disk, makes the network device. An error
	 * is told to the operator; with -ENODEV and others it is tried again
	 * at LODGE_DEV_RESCAN.
	 */
	int (*open)(struct lodge_backend *b);
	/* Undoes that. It does not run. */
	void (*close)(struct lodge_backend *b);
	/*
	 * The front-end has answered. *answer is a copy: features are among those
	 * offered, queues and order within what was offered.
	 * Map the queues and begin. An error fails the device.
	 */
	int (*start)(struct lodge_backend *b,
		     const struct lodge_device_front *answer);
	/*
	 * End: takes no more requests, waits for those in flight, and unmaps
	 * everything. What has not been answered by then need not be: the
	 * front-end issues it again.
	 */
	void (*stop)(struct lodge_backend *b);
	/* While it runs: the front-end's config may have changed. Optional. */
	void (*front_changed)(struct lodge_backend *b,
			      const struct lodge_device_front *front);
	/* b->spec.limit has changed. After open(), which looks at it, too. */
	void (*limit)(struct lodge_backend *b);
	/* Look at the size of the disk again. 0 or an error. Optional. */
	int (*rescan)(struct lodge_backend *b);
	/* Fills in LODGE_DEV_STATS counts since open(). */
	void (*stat)(struct lodge_backend *b, u64 *stat);
};

int lodge_backend_register(const struct lodge_backend_driver *driver);
void lodge_backend_unregister(const struct lodge_backend_driver *driver);

/*
 * The front-end broke a rule: it is told the error (negative), the operator
 * why, and stop() is called soon. Any context.
 */
void lodge_backend_fail(struct lodge_backend *b, int error, const char *why);
/* Offers this config (size bytes), from open() on, and tells the front-end. */
void lodge_backend_config(struct lodge_backend *b, const void *config,
			  size_t size);

/* One queue of a front-end. Zero it before its first use. */
struct lodge_back_queue {
	struct lodge_ring_end requests; /* we consume */
	struct lodge_ring_end responses; /* we produce */
	unsigned int irq; /* 0: not mapped */
	/* private to the bus */
	u32 port;
	unsigned int pages;
	struct lodge_map map[LODGE_RING_PAGES];
	void *memory;
};

/*
 * Maps the pages of the front-end's queue and binds its port; the caller
 * requests q->irq. `index` is less than answer->queues.
 */
int lodge_back_queue_map(struct lodge_backend *b, struct lodge_back_queue *q,
			 const struct lodge_device_front *answer,
			 unsigned int index, unsigned int request_size,
			 unsigned int response_size);
/* After free_irq(). Does nothing if there is none. */
void lodge_back_queue_unmap(struct lodge_back_queue *q);
/* An event for the front-end. Any context. */
void lodge_back_queue_notify(struct lodge_back_queue *q);

#endif /* _LODGE_BACKEND_H */
