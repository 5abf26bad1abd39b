// SPDX-License-Identifier: GPL-2.0
/*
 * Network devices of other domains: the guest's pages. A queue keeps all that
 * it was ever shown mapped until it ends. New ones are mapped by a work item,
 * since that may sleep; packets wait for it, which happens at the start.
 *
 * `kept` is read without locks by whoever owns the queue's ring, and written
 * by the work item alone.
 */
#include <linux/ktime.h>
#include <linux/slab.h>

#include "net.h"

#define BATCH 32
#define AGAIN_NS (50 * NSEC_PER_MSEC) /* when there was no room to map */

struct page *lodge_net_page(struct net_queue *queue, u32 ref)
{
	const struct lodge_map *map = xa_load(&queue->kept, ref);

	return map ? map->page : NULL;
}

void lodge_net_map_later(struct net_queue *queue)
{
	queue_work(system_highpri_wq, &queue->map_work);
}

void lodge_net_go_on(struct net_queue *queue)
{
	if (!READ_ONCE(queue->live))
		return;
	if (queue->to)
		netif_tx_wake_queue(
			netdev_get_tx_queue(queue->port->netdev, queue->index));
	else
		napi_schedule(&queue->napi);
}

/* --- mapping --- */

static bool is_wanted(struct net_queue *queue, const struct lodge_map *batch,
		      unsigned int count, u32 ref)
{
	while (count)
		if (batch[--count].ref == ref)
			return false;
	return !xa_load(&queue->kept, ref);
}

/* References of requests from *at on that are not mapped, up to a batch. */
static unsigned int collect(struct net_queue *queue, struct lodge_map *batch,
			    u32 *at, u32 end)
{
	const struct lodge_ring_end *ring = &queue->q.requests;
	const struct lodge_net_request *r;
	unsigned int count = 0;
	u32 ref;

	for (; *at != end && count < BATCH; ++*at) {
		r = lodge_ring_entry(ring, *at);
		ref = READ_ONCE(r->ref);
		if (!is_wanted(queue, batch, count, ref))
			continue;
		batch[count++] = (struct lodge_map){
			.ref = ref,
			.write = queue->to,
		};
	}
	return count;
}

static int keep(struct net_queue *queue, const struct lodge_map *map)
{
	struct lodge_map *copy;
	int err;

	if (queue->kept_count == LODGE_NET_PAGES)
		return -E2BIG;
	copy = kmemdup(map, sizeof(*map), GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	err = xa_err(xa_store(&queue->kept, map->ref, copy, GFP_KERNEL));
	if (err)
		kfree(copy);
	else
		queue->kept_count++;
	return err;
}

static int map_batch(struct net_queue *queue, struct lodge_map *batch,
		     unsigned int count)
{
	int err = lodge_map_grants(queue->port->backend->domid, batch, count);
	unsigned int i;
	int kept;

	for (i = 0; i < count; i++) {
		if (!batch[i].page)
			continue;
		kept = keep(queue, &batch[i]);
		if (!kept)
			continue;
		lodge_unmap_grants(&batch[i], 1);
		err = err ?: kept;
	}
	return err;
}

/*
 * The ring's owner may move on meanwhile; then some of these are looked at in
 * vain. An entry is only peeked at: its reference, once.
 */
void lodge_net_map_work(struct work_struct *work)
{
	struct net_queue *queue =
		container_of(work, struct net_queue, map_work);
	const struct lodge_ring_end *ring = &queue->q.requests;
	u32 at = READ_ONCE(ring->at), ready, end;
	struct lodge_map batch[BATCH];
	unsigned int count;
	int err = 0;

	/* Pairs with the release of the producer. */
	ready = smp_load_acquire(&ring->ring->produced) - at;
	end = at + min(ready, ring->count);
	do {
		count = collect(queue, batch, &at, end);
		if (count)
			err = map_batch(queue, batch, count);
	} while (count && !err);

	if (!err) {
		/* Soft interrupts that are raised here run when this ends. */
		local_bh_disable();
		lodge_net_go_on(queue);
		local_bh_enable();
	} else if (err == -ENOMEM || err == -ENOSPC) {
		hrtimer_start(&queue->timer, ns_to_ktime(AGAIN_NS),
			      HRTIMER_MODE_REL_SOFT);
	} else {
		lodge_backend_fail(queue->port->backend, err,
				   "a buffer cannot be mapped");
	}
}

void lodge_net_unmap(struct net_queue *queue)
{
	struct lodge_map batch[BATCH], *map;
	unsigned int count = 0;
	unsigned long ref;

	xa_for_each(&queue->kept, ref, map) {
		batch[count++] = *map;
		kfree(map);
		if (count == BATCH) {
			lodge_unmap_grants(batch, count);
			count = 0;
		}
	}
	lodge_unmap_grants(batch, count);
	xa_destroy(&queue->kept);
	queue->kept_count = 0;
}
