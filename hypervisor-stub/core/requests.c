// SPDX-License-Identifier: GPL-2.0
/*
 * What the operator wants of a guest: the first part of struct lodge_request
 * in its shared page, and a copy of it here, which a guest that registers the
 * page later finds there. The page is the guest's and hostile; nothing is read
 * from that part of it.
 *
 * Lock: ports_lock of the domain.
 */
#include "domain.h"

/* From our copy to the guest's page. */
static void show(struct domain *d, u64 bits)
{
	struct lodge_request *r = &d->shared->request;

	WRITE_ONCE(r->mem_target, d->wanted.mem_target);
	WRITE_ONCE(r->vcpus, d->wanted.vcpus);
	WRITE_ONCE(r->devices, d->wanted.devices);
	__atomic_fetch_or(&r->bits, bits, __ATOMIC_SEQ_CST);
}

void request_begin(struct domain *d)
{
	d->shared->request = (struct lodge_request){ 0 };
	show(d, d->wanted.bits);
}

/* Lock: ports_lock, which it gives back. */
static void send(struct domain *d, u64 bits)
{
	if (d->shared)
		show(d, bits);
	else
		d->wanted.bits |= bits;
	spin_unlock(&d->ports_lock);
	event_send_domain_virq(d, LODGE_VIRQ_CONTROL);
}

void request_send(struct domain *d, u64 bits, u64 mem_target, u64 vcpus)
{
	spin_lock(&d->ports_lock);
	if (mem_target)
		d->wanted.mem_target = mem_target;
	if (vcpus)
		d->wanted.vcpus = vcpus;
	send(d, bits);
}

void request_send_devices(struct domain *d, u64 devices)
{
	spin_lock(&d->ports_lock);
	d->wanted.devices = devices;
	send(d, 0);
}
