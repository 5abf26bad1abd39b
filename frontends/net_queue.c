// SPDX-License-Identifier: GPL-2.0
/*
 * Network devices on Lodge: queues and their pages. All pages of a queue are
 * granted when it is made and until it ends, and used again and again; the
 * back-end keeps them mapped. What it may still write to is copied before
 * anybody else sees it.
 */
#include <linux/interrupt.h>
#include <linux/mm.h>

#include <asm/lodge.h>

#include "net.h"

/* Small guests have better uses for their memory, and few grants. */
static unsigned int pages_wanted(void)
{
	return clamp_t(unsigned long, totalram_pages() / 128, 2 * NET_FRAGMENTS,
		       NET_ENTRIES);
}

static bool add_page(struct net_pool *p, unsigned int domid, bool write)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	u32 ref;

	if (!page)
		return false;
	ref = lodge_grant(domid, page_to_phys(page), write);
	if (!ref) {
		put_page(page);
		return false;
	}
	p->page[p->size] = page;
	p->ref[p->size] = ref;
	p->slot[p->free++] = p->size++;
	return true;
}

/* One that is smaller than wanted does as well, down to two large packets. */
static int fill_pool(struct net_queue *queue, bool write)
{
	struct net_pool *p = &queue->pool;
	unsigned int wanted = pages_wanted();

	p->free = p->size = 0;
	while (p->size < wanted)
		if (!add_page(p, queue->net->device->back_domid, write))
			break;
	return p->size < 2 * NET_FRAGMENTS ? -ENOSPC : 0;
}

static void empty_pool(struct net_queue *queue)
{
	struct net_pool *p = &queue->pool;
	unsigned int i;

	for (i = 0; i < p->size; i++)
		lodge_grant_end(p->ref[i], p->page[i]);
	p->free = p->size = 0;
}

int lodge_net_make_queue(struct net_queue *queue, unsigned int index,
			 irq_handler_t handler)
{
	struct lodge_device *d = queue->net->device;
	const struct cpumask *mask;
	int err;

	bitmap_zero(queue->lent, NET_ENTRIES);
	err = lodge_queue_make(d, &queue->q, index, NET_ORDER,
			       sizeof(struct lodge_net_request),
			       sizeof(struct lodge_net_response));
	if (err)
		return err;
	snprintf(queue->name, sizeof(queue->name), "%s-%s%u", dev_name(&d->dev),
		 index & 1 ? "receive" : "send", queue->index);
	mask = lodge_place_irq(queue->q.irq, queue->index);
	if (!(index & 1))
		netif_set_xps_queue(queue->net->netdev, mask, queue->index);
	err = fill_pool(queue, index & 1);
	if (!err)
		err = request_irq(queue->q.irq, handler, 0, queue->name, queue);
	if (err) {
		empty_pool(queue);
		lodge_queue_end(&queue->q);
	}
	return err;
}

void lodge_net_end_queue(struct net_queue *queue)
{
	free_irq(queue->q.irq, queue);
	lodge_queue_end(&queue->q);
	empty_pool(queue);
}

void lodge_net_lend(struct net_queue *queue, u16 id)
{
	__set_bit(id, queue->lent);
}

bool lodge_net_take_back(struct net_queue *queue, u16 id)
{
	return id < NET_ENTRIES && __test_and_clear_bit(id, queue->lent);
}
