// SPDX-License-Identifier: GPL-2.0
/*
 * Network devices on Lodge: receiving. Responses are packets, in chains of pages
 * that are with the back-end; each is copied out, and its pages are lent again
 * at once. What the back-end says of offsets, lengths and checksums is looked at
 * in a copy, and the kernel's own checks for such headers do the rest.
 *
 * The NAPI context of the queue owns it.
 */
#include <linux/etherdevice.h>
#include <linux/filter.h>
#include <linux/skbuff.h>
#include <linux/virtio_net.h>

#include "net.h"

#define LINEAR 256 /* bytes of a large packet that are not in pages */

static void post(struct net_queue *queue, u16 id)
{
	struct lodge_net_request r = {
		.ref = queue->pool.ref[id],
		.length = NET_ROOM,
		.id = id,
	};

	lodge_net_lend(queue, id);
	lodge_ring_put(&queue->q.requests, &r);
}

static void publish(struct net_queue *queue)
{
	if (lodge_ring_publish(&queue->q.requests))
		lodge_queue_notify(&queue->q);
}

void lodge_net_post(struct net_queue *queue)
{
	while (queue->pool.free)
		post(queue, queue->pool.slot[--queue->pool.free]);
	publish(queue);
}

/* --- packets --- */

/* 1: there is a packet; 0: not yet; -EIO: what is there is none. */
static int read_packet(struct net_queue *queue, int ready, struct net_packet *p)
{
	struct lodge_net_response r;

	p->fragments = p->length = 0;
	do {
		if (!ready-- || p->fragments == LODGE_NET_FRAGMENTS)
			return -EIO;
		lodge_ring_get(&queue->q.responses, &r);
		if (!lodge_net_take_back(queue, r.id) || !r.length ||
		    r.offset + (u32)r.length > NET_ROOM)
			return -EIO;
		if (!p->fragments)
			p->first = r;
		p->fragment[p->fragments].id = r.id;
		p->fragment[p->fragments].offset = r.offset;
		p->fragment[p->fragments].length = r.length;
		p->fragments++;
		p->length += r.length;
	} while (r.flags & LODGE_NET_MORE);
	return p->length > LODGE_NET_PACKET || p->length < ETH_HLEN ? -EIO : 1;
}

static void header_of(const struct lodge_net_response *r,
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
	hdr->gso_type =
		r->gso_type == LODGE_NET_GSO_TCP4 ? VIRTIO_NET_HDR_GSO_TCPV4 :
		r->gso_type == LODGE_NET_GSO_TCP6 ? VIRTIO_NET_HDR_GSO_TCPV6 :
						    0xff; /* which is refused */
	hdr->gso_size = (__force __virtio16)cpu_to_le16(r->gso_size);
	hdr->hdr_len = (__force __virtio16)cpu_to_le16(r->header);
}

static struct sk_buff *alloc_packet(struct net_queue *queue,
				    const struct net_packet *p)
{
	struct sk_buff *skb;
	int err;

	if (p->length <= SKB_WITH_OVERHEAD(PAGE_SIZE) - NET_SKB_PAD) {
		skb = napi_alloc_skb(&queue->napi, p->length);
		if (skb)
			skb_put(skb, p->length);
		return skb;
	}
	skb = alloc_skb_with_frags(LINEAR + NET_IP_ALIGN, p->length - LINEAR,
				   PAGE_ALLOC_COSTLY_ORDER, &err, GFP_ATOMIC);
	if (!skb)
		return NULL;
	skb_reserve(skb, NET_IP_ALIGN);
	skb_put(skb, LINEAR);
	skb->len += p->length - LINEAR;
	skb->data_len = p->length - LINEAR;
	return skb;
}

static const void *data_of(const struct net_queue *queue,
			   const struct net_packet *p, unsigned int i)
{
	return page_address(queue->pool.page[p->fragment[i].id]) +
	       p->fragment[i].offset;
}

void lodge_net_copy(const struct net_queue *queue, const struct net_packet *p,
		    void *to)
{
	unsigned int i;

	for (i = 0; i < p->fragments; i++) {
		memcpy(to, data_of(queue, p, i), p->fragment[i].length);
		to += p->fragment[i].length;
	}
}

static struct sk_buff *make_skb(struct net_queue *queue,
				const struct net_packet *p)
{
	struct sk_buff *skb = alloc_packet(queue, p);
	struct virtio_net_hdr hdr;
	unsigned int i, at = 0;

	if (!skb)
		return NULL;
	for (i = 0; i < p->fragments; i++) {
		skb_store_bits(skb, at, data_of(queue, p, i),
			       p->fragment[i].length);
		at += p->fragment[i].length;
	}
	if (p->first.flags & LODGE_NET_VALID &&
	    queue->net->netdev->features & NETIF_F_RXCSUM)
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	header_of(&p->first, &hdr);
	skb_reset_mac_header(skb);
	if (virtio_net_hdr_to_skb(skb, &hdr, true)) {
		dev_kfree_skb_any(skb);
		return NULL;
	}
	return skb;
}

static void receive(struct net_queue *queue, const struct net_packet *p)
{
	struct bpf_prog *xdp = rcu_dereference_bh(queue->net->xdp);
	struct sk_buff *skb = xdp ? NULL : make_skb(queue, p);
	bool taken = xdp ? lodge_net_run_xdp(queue, xdp, p, &skb) : !!skb;
	unsigned int i;

	for (i = 0; i < p->fragments; i++)
		post(queue, p->fragment[i].id);
	u64_stats_update_begin(&queue->stat.sync);
	if (taken) {
		u64_stats_inc(&queue->stat.packets);
		u64_stats_add(&queue->stat.bytes, p->length);
	} else {
		u64_stats_inc(&queue->stat.drops);
	}
	u64_stats_update_end(&queue->stat.sync);
	if (!skb)
		return;
	skb_record_rx_queue(skb, queue->index);
	skb->protocol = eth_type_trans(skb, queue->net->netdev);
	napi_gro_receive(&queue->napi, skb);
}

/* --- the context --- */

irqreturn_t lodge_net_receive_interrupt(int irq, void *data)
{
	struct net_queue *queue = data;

	napi_schedule(&queue->napi);
	return IRQ_HANDLED;
}

static int receive_some(struct net_queue *queue, int budget)
{
	struct net_packet packet;
	int done = 0, ready;

	while (done < budget) {
		ready = lodge_ring_ready(&queue->q.responses);
		if (ready > 0)
			ready = read_packet(queue, ready, &packet);
		if (ready < 0) {
			queue->live = false;
			lodge_device_broken(queue->net->device,
					    "received what is no packet");
		}
		if (ready <= 0)
			break;
		receive(queue, &packet);
		done++;
	}
	if (queue->redirected)
		xdp_do_flush();
	queue->redirected = false;
	publish(queue);
	return done;
}

int lodge_net_receive_poll(struct napi_struct *napi, int budget)
{
	struct net_queue *queue = container_of(napi, struct net_queue, napi);
	int done = queue->live ? receive_some(queue, budget) : 0;

	if (done < budget && napi_complete_done(napi, done) && queue->live &&
	    lodge_ring_rest(&queue->q.responses, 1))
		napi_schedule(napi);
	return done;
}
