// SPDX-License-Identifier: GPL-2.0
/*
 * Queues of front-ends: memory that both ends share, granted page by page, and
 * a port. A queue belongs to its driver, which sees to it that nobody uses it
 * while it is made or ended.
 */
#include <linux/export.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include <asm/lodge_bus.h>

#include "lodge.h"

static unsigned int pages_of(unsigned int order, unsigned int size)
{
	return DIV_ROUND_UP((size_t)size << order, PAGE_SIZE);
}

static void set_ring(struct lodge_ring_end *r, struct lodge_ring *ring,
		     void *entries, unsigned int order, unsigned int size)
{
	*r = (struct lodge_ring_end){
		.ring = ring,
		.entries = entries,
		.size = size,
		.count = 1U << order,
	};
}

static int make_memory(struct lodge_queue *q, unsigned int pages)
{
	unsigned int i;

	for (i = 0; i < pages; i++) {
		q->page[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!q->page[i])
			break;
		q->ref[i] = lodge_grant(q->device->back_domid,
					page_to_phys(q->page[i]), true);
		if (!q->ref[i]) {
			put_page(q->page[i]);
			break;
		}
	}
	q->pages = i;
	if (i < pages)
		return -ENOMEM;
	q->memory = vmap(q->page, pages, VM_MAP, PAGE_KERNEL);
	return q->memory ? 0 : -ENOMEM;
}

static int make_port(struct lodge_queue *q)
{
	long port = lodge_alloc_port(q->device->back_domid);

	if (port < 0)
		return port;
	q->irq = lodge_port_to_irq(port);
	if (!q->irq) {
		lodge_release_port(port);
		return -ENOMEM;
	}
	q->port = port;
	return 0;
}

int lodge_queue_make(struct lodge_device *d, struct lodge_queue *q,
		     unsigned int index, unsigned int order,
		     unsigned int request_size, unsigned int response_size)
{
	struct lodge_device_queue *shown;
	struct lodge_ring_page *rings;
	unsigned int requests = pages_of(order, request_size);
	unsigned int responses = pages_of(order, response_size), i;
	int err;

	if (index >= LODGE_DEVICE_QUEUES ||
	    1 + requests + responses > LODGE_RING_PAGES)
		return -EINVAL;
	memset(q, 0, sizeof(*q));
	q->device = d;
	err = make_memory(q, 1 + requests + responses) ?: make_port(q);
	if (err) {
		lodge_queue_end(q);
		return err;
	}
	rings = q->memory;
	set_ring(&q->requests, &rings->requests, q->memory + PAGE_SIZE, order,
		 request_size);
	set_ring(&q->responses, &rings->responses,
		 q->memory + (1 + requests) * PAGE_SIZE, order, response_size);
	shown = &d->page->front.queue[index];
	for (i = 0; i < q->pages; i++)
		shown->ref[i] = q->ref[i];
	shown->port = q->port;
	return 0;
}
EXPORT_SYMBOL_GPL(lodge_queue_make);

void lodge_queue_end(struct lodge_queue *q)
{
	unsigned int i;

	if (q->irq)
		lodge_release_port(q->port);
	q->irq = 0;
	if (q->memory)
		vunmap(q->memory);
	q->memory = NULL;
	/* The pages live until the other end has unmapped them. */
	for (i = 0; i < q->pages; i++)
		lodge_grant_end(q->ref[i], q->page[i]);
	q->pages = 0;
}
EXPORT_SYMBOL_GPL(lodge_queue_end);

void lodge_queue_notify(struct lodge_queue *q)
{
	if (q->irq)
		lodge_notify_port(q->port);
}
EXPORT_SYMBOL_GPL(lodge_queue_notify);
