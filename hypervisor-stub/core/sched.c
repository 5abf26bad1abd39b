// SPDX-License-Identifier: GPL-2.0
/*
 * The scheduler.
 *
 * Decides who runs next on a processor, and owns the sched part of every vCPU
 * together with run_queue.c, whose locks protect it.
 *
 * 1. Share. A vCPU's virtual time grows while it runs; all weigh the same. A
 *    queue is ordered by it and the lowest runs next, for a slice at most.
 *    Virtual times mean something within one queue only: whoever moves between
 *    two keeps its distance to the queue's min_vtime.
 * 2. Latency. Who wakes up gets a bounded credit, and takes the processor
 *    from a current vCPU that is far enough ahead of it.
 * 3. Work conservation. A waking vCPU goes to an idle processor if there is
 *    one; a processor that runs out of work takes some from the longest
 *    queue before it idles; and one whose queue stays longer than another
 *    gives a vCPU away, so that three vCPUs on two processors get two thirds
 *    each.
 *
 * No wake-up is lost: the sender sets its bits before it calls sched_wake(),
 * and sched_pick() looks at them (vcpu_has_work) under the lock that
 * sched_wake() takes.
 */
#include <lodge/time.h>
#include "domain.h"
#include "printk.h"
#include "run_queue.h"
#include "sched.h"
#include "time.h"
#include "timer.h"

static void set_state(struct vcpu *v, enum vcpu_state state, u64 now)
{
	run_queue_account(v, now);
	WRITE_ONCE(v->sched.state, state);
}

/* The steal record of v; NULL: none. Another vCPU may register it. */
static struct lodge_steal *steal_record(struct vcpu *v)
{
	gpa_t gpa = READ_ONCE(v->steal_gpa);

	return gpa ? guest_ptr(v->domain, gpa, sizeof(struct lodge_steal)) :
		     NULL;
}

/* Tells the guest that v is runnable without running. Lock: v's queue. */
static void mark_preempted(struct vcpu *v)
{
	struct lodge_steal *r = steal_record(v);

	if (r)
		WRITE_ONCE(r->preempted, 1);
}

void sched_update_steal(struct vcpu *v)
{
	struct lodge_steal *r = steal_record(v);

	if (!r)
		return;
	WRITE_ONCE(r->version, v->steal_version + 1);
	smp_wmb(); /* readers: version, record, version */
	/* Changes only while v is RUNNABLE, so no lock. */
	WRITE_ONCE(r->steal, v->sched.stolen);
	WRITE_ONCE(r->preempted, 0);
	smp_wmb(); /* the record, then its version */
	v->steal_version += 2;
	WRITE_ONCE(r->version, v->steal_version);
}

/* --- life of a vCPU --- */

void sched_vcpu_init(struct vcpu *v)
{
	static unsigned int next;
	struct sched_vcpu *s = &v->sched;

	*s = (struct sched_vcpu){ .state = VCPU_OFFLINE };
	list_init(&s->link);
	s->cpu = run_queue_cpu(__atomic_fetch_add(&next, 1, __ATOMIC_RELAXED));
	s->vtime = READ_ONCE(run_queues[s->cpu].min_vtime);
	s->since = time_now();
}

/* Makes v runnable somewhere; drops the lock of q, its queue. */
static void make_runnable(struct run_queue *q, struct vcpu *v)
{
	set_state(v, VCPU_RUNNABLE, time_now());
	v->sched.want = SCHED_WANT_RUN;
	mark_preempted(v);
	run_queue_move_begin(q, v, run_queue_choose(q));
	spin_unlock(&q->lock);
	run_queue_move_end(v);
}

void sched_vcpu_online(struct vcpu *v)
{
	struct run_queue *q = run_queue_lock(v);

	if (v->sched.state == VCPU_OFFLINE && !v->sched.pause) {
		make_runnable(q, v);
		return;
	}
	/* Back before it was down. */
	if (v->sched.want == SCHED_WANT_OFFLINE)
		v->sched.want = SCHED_WANT_RUN;
	spin_unlock(&q->lock);
}

void sched_wake(struct vcpu *v)
{
	struct run_queue *q = run_queue_lock(v);

	if (v->sched.state == VCPU_BLOCKED && !v->sched.pause &&
	    vcpu_has_work(v))
		make_runnable(q, v);
	else
		spin_unlock(&q->lock);
}

void sched_self_wants(struct vcpu *v, enum sched_want want)
{
	struct run_queue *q = run_queue_lock(v);

	v->sched.want = want;
	WRITE_ONCE(this_pcpu()->need_resched, true);
	spin_unlock(&q->lock);
}

void sched_vcpu_stop(struct vcpu *v)
{
	struct sched_vcpu *s = &v->sched;
	bool stopped = false, kicked = false;

	while (!stopped) {
		struct run_queue *q = run_queue_lock(v);

		s->pause = true;
		if (s->state == VCPU_RUNNING) {
			if (!kicked)
				run_queue_resched(s->cpu);
			kicked = true;
		} else if (!s->moving) {
			if (s->state == VCPU_RUNNABLE)
				run_queue_remove(q, v);
			set_state(v, VCPU_OFFLINE, time_now());
			stopped = true;
		}
		spin_unlock(&q->lock);
		__builtin_ia32_pause();
	}
}

/* --- choosing --- */

bool sched_need_resched(void)
{
	return READ_ONCE(this_pcpu()->need_resched);
}

/* Does prev, which was RUNNING until now, go on? If not, says why. Lock: q. */
static bool stays_runnable(struct vcpu *prev, u64 now)
{
	struct sched_vcpu *s = &prev->sched;

	if (s->pause || s->want == SCHED_WANT_OFFLINE) {
		set_state(prev, VCPU_OFFLINE, now);
		return false;
	}
	if (s->want == SCHED_WANT_BLOCK && !vcpu_has_work(prev)) {
		set_state(prev, VCPU_BLOCKED, now);
		return false;
	}
	return true;
}

/* Puts prev back in the queue, behind one other if it yields. Lock: q. */
static void requeue(struct run_queue *q, struct vcpu *prev, u64 now)
{
	struct sched_vcpu *s = &prev->sched;
	struct vcpu *first = list_first(&q->queue, struct vcpu, sched.link);

	if (s->want == SCHED_WANT_YIELD &&
	    !before(first->sched.vtime, s->vtime))
		s->vtime = first->sched.vtime + 1;
	set_state(prev, VCPU_RUNNABLE, now);
	run_queue_insert(q, prev);
}

/* Starts v, or goes on with it, on q's processor. Lock: q. */
static void run(struct run_queue *q, struct vcpu *v, u64 now)
{
	set_state(v, VCPU_RUNNING, now);
	v->sched.want = SCHED_WANT_RUN;
	WRITE_ONCE(q->current, v);
	q->slice_end = now + SLICE;
	if (cmdline.seed)
		q->slice_end = now + SLICE / 100 + run_queue_random(q) % SLICE;
}

/* What q's processor runs next, or NULL; *away is to be moved. Lock: q. */
static struct vcpu *choose(struct run_queue *q, struct vcpu *prev, u64 now,
			   struct vcpu **away)
{
	bool preempt = q->preempt;
	struct vcpu *next;

	q->preempt = false;
	WRITE_ONCE(q->current, NULL);
	if (prev && stays_runnable(prev, now)) {
		if (prev->sched.want != SCHED_WANT_YIELD && !preempt &&
		    before(now, q->slice_end)) {
			prev->sched.want = SCHED_WANT_RUN;
			WRITE_ONCE(q->current, prev);
			return prev;
		}
		if (list_empty(&q->queue)) {
			run(q, prev, now);
			return prev;
		}
		requeue(q, prev, now);
	}
	if (list_empty(&q->queue))
		return NULL;
	*away = run_queue_give(q, now);
	next = list_first(&q->queue, struct vcpu, sched.link);
	run_queue_remove(q, next);
	run(q, next, now);
	if (prev && next != prev && prev->sched.state == VCPU_RUNNABLE)
		mark_preempted(prev);
	return next;
}

/* After next was chosen: its slice, and help for those who wait here. */
static void start_slice(struct run_queue *q, unsigned int waits)
{
	struct timer *t = &q->slice;

	if (!waits) {
		if (t->armed)
			timer_stop(t);
		return;
	}
	if (!t->armed || t->deadline != q->slice_end)
		timer_set(t, q->slice_end);
	run_queue_offer(waits);
}

struct vcpu *sched_pick(struct vcpu *prev)
{
	unsigned int cpu = this_pcpu()->id, waits;
	struct run_queue *q = &run_queues[cpu];
	struct vcpu *next, *away = NULL;
	bool was_idle = false;
	u64 now;

	do {
		run_queue_set_busy(cpu);
		now = time_now();
		spin_lock(&q->lock);
		was_idle |= !q->current;
		WRITE_ONCE(this_pcpu()->need_resched, false);
		if (prev)
			run_queue_account(prev, now);
		run_queue_update_min(q);
		next = choose(q, prev, now, &away);
		run_queue_update_min(q);
		waits = q->queued;
		spin_unlock(&q->lock);
		prev = NULL;
		if (away)
			run_queue_move_end(away);
		if (next) {
			start_slice(q, waits);
			/* The work offered to us may be left; pass it on. */
			if (was_idle && run_queue_others_wait(cpu))
				run_queue_offer(1);
			return next;
		}
		run_queue_set_idle(cpu);
	} while (run_queue_steal(cpu) || sched_need_resched());
	start_slice(q, 0);
	return NULL;
}

void sched_times(struct vcpu *v, u64 *ran, u64 *stolen)
{
	struct run_queue *q = run_queue_lock(v);

	run_queue_account(v, time_now());
	*ran = v->sched.ran;
	*stolen = v->sched.stolen;
	spin_unlock(&q->lock);
}

void sched_dump(void)
{
	unsigned int cpu;

	for (cpu = 0; cpu < pcpu_count; cpu++) {
		struct run_queue *q = &run_queues[cpu];

		printk("cpu%u: %s, %u waiting, idle %lu ms\n", cpu,
		       READ_ONCE(q->current) ? "busy" : "idle",
		       READ_ONCE(q->queued), pcpus[cpu]->idle_ns / MS);
	}
}
