/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The bus of a guest, for front-end drivers. docs/protocols.md, section 2, has
 * the order of events that the bus sees to.
 */
#ifndef _ASM_X86_LODGE_BUS_H
#define _ASM_X86_LODGE_BUS_H

#include <linux/device.h>
#include <linux/workqueue.h>

#include <asm/lodge_grant.h>
#include <asm/lodge_ring.h>

#include <lodge/io/bus.h>

/* MODULE_ALIAS("lodge:block"), MODULE_ALIAS("lodge:net") */
#define LODGE_MODALIAS "lodge:"

enum lodge_link {
	LODGE_LINK_DOWN, /* waits for an offer */
	LODGE_LINK_ANSWERED, /* connect() was called */
	LODGE_LINK_UP, /* running() was called */
};

#define LODGE_DEVICE_BROKEN 0 /* by the back-end */

struct lodge_device {
	struct device dev; /* parent of what the driver makes; "block-0" */
	unsigned int type; /* LODGE_DEVICE_* */
	unsigned int index; /* among those of its type */
	u32 incarnation;
	unsigned int back_domid;
	char label[16];
	struct lodge_device_page *page;
	/*
	 * The offer of this generation, copied. Its config is copied again
	 * before changed() is called.
	 */
	struct lodge_device_back offer;
	enum lodge_link link;
	/* private to the bus */
	struct lodge_page_map map;
	struct list_head list;
	struct delayed_work work;
	unsigned long flags; /* bits LODGE_DEVICE_* */
	u32 refused; /* a generation that is not to be answered again */
	u32 port; /* our end of the channel for both halves */
	u32 remote_port;
	unsigned int irq;
	unsigned int failures;
	bool seen, waits;
};

/*
 * What a driver does. All are called in process context, never two at a time
 * for one device, and may sleep. Between probe() and remove() memory is
 * allocated as by GFP_NOIO: it may be this disk that reclaim waits for.
 */
struct lodge_driver {
	struct device_driver driver; /* name; owner */
	unsigned int type;
	int (*probe)(struct lodge_device *d);
	/* The device or the driver goes. lost() was called if need be. */
	void (*remove)(struct lodge_device *d);
	/*
	 * An offer: make queues with lodge_queue_make() and fill in features,
	 * queues, order and config of page->front. An error: the offer is left
	 * alone until there is another; -ENOMEM, -ENOSPC: once more, later.
	 */
	int (*connect)(struct lodge_device *d);
	/* The back-end runs. Issue what waits. */
	void (*running)(struct lodge_device *d);
	/* The queues are of no use any more, if there are some: end them. */
	void (*lost)(struct lodge_device *d);
	/* offer.config has changed. */
	void (*changed)(struct lodge_device *d);
	/*
	 * The device will be removed in order: take no new work. True if nothing
	 * is in flight any more; otherwise call lodge_device_check() when
	 * that becomes so.
	 */
	bool (*closing)(struct lodge_device *d);
};

int lodge_register_driver(struct lodge_driver *driver);
void lodge_unregister_driver(struct lodge_driver *driver);

/* Any context: */
/* Look at the device again, soon. */
void lodge_device_check(struct lodge_device *d);
/* The back-end broke a rule: says why, ends this generation, awaits another. */
void lodge_device_broken(struct lodge_device *d, const char *why);
/* An event for the back-end: our half of the page has changed. */
void lodge_device_notify(struct lodge_device *d);

static inline struct lodge_device *to_lodge_device(struct device *dev)
{
	return container_of(dev, struct lodge_device, dev);
}

/* One queue: two rings and a port. Zero it before its first use. */
struct lodge_queue {
	struct lodge_device *device;
	struct lodge_ring_end requests; /* we produce */
	struct lodge_ring_end responses; /* we consume */
	unsigned int irq; /* 0: the queue does not exist */
	/* private to the bus */
	u32 port;
	unsigned int pages;
	struct page *page[LODGE_RING_PAGES];
	u32 ref[LODGE_RING_PAGES];
	void *memory;
};

/*
 * Makes queue `index` with 2^order entries in each ring, of these sizes, and
 * describes it in page->front. The caller requests q->irq. 0, -ENOMEM,
 * -ENOSPC.
 */
int lodge_queue_make(struct lodge_device *d, struct lodge_queue *q,
		     unsigned int index, unsigned int order,
		     unsigned int request_size, unsigned int response_size);
/* After free_irq(). Does nothing if there is none. */
void lodge_queue_end(struct lodge_queue *q);
/* An event for the back-end. Any context. */
void lodge_queue_notify(struct lodge_queue *q);

#endif /* _ASM_X86_LODGE_BUS_H */
