// SPDX-License-Identifier: GPL-2.0
/*
 * Queues of front-ends, mapped for a back-end. What the front-end said of them
 * is a copy, and is checked only by whether it can be mapped and bound.
 */
#include <linux/export.h>
#include <linux/interrupt.h>
#include <linux/vmalloc.h>

#include <asm/lodge.h>

#include "bus.h"

static unsigned int pages_of(unsigned int order, unsigned int size)
{
	return DIV_ROUND_UP((size_t)size << order, PAGE_SIZE);
}

static int map_memory(struct lodge_backend *b, struct lodge_back_queue *q,
		      const struct lodge_device_queue *shown,
		      unsigned int pages)
{
	struct page *page[LODGE_RING_PAGES];
	unsigned int i;
	int err;

	for (i = 0; i < pages; i++) {
		q->map[i].ref = shown->ref[i];
		q->map[i].write = true;
	}
	q->pages = pages;
	err = lodge_map_grants(b->domid, q->map, pages);
	if (err)
		return err;
	for (i = 0; i < pages; i++)
		page[i] = q->map[i].page;
	q->memory = vmap(page, pages, VM_MAP, PAGE_KERNEL);
	return q->memory ? 0 : -ENOMEM;
}

static int bind_port(struct lodge_backend *b, struct lodge_back_queue *q,
		     unsigned int remote)
{
	long port = lodge_bind_port(b->domid, remote);

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

int lodge_back_queue_map(struct lodge_backend *b, struct lodge_back_queue *q,
			 const struct lodge_device_front *answer,
			 unsigned int index, unsigned int request_size,
			 unsigned int response_size)
{
	const struct lodge_device_queue *shown = &answer->queue[index];
	unsigned int order = answer->order;
	unsigned int requests = pages_of(order, request_size);
	unsigned int responses = pages_of(order, response_size);
	struct lodge_ring_page *rings;
	int err;

	if (1 + requests + responses > LODGE_RING_PAGES)
		return -EINVAL;
	memset(q, 0, sizeof(*q));
	err = map_memory(b, q, shown, 1 + requests + responses) ?:
		      bind_port(b, q, shown->port);
	if (err) {
		lodge_back_queue_unmap(q);
		return err;
	}
	rings = q->memory;
	set_ring(&q->requests, &rings->requests, q->memory + PAGE_SIZE, order,
		 request_size);
	set_ring(&q->responses, &rings->responses,
		 q->memory + (1 + requests) * PAGE_SIZE, order, response_size);
	return 0;
}
EXPORT_SYMBOL_GPL(lodge_back_queue_map);

void lodge_back_queue_unmap(struct lodge_back_queue *q)
{
	if (q->irq)
		lodge_release_port(q->port);
	q->irq = 0;
	if (q->memory)
		vunmap(q->memory);
	q->memory = NULL;
	lodge_unmap_grants(q->map, q->pages);
	q->pages = 0;
}
EXPORT_SYMBOL_GPL(lodge_back_queue_unmap);

void lodge_back_queue_notify(struct lodge_back_queue *q)
{
	if (q->irq)
		lodge_notify_port(q->port);
}
EXPORT_SYMBOL_GPL(lodge_back_queue_notify);
