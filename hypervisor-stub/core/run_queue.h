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
	u64 min_vtime; /* never goes back */
	bool preempt; /* somebody in the queue should run now */
	u64 slice_end;
	u64 next_rotate; /* set by others too, with no lock */
	u64 rng;
	struct timer slice; /* armed and stopped by its own processor */
} __aligned(64);

extern struct run_queue run_queues[MAX_CPUS];

/* True if virtual time a is less than b. */
static inline bool before(u64 a, u64 b)
{
	return (s64)(a - b) < 0;
}

/* The nth processor of those that have a queue, counted round. */
unsigned int run_queue_cpu(u64 n);
/* For tests: other placements and slices with each cmdline.seed. */
u64 run_queue_random(struct run_queue *q);
/* Locks the queue that v belongs to. */
struct run_queue *run_queue_lock(struct vcpu *v);
/* Lets a processor call sched_pick() soon. */
void run_queue_resched(unsigned int cpu);

/* The lock of q, or of v's queue, is held for these. */
/* Brings the times of v up to date. */
void run_queue_account(struct vcpu *v, u64 now);
/* Moves min_vtime up to the lowest that is left. */
void run_queue_update_min(struct run_queue *q);
void run_queue_insert(struct run_queue *q, struct vcpu *v);
void run_queue_remove(struct run_queue *q, struct vcpu *v);
/* Takes v, which is in no list, out of q; run_queue_move_end() is next. */
void run_queue_move_begin(struct run_queue *q, struct vcpu *v,
			  unsigned int cpu);
/* Where a vCPU that last ran on q's processor should wake up. */
unsigned int run_queue_choose(struct run_queue *q);
/*
 * If another processor has less to do: takes a vCPU out of q for it, the one
 * that has been here longest; or NULL. Nobody is current in q.
 */
struct vcpu *run_queue_give(struct run_queue *q, u64 now);

/* No lock is held for these. */
/* Puts v into its new queue and sees to it that it is noticed. */
void run_queue_move_end(struct vcpu *v);
/* Takes a vCPU from the longest queue into cpu's; false: there is none. */
bool run_queue_steal(unsigned int cpu);
/* n vCPUs wait: let as many idle processors, if there are, come for them. */
void run_queue_offer(unsigned int n);
/* Someone waits in a queue other than cpu's. */
bool run_queue_others_wait(unsigned int cpu);
/* This processor has nothing to do, and may be offered work from now on. */
void run_queue_set_idle(unsigned int cpu);
/* It looks into its own queue, or has found work. */
void run_queue_set_busy(unsigned int cpu);

#endif
