// SPDX-License-Identifier: GPL-2.0
/*
 * The scheduler.
 *
 * Decides who runs next on a processor, and owns the sched part of every vCPU
 * together with run_queue.c, whose locks protect it.
 *
 * 1. Share. A vCPU's virtual time grows while it runs, the slower the more it
 *    weighs. A queue is ordered by it and the lowest runs next, for a slice at
 *    most. A domain's weight is divided among those of its vCPUs that run or
 *    wait: so domains get what they are given whatever number of vCPUs they
 *    have, one that uses a single vCPU gets it all there, and only a count for
 *    each domain is needed, not a hierarchy of queues. Queues are kept at the
 *    same virtual time (vtime.c), which makes it fair across processors.
 * 2. Latency. Who wakes up gets a bounded credit, and takes the processor
 *    from a current vCPU that is far enough ahead of it.
 * 3. Work conservation. A waking vCPU goes to an idle processor if there is
 *    one; a processor that runs out of work takes some from the longest
 *    queue before it idles; and one whose queue falls behind another gives a
 *    vCPU away, so that three vCPUs on two processors get two thirds each.
 * 4. Limits. A vCPU is only ever queued where its mask allows. Of a domain
 *    that is paused or has used up its cap (budget.c) no vCPU is queued; they
 *    are PAUSED or PARKED, also those that wake up. Whoever changes that, or
 *    a mask, does it first and then calls sched_review() for each vCPU.
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

	*s = (struct sched_vcpu){ .state = VCPU_OFFLINE, .mask = ~0UL };
	list_init(&s->link);
	s->cpu = run_queue_cpu(run_queue_online(),
			       __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED) %
				       64);
	s->vtime = READ_ONCE(run_queues[s->cpu].min_vtime);
	s->since = time_now();
}

/* Makes v runnable somewhere; drops the lock of q, its queue. */
static void make_runnable(struct run_queue *q, struct vcpu *v)
{
	bool runs = run_queue_verdict(v->domain) == VCPU_RUNNABLE &&
		    !budget_spent(v->domain);

	run_queue_set_state(v, VCPU_RUNNABLE, time_now());
	v->sched.want = SCHED_WANT_RUN;
	v->sched.woken = true;
	mark_preempted(v);
	/* Who cannot run claims no processor. */
	run_queue_move_begin(q, v,
			     runs ? run_queue_choose(q, v) : v->sched.cpu);
	spin_unlock(&q->lock);
	run_queue_move_end(v);
}

void sched_vcpu_online(struct vcpu *v)
{
	struct run_queue *q = run_queue_lock(v);

	if (v->sched.state == VCPU_OFFLINE && !v->sched.stop) {
		make_runnable(q, v);
		return;
	}
	/* Back before it was down. */
	if (v->sched.want == SCHED_WANT_OFFLINE)
		v->sched.want = SCHED_WANT_RUN;
	spin_unlock(&q->lock);
}

bool sched_wake(struct vcpu *v)
{
	struct run_queue *q = run_queue_lock(v);
	bool wakes = v->sched.state == VCPU_BLOCKED && !v->sched.stop &&
		     vcpu_has_work(v);

	if (wakes)
		make_runnable(q, v);
	else
		spin_unlock(&q->lock);
	return wakes;
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

		s->stop = true;
		if (s->state == VCPU_RUNNING) {
			if (!kicked)
				run_queue_resched(s->cpu);
			kicked = true;
		} else if (!s->moving) {
			if (s->state == VCPU_RUNNABLE)
				run_queue_remove(q, v);
			run_queue_set_state(v, VCPU_OFFLINE, time_now());
			stopped = true;
		}
		spin_unlock(&q->lock);
		__builtin_ia32_pause();
	}
}

/* v waits in q, whose lock is dropped; it may have to leave. */
static void review_queued(struct run_queue *q, struct vcpu *v)
{
	enum vcpu_state verdict = run_queue_verdict(v->domain);

	if (verdict == VCPU_RUNNABLE && run_queue_allows(v, v->sched.cpu)) {
		u64 mask = v->sched.mask;

		run_queue_update_wanted(q);
		spin_unlock(&q->lock);
		run_queue_offer(1, mask); /* it may have become wider */
		return;
	}
	run_queue_remove(q, v);
	if (verdict == VCPU_RUNNABLE) {
		run_queue_move_begin(q, v, run_queue_choose(q, v));
		spin_unlock(&q->lock);
		run_queue_move_end(v);
		return;
	}
	run_queue_set_state(v, verdict, time_now());
	spin_unlock(&q->lock);
}

void sched_review(struct vcpu *v, bool release)
{
	struct sched_vcpu *s = &v->sched;
	struct run_queue *q = run_queue_lock(v);
	bool parked = s->state == VCPU_PARKED || s->state == VCPU_PAUSED;
	enum vcpu_state verdict = run_queue_verdict(v->domain);

	if (s->state == VCPU_RUNNABLE && !s->moving) {
		review_queued(q, v);
		return;
	}
	if (parked && verdict != VCPU_RUNNABLE) {
		run_queue_set_state(v, verdict, time_now());
	} else if (parked && release && !s->stop) {
		make_runnable(q, v);
		return;
	} else if (s->state == VCPU_RUNNING) {
		run_queue_resched(s->cpu);
	}
	spin_unlock(&q->lock);
}

void sched_review_all(struct domain *d, bool release)
{
	u32 turn = __atomic_fetch_add(&d->sched.turn, 1, __ATOMIC_RELAXED), i;

	for (i = 0; i < d->vcpu_count; i++)
		sched_review(d->vcpu[(turn + i) % d->vcpu_count], release);
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
	enum vcpu_state state = run_queue_verdict(prev->domain);

	if (s->stop || s->want == SCHED_WANT_OFFLINE)
		state = VCPU_OFFLINE;
	else if (s->want == SCHED_WANT_BLOCK && !vcpu_has_work(prev))
		state = VCPU_BLOCKED;
	if (state == VCPU_RUNNABLE)
		return true;
	run_queue_set_state(prev, state, now);
	if (state == VCPU_PARKED || state == VCPU_PAUSED)
		mark_preempted(prev);
	return false;
}

/*
 * If prev may not go on here, being out of budget or forbidden to: has it
 * move away, or to its place among those that are PARKED. Lock: q.
 */
static bool leaves(struct run_queue *q, struct vcpu *prev, u64 now)
{
	unsigned int cpu = prev->sched.cpu;

	if (!run_queue_allows(prev, cpu))
		cpu = run_queue_choose(q, prev);
	else if (!budget_spent(prev->domain))
		return false;
	run_queue_set_state(prev, VCPU_RUNNABLE, now);
	mark_preempted(prev);
	run_queue_move_begin(q, prev, cpu);
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
	run_queue_set_state(prev, VCPU_RUNNABLE, now);
	run_queue_insert(q, prev);
}

/* Starts v, or goes on with it, on q's processor. Lock: q. */
static void run(struct run_queue *q, struct vcpu *v, u64 now)
{
	run_queue_set_state(v, VCPU_RUNNING, now);
	v->sched.want = SCHED_WANT_RUN;
	WRITE_ONCE(q->current, v);
	q->slice_end = now + SLICE;
	if (cmdline.seed)
		q->slice_end = now + SLICE / 100 + run_queue_random(q) % SLICE;
	if (READ_ONCE(v->domain->sched.cap))
		q->slice_end = MIN(q->slice_end, now + budget_slice(v->domain));
}

/* What q's processor runs next, or NULL; *away is to be moved. Lock: q. */
static struct vcpu *choose(struct run_queue *q, struct vcpu *prev, u64 now,
			   struct vcpu **away)
{
	bool preempt = q->preempt;
	struct vcpu *next;

	q->preempt = false;
	WRITE_ONCE(q->current, NULL);
	if (prev && !stays_runnable(prev, now)) {
		/* It has its state. */
	} else if (prev && leaves(q, prev, now)) {
		*away = prev;
	} else if (prev) {
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
	if (!*away)
		*away = run_queue_give(q, now);
	next = list_first(&q->queue, struct vcpu, sched.link);
	run_queue_remove(q, next);
	run(q, next, now);
	if (prev && next != prev && prev->sched.state == VCPU_RUNNABLE)
		mark_preempted(prev);
	return next;
}

/* After next was chosen: its slice, and help for those who wait here. */
static void start_slice(struct run_queue *q, struct vcpu *next,
			unsigned int waits)
{
	struct timer *t = &q->slice;

	if (!waits && !(next && READ_ONCE(next->domain->sched.cap))) {
		if (t->armed)
			timer_stop(t);
		return;
	}
	if (!t->armed || t->deadline != q->slice_end)
		timer_set(t, q->slice_end);
	if (waits)
		run_queue_offer(waits, READ_ONCE(q->wanted));
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
		vtime_update(q);
		next = choose(q, prev, now, &away);
		vtime_update(q);
		waits = q->queued;
		if (waits)
			run_queue_update_wanted(q);
		spin_unlock(&q->lock);
		prev = NULL;
		if (away)
			run_queue_move_end(away);
		away = NULL;
		if (next) {
			start_slice(q, next, waits);
			/* The work offered to us may be left. */
			if (was_idle)
				run_queue_pass_on(cpu);
			return next;
		}
		run_queue_set_idle(cpu);
	} while (run_queue_steal(cpu) || sched_need_resched());
	start_slice(q, NULL, 0);
	return NULL;
}

void sched_info(struct vcpu *v, struct sched_info *info)
{
	struct run_queue *q = run_queue_lock(v);
	const struct sched_vcpu *s = &v->sched;

	run_queue_account(v, time_now());
	*info = (struct sched_info){ s->state, s->cpu, s->mask, s->ran,
				     s->stolen };
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
