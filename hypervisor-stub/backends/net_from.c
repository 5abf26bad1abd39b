// SPDX-License-Identifier: GPL-2.0
/*
 * Network devices of other domains: packets from the guest. Entries are copied
 * and checked, then the packet is copied into an skb of our own; the kernel's
 * own checks for such headers do the rest. What is no packet is dropped and
 * answered with an error, and the guest goes on.
 *
 * The NAPI context owns the queue.
 */
#include <linux/etherdevice.h>
#include <linux/skbuff.h>
#include <linux/virtio_net.h>

#include "net.h"
#include "net_check.h"

#define LINEAR 256 /* bytes of a large packet that are not in pages */

struct chain {
	struct lodge_net_request entry[LODGE_NET_FRAGMENTS];
	struct page *page[LODGE_NET_FRAGMENTS];
	unsigned int count, length;
	bool bad;
};

/* Takes entries off the ring up to the end of a packet. */
static void read_chain(struct net_queue *queue, int ready, struct chain *c)
{
	struct lodge_net_request r;

	c->count = c->length = 0;
	c->bad = false;
	do {
		lodge_ring_get(&queue->q.requests, &r);
		if (c->count == LODGE_NET_FRAGMENTS) {
			/* Too long: the rest is answered as it comes. */
			c->bad = true;
			queue->q.requests.at--;
			return;
		}
		c->bad |= !net_check_entry(&r);
		c->entry[c->count++] = r;
		c->length += r.length;
		ready--;
	} while (r.flags & LODGE_NET_MORE && ready > 0);
	c->bad |= !!(r.flags & LODGE_NET_MORE) ||
		  !net_check_packet(&c->entry[0], queue->port->features,
				    c->length);
}

/* False: some are not mapped yet. */
static bool find_pages(struct net_queue *queue, struct chain *c)
{
	unsigned int i;

	for (i = 0; i < c->count; i++) {
		c->page[i] = lodge_net_page(queue, c->entry[i].ref);
		if (!c->page[i])
			return false;
	}
	return true;
}

static void answer(struct net_queue *queue, const struct chain *c, int status)
{
	struct lodge_net_response r = {};
	unsigned int i;

	for (i = 0; i < c->count; i++) {
		r.id = c->entry[i].id;
		r.status = i ? 0 : status;
		lodge_ring_put(&queue->q.responses, &r);
	}
}

static void header_of(const struct lodge_net_request *r,
		      struct virtio_net_hdr *hdr)
{
	*hdr = (struct virtio_net_hdr){};
	if (r->flags & LODGE_NET_CSUM) {
		hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		hdr->csum_start =
			(__force __virtio16)cpu_to_le16(r->csum_start);
		hdr->csum_offset =
			(__force __virtio16)cpu_to_le16(r->csum_offset);
	}
	if (r->gso_type == LODGE_NET_GSO_NONE)
		return;
	hdr->gso_type = r->gso_type == LODGE_NET_GSO_TCP4 ?
				VIRTIO_NET_HDR_GSO_TCPV4 :
				VIRTIO_NET_HDR_GSO_TCPV6;
	hdr->gso_size = (__force __virtio16)cpu_to_le16(r->gso_size);
	hdr->hdr_len = (__force __virtio16)cpu_to_le16(r->header);
}

static struct sk_buff *alloc_packet(struct net_queue *queue,
				    unsigned int length)
{
	struct sk_buff *skb;
	int err;

	if (length <= SKB_WITH_OVERHEAD(PAGE_SIZE) - NET_SKB_PAD) {
		skb = napi_alloc_skb(&queue->napi, length);
		if (skb)
			skb_put(skb, length);
		return skb;
	}
	skb = alloc_skb_with_frags(LINEAR + NET_IP_ALIGN, length - LINEAR,
				   PAGE_ALLOC_COSTLY_ORDER, &err, GFP_ATOMIC);
	if (!skb)
		return NULL;
	skb_reserve(skb, NET_IP_ALIGN);
	skb_put(skb, LINEAR);
	skb->len += length - LINEAR;
	skb->data_len = length - LINEAR;
	return skb;
}

static struct sk_buff *make_skb(struct net_queue *queue, const struct chain *c)
{
	struct sk_buff *skb = alloc_packet(queue, c->length);
	struct virtio_net_hdr hdr;
	unsigned int i, at = 0;

	if (!skb)
		return NULL;
	for (i = 0; i < c->count; i++) {
		skb_store_bits(skb, at,
			       page_address(c->page[i]) + c->entry[i].offset,
			       c->entry[i].length);
		at += c->entry[i].length;
	}
	header_of(&c->entry[0], &hdr);
	skb_reset_mac_header(skb);
	if (virtio_net_hdr_to_skb(skb, &hdr, true)) {
		dev_kfree_skb_any(skb);
		return NULL;
	}
	skb_record_rx_queue(skb, queue->index);
	skb->protocol = eth_type_trans(skb, queue->port->netdev);
	return skb;
}

static void take_packet(struct net_queue *queue, struct chain *c)
{
	struct net_port *port = queue->port;
	struct sk_buff *skb = c->bad ? NULL : make_skb(queue, c);

	answer(queue, c, skb ? 0 : -EINVAL);
	if (!skb) {
		net_count(port, LODGE_DEV_SENT_DROPPED, 1);
		net_count(port, LODGE_DEV_SENT_BAD, c->bad);
		return;
	}
	net_count(port, LODGE_DEV_SENT_PACKETS, 1);
	net_count(port, LODGE_DEV_SENT_BYTES, c->length);
	napi_gro_receive(&queue->napi, skb);
}

/* True: there may be more, once somebody calls lodge_net_go_on(). */
static bool take_packets(struct net_queue *queue, int budget, int *done)
{
	struct lodge_ring_end *ring = &queue->q.requests;
	struct chain c;
	u32 start;
	int ready;

	while (*done < budget) {
		ready = lodge_ring_ready(ring);
		if (ready < 0) {
			WRITE_ONCE(queue->live, false);
			lodge_backend_fail(queue->port->backend, -EINVAL,
					   "more requests than entries");
			return true;
		}
		if (!ready)
			return false;
		start = ring->at;
		read_chain(queue, ready, &c);
		if (!c.bad && !find_pages(queue, &c)) {
			ring->at = start;
			lodge_net_map_later(queue);
			return true;
		}
		if (!lodge_net_pay(queue, c.length,
				   c.bad ? 0 : c.entry[0].gso_size)) {
			ring->at = start;
			return true;
		}
		take_packet(queue, &c);
		++*done;
	}
	return false;
}

int lodge_net_from_poll(struct napi_struct *napi, int budget)
{
	struct net_queue *queue = container_of(napi, struct net_queue, napi);
	bool waits = true;
	int done = 0;

	if (READ_ONCE(queue->live))
		waits = take_packets(queue, budget, &done);
	if (lodge_ring_publish(&queue->q.responses))
		lodge_back_queue_notify(&queue->q);
	if (done == budget)
		return done;
	if (napi_complete_done(napi, done) && !waits &&
	    lodge_ring_rest(&queue->q.requests, 1))
		napi_schedule(napi);
	return done;
}
