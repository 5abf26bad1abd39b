/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Scheduler: proportional share over all processors. Each processor has a
 * run queue ordered by virtual time; idle ones steal. State changes of a vCPU
 * happen under the lock of the queue it belongs to.
 */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include "list.h"
#include "lock.h"
#include "types.h"

struct vcpu;
struct domain;

enum vcpu_state {
	VCPU_OFFLINE, /* never brought up, or down */
	VCPU_BLOCKED, /* waits for an event or a kick */
	VCPU_RUNNABLE, /* in a run queue */
	VCPU_RUNNING, /* current on a processor */
};

/* What the current vCPU asked for; carried out by sched_pick(). */
enum sched_want {
	SCHED_WANT_RUN,
	SCHED_WANT_YIELD,
	SCHED_WANT_BLOCK,
	SCHED_WANT_OFFLINE,
};

#define SCHED_DEFAULT_WEIGHT 256

/* Per vCPU; protected by the lock of the queue of `cpu`. */
struct sched_vcpu {
	enum vcpu_state state;
	struct list link;
	unsigned int cpu; /* queue it belongs to */
	u64 vtime; /* virtual time, ns scaled by weight */
	u64 since; /* system time up to which ran and stolen are counted */
	u64 moved; /* system time when it came to its queue */
	u64 ran; /* ns it ran */
	u64 stolen; /* ns it was runnable without running */
	enum sched_want want;
	bool moving; /* runnable, between two queues; cpu is the new one */
	bool pause; /* domain is being paused or destroyed */
};

void sched_cpu_init(unsigned int cpu);
/* A new vCPU, offline; picks its first processor. */
void sched_vcpu_init(struct vcpu *v);
/* OFFLINE to RUNNABLE (vCPU brought up). */
void sched_vcpu_online(struct vcpu *v);
/* Current vCPU to OFFLINE; takes effect in sched_pick(). */
void sched_vcpu_offline_self(struct vcpu *v);
/*
 * A vCPU of a dying domain must not run again: takes it out of its queue, or
 * interrupts the processor that runs it and waits until it has left it.
 * v may not be the current vCPU. Context: no locks.
 */
void sched_vcpu_stop(struct vcpu *v);
/*
 * Current vCPU wants to wait; takes effect in sched_pick() unless
 * vcpu_has_work() says that what it waits for has come.
 */
void sched_block_self(struct vcpu *v);
/* Makes v runnable if it is blocked and vcpu_has_work(). Any CPU. */
void sched_wake(struct vcpu *v);
/* Gives the rest of the slice away. */
void sched_yield_self(struct vcpu *v);
/* True when this processor should call sched_pick() before it goes on. */
bool sched_need_resched(void);
/*
 * Chooses what this processor runs next: returns the vCPU, now RUNNING, or
 * NULL for idle. prev is what ran until now, or NULL. Called with no locks.
 */
struct vcpu *sched_pick(struct vcpu *prev);
/* Time v has run, and that it was kept waiting, in ns, up to now. */
void sched_times(struct vcpu *v, u64 *ran, u64 *stolen);
/* Writes v's steal record, if registered; v is current and about to run. */
void sched_update_steal(struct vcpu *v);
/* Debug key. */
void sched_dump(void);

#endif
