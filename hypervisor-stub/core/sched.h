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

/* Per vCPU; protected by the lock of the queue of `cpu`. */
struct sched_vcpu {
	enum vcpu_state state;
	struct list link;
	unsigned int cpu; /* queue it belongs to */
	u64 vtime; /* virtual time, ns */
	u64 since; /* system time up to which ran and stolen are counted */
	u64 moved; /* system time when it came to its queue */
	u64 ran; /* ns it ran */
	u64 stolen; /* ns it was runnable without running */
	enum sched_want want;
	bool moving; /* runnable, between two queues; cpu is the new one */
	bool pause; /* domain is being paused or destroyed */
};

/* Makes a processor's queue; it counts as busy. */
void sched_cpu_init(unsigned int cpu);
/* A new vCPU, offline; picks its first processor. */
void sched_vcpu_init(struct vcpu *v);
/* OFFLINE to RUNNABLE (vCPU brought up). */
void sched_vcpu_online(struct vcpu *v);
/*
 * A vCPU of a dying domain must not run again: takes it out of its queue, or
 * interrupts the processor that runs it and waits until it has left it.
 * v may not be the current vCPU. Context: no locks.
 */
void sched_vcpu_stop(struct vcpu *v);
/*
 * What the current vCPU wants, carried out by sched_pick(): to wait, unless
 * vcpu_has_work() says that what it waits for has come; to give the rest of
 * its slice away; or to go OFFLINE.
 */
void sched_self_wants(struct vcpu *v, enum sched_want want);
/* Makes v runnable if it is blocked and vcpu_has_work(). Any CPU. */
void sched_wake(struct vcpu *v);
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
