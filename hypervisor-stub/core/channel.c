// SPDX-License-Identifier: GPL-2.0
/*
 * Event channels between two domains.
 *
 * A port of kind UNBOUND waits for one domain; one of kind INTERDOMAIN is an
 * end of a channel, and names the other end by domain and port. The two
 * entries name each other, and are changed together under the ports_lock of
 * both domains, that of the lower id taken first. Which domain a port is for
 * never changes from ALLOC or BIND_REMOTE to CLOSE.
 *
 * SEND takes neither lock. It reads its own entry, finds the other domain
 * (domain_find(), so all of it is there until this entry into the hypervisor
 * is over, whatever happens to it), reads the entry there, and sends only if
 * that names the sender's end. Each entry is one word, so this is the other
 * end as it was at some moment of the call; if it is closed after that look,
 * its bit may be left pending, which binding the port anew clears. Nothing is
 * written to the other domain but that bit and the notice to its vCPU, and
 * nothing is counted. The end that binds is written first: whoever sees its
 * own end bound finds the other one bound as well.
 *
 * The death of a domain closes its ports when no processor can find it any
 * more. Then its table is touched by the one that takes it down alone.
 */
#include <lodge/errno.h>
#include "domain.h"
#include "event_port.h"

/* b may be NULL, or a. */
static void lock_two(struct domain *a, struct domain *b)
{
	if (!b || a == b)
		spin_lock(&a->ports_lock);
	else if (a->id < b->id)
		spin_lock_pair(&a->ports_lock, &b->ports_lock);
	else
		spin_lock_pair(&b->ports_lock, &a->ports_lock);
}

static void unlock_two(struct domain *a, struct domain *b)
{
	if (!b || a == b)
		spin_unlock(&a->ports_lock);
	else if (a->id < b->id)
		spin_unlock_pair(&a->ports_lock, &b->ports_lock);
	else
		spin_unlock_pair(&b->ports_lock, &a->ports_lock);
}

/* The number that an argument means, or 0: none can have it. */
static u16 domid_of(const struct domain *d, u64 arg)
{
	if (arg == LODGE_DOMID_SELF)
		return d->id;
	return arg <= LODGE_DOMID_MAX ? arg : 0;
}

/* Is p the other end of a channel whose one end is d's port? */
static bool is_other_end(struct event_port p, const struct domain *d, u64 port)
{
	return p.kind == LODGE_PORT_INTERDOMAIN && p.domid == d->id &&
	       p.index == port;
}

s64 channel_alloc(struct domain *d, u64 domid)
{
	struct event_port p = { .kind = LODGE_PORT_UNBOUND,
				.domid = domid_of(d, domid) };
	s64 port;

	/* It need not exist: it may be yet to come, or come back. */
	if (!p.domid)
		return -LODGE_EINVAL;
	spin_lock(&d->ports_lock);
	port = port_bind(d, p);
	spin_unlock(&d->ports_lock);
	return port;
}

/* Both locks. */
static s64 connect(struct domain *d, struct domain *remote, u64 remote_port)
{
	struct event_port end = port_read(remote, remote_port);
	s64 port;

	if (end.kind != LODGE_PORT_UNBOUND || end.domid != d->id)
		return -LODGE_ENOENT;
	port = port_bind(d, (struct event_port){ .kind = LODGE_PORT_INTERDOMAIN,
						 .index = remote_port,
						 .domid = remote->id });
	if (port < 0)
		return port;
	end.kind = LODGE_PORT_INTERDOMAIN;
	end.index = port;
	port_write(remote, remote_port, end);
	port_send(remote, remote_port, end);
	return port;
}

s64 channel_bind(struct domain *d, u64 domid, u64 remote_port)
{
	u16 id = domid_of(d, domid);
	struct domain *remote;
	s64 port;

	if (!id || !remote_port || remote_port >= LODGE_EVENT_PORTS)
		return -LODGE_EINVAL;
	remote = domain_find(id);
	if (!remote)
		return -LODGE_ENOENT;
	lock_two(d, remote);
	port = connect(d, remote, remote_port);
	unlock_two(d, remote);
	return port;
}

s64 __hot channel_send(struct domain *d, u64 port, struct event_port p)
{
	struct domain *remote;
	struct event_port end;

	if (p.kind == LODGE_PORT_UNBOUND)
		return -LODGE_EAGAIN;
	remote = domain_find(p.domid);
	if (!remote)
		return -LODGE_EAGAIN;
	end = port_read(remote, p.index);
	if (!is_other_end(end, d, port))
		return -LODGE_EAGAIN;
	port_send(remote, p.index, end);
	return 0;
}

/* The other end of p, d's port, waits again, and hears of it. Both locks. */
static void disconnect(struct domain *d, u64 port, struct event_port p,
		       struct domain *remote)
{
	struct event_port end = port_read(remote, p.index);

	if (!is_other_end(end, d, port))
		return;
	end.kind = LODGE_PORT_UNBOUND;
	end.index = 0;
	port_write(remote, p.index, end);
	port_send(remote, p.index, end);
}

s64 channel_close(struct domain *d, u64 port)
{
	struct domain *remote;
	struct event_port p;
	s64 ret = -LODGE_ENOENT;
	u16 domid;

	for (;;) { /* until the other domain is the right one */
		domid = port_read(d, port).domid; /* 0: of another kind */
		remote = domain_find(domid);
		lock_two(d, remote);
		p = port_read(d, port);
		if (p.domid == domid && domain_find(domid) == remote)
			break;
		unlock_two(d, remote);
	}
	if (p.kind == LODGE_PORT_INTERDOMAIN && remote)
		disconnect(d, port, p, remote);
	if (p.kind != LODGE_PORT_FREE) {
		port_free(d, port);
		ret = 0;
	}
	unlock_two(d, remote);
	return ret;
}

void channel_close_all(struct domain *d)
{
	u64 port;

	for (port = 1; port < LODGE_EVENT_PORTS; port++)
		if (port_read(d, port).kind == LODGE_PORT_INTERDOMAIN)
			channel_close(d, port);
}
