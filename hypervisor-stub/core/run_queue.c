// SPDX-License-Identifier: GPL-2.0
/*
 * Run queues: one for each processor, and the traffic between them.
 *
 * Owns the queues, and the masks that say which processors have one and which
 * of those are idle. sched.c says what a virtual time is worth and when to
 * look for another vCPU; this file keeps queues in order and together.
 *
 * Locks: one of level LOCK_SCHED per queue, never two at once. It protects
 * the queue and every vCPU whose sched.cpu names it; run_queue_lock() looks
 * again once it has the lock. A vCPU that changes queues is taken out under
 * the lock of the first (moving = true, in no list) and put in under that of
 * the second; meanwhile it is RUNNABLE and all but its mover leave it alone,
 * its vtime is by the machine's clock, and its domain is not freed.
 *
 * No work is forgotten: an idle processor sets its bit in idle_mask before it
 * looks for work to take, and one that leaves a vCPU waiting looks at
 * idle_mask after (full barriers on both). An offer may reach a processor
 * that is just finding other work; so whoever stops being idle looks round
 * once more and passes it on. Only
 * processors that a waiting vCPU may use are offered it: `wanted` of a queue
 * holds at least these. One who goes idle tries each queue once.
 */
#include "run_queue.h"
#include "sched.h"
#include "time.h"
#include "../x86/platform.h"

struct run_queue run_queues[MAX_CPUS];
static u64 online_mask, idle_mask; /* atomic */

static void slice_expired(void *arg)
{
	(void)arg;
	WRITE_ONCE(this_pcpu()->need_resched, true);
}

void sched_cpu_init(unsigned int cpu)
{
	struct run_queue *q = &run_queues[cpu];

	spin_init(&q->lock, LOCK_SCHED);
	list_init(&q->queue);
	q->rng = (cmdline.seed + cpu) * 0x9e3779b97f4a7c15UL | 1;
	timer_init(&q->slice, slice_expired, NULL);
	__atomic_fetch_or(&online_mask, BIT(cpu), __ATOMIC_SEQ_CST);
}

u64 run_queue_random(struct run_queue *q)
{
	q->rng ^= q->rng << 13;
	q->rng ^= q->rng >> 7;
	q->rng ^= q->rng << 17;
	return q->rng;
}

struct run_queue *run_queue_lock(struct vcpu *v)
{
	for (;;) {
		unsigned int cpu = READ_ONCE(v->sched.cpu);

		spin_lock(&run_queues[cpu].lock);
		if (v->sched.cpu == cpu)
			return &run_queues[cpu];
		spin_unlock(&run_queues[cpu].lock);
	}
}

void run_queue_resched(unsigned int cpu)
{
	struct pcpu *p = pcpus[cpu];

	/* Pairs with poll(): it stops polling, then looks once more. */
	__atomic_store_n(&p->need_resched, true, __ATOMIC_SEQ_CST);
	if (p != this_pcpu() && !__atomic_load_n(&p->polling, __ATOMIC_SEQ_CST))
		smp_kick(cpu);
}

u64 run_queue_online(void)
{
	return __atomic_load_n(&online_mask, __ATOMIC_RELAXED);
}

unsigned int run_queue_cpu(u64 mask, u64 n)
{
	u64 left = mask;

	while (n--) {
		left &= left - 1;
		if (!left)
			left = mask;
	}
	return __builtin_ctzl(left);
}

void run_queue_account(struct vcpu *v, u64 now)
{
	struct sched_vcpu *s = &v->sched;
	u64 delta = now > s->since ? now - s->since : 0;

	if (s->state == VCPU_RUNNING) {
		s->ran += delta;
		vtime_add(v, delta);
		if (READ_ONCE(v->domain->sched.cap))
			budget_charge(v->domain, delta, now);
	} else if (s->state == VCPU_RUNNABLE || s->state == VCPU_PARKED) {
		s->stolen += delta;
	}
	s->since = now;
}

static bool is_active(enum vcpu_state state)
{
	return state == VCPU_RUNNABLE || state == VCPU_RUNNING;
}

void run_queue_set_state(struct vcpu *v, enum vcpu_state state, u64 now)
{
	struct sched_vcpu *s = &v->sched;
	int more = is_active(state) - is_active(s->state);

	run_queue_account(v, now);
	if (more)
		__atomic_fetch_add(&v->domain->sched.active, more,
				   __ATOMIC_RELAXED);
	WRITE_ONCE(s->state, state);
}

void run_queue_update_wanted(struct run_queue *q)
{
	struct vcpu *v;
	u64 wanted = 0;

	list_for_each(v, &q->queue, sched.link)
		wanted |= v->sched.mask;
	WRITE_ONCE(q->wanted, wanted);
}

void run_queue_insert(struct run_queue *q, struct vcpu *v)
{
	struct list *at;

	for (at = q->queue.next; at != &q->queue; at = at->next)
		if (before(v->sched.vtime,
			   list_entry(at, struct vcpu, sched.link)->sched.vtime))
			break;
	list_add_tail(at, &v->sched.link);
	WRITE_ONCE(q->wanted, q->wanted | v->sched.mask);
	WRITE_ONCE(q->queued, q->queued + 1);
}

void run_queue_remove(struct run_queue *q, struct vcpu *v)
{
	list_del(&v->sched.link);
	WRITE_ONCE(q->queued, q->queued - 1);
}

/* --- moving between queues --- */

/* True if the processor was idle and this caller is the one to give it work. */
static bool claim_idle(unsigned int cpu)
{
	return __atomic_fetch_and(&idle_mask, ~BIT(cpu), __ATOMIC_SEQ_CST) &
	       BIT(cpu);
}

static unsigned int load_of(const struct run_queue *q)
{
	return READ_ONCE(q->queued) + (READ_ONCE(q->current) != NULL);
}

unsigned int run_queue_choose(struct run_queue *q, struct vcpu *v)
{
	u64 allowed = v->sched.mask & run_queue_online(), mask;
	unsigned int best = q - run_queues;

	if (cmdline.seed)
		return run_queue_cpu(allowed, run_queue_random(q) % 64);
	if (run_queue_allows(v, best) && claim_idle(best))
		return best;
	while ((mask = __atomic_load_n(&idle_mask, __ATOMIC_SEQ_CST) & allowed))
		if (claim_idle(__builtin_ctzl(mask)))
			return __builtin_ctzl(mask);
	if (run_queue_allows(v, best))
		return best;
	best = __builtin_ctzl(allowed);
	for (mask = allowed & (allowed - 1); mask; mask &= mask - 1)
		if (load_of(&run_queues[__builtin_ctzl(mask)]) <
		    load_of(&run_queues[best]))
			best = __builtin_ctzl(mask);
	return best;
}

void run_queue_offer(unsigned int n, u64 mask)
{
	smp_mb(); /* pairs with the one in run_queue_set_idle() */
	while (n--) {
		u64 idle = __atomic_load_n(&idle_mask, __ATOMIC_SEQ_CST) & mask;

		if (!idle)
			return;
		if (claim_idle(__builtin_ctzl(idle)))
			run_queue_resched(__builtin_ctzl(idle));
	}
}

void run_queue_move_begin(struct run_queue *q, struct vcpu *v, unsigned int cpu)
{
	v->sched.vtime += q->shift;
	v->sched.moving = true;
	WRITE_ONCE(v->sched.cpu, cpu);
}

/* Locks the queue that v goes to: where it was meant to, if it still may. */
static struct run_queue *lock_target(struct vcpu *v)
{
	for (;;) {
		unsigned int cpu = v->sched.cpu;
		struct run_queue *q = &run_queues[cpu];

		spin_lock(&q->lock);
		if (run_queue_allows(v, cpu))
			return q;
		WRITE_ONCE(v->sched.cpu, run_queue_choose(q, v));
		spin_unlock(&q->lock);
		run_queue_resched(cpu); /* may have been claimed for v */
	}
}

void run_queue_move_end(struct vcpu *v)
{
	struct sched_vcpu *s = &v->sched;
	struct run_queue *q;
	enum vcpu_state verdict;
	u64 now, mask = 0;

	if (budget_spent(v->domain))
		budget_throttle(v->domain);
	q = lock_target(v);
	now = time_now();
	verdict = run_queue_verdict(v->domain);
	if (q->current)
		run_queue_account(q->current, now);
	s->moving = false;
	if (verdict != VCPU_RUNNABLE) {
		s->vtime -= q->shift;
		run_queue_set_state(v, verdict, now);
		if (!q->current) /* may have been claimed for v */
			run_queue_resched(q - run_queues);
	} else {
		vtime_fit_in(q, v);
		run_queue_insert(q, v);
		mask = q->current ? s->mask : 0;
		q->preempt |= vtime_preempts(q, v);
		/* The first who waits needs the slice timer armed. */
		if (q->preempt || q->queued == 1)
			run_queue_resched(q - run_queues);
	}
	s->woken = false;
	spin_unlock(&q->lock);
	if (mask)
		run_queue_offer(1, mask);
}

/* The vCPU to take from a queue: that which has waited longest. */
static struct vcpu *steal_from(struct run_queue *q, unsigned int cpu)
{
	struct vcpu *v, *found = NULL;

	spin_lock(&q->lock);
	list_for_each(v, &q->queue, sched.link) {
		if (!run_queue_allows(v, cpu))
			continue;
		found = v;
		run_queue_remove(q, v);
		run_queue_move_begin(q, v, cpu);
		break;
	}
	spin_unlock(&q->lock);
	return found;
}

/*
 * Of the queues of mask that in which most vCPUs wait, and some, it seems, for
 * a processor of want; or NULL.
 */
static struct run_queue *busiest(u64 mask, u64 want)
{
	struct run_queue *best = NULL;
	unsigned int n, most = 0;

	for (; mask; mask &= mask - 1) {
		struct run_queue *q = &run_queues[__builtin_ctzl(mask)];

		/* The only one of an idle processor has a ride. */
		n = READ_ONCE(q->queued);
		if (n && !READ_ONCE(q->current))
			n--;
		if (n > most && (READ_ONCE(q->wanted) & want)) {
			most = n;
			best = q;
		}
	}
	return best;
}

bool run_queue_steal(unsigned int cpu)
{
	u64 mask = run_queue_online() & ~BIT(cpu);
	struct run_queue *victim;
	struct vcpu *v = NULL;

	while (!v && (victim = busiest(mask, BIT(cpu)))) {
		v = steal_from(victim, cpu);
		mask &= ~BIT(victim - run_queues); /* once each */
	}
	if (v)
		run_queue_move_end(v);
	return v != NULL;
}

/* Of the processors of mask, the queue that is furthest ahead; NULL: none. */
static struct run_queue *furthest(u64 mask, u64 now, u64 *level)
{
	struct run_queue *best = NULL;

	for (; mask; mask &= mask - 1) {
		struct run_queue *o = &run_queues[__builtin_ctzl(mask)];
		u64 at = vtime_level(o, now);

		if (!READ_ONCE(o->current))
			continue; /* idle: it will be offered something */
		if (!best || before(*level, at)) {
			best = o;
			*level = at;
		}
	}
	return best;
}

struct vcpu *run_queue_give(struct run_queue *q, u64 now)
{
	struct vcpu *first = list_first(&q->queue, struct vcpu, sched.link), *v;
	u64 others = run_queue_online() & ~BIT(q - run_queues), level;
	struct run_queue *to = NULL;

	list_for_each(v, &q->queue, sched.link)
		if (v != first && (v->sched.mask & others))
			break;
	if (&v->sched.link == &q->queue)
		return NULL; /* nobody else waits who could go */
	to = furthest(v->sched.mask & others, now, &level);
	if (!to || !vtime_lags(q, v, level))
		return NULL;
	run_queue_remove(q, v);
	run_queue_move_begin(q, v, to - run_queues);
	return v;
}

void run_queue_pass_on(unsigned int cpu)
{
	u64 idle = READ_ONCE(idle_mask);
	struct run_queue *q;

	if (!idle)
		return;
	q = busiest(run_queue_online() & ~BIT(cpu), idle);
	if (q)
		run_queue_offer(1, READ_ONCE(q->wanted));
}

void run_queue_set_idle(unsigned int cpu)
{
	__atomic_fetch_or(&idle_mask, BIT(cpu), __ATOMIC_SEQ_CST);
	smp_mb(); /* pairs with the one in run_queue_offer() */
}

void run_queue_set_busy(unsigned int cpu)
{
	if (READ_ONCE(idle_mask) & BIT(cpu))
		claim_idle(cpu);
}
