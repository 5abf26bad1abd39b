/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the network driver share. */
#ifndef _LODGE_NET_H
#define _LODGE_NET_H

#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/u64_stats_sync.h>
#include <linux/workqueue.h>

#include <net/xdp.h>

#include <asm/lodge_bus.h>

#include <lodge/io/net.h>

#define NET_ORDER 8 /* entries of a ring */
#define NET_ENTRIES (1 << NET_ORDER)
#define NET_PAIRS (LODGE_DEVICE_QUEUES / 2)

/* Bytes of a page, and how many fragments the largest packet has. */
#define NET_ROOM PAGE_SIZE
#define NET_FRAGMENTS DIV_ROUND_UP(LODGE_NET_PACKET, NET_ROOM)

/* Pages of a queue, granted as long as the connection lasts; by id. */
struct net_pool {
	struct page *page[NET_ENTRIES];
	u32 ref[NET_ENTRIES];
	u16 slot[NET_ENTRIES]; /* a stack of those that are free */
	unsigned int free, size; /* pages */
};

struct net_stat {
	u64_stats_t packets, bytes, drops, notifies;
	struct u64_stats_sync sync;
};

/* One direction of a pair; the pool's page n is with the back-end or free. */
struct net_queue {
	struct lodge_net *net;
	struct lodge_queue q;
	struct net_pool pool;
	DECLARE_BITMAP(lent, NET_ENTRIES);
	struct napi_struct napi;
	struct net_stat stat;
	unsigned int index; /* of the pair */
	bool live;
	bool redirected; /* by XDP, in this poll */
	struct xdp_rxq_info rxq; /* receive */
	char name[32]; /* of the interrupt */
};

/* A packet, as the responses had it: a chain of the pool's pages. */
struct net_packet {
	struct lodge_net_response first;
	unsigned int fragments, length;
	struct {
		u16 id, offset, length;
	} fragment[LODGE_NET_FRAGMENTS];
};

struct lodge_net {
	struct lodge_device *device;
	struct net_device *netdev;
	struct net_queue *send, *receive; /* NET_PAIRS of each */
	unsigned int pairs; /* that have queues now */
	bool registered, connected, up;
	struct bpf_prog __rcu *xdp;
	struct delayed_work carrier; /* goes when nobody comes back */
};

/* net_queue.c */
int lodge_net_make_queue(struct net_queue *queue, unsigned int index,
			 irq_handler_t handler);
void lodge_net_end_queue(struct net_queue *queue);
void lodge_net_lend(struct net_queue *queue, u16 id);
/* False: id is not with the back-end. */
bool lodge_net_take_back(struct net_queue *queue, u16 id);

/* net_send.c */
netdev_tx_t lodge_net_xmit(struct sk_buff *skb, struct net_device *dev);
irqreturn_t lodge_net_send_interrupt(int irq, void *data);
int lodge_net_send_poll(struct napi_struct *napi, int budget);
/* A packet that an XDP program made. Lock: the netdev queue's. False: no room. */
bool lodge_net_send_data(struct net_queue *queue, const void *data,
			 unsigned int length);
void lodge_net_send_publish(struct net_queue *queue);

/* net_receive.c */
/* Lends all of the pool. */
void lodge_net_post(struct net_queue *queue);
irqreturn_t lodge_net_receive_interrupt(int irq, void *data);
int lodge_net_receive_poll(struct napi_struct *napi, int budget);
void lodge_net_copy(const struct net_queue *queue, const struct net_packet *p,
		    void *to);

/* net_xdp.c */
/*
 * Runs the program. False: the packet was dropped. *skb, which is NULL before, if
 * it goes on to the kernel.
 */
bool lodge_net_run_xdp(struct net_queue *queue, struct bpf_prog *program,
		       const struct net_packet *p, struct sk_buff **skb);
int lodge_net_bpf(struct net_device *dev, struct netdev_bpf *bpf);
int lodge_net_xdp_xmit(struct net_device *dev, int n, struct xdp_frame **frames,
		       u32 flags);
int lodge_net_change_mtu(struct net_device *dev, int mtu);

/* net_filter.c */
/* Tells the back-end which packets are wanted. */
void lodge_net_write_filter(struct lodge_net *net);
void lodge_net_set_rx_mode(struct net_device *dev);

/* net_ethtool.c */
extern const struct ethtool_ops lodge_net_ethtool_ops;

#endif /* _LODGE_NET_H */
