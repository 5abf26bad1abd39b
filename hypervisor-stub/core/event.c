// SPDX-License-Identifier: GPL-2.0
/*
 * Event channels.
 *
 * Owns the port table of each domain and the hypervisor's writes to the
 * bitmaps in the guest's shared page and to event_sel and pending in its vCPU
 * pages. Those pages are hostile: bits are changed with atomic operations and
 * what they say only decides whether the guest is notified.
 *
 * Locks: changes to the table are made under domain->lock. SEND and UNMASK
 * take no lock: an entry of the table is four bytes, written with one release
 * store and read with one acquire load, so a reader sees an old or a new port
 * but never half of each. A SEND that races with CLOSE may leave the bit
 * pending; binding a port clears it before the port appears.
 */
#include <lodge/errno.h>
#include "domain.h"
#include "event.h"
#include "frame.h"
#include "string.h"
#include "time.h"

#define PORTS_ORDER 2 /* frames for the port table */

_Static_assert(sizeof(struct event_port) == sizeof(u32), "one atomic access");
_Static_assert(LODGE_EVENT_PORTS * sizeof(struct event_port) ==
	       PAGE_SIZE << PORTS_ORDER, "port table");

int event_init(struct domain *d)
{
	mpa_t table = frame_alloc(PORTS_ORDER, FRAME_DOM_NONE);

	if (!table)
		return -LODGE_ENOMEM;
	d->ports = memset(mpa_to_virt(table), 0, PAGE_SIZE << PORTS_ORDER);
	return 0;
}

void event_destroy(struct domain *d)
{
	if (d->ports)
		frame_free(virt_to_mpa(d->ports), PORTS_ORDER);
	d->ports = NULL;
	d->shared = NULL;
}

/* An entry as the word that is read and written at once. */
union port_word {
	struct event_port port;
	u32 word;
};

static struct event_port port_read(struct domain *d, u64 port)
{
	union port_word *w = (union port_word *)&d->ports[port];

	return (union port_word){
		.word = __atomic_load_n(&w->word, __ATOMIC_ACQUIRE)
	}.port;
}

static void port_write(struct domain *d, u64 port, struct event_port p)
{
	union port_word *w = (union port_word *)&d->ports[port];
	union port_word entry = { .port = p };

	__atomic_store_n(&w->word, entry.word, __ATOMIC_RELEASE);
}

static struct lodge_shared *shared_of(struct domain *d)
{
	/* Pairs with the release store in do_set_shared(). */
	return __atomic_load_n(&d->shared, __ATOMIC_ACQUIRE);
}

/* --- the guest's bitmaps --- */

/* True if it was set already. */
static bool set_bit(u64 *map, u64 port)
{
	const u64 bit = BIT(port % 64);

	return __atomic_fetch_or(&map[port / 64], bit, __ATOMIC_SEQ_CST) & bit;
}

static void clear_bit(u64 *map, u64 port)
{
	__atomic_fetch_and(&map[port / 64], ~BIT(port % 64), __ATOMIC_SEQ_CST);
}

static bool test_bit(const u64 *map, u64 port)
{
	return __atomic_load_n(&map[port / 64], __ATOMIC_SEQ_CST) &
	       BIT(port % 64);
}

/* Makes the vCPU look at the word of port. */
static void select_port(struct vcpu *v, u64 port)
{
	struct lodge_vcpu_page *page = v->page;

	/* In this order: the guest clears `pending`, then takes event_sel. */
	__atomic_fetch_or(&page->event_sel, BIT(port / 64), __ATOMIC_SEQ_CST);
	__atomic_store_n(&page->pending, 1, __ATOMIC_SEQ_CST);
	vcpu_notify(v);
}

static void send_port(struct domain *d, struct lodge_shared *s, u64 port,
		      struct event_port p)
{
	if (!set_bit(s->pending, port) && !test_bit(s->mask, port))
		select_port(d->vcpu[p.vcpu], port);
}

/* Notifies the port's vCPU if the port is pending and not masked. */
static void resend_port(struct domain *d, struct lodge_shared *s, u64 port,
			struct event_port p)
{
	if (test_bit(s->pending, port) && !test_bit(s->mask, port))
		select_port(d->vcpu[p.vcpu], port);
}

/* --- sending by the hypervisor --- */

static void send_virq(struct domain *d, u64 port, unsigned int virq)
{
	struct lodge_shared *s = shared_of(d);
	struct event_port p;

	if (!port || !s || domain_is_dying(d))
		return;
	p = port_read(d, port);
	/* It may have been closed and used for something else by now. */
	if (p.kind == LODGE_PORT_VIRQ && p.virq == virq)
		send_port(d, s, port, p);
}

void event_send_vcpu_virq(struct vcpu *v, unsigned int virq)
{
	send_virq(v->domain, READ_ONCE(v->virq_port[virq]), virq);
}

void event_send_domain_virq(struct domain *d, unsigned int virq)
{
	/* VIRQs of a domain are noted at vCPU 0, wherever they go. */
	event_send_vcpu_virq(d->vcpu[0], virq);
}

/* --- operations --- */

static struct vcpu *find_vcpu(struct domain *d, u64 id)
{
	return id < d->vcpu_count ? d->vcpu[id] : NULL;
}

/* A free port made into p, with clean bits; or -ENOSPC. Lock: d. */
static s64 port_bind(struct domain *d, struct event_port p)
{
	struct lodge_shared *s = d->shared;
	u64 port;

	for (port = 1; port < LODGE_EVENT_PORTS; port++) {
		if (d->ports[port].kind != LODGE_PORT_FREE)
			continue;
		clear_bit(s->pending, port);
		port_write(d, port, p);
		return port;
	}
	return -LODGE_ENOSPC;
}

static s64 bind_virq(struct domain *d, u64 virq, u64 id)
{
	struct vcpu *v = find_vcpu(d, id), *home;
	s64 port;

	if (virq != LODGE_VIRQ_TIMER && virq != LODGE_VIRQ_CONSOLE)
		return -LODGE_EINVAL;
	if (!v)
		return -LODGE_ENOENT;
	home = virq == LODGE_VIRQ_TIMER ? v : d->vcpu[0];
	if (home->virq_port[virq])
		return -LODGE_EEXIST;
	port = port_bind(d, (struct event_port){ .kind = LODGE_PORT_VIRQ,
						 .virq = virq,
						 .vcpu = id });
	if (port > 0)
		WRITE_ONCE(home->virq_port[virq], port);
	return port;
}

static s64 bind_ipi(struct domain *d, u64 id)
{
	if (!find_vcpu(d, id))
		return -LODGE_ENOENT;
	return port_bind(d, (struct event_port){ .kind = LODGE_PORT_IPI,
						 .vcpu = id });
}

static s64 close_port(struct domain *d, u64 port)
{
	struct event_port p = d->ports[port];
	struct vcpu *home = d->vcpu[0];

	if (p.kind == LODGE_PORT_VIRQ) {
		if (p.virq == LODGE_VIRQ_TIMER)
			home = d->vcpu[p.vcpu];
		WRITE_ONCE(home->virq_port[p.virq], 0);
	}
	port_write(d, port, (struct event_port){ .kind = LODGE_PORT_FREE });
	/* Masked again, as after registration, and no longer pending. */
	set_bit(d->shared->mask, port);
	clear_bit(d->shared->pending, port);
	return 0;
}

static s64 bind_vcpu(struct domain *d, u64 port, u64 id)
{
	struct event_port p = d->ports[port];

	if (!find_vcpu(d, id))
		return -LODGE_ENOENT;
	/* A vCPU's own timer and its IPIs stay where they are. */
	if (p.kind == LODGE_PORT_IPI || p.virq == LODGE_VIRQ_TIMER)
		return -LODGE_EINVAL;
	p.vcpu = id;
	port_write(d, port, p);
	/* What came in before may have been shown to the old vCPU only. */
	resend_port(d, d->shared, port, p);
	return 0;
}

/* Operations that change the table. Lock: d. */
static s64 change_table(struct domain *d, u64 op, u64 arg0, u64 arg1)
{
	switch (op) {
	case LODGE_EVENT_BIND_VIRQ:
		return bind_virq(d, arg0, arg1);
	case LODGE_EVENT_BIND_IPI:
		return bind_ipi(d, arg0);
	}
	if (d->ports[arg0].kind == LODGE_PORT_FREE)
		return -LODGE_ENOENT;
	return op == LODGE_EVENT_CLOSE ? close_port(d, arg0) :
					 bind_vcpu(d, arg0, arg1);
}

/* Operations that only read it: the hot ones. No locks. */
static s64 use_port(struct domain *d, struct lodge_shared *s, u64 op, u64 port)
{
	struct event_port p = port_read(d, port);

	if (op == LODGE_EVENT_STATUS)
		return p.kind | (s64)p.vcpu << 8;
	if (p.kind == LODGE_PORT_FREE)
		return -LODGE_ENOENT;
	if (op == LODGE_EVENT_UNMASK) {
		clear_bit(s->mask, port);
		resend_port(d, s, port, p);
		return 0;
	}
	if (p.kind != LODGE_PORT_IPI)
		return -LODGE_EINVAL;
	send_port(d, s, port, p);
	return 0;
}

s64 do_event(struct vcpu *v, u64 op, u64 arg0, u64 arg1)
{
	struct domain *d = v->domain;
	struct lodge_shared *s = shared_of(d);
	s64 ret;

	if (op > LODGE_EVENT_STATUS)
		return -LODGE_ENOSYS;
	if (!s) /* SET_SHARED comes first */
		return -LODGE_EINVAL;
	if (op != LODGE_EVENT_BIND_VIRQ && op != LODGE_EVENT_BIND_IPI &&
	    (!arg0 || arg0 >= LODGE_EVENT_PORTS))
		return -LODGE_EINVAL;

	if (op == LODGE_EVENT_SEND || op == LODGE_EVENT_UNMASK ||
	    op == LODGE_EVENT_STATUS)
		return use_port(d, s, op, arg0);
	spin_lock(&d->lock);
	ret = change_table(d, op, arg0, arg1);
	spin_unlock(&d->lock);
	return ret;
}

s64 do_set_shared(struct vcpu *v, gpa_t gpa)
{
	struct domain *d = v->domain;
	struct lodge_shared *s;
	s64 ret = 0;

	if (gpa & (PAGE_SIZE - 1))
		return -LODGE_EINVAL;
	s = guest_ptr(d, gpa, PAGE_SIZE);
	if (!s)
		return -LODGE_EFAULT;

	spin_lock(&d->lock);
	if (d->shared) {
		ret = -LODGE_EEXIST;
	} else {
		memset(s->pending, 0, sizeof(s->pending));
		memset(s->mask, 0xff, sizeof(s->mask));
		s->wall_sec = time_wall_start();
		s->wall_nsec = 0;
		/* Pairs with shared_of(). */
		__atomic_store_n(&d->shared, s, __ATOMIC_RELEASE);
	}
	spin_unlock(&d->lock);
	return ret;
}
