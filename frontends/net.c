// SPDX-License-Identifier: GPL-2.0
/*
 * Network devices on Lodge. Here: the netdev, and how it comes together with
 * its back-end; net_send.c and net_receive.c have the packets.
 *
 * The netdev is made at the first offer and lives as long as the device. While
 * there is no back-end nothing is sent or received, but the carrier stays for
 * some seconds: a back-end that was only loaded anew costs some packets and no
 * connection. `up` says that queues run; it changes under the RTNL, by the
 * operator of the netdev and by the bus. So does `connected`: there are queues,
 * and the back-end has them.
 */
#include <linux/err.h>
#include <linux/etherdevice.h>
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include <asm/lodge.h>

#include "net.h"

#define CARRIER_STAYS (10 * HZ)
#define MTU_MAX 9000

static unsigned int max_queues;
module_param(max_queues, uint, 0444);
MODULE_PARM_DESC(max_queues, "Pairs of queues, at most (number of CPUs)");

static const struct lodge_net_config *config_of(const struct lodge_net *net)
{
	return (const void *)net->device->offer.config;
}

/* --- up and down: RTNL --- */

static void start_queue(struct net_queue *queue)
{
	queue->live = true;
	napi_enable(&queue->napi);
	/* What came before was told to nobody. */
	local_bh_disable();
	napi_schedule(&queue->napi);
	local_bh_enable();
}

static void start_queues(struct lodge_net *net)
{
	unsigned int i;

	if (net->up || !net->connected || !netif_running(net->netdev))
		return;
	for (i = 0; i < net->pairs; i++) {
		start_queue(&net->send[i]);
		start_queue(&net->receive[i]);
	}
	net->up = true;
	netif_tx_wake_all_queues(net->netdev);
}

static void stop_queues(struct lodge_net *net)
{
	unsigned int i;

	if (!net->up)
		return;
	net->up = false;
	for (i = 0; i < net->pairs; i++)
		WRITE_ONCE(net->send[i].live, false);
	/* Takes each transmit lock: whoever comes later sees that. */
	netif_tx_disable(net->netdev);
	for (i = 0; i < net->pairs; i++) {
		napi_disable(&net->send[i].napi);
		napi_disable(&net->receive[i].napi);
		net->receive[i].live = false;
	}
}

static int net_open(struct net_device *dev)
{
	start_queues(netdev_priv(dev));
	return 0;
}

static int net_stop(struct net_device *dev)
{
	stop_queues(netdev_priv(dev));
	return 0;
}

static void add_stat(const struct net_stat *s, u64 *packets, u64 *bytes,
		     u64 *drops)
{
	unsigned int start;
	u64 p, b, d;

	do {
		start = u64_stats_fetch_begin(&s->sync);
		p = u64_stats_read(&s->packets);
		b = u64_stats_read(&s->bytes);
		d = u64_stats_read(&s->drops);
	} while (u64_stats_fetch_retry(&s->sync, start));
	*packets += p;
	*bytes += b;
	*drops += d;
}

static void net_get_stats(struct net_device *dev, struct rtnl_link_stats64 *s)
{
	struct lodge_net *net = netdev_priv(dev);
	unsigned int i;

	for (i = 0; i < NET_PAIRS; i++) {
		add_stat(&net->send[i].stat, &s->tx_packets, &s->tx_bytes,
			 &s->tx_dropped);
		add_stat(&net->receive[i].stat, &s->rx_packets, &s->rx_bytes,
			 &s->rx_dropped);
	}
}

static const struct net_device_ops net_ops = {
	.ndo_open = net_open,
	.ndo_stop = net_stop,
	.ndo_start_xmit = lodge_net_xmit,
	.ndo_validate_addr = eth_validate_addr,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_get_stats64 = net_get_stats,
	.ndo_set_rx_mode = lodge_net_set_rx_mode,
	.ndo_change_mtu = lodge_net_change_mtu,
	.ndo_bpf = lodge_net_bpf,
	.ndo_xdp_xmit = lodge_net_xdp_xmit,
};

/* --- the netdev --- */

static void carrier_off(struct work_struct *work)
{
	struct lodge_net *net =
		container_of(work, struct lodge_net, carrier.work);

	netif_carrier_off(net->netdev);
}

static void show_config(struct lodge_net *net)
{
	const struct lodge_net_config *c = config_of(net);

	cancel_delayed_work_sync(&net->carrier);
	if (c->flags & LODGE_NET_LINK)
		netif_carrier_on(net->netdev);
	else
		netif_carrier_off(net->netdev);
}

/* RTNL. The largest MTU that is offered now. */
static void limit_mtu(struct lodge_net *net)
{
	struct net_device *dev = net->netdev;

	dev->max_mtu = clamp_t(unsigned int, config_of(net)->mtu_max,
			       ETH_MIN_MTU, MTU_MAX);
	if (net->registered && dev->mtu > dev->max_mtu)
		dev_set_mtu(dev, dev->max_mtu);
}

static void init_queue(struct lodge_net *net, struct net_queue *queue,
		       unsigned int index)
{
	queue->net = net;
	queue->index = index;
	u64_stats_init(&queue->stat.sync);
}

static int add_receive(struct lodge_net *net, struct net_queue *queue)
{
	netif_napi_add(net->netdev, &queue->napi, lodge_net_receive_poll);
	return xdp_rxq_info_reg(&queue->rxq, net->netdev, queue->index, 0) ?:
		       xdp_rxq_info_reg_mem_model(&queue->rxq,
						  MEM_TYPE_PAGE_SHARED, NULL);
}

static int init_queues(struct lodge_net *net, unsigned int pairs)
{
	unsigned int i;
	int err;

	net->send = kvcalloc(NET_PAIRS, sizeof(*net->send), GFP_KERNEL);
	net->receive = kvcalloc(NET_PAIRS, sizeof(*net->receive), GFP_KERNEL);
	if (!net->send || !net->receive)
		return -ENOMEM;
	for (i = 0; i < NET_PAIRS; i++) {
		init_queue(net, &net->send[i], i);
		init_queue(net, &net->receive[i], i);
	}
	for (i = 0; i < pairs; i++) {
		netif_napi_add_tx(net->netdev, &net->send[i].napi,
				  lodge_net_send_poll);
		err = add_receive(net, &net->receive[i]);
		if (err)
			return err;
	}
	return 0;
}

static void free_netdev_of(struct lodge_net *net)
{
	struct net_queue *send = net->send, *receive = net->receive;
	unsigned int i;

	for (i = 0; net->receive && i < NET_PAIRS; i++)
		if (xdp_rxq_info_is_reg(&net->receive[i].rxq))
			xdp_rxq_info_unreg(&net->receive[i].rxq);
	/* It takes the NAPI contexts off its list, and `net` is in it. */
	free_netdev(net->netdev);
	kvfree(send);
	kvfree(receive);
}

static unsigned int pairs_of(const struct lodge_device *d)
{
	unsigned int pairs = min_t(unsigned int, d->offer.max_queues / 2,
				   num_possible_cpus());

	if (max_queues)
		pairs = min(pairs, max_queues);
	return min_t(unsigned int, pairs, NET_PAIRS);
}

static struct lodge_net *make_netdev(struct lodge_device *d)
{
	const struct lodge_net_config *c = (const void *)d->offer.config;
	unsigned int pairs = pairs_of(d);
	struct net_device *dev =
		alloc_etherdev_mq(sizeof(struct lodge_net), pairs);
	struct lodge_net *net;

	if (!dev)
		return NULL;
	net = netdev_priv(dev);
	net->device = d;
	net->netdev = dev;
	INIT_DELAYED_WORK(&net->carrier, carrier_off);
	if (init_queues(net, pairs)) {
		free_netdev_of(net);
		return NULL;
	}
	dev->netdev_ops = &net_ops;
	dev->ethtool_ops = &lodge_net_ethtool_ops;
	dev->hw_features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO |
			   NETIF_F_TSO6 | NETIF_F_RXCSUM;
	dev->features = dev->hw_features | NETIF_F_HIGHDMA | NETIF_F_GSO_ROBUST;
	dev->vlan_features = dev->features;
	xdp_set_features_flag(dev, NETDEV_XDP_ACT_BASIC |
					   NETDEV_XDP_ACT_REDIRECT |
					   NETDEV_XDP_ACT_NDO_XMIT);
	netif_set_tso_max_size(dev, LODGE_NET_PACKET);
	dev->min_mtu = ETH_MIN_MTU;
	dev->max_mtu = min_t(unsigned int, c->mtu_max, MTU_MAX);
	dev->mtu = min_t(unsigned int, dev->max_mtu, ETH_DATA_LEN);
	eth_hw_addr_set(dev, c->mac);
	ether_addr_copy(dev->perm_addr, c->mac);
	SET_NETDEV_DEV(dev, &d->dev);
	netif_carrier_off(dev);
	return net;
}

/* --- what the bus asks for --- */

static int net_probe(struct lodge_device *d)
{
	dev_set_drvdata(&d->dev, NULL);
	return 0;
}

static int check_offer(const struct lodge_device *d)
{
	const struct lodge_net_config *c = (const void *)d->offer.config;
	u64 needs = LODGE_NET_SEND_CSUM | LODGE_NET_SEND_TSO;

	if (!is_valid_ether_addr(c->mac) || c->mtu_max < ETH_MIN_MTU ||
	    d->offer.max_queues < 2 || d->offer.max_order < NET_ORDER ||
	    (d->offer.features & needs) != needs)
		return -EINVAL;
	return 0;
}

static void end_queues(struct lodge_net *net, unsigned int sending)
{
	while (sending)
		lodge_net_end_queue(&net->send[--sending]);
	while (net->pairs)
		lodge_net_end_queue(&net->receive[--net->pairs]);
}

/* When references or memory run out, fewer pairs do as well. */
static int make_queues(struct lodge_net *net, unsigned int pairs)
{
	unsigned int sending = 0;
	int err = 0;

	while (net->pairs < pairs) {
		err = lodge_net_make_queue(&net->send[sending], 2 * sending,
					   lodge_net_send_interrupt);
		if (err)
			break;
		sending++;
		err = lodge_net_make_queue(&net->receive[net->pairs],
					   2 * net->pairs + 1,
					   lodge_net_receive_interrupt);
		if (err)
			break;
		net->pairs++;
	}
	if (sending > net->pairs)
		lodge_net_end_queue(&net->send[net->pairs]);
	return net->pairs ? 0 : err;
}

static int net_connect(struct lodge_device *d)
{
	struct lodge_net *net = dev_get_drvdata(&d->dev);
	int err = check_offer(d);

	if (err)
		return err;
	if (!net) {
		net = make_netdev(d);
		if (!net)
			return -ENOMEM;
		dev_set_drvdata(&d->dev, net);
	}
	err = make_queues(net, min_t(unsigned int, pairs_of(d),
				     net->netdev->num_tx_queues));
	if (err)
		return err;
	d->page->front.features = d->offer.features &
				  (LODGE_NET_SEND_CSUM | LODGE_NET_SEND_TSO |
				   LODGE_NET_RECEIVE_CSUM |
				   LODGE_NET_RECEIVE_TSO | LODGE_NET_FILTER);
	d->page->front.queues = 2 * net->pairs;
	d->page->front.order = NET_ORDER;
	netif_addr_lock_bh(net->netdev);
	lodge_net_write_filter(net);
	netif_addr_unlock_bh(net->netdev);
	return 0;
}

static void net_running(struct lodge_device *d)
{
	struct lodge_net *net = dev_get_drvdata(&d->dev);
	unsigned int i;
	int err;

	rtnl_lock();
	for (i = 0; i < net->pairs; i++)
		lodge_net_post(&net->receive[i]);
	net->connected = true;
	netif_set_real_num_tx_queues(net->netdev, net->pairs);
	netif_set_real_num_rx_queues(net->netdev, net->pairs);
	if (!net->registered) {
		err = register_netdevice(net->netdev);
		if (err)
			dev_err(&d->dev, "registering the netdev: %d\n", err);
		net->registered = !err;
	}
	limit_mtu(net);
	start_queues(net);
	rtnl_unlock();
	show_config(net);
}

static void net_lost(struct lodge_device *d)
{
	struct lodge_net *net = dev_get_drvdata(&d->dev);

	if (!net || !net->pairs)
		return;
	rtnl_lock();
	net->connected = false;
	stop_queues(net);
	/* A poll may look at its ring once more when it has completed. */
	synchronize_net();
	end_queues(net, net->pairs);
	rtnl_unlock();
	queue_delayed_work(system_wq, &net->carrier, CARRIER_STAYS);
}

static void net_changed(struct lodge_device *d)
{
	struct lodge_net *net = dev_get_drvdata(&d->dev);

	rtnl_lock();
	limit_mtu(net);
	rtnl_unlock();
	show_config(net);
}

/* What is on its way is lost, as when a cable is drawn. */
static bool net_closing(struct lodge_device *d)
{
	return true;
}

static void net_remove(struct lodge_device *d)
{
	struct lodge_net *net = dev_get_drvdata(&d->dev);

	if (!net)
		return;
	if (net->registered)
		unregister_netdev(net->netdev);
	cancel_delayed_work_sync(&net->carrier);
	free_netdev_of(net);
}

static struct lodge_driver net_driver = {
	.driver = {
		.name = "lodge_net",
		.owner = THIS_MODULE,
	},
	.type = LODGE_DEVICE_NET,
	.probe = net_probe,
	.remove = net_remove,
	.connect = net_connect,
	.running = net_running,
	.lost = net_lost,
	.changed = net_changed,
	.closing = net_closing,
};

static int __init net_init(void)
{
	return lodge_guest() ? lodge_register_driver(&net_driver) : -ENODEV;
}
module_init(net_init);

static void __exit net_exit(void)
{
	lodge_unregister_driver(&net_driver);
}
module_exit(net_exit);

MODULE_DESCRIPTION("Network devices on Lodge");
MODULE_LICENSE("GPL");
MODULE_ALIAS(LODGE_MODALIAS "net");
