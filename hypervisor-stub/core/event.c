// SPDX-License-Identifier: GPL-2.0
/*
 * Event ports.
 *
 * Owns the port table of each domain and the hypervisor's writes to the
 * bitmaps in the guest's shared page and to event_sel and pending in its vCPU
 * pages. Those pages are hostile: bits are changed with atomic operations and
 * what they say only decides whether the guest is notified. What concerns two
 * domains is in channel.c.
 *
 * Locks: changes to the table are made under ports_lock. SEND and UNMASK take
 * no lock: an entry of the table is eight bytes, written with one release
 * store and read with one acquire load, so a reader sees an old or a new port
 * but never half of each. A SEND that races with CLOSE may leave the bit
 * pending; binding a port clears it before the port appears.
 *
 * port_used has a bit for each entry that is not FREE, and for port 0. To
 * find a free port takes 64 steps at most, however the table is filled.
 */
#include <lodge/errno.h>
#include "domain.h"
#include "event.h"
#include "event_port.h"
#include "frame.h"
#include "string.h"
#include "time.h"

_Static_assert(sizeof(struct event_port) == sizeof(u64), "one atomic access");
_Static_assert(LODGE_MAX_VCPUS <= 256, "vcpu of struct event_port");
_Static_assert(LODGE_EVENT_PORTS * sizeof(struct event_port) ==
		       PAGE_SIZE << EVENT_ORDER,
	       "port table");

int event_init(struct domain *d)
{
	mpa_t table = frame_alloc(EVENT_ORDER, FRAME_DOM_NONE);

	if (!table)
		return -LODGE_ENOMEM;
	d->ports = memset(mpa_to_virt(table), 0, PAGE_SIZE << EVENT_ORDER);
	spin_init(&d->ports_lock, LOCK_PORTS);
	d->port_used[0] = BIT(0);
	return 0;
}

void event_end(struct domain *d)
{
	channel_close_all(d);
	if (d->shared)
		frame_unref(virt_to_mpa(d->shared));
	d->shared = NULL;
}

void event_destroy(struct domain *d)
{
	if (d->ports)
		frame_free(virt_to_mpa(d->ports), EVENT_ORDER);
	d->ports = NULL;
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

void __hot port_send(struct domain *d, u64 port, struct event_port p)
{
	struct lodge_shared *s = shared_of(d);

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

/* False: port is not, or not any more, what the sender has in mind. */
static bool send_irq(struct domain *d, u64 port, u8 kind, u16 index)
{
	struct event_port p;

	if (!port || !shared_of(d) || domain_is_dying(d))
		return false;
	p = port_read(d, port);
	/* It may have been closed and used for something else by now. */
	if (p.kind != kind || p.index != index)
		return false;
	port_send(d, port, p);
	return true;
}

void event_send_vcpu_virq(struct vcpu *v, unsigned int virq)
{
	send_irq(v->domain, READ_ONCE(v->virq_port[virq]), LODGE_PORT_VIRQ,
		 virq);
}

void event_send_domain_virq(struct domain *d, unsigned int virq)
{
	/* VIRQs of a domain are noted at vCPU 0, wherever they go. */
	event_send_vcpu_virq(d->vcpu[0], virq);
}

bool event_send_pirq(struct domain *d, u64 port, u16 pirq)
{
	return send_irq(d, port, LODGE_PORT_PIRQ, pirq);
}

/* --- changes of the table; lock: ports_lock --- */

static struct vcpu *find_vcpu(struct domain *d, u64 id)
{
	return id < d->vcpu_count ? d->vcpu[id] : NULL;
}

static u64 find_free(const struct domain *d)
{
	u64 word;

	for (word = 0; word < LODGE_EVENT_WORDS; word++)
		if (~d->port_used[word])
			return word * 64 + __builtin_ctzl(~d->port_used[word]);
	return 0;
}

s64 port_bind(struct domain *d, struct event_port p)
{
	u64 port = find_free(d);

	if (!port)
		return -LODGE_ENOSPC;
	d->port_used[port / 64] |= BIT(port % 64);
	d->port_count++;
	clear_bit(d->shared->pending, port);
	port_write(d, port, p);
	return port;
}

/* The vCPU in whose virq_port a VIRQ of that vCPU is noted. */
static struct vcpu *virq_home(struct domain *d, u64 virq, u64 vcpu)
{
	return d->vcpu[virq == LODGE_VIRQ_TIMER ? vcpu : 0];
}

void port_free(struct domain *d, u64 port)
{
	struct event_port p = port_read(d, port);

	if (p.kind == LODGE_PORT_VIRQ)
		WRITE_ONCE(virq_home(d, p.index, p.vcpu)->virq_port[p.index],
			   0);
	port_write(d, port, (struct event_port){ .kind = LODGE_PORT_FREE });
	d->port_used[port / 64] &= ~BIT(port % 64);
	d->port_count--;
	/* Masked again, as after registration, and no longer pending. */
	set_bit(d->shared->mask, port);
	clear_bit(d->shared->pending, port);
}

static s64 bind_virq(struct domain *d, u64 virq, u64 id)
{
	struct vcpu *home;
	s64 port;

	if (virq > LODGE_VIRQ_OUTPUT)
		return -LODGE_EINVAL;
	if (virq >= LODGE_VIRQ_DOMAIN && !d->privileged)
		return -LODGE_EPERM;
	if (!find_vcpu(d, id))
		return -LODGE_ENOENT;
	home = virq_home(d, virq, id);
	if (home->virq_port[virq])
		return -LODGE_EEXIST;
	port = port_bind(d, (struct event_port){ .kind = LODGE_PORT_VIRQ,
						 .vcpu = id,
						 .index = virq });
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

static s64 bind_vcpu(struct domain *d, u64 port, u64 id)
{
	struct event_port p = port_read(d, port);

	if (p.kind == LODGE_PORT_FREE || !find_vcpu(d, id))
		return -LODGE_ENOENT;
	/* A vCPU's own timer and its IPIs stay where they are. */
	if (p.kind == LODGE_PORT_IPI ||
	    (p.kind == LODGE_PORT_VIRQ && p.index == LODGE_VIRQ_TIMER))
		return -LODGE_EINVAL;
	p.vcpu = id;
	port_write(d, port, p);
	/* What came in before may have been shown to the old vCPU only. */
	resend_port(d, d->shared, port, p);
	return 0;
}

s64 event_bind_pirq(struct domain *d, u16 pirq, u64 vcpu)
{
	struct event_port p = { .kind = LODGE_PORT_PIRQ,
				.vcpu = vcpu,
				.index = pirq };
	s64 port;

	if (!d->privileged)
		return -LODGE_EPERM;
	if (!shared_of(d))
		return -LODGE_EINVAL;
	if (!find_vcpu(d, vcpu))
		return -LODGE_ENOENT;
	spin_lock(&d->ports_lock);
	port = port_bind(d, p);
	spin_unlock(&d->ports_lock);
	return port;
}

/* --- operations --- */

static s64 status(struct domain *d, u64 port)
{
	struct event_port p = port_read(d, port);
	u64 number = p.kind == LODGE_PORT_VIRQ ? 0 : p.index; /* as ever */

	return p.kind | (u64)p.vcpu << 8 | (u64)p.domid << 32 |
	       (number & 0x7fff) << 48;
}

static s64 unmask(struct domain *d, u64 port)
{
	struct lodge_shared *s = shared_of(d);
	struct event_port p = port_read(d, port);

	if (p.kind == LODGE_PORT_FREE)
		return -LODGE_ENOENT;
	clear_bit(s->mask, port);
	resend_port(d, s, port, p);
	return 0;
}

static s64 __hot send(struct domain *d, u64 port)
{
	struct event_port p = port_read(d, port);

	switch (p.kind) {
	case LODGE_PORT_IPI:
		port_send(d, port, p);
		return 0;
	case LODGE_PORT_INTERDOMAIN:
	case LODGE_PORT_UNBOUND:
		return channel_send(d, port, p);
	case LODGE_PORT_FREE:
		return -LODGE_ENOENT;
	default:
		return -LODGE_EINVAL;
	}
}

s64 __hot do_event(struct vcpu *v, u64 op, u64 arg0, u64 arg1)
{
	struct domain *d = v->domain;
	s64 ret;

	if (op > LODGE_EVENT_BIND_REMOTE)
		return -LODGE_ENOSYS;
	if (!shared_of(d)) /* SET_SHARED comes first */
		return -LODGE_EINVAL;
	if (op >= LODGE_EVENT_CLOSE && op <= LODGE_EVENT_STATUS &&
	    (!arg0 || arg0 >= LODGE_EVENT_PORTS)) /* a port of its own */
		return -LODGE_EINVAL;

	switch (op) {
	case LODGE_EVENT_SEND: /* the hot ones read the table: no locks */
		return send(d, arg0);
	case LODGE_EVENT_UNMASK:
		return unmask(d, arg0);
	case LODGE_EVENT_STATUS:
		return status(d, arg0);
	case LODGE_EVENT_ALLOC:
		return channel_alloc(d, arg0);
	case LODGE_EVENT_BIND_REMOTE:
		return channel_bind(d, arg0, arg1);
	case LODGE_EVENT_CLOSE:
		return channel_close(d, arg0);
	}
	spin_lock(&d->ports_lock);
	ret = op == LODGE_EVENT_BIND_VIRQ ? bind_virq(d, arg0, arg1) :
	      op == LODGE_EVENT_BIND_IPI  ? bind_ipi(d, arg0) :
					    bind_vcpu(d, arg0, arg1);
	spin_unlock(&d->ports_lock);
	return ret;
}

s64 do_set_shared(struct vcpu *v, gpa_t gpa)
{
	struct domain *d = v->domain;
	struct lodge_shared *s;
	s64 ret = 0;
	mpa_t mpa;

	if (gpa & (PAGE_SIZE - 1))
		return -LODGE_EINVAL;
	mpa = p2m_pin(&d->p2m, gpa);
	if (mpa == INVALID_MPA)
		return -LODGE_EFAULT;
	s = mpa_to_virt(mpa);

	spin_lock(&d->ports_lock);
	if (d->shared) {
		ret = -LODGE_EEXIST;
		frame_unref(mpa);
	} else {
		memset(s->pending, 0, sizeof(s->pending));
		memset(s->mask, 0xff, sizeof(s->mask));
		s->wall_sec = time_wall_start();
		s->wall_nsec = 0;
		/* Pairs with shared_of(). */
		__atomic_store_n(&d->shared, s, __ATOMIC_RELEASE);
		request_begin(d);
	}
	spin_unlock(&d->ports_lock);
	return ret;
}
