/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Event channels of a domain. The port table is changed under ports_lock; the
 * bitmaps are the guest's and are changed with atomic operations.
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#define EVENT_ORDER 3 /* frames for a domain's port table */
#define EVENT_FRAMES (1 << EVENT_ORDER)

#include <lodge/event.h>
#include "types.h"

struct domain;
struct vcpu;

struct event_port {
	u8 kind; /* LODGE_PORT_* */
	u8 vcpu; /* where its upcalls go */
	u16 index; /* VIRQ, PIRQ, or the port of the other end */
	u16 domid; /* of that, or who may bind; 0 for other kinds */
	u16 zero;
};

/* Allocates the port table; 0 or -ENOMEM. */
int event_init(struct domain *d);
/*
 * d dies and cannot be found any more: the other ends of its channels hear of
 * it, and its shared page is let go.
 */
void event_end(struct domain *d);
/* The port table goes, with the last reference to d. */
void event_destroy(struct domain *d);
/* LODGE_HC_EVENT; current vCPU is v. */
s64 do_event(struct vcpu *v, u64 op, u64 arg0, u64 arg1);
/* LODGE_HC_SET_SHARED. */
s64 do_set_shared(struct vcpu *v, gpa_t gpa);
/* Sends a virtual interrupt: to v (per-vCPU VIRQs) or to d. */
void event_send_vcpu_virq(struct vcpu *v, unsigned int virq);
void event_send_domain_virq(struct domain *d, unsigned int virq);
/*
 * A port of d, which is privileged, for a physical interrupt; its number is
 * the caller's affair and not looked at. Returns the port or an error.
 */
s64 event_bind_pirq(struct domain *d, u16 pirq, u64 vcpu);
/* False: the guest has closed the port, so nobody waits for this interrupt. */
bool event_send_pirq(struct domain *d, u64 port, u16 pirq);

#endif
