// SPDX-License-Identifier: GPL-2.0
/*
 * Network devices of other domains: limits, each way by itself. What may not
 * pass now waits where it is, in the guest's ring or in the netdev's queue.
 */
#include <linux/ktime.h>

#include "net.h"

bool lodge_net_pay(struct net_queue *queue, unsigned int bytes,
		   unsigned int gso_size)
{
	struct net_port *port = queue->port;
	struct lodge_limit *b = queue->to ? &port->to_bytes : &port->from_bytes;
	struct lodge_limit *p = queue->to ? &port->to_packets :
					    &port->from_packets;
	unsigned long flags;
	u64 now, wait;

	if (!READ_ONCE(b->rate) && !READ_ONCE(p->rate))
		return true;
	now = ktime_get_ns();
	spin_lock_irqsave(&port->limit_lock, flags);
	wait = max(lodge_limit_wait(b, now), lodge_limit_wait(p, now));
	if (!wait) {
		lodge_limit_take(b, bytes);
		lodge_limit_take(p,
				 gso_size ? DIV_ROUND_UP(bytes, gso_size) : 1);
	}
	spin_unlock_irqrestore(&port->limit_lock, flags);
	if (!wait)
		return true;
	net_count(port, LODGE_DEV_WAITED, 1);
	/* Before the timer, which may be through with it at once. */
	if (queue->to)
		netif_tx_stop_queue(
			netdev_get_tx_queue(port->netdev, queue->index));
	hrtimer_start(&queue->timer, ns_to_ktime(wait), HRTIMER_MODE_REL_SOFT);
	return false;
}

enum hrtimer_restart lodge_net_timer(struct hrtimer *timer)
{
	lodge_net_go_on(container_of(timer, struct net_queue, timer));
	return HRTIMER_NORESTART;
}

void lodge_net_set_limits(struct net_port *port)
{
	const struct lodge_dev_limit *l = &port->backend->spec.limit;
	u64 now = ktime_get_ns();
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&port->limit_lock, flags);
	lodge_limit_set(&port->from_bytes, l->bytes, l->bytes_burst, now);
	lodge_limit_set(&port->to_bytes, l->bytes, l->bytes_burst, now);
	lodge_limit_set(&port->from_packets, l->operations, l->operations_burst,
			now);
	lodge_limit_set(&port->to_packets, l->operations, l->operations_burst,
			now);
	spin_unlock_irqrestore(&port->limit_lock, flags);
	for (i = 0; i < port->pairs; i++) {
		lodge_net_go_on(&port->from[i]);
		lodge_net_go_on(&port->to[i]);
	}
}
