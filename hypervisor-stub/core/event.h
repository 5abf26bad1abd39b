/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Event channels of a domain. The port table is protected by domain->lock;
 * the bitmaps are the guest's and are changed with atomic operations.
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include <lodge/event.h>
#include "types.h"

struct domain;
struct vcpu;

struct event_port {
	u8 kind; /* LODGE_PORT_* */
	u8 virq;
	u16 vcpu; /* where its upcalls go */
};

/* Allocates the port table; 0 or -ENOMEM. */
int event_init(struct domain *d);
void event_destroy(struct domain *d);
/* LODGE_HC_EVENT; current vCPU is v. */
s64 do_event(struct vcpu *v, u64 op, u64 arg0, u64 arg1);
/* LODGE_HC_SET_SHARED. */
s64 do_set_shared(struct vcpu *v, gpa_t gpa);
/* Sends a virtual interrupt: to v (per-vCPU VIRQs) or to d. */
void event_send_vcpu_virq(struct vcpu *v, unsigned int virq);
void event_send_domain_virq(struct domain *d, unsigned int virq);

#endif
