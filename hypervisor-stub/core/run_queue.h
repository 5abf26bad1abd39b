/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Run queues, between sched.c (who runs next, and the life of a vCPU) and
 * run_queue.c (the queues themselves, and how vCPUs move between them).
 */
#ifndef CORE_RUN_QUEUE_H
#define CORE_RUN_QUEUE_H

#include "domain.h"
#include "../x86/pcpu.h"

#define MS 1000000L
#define SLICE (10 * MS)

struct run_queue {
	struct spinlock lock;
	struct list queue; /* RUNNABLE vCPUs by vtime */
	unsigned int queued;
	struct vcpu *current; /* RUNNING here; NULL: idle */
	u64 min_vtime; /* what those who come are measured by */
	u64 shift; /* of its virtual times to those of the machine */
	u64 wanted; /* processors that those in `queue` may use, or more */
	bool preempt; /* somebody in the queue should run now */
	u64 slice_end;
	/* For other processors, with no lock: its lowest virtual time. */
	u64 level, level_since;
	u64 level_rate; /* 0 if several share it */
	u64 rng;
	struct timer slice; /* armed and stopped by its own processor */
} __aligned(64);

extern struct run_queue run_queues[MAX_CPUS];

/* True if virtual time a is less than b. */
static inline bool before(u64 a, u64 b)
{
	return (s64)(a - b) < 0;
}

/* May vCPUs of d run? RUNNABLE, or the state they have instead. */
static inline enum vcpu_state run_queue_verdict(const struct domain *d)
{
	if (READ_ONCE(d->sched.paused))
		return VCPU_PAUSED;
	return READ_ONCE(d->sched.throttled) ? VCPU_PARKED : VCPU_RUNNABLE;
}

static inline bool run_queue_allows(const struct vcpu *v, unsigned int cpu)
{
	return v->sched.mask >> cpu & 1;
}

/* Those that have a queue. */
u64 run_queue_online(void);
/* The nth processor of mask, counted round; there is one. */
unsigned int run_queue_cpu(u64 mask, u64 n);
/* For tests: other placements and slices with each cmdline.seed. */
u64 run_queue_random(struct run_queue *q);
/* Locks the queue that v belongs to. */
struct run_queue *run_queue_lock(struct vcpu *v);
/* Lets a processor call sched_pick() soon. */
void run_queue_resched(unsigned int cpu);

/* The lock of q, or of v's queue, is held for these. */
/* Brings the times of v up to date. */
void run_queue_account(struct vcpu *v, u64 now);
void run_queue_set_state(struct vcpu *v, enum vcpu_state state, u64 now);
void run_queue_insert(struct run_queue *q, struct vcpu *v);
void run_queue_remove(struct run_queue *q, struct vcpu *v);
/* Takes v, which is in no list, out of q; run_queue_move_end() is next. */
void run_queue_move_begin(struct run_queue *q, struct vcpu *v,
			  unsigned int cpu);
/* Where v, which last ran on q's processor, should go. */
unsigned int run_queue_choose(struct run_queue *q, struct vcpu *v);
/*
 * If another queue is ahead: takes a vCPU out of q for it, but not the first,
 * which is going to run; or NULL. Nobody is current in q, which is not empty.
 */
struct vcpu *run_queue_give(struct run_queue *q, u64 now);
/* Looks again which processors those in q may use. */
void run_queue_update_wanted(struct run_queue *q);

/* No lock is held for these. */
/*
 * Puts v into its new queue and sees to it that it is noticed; or has it
 * PARKED or PAUSED there, if that is what its domain is.
 */
void run_queue_move_end(struct vcpu *v);
/* Takes a vCPU from the longest queue into cpu's; false: there is none. */
bool run_queue_steal(unsigned int cpu);
/* n vCPUs wait: let as many idle processors of mask come for them. */
void run_queue_offer(unsigned int n, u64 mask);
/* cpu stops being idle: if others have work left, another one shall look. */
void run_queue_pass_on(unsigned int cpu);
/* This processor has nothing to do, and may be offered work from now on. */
void run_queue_set_idle(unsigned int cpu);
/* It looks into its own queue, or has found work. */
void run_queue_set_busy(unsigned int cpu);

/* --- vtime.c; the lock of q, or of v's queue, is held --- */
/* v ran for ns. */
void vtime_add(struct vcpu *v, u64 ns);
/* Moves min_vtime up to the lowest that is left, and the machine's clock. */
void vtime_update(struct run_queue *q);
/* Brings that of v, by the machine's clock, near those of q, where it goes. */
void vtime_fit_in(struct run_queue *q, struct vcpu *v);
/* Shall v, which is new in q, take the processor from the current vCPU? */
bool vtime_preempts(const struct run_queue *q, const struct vcpu *v);
/* v waits in q, and q is that far behind a queue at level. */
bool vtime_lags(const struct run_queue *q, const struct vcpu *v, u64 level);
/* How far q is, by the machine's clock. No lock. */
u64 vtime_level(const struct run_queue *q, u64 now);

/* --- sched.c --- */
/*
 * What v's domain or pin allow has changed: v stops, moves or, if released,
 * goes on. No locks; who calls this keeps v from being freed.
 */
void sched_review(struct vcpu *v, bool release);
void sched_review_all(struct domain *d, bool release);

/* --- budget.c; d's cap --- */
/* Default: no cap. */
void budget_init(struct domain *d);
/* A vCPU of d ran for ns. The lock of its queue is held. */
void budget_charge(struct domain *d, u64 ns, u64 now);
/* It was used up when it was last charged. */
static inline bool budget_spent(const struct domain *d)
{
	return READ_ONCE(d->sched.cap) && READ_ONCE(d->sched.budget) <= 0;
}
/* How long one vCPU may run on it, now that it is not spent; ns. */
u64 budget_slice(const struct domain *d);
/* If it is still spent, no vCPU of d runs until it is not. No locks. */
void budget_throttle(struct domain *d);
/* New cap, in percent. d->sched.lock is held. */
void budget_set(struct domain *d, u32 cap);

#endif
