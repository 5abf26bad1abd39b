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
 */
#ifndef LODGE_EVENT_H
#define LODGE_EVENT_H

#include <lodge/types.h>

#define LODGE_EVENT_PORTS 4096
#define LODGE_EVENT_WORDS (LODGE_EVENT_PORTS / 64)

/* Virtual interrupts that BIND_VIRQ takes. */
#define LODGE_VIRQ_TIMER 0 /* per vCPU: its one-shot timer has expired */
#define LODGE_VIRQ_CONSOLE 1 /* per domain: console input is there */
#define LODGE_VIRQ_COUNT 8

/* Operations of LODGE_HC_EVENT. */
#define LODGE_EVENT_BIND_VIRQ 0 /* arg0 = VIRQ, arg1 = vCPU; returns the port */
#define LODGE_EVENT_BIND_IPI 1 /* arg0 = vCPU; returns the port */
#define LODGE_EVENT_CLOSE 2 /* arg0 = port */
#define LODGE_EVENT_SEND 3 /* arg0 = port, of a kind that one can send to */
#define LODGE_EVENT_UNMASK 4 /* arg0 = port: clear its mask, resend if pending */
#define LODGE_EVENT_BIND_VCPU 5 /* arg0 = port, arg1 = vCPU: move delivery */
#define LODGE_EVENT_STATUS 6 /* arg0 = port; returns kind | vcpu << 8 */

/* Kinds that STATUS reports. */
#define LODGE_PORT_FREE 0
#define LODGE_PORT_VIRQ 1
#define LODGE_PORT_IPI 2

#ifndef __ASSEMBLER__
/* One page of guest memory, registered by LODGE_HC_SET_SHARED. */
struct lodge_shared {
	uint64_t pending[LODGE_EVENT_WORDS];
	uint64_t mask[LODGE_EVENT_WORDS]; /* all ones after registration */
	uint64_t wall_sec; /* seconds since 1970 at system time 0, UTC */
	uint32_t wall_nsec;
	uint32_t pad0;
	uint64_t reserved[382];
};

LODGE_ASSERT(offsetof(struct lodge_shared, mask) == 512, "mask");
LODGE_ASSERT(offsetof(struct lodge_shared, wall_sec) == 1024, "wall_sec");
LODGE_ASSERT(sizeof(struct lodge_shared) == 4096, "shared page");
#endif

#endif /* LODGE_EVENT_H */
