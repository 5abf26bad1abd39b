// SPDX-License-Identifier: GPL-2.0
/*
 * Network devices on Lodge: sending. A packet is copied to pages of the pool
 * and is done with at once. The pages come back with the responses, which are
 * read when pages are wanted; an event is asked for only when there are too
 * few for a packet of any size, and then when half of them are back.
 *
 * The transmit lock of the netdev's queue protects queue and pool.
 */
#include <linux/etherdevice.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <linux/virtio_net.h>

#include "net.h"

/* Lock: the queue's. Takes back what was sent. */
static void reclaim(struct net_queue *queue)
{
	struct lodge_ring_end *ring = &queue->q.responses;
	struct net_pool *p = &queue->pool;
	struct lodge_net_response r;
	int ready = lodge_ring_ready(ring);

	for (; ready > 0; ready--) {
		lodge_ring_get(ring, &r);
		if (!lodge_net_take_back(queue, r.id)) {
			ready = -EIO;
			break;
		}
		if (r.status) {
			u64_stats_update_begin(&queue->stat.sync);
			u64_stats_inc(&queue->stat.drops);
			u64_stats_update_end(&queue->stat.sync);
		}
		p->slot[p->free++] = r.id;
	}
	if (ready < 0) {
		queue->live = false;
		lodge_device_broken(queue->net->device,
				    "response to no packet");
	}
}

void lodge_net_send_publish(struct net_queue *queue)
{
	if (!lodge_ring_publish(&queue->q.requests))
		return;
	lodge_queue_notify(&queue->q);
	u64_stats_update_begin(&queue->stat.sync);
	u64_stats_inc(&queue->stat.notifies);
	u64_stats_update_end(&queue->stat.sync);
}

/* What concerns the packet as a whole, from the kernel's own terms. */
static bool describe(const struct sk_buff *skb, struct lodge_net_request *r)
{
	struct virtio_net_hdr hdr;

	if (virtio_net_hdr_from_skb(skb, &hdr, true, false, 0))
		return false;
	if (hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		r->flags |= LODGE_NET_CSUM;
		r->csum_start = le16_to_cpu((__force __le16)hdr.csum_start);
		r->csum_offset = le16_to_cpu((__force __le16)hdr.csum_offset);
	}
	switch (hdr.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return true;
	case VIRTIO_NET_HDR_GSO_TCPV4:
		r->gso_type = LODGE_NET_GSO_TCP4;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		r->gso_type = LODGE_NET_GSO_TCP6;
		break;
	default:
		return false;
	}
	r->gso_size = le16_to_cpu((__force __le16)hdr.gso_size);
	r->header = skb_tcp_all_headers(skb);
	return true;
}

/* Pages for so many bytes, now. */
static bool have_pages(struct net_queue *queue, unsigned int length)
{
	unsigned int pages = DIV_ROUND_UP(length, NET_ROOM);

	if (queue->pool.free < pages)
		reclaim(queue);
	return queue->pool.free >= pages && queue->live;
}

/* There are pages for all of it. It is in skb, or else in data. */
static void put_packet(struct net_queue *queue, const struct sk_buff *skb,
		       const void *data, unsigned int size,
		       const struct lodge_net_request *first)
{
	struct lodge_net_request r = *first;
	struct net_pool *p = &queue->pool;
	unsigned int at = 0, length;
	u16 id;

	while (at < size) {
		length = min_t(unsigned int, size - at, NET_ROOM);
		id = p->slot[--p->free];
		if (skb)
			skb_copy_bits(skb, at, page_address(p->page[id]),
				      length);
		else
			memcpy(page_address(p->page[id]), data + at, length);
		r.ref = p->ref[id];
		r.id = id;
		r.length = length;
		at += length;
		if (at < size)
			r.flags |= LODGE_NET_MORE;
		else
			r.flags &= ~LODGE_NET_MORE;
		lodge_net_lend(queue, id);
		lodge_ring_put(&queue->q.requests, &r);
		r = (struct lodge_net_request){};
	}
	u64_stats_update_begin(&queue->stat.sync);
	u64_stats_inc(&queue->stat.packets);
	u64_stats_add(&queue->stat.bytes, size);
	u64_stats_update_end(&queue->stat.sync);
}

bool lodge_net_send_data(struct net_queue *queue, const void *data,
			 unsigned int length)
{
	const struct lodge_net_request r = {};

	if (!queue->live || !length || length > LODGE_NET_PACKET ||
	    !have_pages(queue, length))
		return false;
	put_packet(queue, NULL, data, length, &r);
	return true;
}

/* Half of what the back-end has, which is more than the largest packet. */
static bool rest(struct net_queue *queue)
{
	unsigned int out = queue->pool.size - queue->pool.free;

	return lodge_ring_rest(&queue->q.responses, max(out / 2, 1U));
}

/* Lock: the queue's. Fewer pages than the next packet may need. */
static void stop_if_short(struct net_queue *queue, struct netdev_queue *txq)
{
	if (queue->pool.free >= NET_FRAGMENTS)
		return;
	reclaim(queue);
	if (queue->pool.free >= NET_FRAGMENTS)
		return;
	netif_tx_stop_queue(txq);
	/* What came in between will not be told. */
	if (rest(queue)) {
		reclaim(queue);
		if (queue->pool.free >= NET_FRAGMENTS)
			netif_tx_start_queue(txq);
	}
}

netdev_tx_t lodge_net_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct lodge_net *net = netdev_priv(dev);
	unsigned int index = skb_get_queue_mapping(skb);
	struct netdev_queue *txq = netdev_get_tx_queue(dev, index);
	struct net_queue *queue = &net->send[index];
	struct lodge_net_request r = {};
	bool more = netdev_xmit_more();

	if (!queue->live || !skb->len || skb->len > LODGE_NET_PACKET ||
	    !describe(skb, &r) || !have_pages(queue, skb->len))
		goto drop;
	put_packet(queue, skb, NULL, skb->len, &r);
	stop_if_short(queue, txq);
	if (!more || netif_xmit_stopped(txq))
		lodge_net_send_publish(queue);
	dev_consume_skb_any(skb);
	return NETDEV_TX_OK;
drop:
	if (queue->live)
		lodge_net_send_publish(queue);
	u64_stats_update_begin(&queue->stat.sync);
	u64_stats_inc(&queue->stat.drops);
	u64_stats_update_end(&queue->stat.sync);
	dev_kfree_skb_any(skb);
	return NETDEV_TX_OK;
}

irqreturn_t lodge_net_send_interrupt(int irq, void *data)
{
	struct net_queue *queue = data;

	napi_schedule(&queue->napi);
	return IRQ_HANDLED;
}

int lodge_net_send_poll(struct napi_struct *napi, int budget)
{
	struct net_queue *queue = container_of(napi, struct net_queue, napi);
	struct netdev_queue *txq =
		netdev_get_tx_queue(queue->net->netdev, queue->index);

	__netif_tx_lock(txq, smp_processor_id());
	if (queue->live) {
		reclaim(queue);
		if (queue->pool.free >= NET_FRAGMENTS)
			netif_tx_wake_queue(txq);
		else if (rest(queue))
			napi_schedule(napi);
	}
	__netif_tx_unlock(txq);
	napi_complete(napi);
	return 0;
}
