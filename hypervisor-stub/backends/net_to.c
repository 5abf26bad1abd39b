// SPDX-License-Identifier: GPL-2.0
/*
 * Network devices of other domains: packets to the guest. Each is copied into
 * buffers that the guest has posted. When there are too few the netdev's queue
 * stops until there are more; a guest that posts none for some time loses what
 * comes, so that nobody's memory is held for it.
 *
 * The netdev's transmit lock protects the queue.
 */
#include <linux/etherdevice.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <linux/virtio_net.h>

#include "net.h"
#include "net_check.h"

#define PATIENCE_MS 1000 /* with a guest that posts no buffers */
#define PATIENCE msecs_to_jiffies(PATIENCE_MS)

/* What concerns the packet as a whole, from the kernel's own terms. */
static bool describe(const struct sk_buff *skb, struct lodge_net_response *r)
{
	struct virtio_net_hdr hdr;

	if (virtio_net_hdr_from_skb(skb, &hdr, true, true, 0))
		return false;
	if (hdr.flags & VIRTIO_NET_HDR_F_DATA_VALID)
		r->flags |= LODGE_NET_VALID;
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

/* A buffer that the guest has posted. */
struct buffer {
	struct lodge_net_request r;
	struct page *page;
};

/*
 * Takes buffers for length bytes off the ring; the count, 0: there are not
 * enough now, or they are not mapped yet; -EINVAL: one is none; -EMSGSIZE: they
 * are too small.
 */
static int take_buffers(struct net_queue *queue, unsigned int length,
			struct buffer *b)
{
	struct lodge_ring_end *ring = &queue->q.requests;
	int ready = lodge_ring_ready(ring), n = 0, err = 0;
	u32 start = ring->at;

	if (ready < 0)
		return ready;
	for (; length && !err; n++) {
		if (n == ready)
			break;
		if (n == LODGE_NET_FRAGMENTS) {
			err = -EMSGSIZE;
			break;
		}
		lodge_ring_get(ring, &b[n].r);
		if (!net_check_entry(&b[n].r))
			return -EINVAL;
		b[n].page = lodge_net_page(queue, b[n].r.ref);
		if (!b[n].page) {
			lodge_net_map_later(queue);
			break;
		}
		length -= min_t(unsigned int, length, b[n].r.length);
	}
	if (!length)
		return n;
	ring->at = start;
	return err;
}

static void put_packet(struct net_queue *queue, const struct sk_buff *skb,
		       struct lodge_net_response *first, const struct buffer *b,
		       int count)
{
	struct lodge_net_response r = *first;
	unsigned int at = 0, length;
	int i;

	for (i = 0; i < count; i++) {
		length = min_t(unsigned int, skb->len - at, b[i].r.length);
		skb_copy_bits(skb, at, page_address(b[i].page) + b[i].r.offset,
			      length);
		at += length;
		r.id = b[i].r.id;
		r.offset = b[i].r.offset;
		r.length = length;
		if (i + 1 < count)
			r.flags |= LODGE_NET_MORE;
		else
			r.flags &= ~LODGE_NET_MORE;
		lodge_ring_put(&queue->q.responses, &r);
		r = (struct lodge_net_response){};
	}
}

static void publish(struct net_queue *queue)
{
	if (lodge_ring_publish(&queue->q.responses))
		lodge_back_queue_notify(&queue->q);
}

static netdev_tx_t drop(struct net_queue *queue, struct sk_buff *skb)
{
	net_count(queue->port, LODGE_DEV_RECEIVED_DROPPED, 1);
	if (READ_ONCE(queue->live))
		publish(queue);
	dev_kfree_skb_any(skb);
	return NETDEV_TX_OK;
}

/*
 * Too few buffers: the netdev's queue stops until there are some more than just
 * enough, so that an event is worth its price. One who posts none for some time
 * loses what comes.
 */
static netdev_tx_t wait_for_buffers(struct net_queue *queue,
				    struct sk_buff *skb)
{
	struct netdev_queue *txq =
		netdev_get_tx_queue(queue->port->netdev, queue->index);
	struct lodge_ring_end *ring = &queue->q.requests;
	unsigned int enough = DIV_ROUND_UP(skb->len, PAGE_SIZE);

	if (!queue->short_since)
		queue->short_since = jiffies | 1;
	else if (time_after(jiffies, queue->short_since + PATIENCE))
		return drop(queue, skb);
	netif_tx_stop_queue(txq);
	publish(queue);
	hrtimer_start(&queue->timer, ms_to_ktime(PATIENCE_MS),
		      HRTIMER_MODE_REL_SOFT);
	enough = max(enough, queue->most / 2);
	lodge_ring_rest(ring, enough);
	if (lodge_ring_ready(ring) >= (int)enough)
		netif_tx_start_queue(txq);
	return NETDEV_TX_BUSY;
}

static void note_buffers(struct net_queue *queue)
{
	unsigned int there = queue->q.requests.at - queue->q.responses.at +
			     lodge_ring_ready(&queue->q.requests);

	queue->short_since = 0;
	queue->most = max(queue->most, min(there, queue->q.requests.count));
}

static netdev_tx_t give(struct net_queue *queue, struct sk_buff *skb,
			struct lodge_net_response *r)
{
	struct net_port *port = queue->port;
	struct netdev_queue *txq =
		netdev_get_tx_queue(port->netdev, queue->index);
	struct buffer b[LODGE_NET_FRAGMENTS];
	int count = take_buffers(queue, skb->len, b);

	if (!count)
		return wait_for_buffers(queue, skb);
	if (count == -EMSGSIZE)
		return drop(queue, skb);
	if (count < 0) {
		WRITE_ONCE(queue->live, false);
		lodge_backend_fail(port->backend, -EINVAL, "a buffer is none");
		return drop(queue, skb);
	}
	note_buffers(queue);
	if (!lodge_net_pay(queue, skb->len, skb_shinfo(skb)->gso_size)) {
		queue->q.requests.at -= count;
		publish(queue);
		return NETDEV_TX_BUSY;
	}
	put_packet(queue, skb, r, b, count);
	net_count(port, LODGE_DEV_RECEIVED_PACKETS, 1);
	net_count(port, LODGE_DEV_RECEIVED_BYTES, skb->len);
	if (!netdev_xmit_more() || netif_xmit_stopped(txq))
		publish(queue);
	dev_consume_skb_any(skb);
	return NETDEV_TX_OK;
}

netdev_tx_t lodge_net_to_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct net_port *port = *(struct net_port **)netdev_priv(dev);
	struct net_queue *queue = &port->to[skb_get_queue_mapping(skb)];
	struct lodge_net_response r = {};

	if (!READ_ONCE(queue->live) || skb->len > LODGE_NET_PACKET ||
	    skb->len < ETH_HLEN || !describe(skb, &r))
		return drop(queue, skb);
	if (!lodge_net_is_wanted(port, skb)) {
		publish(queue);
		dev_consume_skb_any(skb);
		return NETDEV_TX_OK;
	}
	return give(queue, skb, &r);
}
