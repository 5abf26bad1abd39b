// SPDX-License-Identifier: GPL-2.0
/*
 * Network devices of other domains: the netdev lodge<domain>.<index>, which
 * stands for the other end of the guest's wire and can join a bridge. Here: the
 * netdev, and how it comes together with the front-end; net_from.c and net_to.c
 * have the packets.
 *
 * A queue is used by its NAPI context or under the netdev's transmit lock, as
 * long as it is live; stop() ends that before it unmaps anything.
 */
#include <linux/err.h>
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include <asm/lodge.h>

#include "net.h"

#define PAIRS 4
#define MTU_MAX 9000
#define QUEUE_LENGTH 128 /* packets that wait for buffers */
#define SPEED 10000 /* Mbit/s, for people and for bridges */

/* --- the netdev --- */

static int net_open_dev(struct net_device *dev)
{
	return 0;
}

static void net_get_stats(struct net_device *dev, struct rtnl_link_stats64 *s)
{
	struct net_port *port = *(struct net_port **)netdev_priv(dev);

	s->rx_packets = atomic64_read(&port->stat[LODGE_DEV_SENT_PACKETS]);
	s->rx_bytes = atomic64_read(&port->stat[LODGE_DEV_SENT_BYTES]);
	s->rx_dropped = atomic64_read(&port->stat[LODGE_DEV_SENT_DROPPED]);
	s->rx_errors = atomic64_read(&port->stat[LODGE_DEV_SENT_BAD]);
	s->tx_packets = atomic64_read(&port->stat[LODGE_DEV_RECEIVED_PACKETS]);
	s->tx_bytes = atomic64_read(&port->stat[LODGE_DEV_RECEIVED_BYTES]);
	s->tx_dropped = atomic64_read(&port->stat[LODGE_DEV_RECEIVED_DROPPED]);
}

static const struct net_device_ops net_ops = {
	.ndo_open = net_open_dev,
	.ndo_start_xmit = lodge_net_to_xmit,
	.ndo_validate_addr = eth_validate_addr,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_fix_features = lodge_net_fix_features,
	.ndo_get_stats64 = net_get_stats,
};

static void get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	struct net_port *port = *(struct net_port **)netdev_priv(dev);

	strscpy(info->driver, "lodge_net_backend", sizeof(info->driver));
	strscpy(info->bus_info, dev_name(&port->backend->dev),
		sizeof(info->bus_info));
}

static int get_link_ksettings(struct net_device *dev,
			      struct ethtool_link_ksettings *cmd)
{
	cmd->base.speed = SPEED;
	cmd->base.duplex = DUPLEX_FULL;
	cmd->base.port = PORT_OTHER;
	return 0;
}

static const struct ethtool_ops net_ethtool_ops = {
	.get_drvinfo = get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_link_ksettings = get_link_ksettings,
};

/* RTNL. The bridge is found by its name each time: it may have gone. */
static int join_bridge(struct net_port *port)
{
	struct lodge_backend *b = port->backend;
	struct net_device *bridge;
	int err;

	if (!b->spec.bridge[0])
		return 0;
	bridge = __dev_get_by_name(&init_net, b->spec.bridge);
	if (!bridge || !netif_is_bridge_master(bridge)) {
		snprintf(b->spec.reason, sizeof(b->spec.reason),
			 "%s: there is no bridge of that name", b->spec.bridge);
		return -ENODEV;
	}
	err = bridge->netdev_ops->ndo_add_slave(bridge, port->netdev, NULL);
	if (err)
		snprintf(b->spec.reason, sizeof(b->spec.reason),
			 "%s: cannot join this bridge", b->spec.bridge);
	return err;
}

static int register_port(struct net_port *port)
{
	struct net_device *dev = port->netdev;
	int err;

	rtnl_lock();
	err = register_netdevice(dev);
	if (!err) {
		err = dev_open(dev, NULL) ?: join_bridge(port);
		if (err)
			unregister_netdevice(dev);
	}
	rtnl_unlock();
	return err;
}

static int make_netdev(struct net_port *port)
{
	struct lodge_backend *b = port->backend;
	struct net_device *dev;

	dev = alloc_etherdev_mq(sizeof(struct net_port *), NET_PAIRS);
	if (!dev)
		return -ENOMEM;
	*(struct net_port **)netdev_priv(dev) = port;
	port->netdev = dev;
	snprintf(dev->name, sizeof(dev->name), "lodge%u.%u", b->domid,
		 b->index);
	dev->netdev_ops = &net_ops;
	dev->ethtool_ops = &net_ethtool_ops;
	dev->hw_features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO |
			   NETIF_F_TSO6 | NETIF_F_FRAGLIST;
	/* What another guest said of its packet this one will check. */
	dev->features = dev->hw_features | NETIF_F_RXCSUM | NETIF_F_HIGHDMA |
			NETIF_F_GSO_ROBUST;
	dev->vlan_features = dev->features;
	dev->min_mtu = ETH_MIN_MTU;
	dev->max_mtu = MTU_MAX;
	dev->mtu = b->spec.mtu ?: ETH_DATA_LEN;
	/* A guest that does not listen shall not hold much of our memory. */
	dev->tx_queue_len = QUEUE_LENGTH;
	netif_set_tso_max_size(dev, LODGE_NET_PACKET);
	/* Ours is only seen by the bridge, which shall not choose it. */
	eth_hw_addr_set(dev,
			(const u8[]){ 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff });
	netif_carrier_off(dev);
	return 0;
}

/* --- what the bus asks for --- */

static void free_port(struct net_port *port)
{
	lodge_net_drop_filter(port);
	if (port->netdev)
		free_netdev(port->netdev);
	kvfree(port->from);
	kvfree(port->to);
	kfree(port);
}

static void offer(struct net_port *port)
{
	struct lodge_backend *b = port->backend;
	struct lodge_net_config c = {
		.mtu_max = b->spec.mtu ?: ETH_DATA_LEN,
		.flags = LODGE_NET_LINK,
		.speed = SPEED,
	};

	ether_addr_copy(c.mac, b->spec.mac);
	b->offer.features = LODGE_NET_SEND_CSUM | LODGE_NET_SEND_TSO |
			    LODGE_NET_RECEIVE_CSUM | LODGE_NET_RECEIVE_TSO |
			    LODGE_NET_FILTER;
	b->offer.max_queues = 2 * PAIRS;
	b->offer.max_order = NET_ORDER;
	lodge_backend_config(b, &c, sizeof(c));
}

static void init_queue(struct net_port *port, struct net_queue *queue,
		       unsigned int index, bool to)
{
	queue->port = port;
	queue->index = index;
	queue->to = to;
	xa_init(&queue->kept);
	INIT_WORK(&queue->map_work, lodge_net_map_work);
	hrtimer_init(&queue->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	queue->timer.function = lodge_net_timer;
}

static int init_queues(struct net_port *port)
{
	unsigned int i;

	port->from = kvcalloc(NET_PAIRS, sizeof(*port->from), GFP_KERNEL);
	port->to = kvcalloc(NET_PAIRS, sizeof(*port->to), GFP_KERNEL);
	if (!port->from || !port->to)
		return -ENOMEM;
	for (i = 0; i < NET_PAIRS; i++) {
		init_queue(port, &port->from[i], i, false);
		init_queue(port, &port->to[i], i, true);
	}
	return 0;
}

static int net_open(struct lodge_backend *b)
{
	struct net_port *port;
	int err;

	if (b->spec.mtu > MTU_MAX ||
	    (b->spec.mtu && b->spec.mtu < ETH_MIN_MTU) ||
	    !is_valid_ether_addr(b->spec.mac)) {
		strscpy(b->spec.reason,
			"an MTU or a MAC address that cannot be",
			sizeof(b->spec.reason));
		return -EINVAL;
	}
	port = kzalloc(sizeof(*port), GFP_KERNEL);
	if (!port)
		return -ENOMEM;
	port->backend = b;
	spin_lock_init(&port->limit_lock);
	err = init_queues(port) ?: make_netdev(port) ?: register_port(port);
	if (err) {
		free_port(port);
		return err;
	}
	b->data = port;
	lodge_net_set_limits(port);
	offer(port);
	return 0;
}

static void net_close(struct lodge_backend *b)
{
	struct net_port *port = b->data;

	unregister_netdev(port->netdev);
	free_port(port);
	b->data = NULL;
}

/* --- queues --- */

static irqreturn_t interrupt(int irq, void *data)
{
	lodge_net_go_on(data);
	return IRQ_HANDLED;
}

static int start_queue(struct net_queue *queue,
		       const struct lodge_device_front *answer)
{
	struct net_port *port = queue->port;
	unsigned int index = queue->index;
	bool to = queue->to;
	int err;

	queue->most = 0;
	queue->short_since = 0;
	err = lodge_back_queue_map(port->backend, &queue->q, answer,
				   2 * index + to,
				   sizeof(struct lodge_net_request),
				   sizeof(struct lodge_net_response));
	if (err)
		return err;
	if (!to) {
		netif_napi_add(port->netdev, &queue->napi, lodge_net_from_poll);
		napi_enable(&queue->napi);
	}
	lodge_place_irq(queue->q.irq,
			port->backend->domid + port->backend->index + index);
	err = request_irq(queue->q.irq, interrupt, 0, port->netdev->name,
			  queue);
	if (!err)
		return 0;
	if (!to) {
		napi_disable(&queue->napi);
		netif_napi_del(&queue->napi);
	}
	lodge_back_queue_unmap(&queue->q);
	return err;
}

/* It was never live, or nobody sends through the netdev any more. */
static void stop_queue(struct net_queue *queue)
{
	WRITE_ONCE(queue->live, false);
	free_irq(queue->q.irq, queue);
	if (!queue->to)
		napi_disable(&queue->napi);
	cancel_work_sync(&queue->map_work); /* which may start the timer */
	hrtimer_cancel(&queue->timer);
	if (!queue->to)
		netif_napi_del(&queue->napi);
	lodge_net_unmap(queue);
	lodge_back_queue_unmap(&queue->q);
}

static void stop_queues(struct net_port *port, unsigned int from,
			unsigned int to)
{
	while (from)
		stop_queue(&port->from[--from]);
	while (to)
		stop_queue(&port->to[--to]);
	port->pairs = 0;
}

static int net_start(struct lodge_backend *b,
		     const struct lodge_device_front *answer)
{
	struct net_port *port = b->data;
	unsigned int pairs = answer->queues / 2, i;
	int err = answer->queues & 1 || pairs > NET_PAIRS ? -EINVAL : 0;

	port->features = answer->features;
	for (i = 0; i < pairs && !err; i++) {
		err = start_queue(&port->from[i], answer);
		if (err) {
			stop_queues(port, i, i);
			break;
		}
		err = start_queue(&port->to[i], answer);
		if (err)
			stop_queues(port, i + 1, i);
	}
	if (err) {
		strscpy(b->spec.reason, "a queue cannot be mapped",
			sizeof(b->spec.reason));
		return err;
	}
	port->pairs = pairs;
	for (i = 0; i < pairs; i++) {
		WRITE_ONCE(port->from[i].live, true);
		WRITE_ONCE(port->to[i].live, true);
	}
	lodge_net_drop_filter(port);
	lodge_net_set_filter(port, answer);
	rtnl_lock();
	netdev_update_features(port->netdev);
	netif_set_real_num_tx_queues(port->netdev, pairs);
	netif_set_real_num_rx_queues(port->netdev, pairs);
	netif_carrier_on(port->netdev);
	netif_tx_wake_all_queues(port->netdev);
	rtnl_unlock();
	/* What is there already was told to nobody. */
	local_bh_disable();
	for (i = 0; i < pairs; i++)
		lodge_net_go_on(&port->from[i]);
	local_bh_enable();
	return 0;
}

static void net_stop(struct lodge_backend *b)
{
	struct net_port *port = b->data;
	unsigned int i;

	for (i = 0; i < port->pairs; i++)
		WRITE_ONCE(port->to[i].live, false);
	rtnl_lock();
	netif_carrier_off(port->netdev);
	netif_tx_disable(port->netdev);
	rtnl_unlock();
	stop_queues(port, port->pairs, port->pairs);
}

static void net_front_changed(struct lodge_backend *b,
			      const struct lodge_device_front *front)
{
	lodge_net_set_filter(b->data, front);
}

static void net_limit(struct lodge_backend *b)
{
	local_bh_disable();
	lodge_net_set_limits(b->data);
	local_bh_enable();
}

static void net_stat(struct lodge_backend *b, u64 *stat)
{
	struct net_port *port = b->data;
	unsigned int i;

	for (i = 0; i < LODGE_DEV_STATS; i++)
		stat[i] = atomic64_read(&port->stat[i]);
}

static const struct lodge_backend_driver net_driver = {
	.owner = THIS_MODULE,
	.name = "net",
	.type = LODGE_DEVICE_NET,
	.open = net_open,
	.close = net_close,
	.start = net_start,
	.stop = net_stop,
	.front_changed = net_front_changed,
	.limit = net_limit,
	.stat = net_stat,
};

static int __init net_init(void)
{
	return lodge_backend_register(&net_driver);
}
module_init(net_init);

static void __exit net_exit(void)
{
	lodge_backend_unregister(&net_driver);
}
module_exit(net_exit);

MODULE_DESCRIPTION("Network devices for other domains of Lodge");
MODULE_LICENSE("GPL");
