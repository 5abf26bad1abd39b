/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Scheduler: proportional share over all processors, with weights and caps of
 * domains and pins of vCPUs, all of which may change at any time. Each
 * processor has a run queue ordered by virtual time. State changes of a vCPU
 * happen under the lock of the queue it belongs to.
 */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include "list.h"
#include "lock.h"
#include "timer.h"
#include "types.h"

struct vcpu;
struct domain;

enum vcpu_state {
	VCPU_OFFLINE, /* never brought up, or down */
	VCPU_BLOCKED, /* waits for an event or a kick */
	VCPU_RUNNABLE, /* in a run queue */
	VCPU_RUNNING, /* current on a processor */
	VCPU_PARKED, /* could run, but its domain is out of budget */
	VCPU_PAUSED, /* could run, but its domain is paused */
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
	u64 mask; /* processors it may run on, a bit for each */
	u64 vtime; /* virtual time, ns; by the clock of its queue */
	u64 since; /* system time up to which ran and stolen are counted */
	u64 ran; /* ns it ran */
	u64 stolen; /* ns it was RUNNABLE or PARKED */
	enum sched_want want;
	bool moving; /* RUNNABLE, between two queues; cpu is the new one */
	bool woken; /* is moving because it woke up */
	bool stop; /* its domain is being destroyed */
};

#define SCHED_WEIGHT 256 /* default */
#define SCHED_WEIGHT_MAX 65535
#define SCHED_CAP_MAX 6400 /* percent */

/* Per domain. Anybody may read a word of it; lock: for changes. */
struct sched_domain {
	struct spinlock lock; /* LOCK_BUDGET */
	u32 weight;
	u32 cap; /* percent of one processor; 0: none */
	u32 rate; /* virtual ns per ns, 16 bits fraction, from weight */
	bool paused;
	u32 turn; /* who is let go first; atomic, no lock */
	u32 active; /* vCPUs RUNNABLE or RUNNING; atomic, no lock */
	bool throttled; /* out of budget until the timer says otherwise */
	s64 budget; /* ns that may be used, as of `refilled` */
	u64 refilled; /* system time */
	struct timer refill;
};

/* What an operator may ask about a vCPU. */
struct sched_info {
	enum vcpu_state state;
	unsigned int cpu;
	u64 mask;
	u64 ran, stolen; /* ns, up to now */
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
/* Makes v runnable if it is blocked and vcpu_has_work(), or false. Any CPU. */
bool sched_wake(struct vcpu *v);
/* True when this processor should call sched_pick() before it goes on. */
bool sched_need_resched(void);
/*
 * Chooses what this processor runs next: returns the vCPU, now RUNNING, or
 * NULL for idle. prev is what ran until now, or NULL. Called with no locks.
 */
struct vcpu *sched_pick(struct vcpu *prev);
void sched_info(struct vcpu *v, struct sched_info *info);
/* Writes v's steal record, if registered; v is current and about to run. */
void sched_update_steal(struct vcpu *v);
/* Debug key. */
void sched_dump(void);

/*
 * sched_domain.c: for those who control domains, found as domain.c says (the
 * vCPUs must not go meanwhile). Any processor, no locks.
 */
/* Default weight, no cap, not paused; before its vCPUs are made. */
void sched_domain_init(struct domain *d);
/* Its vCPUs have been stopped; it is going to be freed. */
void sched_domain_stop(struct domain *d);
/* Weight 1..SCHED_WEIGHT_MAX, cap 0..SCHED_CAP_MAX; 0 or -LODGE_EINVAL. */
int sched_domain_set(struct domain *d, u32 weight, u32 cap);
/*
 * Which processors v may run on; bits of absent ones are kept and without
 * meaning. 0, or -LODGE_EINVAL if there is none online among them.
 */
int sched_vcpu_pin(struct vcpu *v, u64 mask);
/*
 * None of d's vCPUs runs until the unpause. Pausing waits for that, so the
 * caller's own domain is refused by the caller (it would wait for itself), and
 * no lock may be held for which a vCPU can be spinning. Who calls these can
 * itself not be paused. Both may be repeated.
 */
void sched_domain_pause(struct domain *d);
void sched_domain_unpause(struct domain *d);

#endif
