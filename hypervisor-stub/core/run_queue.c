// SPDX-License-Identifier: GPL-2.0
/*
 * Run queues: one for each processor, and the traffic between them.
 *
 * Owns the queues, and the masks that say which processors have one and which
 * of those are idle. sched.c says what a virtual time is worth and when to
 * look for another vCPU; this file keeps queues in order and loads even.
 *
 * Locks: one of level LOCK_SCHED per queue, never two at once. It protects
 * the queue and every vCPU whose sched.cpu names it; run_queue_lock() looks
 * again once it has the lock. A vCPU that changes queues is taken out under
 * the lock of the first (moving = true, in no list) and put in under that of
 * the second; meanwhile it is RUNNABLE and all but its mover leave it alone.
 *
 * No work is forgotten: an idle processor sets its bit in idle_mask before it
 * looks for work to take, and one that leaves a vCPU waiting looks at
 * idle_mask after (full barriers on both). An offer may reach a processor
 * that is just finding other work; so whoever stops being idle looks round
 * once more and passes it on.
 */
#include "run_queue.h"
#include "sched.h"
#include "time.h"
#include "../x86/platform.h"

#define CREDIT (5 * MS) /* most that a sleeper may be behind the others */
#define DEBT (2 * SLICE) /* most that a moved vCPU may be ahead of them */
#define GRANULARITY (MS / 2) /* lead worth a preemption */
#define ROTATE (100 * MS) /* an uneven load changes sides this often */

struct run_queue run_queues[MAX_CPUS];
static u64 online_mask, idle_mask; /* atomic */
static unsigned int online_count;

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
	__atomic_fetch_add(&online_count, 1, __ATOMIC_SEQ_CST);
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
	WRITE_ONCE(pcpus[cpu]->need_resched, true);
	if (cpu != this_pcpu()->id)
		smp_kick(cpu);
}

unsigned int run_queue_cpu(u64 n)
{
	u64 mask = __atomic_load_n(&online_mask, __ATOMIC_RELAXED);

	for (n %= __atomic_load_n(&online_count, __ATOMIC_RELAXED); n; n--)
		mask &= mask - 1;
	return __builtin_ctzl(mask);
}

void run_queue_account(struct vcpu *v, u64 now)
{
	struct sched_vcpu *s = &v->sched;
	u64 delta = now > s->since ? now - s->since : 0;

	if (s->state == VCPU_RUNNING) {
		s->ran += delta;
		s->vtime += delta;
	} else if (s->state == VCPU_RUNNABLE) {
		s->stolen += delta;
	}
	s->since = now;
}

void run_queue_update_min(struct run_queue *q)
{
	u64 min;

	if (list_empty(&q->queue) && !q->current)
		return;
	if (list_empty(&q->queue)) {
		min = q->current->sched.vtime;
	} else {
		min = list_first(&q->queue, struct vcpu, sched.link)
			      ->sched.vtime;
		if (q->current && before(q->current->sched.vtime, min))
			min = q->current->sched.vtime;
	}
	if (before(q->min_vtime, min))
		q->min_vtime = min;
}

void run_queue_insert(struct run_queue *q, struct vcpu *v)
{
	struct list *at;

	for (at = q->queue.next; at != &q->queue; at = at->next)
		if (before(v->sched.vtime,
			   list_entry(at, struct vcpu, sched.link)->sched.vtime))
			break;
	list_add_tail(at, &v->sched.link);
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

unsigned int run_queue_choose(struct run_queue *q)
{
	unsigned int last = q - run_queues;
	u64 mask;

	if (cmdline.seed)
		return run_queue_cpu(run_queue_random(q));
	if (claim_idle(last))
		return last;
	while ((mask = __atomic_load_n(&idle_mask, __ATOMIC_SEQ_CST))) {
		unsigned int cpu = __builtin_ctzl(mask);

		if (claim_idle(cpu))
			return cpu;
	}
	return last;
}

void run_queue_offer(unsigned int n)
{
	smp_mb(); /* pairs with the one in run_queue_set_idle() */
	while (n--) {
		u64 mask = __atomic_load_n(&idle_mask, __ATOMIC_SEQ_CST);

		if (!mask)
			return;
		if (claim_idle(__builtin_ctzl(mask)))
			run_queue_resched(__builtin_ctzl(mask));
	}
}

void run_queue_move_begin(struct run_queue *q, struct vcpu *v, unsigned int cpu)
{
	v->sched.vtime -= q->min_vtime;
	v->sched.moving = true;
	WRITE_ONCE(v->sched.cpu, cpu);
}

void run_queue_move_end(struct vcpu *v)
{
	struct sched_vcpu *s = &v->sched;
	struct run_queue *q = &run_queues[s->cpu];
	u64 now = time_now();
	s64 lead = (s64)s->vtime;
	bool waits;

	spin_lock(&q->lock);
	if (q->current)
		run_queue_account(q->current, now);
	run_queue_update_min(q);
	s->vtime = q->min_vtime + MAX(MIN(lead, DEBT), -CREDIT);
	s->moved = now;
	s->moving = false;
	run_queue_insert(q, v);
	waits = q->current != NULL;
	if (!waits || before(s->vtime + GRANULARITY, q->current->sched.vtime)) {
		q->preempt = true;
		run_queue_resched(q - run_queues);
	} else if (q->queued == 1) {
		/* Nobody waited so far: the slice timer is to be armed. */
		run_queue_resched(q - run_queues);
	}
	spin_unlock(&q->lock);
	if (waits)
		run_queue_offer(1);
}

/* The vCPU to take from a queue: that which has waited longest. */
static struct vcpu *steal_from(struct run_queue *q, unsigned int cpu)
{
	struct vcpu *v = NULL;

	spin_lock(&q->lock);
	if (!list_empty(&q->queue)) {
		v = list_first(&q->queue, struct vcpu, sched.link);
		run_queue_remove(q, v);
		run_queue_move_begin(q, v, cpu);
	}
	spin_unlock(&q->lock);
	return v;
}

/* The queue, other than cpu's, in which most vCPUs wait; or NULL. */
static struct run_queue *busiest(unsigned int cpu)
{
	u64 mask = __atomic_load_n(&online_mask, __ATOMIC_RELAXED);
	struct run_queue *best = NULL;
	unsigned int n, most = 0;

	for (mask &= ~BIT(cpu); mask; mask &= mask - 1) {
		struct run_queue *q = &run_queues[__builtin_ctzl(mask)];

		/* The only one of an idle processor has a ride. */
		n = READ_ONCE(q->queued);
		if (n && !READ_ONCE(q->current))
			n--;
		if (n > most) {
			most = n;
			best = q;
		}
	}
	return best;
}

bool run_queue_steal(unsigned int cpu)
{
	struct run_queue *victim;
	struct vcpu *v = NULL;

	while (!v && (victim = busiest(cpu)))
		v = steal_from(victim, cpu);
	if (v)
		run_queue_move_end(v);
	return v != NULL;
}

static unsigned int load_of(const struct run_queue *q)
{
	return READ_ONCE(q->queued) + (READ_ONCE(q->current) != NULL);
}

/*
 * The processor with least to do except q's; of several that which has not
 * been given anything for longest, so that all of them take turns.
 */
static struct run_queue *least_loaded(struct run_queue *q)
{
	u64 mask = __atomic_load_n(&online_mask, __ATOMIC_RELAXED);
	struct run_queue *best = NULL;

	for (; mask; mask &= mask - 1) {
		struct run_queue *o = &run_queues[__builtin_ctzl(mask)];

		if (o == q)
			continue;
		if (!best || load_of(o) < load_of(best) ||
		    (load_of(o) == load_of(best) &&
		     READ_ONCE(o->next_rotate) < READ_ONCE(best->next_rotate)))
			best = o;
	}
	return best;
}

struct vcpu *run_queue_give(struct run_queue *q, u64 now)
{
	struct run_queue *to = least_loaded(q);
	struct vcpu *v, *oldest = NULL;
	unsigned int least;

	if (!to)
		return NULL;
	least = load_of(to);
	if (q->queued < 2 || least >= q->queued)
		return NULL;
	if (q->queued - least == 1 && now < READ_ONCE(q->next_rotate))
		return NULL;
	list_for_each(v, &q->queue, sched.link)
		if (!oldest || v->sched.moved < oldest->sched.moved)
			oldest = v;
	run_queue_remove(q, oldest);
	run_queue_move_begin(q, oldest, to - run_queues);
	WRITE_ONCE(q->next_rotate, now + ROTATE);
	WRITE_ONCE(to->next_rotate, now + ROTATE);
	return oldest;
}

bool run_queue_others_wait(unsigned int cpu)
{
	return busiest(cpu) != NULL;
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
