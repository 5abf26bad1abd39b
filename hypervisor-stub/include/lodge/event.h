/* SPDX-License-Identifier: MIT */
/*
 * Event channels: virtual interrupts of a domain.
 *
 * A port is a number below LODGE_EVENT_PORTS. When an event is sent to a
 * port, the hypervisor sets its bit in `pending` of the shared page; if the
 * bit was clear and the port is not masked, it sets bit port/64 in event_sel
 * of the vCPU that the port is bound to, then that vCPU's `pending` byte, and
 * delivers an upcall when virtual interrupts are on. The guest's upcall
 * clears the byte, takes event_sel with an atomic exchange, and looks at
 * pending & ~mask in each word named. Port 0 is never used.
 *
 * Two domains talk by a channel: one makes a port that the other may bind
 * (ALLOC) and lets it know the number, the other binds it (BIND_REMOTE). Then
 * SEND on either end sets the other end pending. When one end is closed, or
 * its domain ends, the other goes back to waiting for the same domain and
 * gets an event, so that its owner looks at STATUS. An event says no more
 * than "look": one may come that was meant for an earlier use of the port.
 */
#ifndef LODGE_EVENT_H
#define LODGE_EVENT_H

#include <lodge/request.h>

#define LODGE_EVENT_PORTS 4096
#define LODGE_EVENT_WORDS (LODGE_EVENT_PORTS / 64)

/* Virtual interrupts that BIND_VIRQ takes. */
#define LODGE_VIRQ_TIMER 0 /* per vCPU: its one-shot timer has expired */
#define LODGE_VIRQ_CONSOLE 1 /* per domain: console input is there */
#define LODGE_VIRQ_CONTROL 2 /* per domain: look at `request` */
#define LODGE_VIRQ_DOMAIN 3 /* privileged: a domain has changed its state */
#define LODGE_VIRQ_OUTPUT 4 /* privileged: a domain has console output */
#define LODGE_VIRQ_COUNT 8

/* Operations of LODGE_HC_EVENT. -EPERM: the domain is not privileged. */
#define LODGE_EVENT_BIND_VIRQ 0 /* arg0 = VIRQ, arg1 = vCPU; returns the port */
#define LODGE_EVENT_BIND_IPI 1 /* arg0 = vCPU; returns the port */
#define LODGE_EVENT_CLOSE 2 /* arg0 = port */
#define LODGE_EVENT_SEND 3 /* arg0 = port, of a kind that one can send to */
#define LODGE_EVENT_UNMASK \
	4 /* arg0 = port: clear its mask, resend if pending */
#define LODGE_EVENT_BIND_VCPU 5 /* arg0 = port, arg1 = vCPU: move delivery */
#define LODGE_EVENT_STATUS 6 /* arg0 = port; returns what is below */
/*
 * With LODGE_FEATURE_CHANNELS:
 * ALLOC: arg0 = domain that may bind it, or LODGE_DOMID_SELF; it need not
 * exist yet. Returns a port of kind UNBOUND, on vCPU 0. -EINVAL: no number of
 * a domain. -ENOSPC.
 * BIND_REMOTE: arg0 = domain (LODGE_DOMID_SELF: one's own), arg1 = its port,
 * UNBOUND for the caller, which gets an event. Returns the caller's end, on
 * vCPU 0. -EINVAL: no number of a domain or port. -ENOENT: no such domain, or
 * the port does not wait for the caller. -ENOSPC: no port is left here.
 * SEND: -EAGAIN on a port of these: nobody is at the other end now.
 */
#define LODGE_EVENT_ALLOC 7
#define LODGE_EVENT_BIND_REMOTE 8

/*
 * What STATUS returns: kind in bits 0 to 7, vCPU in 8 to 23; in 32 to 47 the
 * domain at the other end, or that may bind (0 for other kinds); in 48 to 62
 * the port at the other end of an INTERDOMAIN port, or the number of a PIRQ.
 */
#define LODGE_STATUS_KIND(s) ((s)&0xff)
#define LODGE_STATUS_VCPU(s) ((s) >> 8 & 0xffff)
#define LODGE_STATUS_DOMID(s) ((s) >> 32 & 0xffff)
#define LODGE_STATUS_NUMBER(s) ((s) >> 48 & 0x7fff)

/* Kinds that STATUS reports. */
#define LODGE_PORT_FREE 0
#define LODGE_PORT_VIRQ 1
#define LODGE_PORT_IPI 2
#define LODGE_PORT_UNBOUND 3 /* waits for a domain to bind it */
#define LODGE_PORT_INTERDOMAIN 4
#define LODGE_PORT_PIRQ 5 /* a physical interrupt */

#ifndef __ASSEMBLER__
/* One page of guest memory, registered by LODGE_HC_SET_SHARED. */
struct lodge_shared {
	uint64_t pending[LODGE_EVENT_WORDS];
	uint64_t mask[LODGE_EVENT_WORDS]; /* all ones after registration */
	uint64_t wall_sec; /* seconds since 1970 at system time 0, UTC */
	uint32_t wall_nsec;
	uint32_t pad0;
	struct lodge_request request; /* what the operator wants */
	uint64_t reserved[350];
};

LODGE_ASSERT(offsetof(struct lodge_shared, mask) == 512, "mask");
LODGE_ASSERT(offsetof(struct lodge_shared, wall_sec) == 1024, "wall_sec");
LODGE_ASSERT(offsetof(struct lodge_shared, request) == 1040, "request");
LODGE_ASSERT(sizeof(struct lodge_shared) == 4096, "shared page");
#endif

#endif /* LODGE_EVENT_H */
