/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One-shot timers of the hypervisor. A timer lives on the processor that
 * armed it last; its function runs there in interrupt-off context with no
 * locks held. timer_stop() from another processor is allowed.
 */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include "list.h"
#include "types.h"

struct timer {
	struct list link;
	u64 deadline; /* system time, ns */
	unsigned int cpu; /* whose queue it is in */
	bool armed;
	void (*fn)(void *arg);
	void *arg;
};

void timer_init(struct timer *t, void (*fn)(void *arg), void *arg);
/* Arms t on this processor; an armed one is moved. */
void timer_set(struct timer *t, u64 deadline);
/* After this returns, fn is not called until t is armed again. */
void timer_stop(struct timer *t);
/* The local timer interrupt: run what has expired, program the next. */
void timer_interrupt(void);
/* Sets up this processor's queue. */
void timer_cpu_init(unsigned int cpu);

#endif
