// SPDX-License-Identifier: GPL-2.0
/*
 * Network devices on Lodge: XDP programs. Each packet is copied to a page of
 * its own, for the back-end must not change what a program has looked at. While
 * there is a program the back-end is asked for packets as they are on a wire;
 * one of another kind, or too large for a page, is dropped: it must not get
 * past the program. So the MTU is about 3500 bytes then, at most.
 *
 * The program is changed under the RTNL and used by NAPI contexts.
 */
#include <linux/bpf.h>
#include <linux/bpf_trace.h>
#include <linux/etherdevice.h>
#include <linux/filter.h>
#include <linux/if_vlan.h>

#include "net.h"

#define ROOM ((unsigned int)SKB_WITH_OVERHEAD(PAGE_SIZE) - XDP_PACKET_HEADROOM)
#define MTU_MAX (ROOM - VLAN_ETH_HLEN)

static struct sk_buff *pass(const struct xdp_buff *xdp)
{
	struct sk_buff *skb = napi_build_skb(xdp->data_hard_start, PAGE_SIZE);

	if (!skb)
		return NULL;
	skb_reserve(skb, xdp->data - xdp->data_hard_start);
	skb_put(skb, xdp->data_end - xdp->data);
	skb_reset_mac_header(skb);
	return skb;
}

/* Back to where it came from. */
static bool send_back(struct net_queue *queue, const struct xdp_buff *xdp)
{
	struct net_queue *send = &queue->net->send[queue->index];
	struct netdev_queue *txq =
		netdev_get_tx_queue(queue->net->netdev, queue->index);
	bool sent;

	__netif_tx_lock(txq, smp_processor_id());
	sent = lodge_net_send_data(send, xdp->data, xdp->data_end - xdp->data);
	if (sent)
		lodge_net_send_publish(send);
	__netif_tx_unlock(txq);
	return sent;
}

/* False: the packet was dropped. Its page is somebody else's, or free. */
static bool act(struct net_queue *queue, struct bpf_prog *program,
		struct xdp_buff *xdp, struct sk_buff **skb)
{
	struct page *page = virt_to_page(xdp->data_hard_start);
	struct net_device *dev = queue->net->netdev;
	u32 action = bpf_prog_run_xdp(program, xdp);

	switch (action) {
	case XDP_PASS:
		if (xdp->data_end - xdp->data >= ETH_HLEN)
			*skb = pass(xdp);
		if (*skb)
			return true;
		break;
	case XDP_TX:
		if (send_back(queue, xdp)) {
			put_page(page);
			return true;
		}
		trace_xdp_exception(dev, program, action);
		break;
	case XDP_REDIRECT:
		if (!xdp_do_redirect(dev, xdp, program)) {
			queue->redirected = true;
			return true;
		}
		trace_xdp_exception(dev, program, action);
		break;
	default:
		bpf_warn_invalid_xdp_action(dev, program, action);
		fallthrough;
	case XDP_ABORTED:
		trace_xdp_exception(dev, program, action);
		fallthrough;
	case XDP_DROP:
		break;
	}
	put_page(page);
	return false;
}

bool lodge_net_run_xdp(struct net_queue *queue, struct bpf_prog *program,
		       const struct net_packet *p, struct sk_buff **skb)
{
	struct xdp_buff xdp;
	struct page *page;

	if (p->length > ROOM || p->first.flags & LODGE_NET_CSUM ||
	    p->first.gso_type != LODGE_NET_GSO_NONE)
		return false;
	page = dev_alloc_page();
	if (!page)
		return false;
	xdp_init_buff(&xdp, PAGE_SIZE, &queue->rxq);
	xdp_prepare_buff(&xdp, page_address(page), XDP_PACKET_HEADROOM,
			 p->length, false);
	lodge_net_copy(queue, p, xdp.data);
	return act(queue, program, &xdp, skb);
}

/* Packets that other devices' programs send here. Any processor. */
int lodge_net_xdp_xmit(struct net_device *dev, int n, struct xdp_frame **frames,
		       u32 flags)
{
	struct lodge_net *net = netdev_priv(dev);
	unsigned int index;
	struct netdev_queue *txq;
	int sent = 0;

	if (flags & ~XDP_XMIT_FLAGS_MASK)
		return -EINVAL;
	index = smp_processor_id() % dev->real_num_tx_queues;
	txq = netdev_get_tx_queue(dev, index);
	__netif_tx_lock(txq, smp_processor_id());
	while (sent < n && !xdp_frame_has_frags(frames[sent]) &&
	       lodge_net_send_data(&net->send[index], frames[sent]->data,
				   frames[sent]->len))
		xdp_return_frame_rx_napi(frames[sent++]);
	if (flags & XDP_XMIT_FLUSH && net->send[index].live)
		lodge_net_send_publish(&net->send[index]);
	__netif_tx_unlock(txq);
	return sent;
}

/* --- RTNL --- */

int lodge_net_bpf(struct net_device *dev, struct netdev_bpf *bpf)
{
	struct lodge_net *net = netdev_priv(dev);
	struct bpf_prog *old;

	if (bpf->command != XDP_SETUP_PROG)
		return -EINVAL;
	if (bpf->prog && dev->mtu > MTU_MAX) {
		NL_SET_ERR_MSG_MOD(bpf->extack, "The MTU is too large for XDP");
		return -EINVAL;
	}
	if (bpf->prog && !(net->device->offer.features & LODGE_NET_FILTER)) {
		NL_SET_ERR_MSG_MOD(bpf->extack, "The back-end is too old");
		return -EOPNOTSUPP;
	}
	old = rtnl_dereference(net->xdp);
	rcu_assign_pointer(net->xdp, bpf->prog);
	if (old)
		bpf_prog_put(old);
	netif_addr_lock_bh(dev);
	lodge_net_write_filter(net);
	netif_addr_unlock_bh(dev);
	return 0;
}

int lodge_net_change_mtu(struct net_device *dev, int mtu)
{
	struct lodge_net *net = netdev_priv(dev);

	if (rtnl_dereference(net->xdp) && mtu > MTU_MAX)
		return -EINVAL;
	WRITE_ONCE(dev->mtu, mtu);
	return 0;
}
