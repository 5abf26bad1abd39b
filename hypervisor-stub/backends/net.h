/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the network back-end share. */
#ifndef _LODGE_BACKENDS_NET_H
#define _LODGE_BACKENDS_NET_H

#include <linux/etherdevice.h>
#include <linux/hrtimer.h>
#include <linux/netdevice.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include <lodge/io/net.h>

#include "backend.h"
#include "limit.h"

#define NET_ORDER 8 /* entries of a ring, at most */
#define NET_PAIRS (LODGE_DEVICE_QUEUES / 2)

struct net_port;

/* One direction of a pair. `from` the guest, or `to` it. */
struct net_queue {
	struct net_port *port;
	struct lodge_back_queue q;
	unsigned int index; /* of the pair */
	bool to, live;
	struct napi_struct napi; /* from */
	/* Pages by reference: struct lodge_map. Written by map_work. */
	struct xarray kept;
	unsigned int kept_count;
	struct work_struct map_work;
	struct hrtimer timer; /* until it goes on: a limit, no buffers */
	/* to: buffers that there were at a time, and since when too few are */
	unsigned int most;
	unsigned long short_since; /* jiffies; 0: there are enough */
};

/* Which packets the guest wants, a copy. */
struct net_filter {
	struct rcu_head rcu;
	u32 sequence;
	unsigned int count, flags;
	u8 address[LODGE_NET_FILTERS][ETH_ALEN];
};

struct net_port {
	struct lodge_backend *backend;
	struct net_device *netdev;
	struct net_queue *from, *to; /* NET_PAIRS of each */
	unsigned int pairs; /* that run */
	u64 features; /* chosen by the front-end */
	struct net_filter __rcu *filter; /* NULL: it wants all */
	/* The limits of both ways, each of bytes and of packets. */
	spinlock_t limit_lock;
	struct lodge_limit from_bytes, from_packets, to_bytes, to_packets;
	atomic64_t stat[LODGE_DEV_STATS];
};

static inline void net_count(struct net_port *port, unsigned int stat, u64 n)
{
	atomic64_add(n, &port->stat[stat]);
}

/* net_pages.c */
/* NULL: it is not mapped, and lodge_net_map_later() has to be called. */
struct page *lodge_net_page(struct net_queue *queue, u32 ref);
/* Maps the pages of all requests that are there, then goes on. */
void lodge_net_map_later(struct net_queue *queue);
void lodge_net_map_work(struct work_struct *work);
void lodge_net_unmap(struct net_queue *queue);
/*
 * Goes on with what waited for pages, or for the time. In an interrupt or with
 * soft interrupts off, so that what it raises is run soon.
 */
void lodge_net_go_on(struct net_queue *queue);

/* net_limit.c */
/*
 * True: a packet may pass, and was paid for; else the timer was started, and the
 * netdev's queue stopped. One that is to be cut into segments costs as many
 * packets.
 */
bool lodge_net_pay(struct net_queue *queue, unsigned int bytes,
		   unsigned int gso_size);
void lodge_net_set_limits(struct net_port *port);
enum hrtimer_restart lodge_net_timer(struct hrtimer *timer);

/* net_filter.c; under the device's mutex */
void lodge_net_set_filter(struct net_port *port,
			  const struct lodge_device_front *front);
void lodge_net_drop_filter(struct net_port *port);
/* In an RCU section. The packet begins with its Ethernet header. */
bool lodge_net_is_wanted(const struct net_port *port,
			 const struct sk_buff *skb);
netdev_features_t lodge_net_fix_features(struct net_device *dev,
					 netdev_features_t features);

/* net_from.c, net_to.c */
int lodge_net_from_poll(struct napi_struct *napi, int budget);
netdev_tx_t lodge_net_to_xmit(struct sk_buff *skb, struct net_device *dev);

#endif /* _LODGE_BACKENDS_NET_H */
