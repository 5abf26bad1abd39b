// SPDX-License-Identifier: GPL-2.0
/*
 * Network devices of other domains: which packets the guest wants. It writes a
 * filter to its half of the device page; a copy of ours is what counts, made
 * under the device's mutex and read under RCU.
 */
#include <linux/etherdevice.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "net.h"

#define TRIES 10

/* False: it was being written all the time. */
static bool copy_filter(struct net_filter *to,
			const struct lodge_net_filter *from)
{
	unsigned int tries;

	for (tries = 0; tries < TRIES; tries++) {
		/* Pairs with the release of the front-end. */
		to->sequence = smp_load_acquire(&from->sequence);
		to->count = READ_ONCE(from->count);
		to->flags = READ_ONCE(from->flags);
		memcpy(to->address, from->address, sizeof(to->address));
		smp_rmb(); /* the copy, before it is looked at again */
		if (!(to->sequence & 1) &&
		    READ_ONCE(from->sequence) == to->sequence)
			return true;
	}
	return false;
}

static void replace(struct net_port *port, struct net_filter *filter)
{
	struct net_filter *old = rcu_dereference_protected(port->filter, true);

	rcu_assign_pointer(port->filter, filter);
	if (old)
		kfree_rcu(old, rcu);
}

/*
 * One that never stops writing keeps the filter that it had. The RTNL is taken
 * only for what the netdev's features depend on: a guest may change its filter
 * as often as it likes.
 */
void lodge_net_set_filter(struct net_port *port,
			  const struct lodge_device_front *front)
{
	const struct lodge_net_filter *from = (const void *)front->config;
	const struct net_filter *old =
		rcu_dereference_protected(port->filter, true);
	struct net_filter *filter;
	unsigned int before = old ? old->flags : 0;

	if (!(port->features & LODGE_NET_FILTER) ||
	    (old && old->sequence == READ_ONCE(from->sequence)))
		return;
	filter = kmalloc(sizeof(*filter), GFP_KERNEL);
	if (!filter || !copy_filter(filter, from)) {
		kfree(filter);
		return;
	}
	replace(port, filter);
	if (!((filter->flags ^ before) & LODGE_NET_PLAIN))
		return;
	rtnl_lock();
	netdev_update_features(port->netdev);
	rtnl_unlock();
}

void lodge_net_drop_filter(struct net_port *port)
{
	replace(port, NULL);
}

bool lodge_net_is_wanted(const struct net_port *port, const struct sk_buff *skb)
{
	const struct net_filter *f = rcu_dereference_bh(port->filter);
	const u8 *to = skb->data;
	unsigned int i;

	if (!f || !is_multicast_ether_addr(to) || is_broadcast_ether_addr(to) ||
	    f->count > LODGE_NET_FILTERS || f->flags & LODGE_NET_ALL)
		return true;
	for (i = 0; i < f->count; i++)
		if (ether_addr_equal_unaligned(to, f->address[i]))
			return true;
	return false;
}

/* RTNL. What the front-end does not take is done before it gets there. */
netdev_features_t lodge_net_fix_features(struct net_device *dev,
					 netdev_features_t features)
{
	const struct net_port *port = *(struct net_port **)netdev_priv(dev);
	const struct net_filter *f;
	u64 takes = READ_ONCE(port->features);

	rcu_read_lock();
	f = rcu_dereference(port->filter);
	if (f && f->flags & LODGE_NET_PLAIN)
		takes = 0;
	rcu_read_unlock();
	if (!(takes & LODGE_NET_RECEIVE_CSUM))
		features &= ~(NETIF_F_HW_CSUM | NETIF_F_ALL_TSO);
	if (!(takes & LODGE_NET_RECEIVE_TSO))
		features &= ~NETIF_F_ALL_TSO;
	return features;
}
