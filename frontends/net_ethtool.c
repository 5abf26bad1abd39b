// SPDX-License-Identifier: GPL-2.0
/* Network devices on Lodge: what ethtool shows. */
#include <linux/ethtool.h>

#include "net.h"

static const char *const stat_name[] = { "packets", "bytes", "drops",
					 "notifies" };

static void get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	struct lodge_net *net = netdev_priv(dev);

	strscpy(info->driver, "lodge_net", sizeof(info->driver));
	strscpy(info->bus_info, dev_name(&net->device->dev),
		sizeof(info->bus_info));
}

static int get_link_ksettings(struct net_device *dev,
			      struct ethtool_link_ksettings *cmd)
{
	struct lodge_net *net = netdev_priv(dev);
	const struct lodge_net_config *c =
		(const void *)net->device->offer.config;

	cmd->base.speed = c->speed && c->speed <= INT_MAX ? c->speed :
							    SPEED_UNKNOWN;
	cmd->base.duplex = DUPLEX_FULL;
	cmd->base.port = PORT_OTHER;
	return 0;
}

static void get_channels(struct net_device *dev, struct ethtool_channels *c)
{
	c->max_combined = dev->num_tx_queues;
	c->combined_count = dev->real_num_tx_queues;
}

static void get_ringparam(struct net_device *dev, struct ethtool_ringparam *r,
			  struct kernel_ethtool_ringparam *kernel,
			  struct netlink_ext_ack *extack)
{
	r->rx_max_pending = r->rx_pending = NET_ENTRIES;
	r->tx_max_pending = r->tx_pending = NET_ENTRIES;
}

static int get_sset_count(struct net_device *dev, int set)
{
	if (set != ETH_SS_STATS)
		return -EOPNOTSUPP;
	return 2 * dev->real_num_tx_queues * ARRAY_SIZE(stat_name);
}

static void get_strings(struct net_device *dev, u32 set, u8 *data)
{
	unsigned int i, n;

	if (set != ETH_SS_STATS)
		return;
	for (i = 0; i < dev->real_num_tx_queues; i++) {
		for (n = 0; n < ARRAY_SIZE(stat_name); n++)
			ethtool_sprintf(&data, "tx%u_%s", i, stat_name[n]);
		for (n = 0; n < ARRAY_SIZE(stat_name); n++)
			ethtool_sprintf(&data, "rx%u_%s", i, stat_name[n]);
	}
}

static u64 *copy_stat(u64 *data, const struct net_stat *s)
{
	unsigned int start;

	do {
		start = u64_stats_fetch_begin(&s->sync);
		data[0] = u64_stats_read(&s->packets);
		data[1] = u64_stats_read(&s->bytes);
		data[2] = u64_stats_read(&s->drops);
		data[3] = u64_stats_read(&s->notifies);
	} while (u64_stats_fetch_retry(&s->sync, start));
	return data + ARRAY_SIZE(stat_name);
}

static void get_ethtool_stats(struct net_device *dev,
			      struct ethtool_stats *stats, u64 *data)
{
	struct lodge_net *net = netdev_priv(dev);
	unsigned int i;

	for (i = 0; i < dev->real_num_tx_queues; i++) {
		data = copy_stat(data, &net->send[i].stat);
		data = copy_stat(data, &net->receive[i].stat);
	}
}

const struct ethtool_ops lodge_net_ethtool_ops = {
	.get_drvinfo = get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_link_ksettings = get_link_ksettings,
	.get_channels = get_channels,
	.get_ringparam = get_ringparam,
	.get_sset_count = get_sset_count,
	.get_strings = get_strings,
	.get_ethtool_stats = get_ethtool_stats,
};
