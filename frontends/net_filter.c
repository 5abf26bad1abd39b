// SPDX-License-Identifier: GPL-2.0
/*
 * Network devices on Lodge: which packets the back-end shall bother us with, in
 * our half of the device page. The netdev's address lock protects it.
 */
#include <linux/etherdevice.h>

#include "net.h"

static void fill(struct lodge_net *net, struct lodge_net_filter *f)
{
	struct net_device *dev = net->netdev;
	struct netdev_hw_addr *address;
	unsigned int count = 0;

	netdev_for_each_mc_addr(address, dev) {
		if (count < LODGE_NET_FILTERS)
			ether_addr_copy(f->address[count], address->addr);
		count++;
	}
	if (dev->flags & IFF_ALLMULTI)
		count = U16_MAX;
	f->count = min_t(unsigned int, count, LODGE_NET_FILTERS + 1);
	f->flags = 0;
	if (dev->flags & IFF_PROMISC)
		f->flags |= LODGE_NET_ALL;
	if (rcu_access_pointer(net->xdp))
		f->flags |= LODGE_NET_PLAIN;
}

void lodge_net_write_filter(struct lodge_net *net)
{
	struct lodge_net_filter *f = (void *)net->device->page->front.config;
	u32 sequence = f->sequence & ~1;

	WRITE_ONCE(f->sequence, sequence + 1);
	smp_wmb(); /* before any of it */
	fill(net, f);
	/* Pairs with the acquire of the back-end. */
	smp_store_release(&f->sequence, sequence + 2);
	lodge_device_notify(net->device);
}

void lodge_net_set_rx_mode(struct net_device *dev)
{
	lodge_net_write_filter(netdev_priv(dev));
}
