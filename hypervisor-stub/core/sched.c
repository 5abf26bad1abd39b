// SPDX-License-Identifier: GPL-2.0
/*
 * The scheduler.
 *
 * Owns one run queue per processor and the sched part of every vCPU.
 *
 * 1. Share. A vCPU's virtual time grows while it runs, the slower the larger
 *    its weight; a queue is ordered by it and the lowest runs next, for a
 *    slice at most. Virtual times mean something within one queue only:
 *    whoever moves between two keeps its distance to the queue's min_vtime.
 * 2. Latency. Who wakes up gets a bounded credit, and takes the processor
 *    from a current vCPU that is far enough ahead of it.
 * 3. Work conservation. A waking vCPU goes to an idle processor if there is
 *    one; a processor that runs out of work takes some from the longest
 *    queue before it idles; and one whose queue stays longer than another
 *    gives a vCPU away, so that three vCPUs on two processors get two thirds
 *    each.
 *
 * Locks: one of level LOCK_SCHED per queue, never two at once. It protects
 * the queue and every vCPU whose sched.cpu names it; lock_queue_of() looks
 * again once it has the lock. A vCPU that changes queues is taken out under
 * the lock of the first (moving = true, in no list) and put in under that of
 * the second; meanwhile it is RUNNABLE and all but its mover leave it alone.
 *
 * No wake-up is lost: the sender sets its bits before it calls sched_wake(),
 * and sched_pick() looks at them (vcpu_has_work) under the lock that
 * sched_wake() takes. No work is forgotten: an idle processor
 * sets its bit in idle_mask before it looks for work to take, and one that
 * leaves a vCPU waiting looks at idle_mask after (full barriers on both).
 */
#include <lodge/time.h>
#include "domain.h"
#include "printk.h"
#include "sched.h"
#include "time.h"
#include "timer.h"
#include "../x86/pcpu.h"
#include "../x86/platform.h"

#define MS 1000000L
#define SLICE (10 * MS)
#define CREDIT (5 * MS) /* most that a sleeper may be behind the others */
#define DEBT (2 * SLICE) /* most that a moved vCPU may be ahead of them */
#define GRANULARITY (MS / 2) /* lead worth a preemption */
#define ROTATE (100 * MS) /* an uneven load changes sides this often */

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

static struct run_queue queues[MAX_CPUS];
static u64 online_mask, idle_mask; /* atomic */
static unsigned int online_count;

static unsigned int sched_weight(const struct vcpu *v)
{
	(void)v;
	return SCHED_DEFAULT_WEIGHT;
}

/* For tests: other placements and slices with each cmdline.seed. */
static u64 next_random(struct run_queue *q)
{
	q->rng ^= q->rng << 13;
	q->rng ^= q->rng >> 7;
	q->rng ^= q->rng << 17;
	return q->rng;
}

static bool before(u64 a, u64 b)
{
	return (s64)(a - b) < 0;
}

static struct run_queue *lock_queue_of(struct vcpu *v)
{
	for (;;) {
		unsigned int cpu = READ_ONCE(v->sched.cpu);

		spin_lock(&queues[cpu].lock);
		if (v->sched.cpu == cpu)
			return &queues[cpu];
		spin_unlock(&queues[cpu].lock);
	}
}

/* Lets a processor call sched_pick() soon. */
static void resched(unsigned int cpu)
{
	WRITE_ONCE(pcpus[cpu]->need_resched, true);
	if (cpu != this_pcpu()->id)
		smp_kick(cpu);
}

static void slice_expired(void *arg)
{
	(void)arg;
	WRITE_ONCE(this_pcpu()->need_resched, true);
}

void sched_cpu_init(unsigned int cpu)
{
	struct run_queue *q = &queues[cpu];

	spin_init(&q->lock, LOCK_SCHED);
	list_init(&q->queue);
	q->rng = (cmdline.seed + cpu) * 0x9e3779b97f4a7c15UL | 1;
	timer_init(&q->slice, slice_expired, NULL);
	__atomic_fetch_or(&online_mask, BIT(cpu), __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&online_count, 1, __ATOMIC_SEQ_CST);
}

/* The nth processor of those that are online, counted round. */
static unsigned int nth_cpu(u64 n)
{
	u64 mask = __atomic_load_n(&online_mask, __ATOMIC_RELAXED);

	for (n %= __atomic_load_n(&online_count, __ATOMIC_RELAXED); n; n--)
		mask &= mask - 1;
	return __builtin_ctzl(mask);
}

/* --- accounting --- */

/* Brings the times of v up to date. Lock: v's queue. */
static void account(struct vcpu *v, u64 now)
{
	struct sched_vcpu *s = &v->sched;
	u64 delta = now > s->since ? now - s->since : 0;

	if (s->state == VCPU_RUNNING) {
		s->ran += delta;
		s->vtime += delta * SCHED_DEFAULT_WEIGHT / sched_weight(v);
	} else if (s->state == VCPU_RUNNABLE) {
		s->stolen += delta;
	}
	s->since = now;
}

static void set_state(struct vcpu *v, enum vcpu_state state, u64 now)
{
	account(v, now);
	WRITE_ONCE(v->sched.state, state);
}

static void update_min(struct run_queue *q)
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

static void queue_insert(struct run_queue *q, struct vcpu *v)
{
	struct list *at;

	for (at = q->queue.next; at != &q->queue; at = at->next)
		if (before(v->sched.vtime,
			   list_entry(at, struct vcpu, sched.link)
				   ->sched.vtime))
			break;
	list_add_tail(at, &v->sched.link);
	WRITE_ONCE(q->queued, q->queued + 1);
}

static void queue_remove(struct run_queue *q, struct vcpu *v)
{
	list_del(&v->sched.link);
	WRITE_ONCE(q->queued, q->queued - 1);
}

/* Tells the guest that v is runnable without running. Lock: v's queue. */
static void mark_preempted(struct vcpu *v)
{
	struct lodge_steal *r;

	if (!v->steal_gpa)
		return;
	r = guest_ptr(v->domain, v->steal_gpa, sizeof(*r));
	if (r)
		WRITE_ONCE(r->preempted, 1);
}

void sched_update_steal(struct vcpu *v)
{
	struct lodge_steal *r;

	if (!v->steal_gpa)
		return;
	r = guest_ptr(v->domain, v->steal_gpa, sizeof(*r));
	if (!r)
		return;
	WRITE_ONCE(r->version, v->steal_version + 1);
	smp_wmb(); /* readers: version, record, version */
	/* Changes only while v is RUNNABLE, so no lock. */
	WRITE_ONCE(r->steal, v->sched.stolen);
	WRITE_ONCE(r->preempted, 0);
	smp_wmb();
	v->steal_version += 2;
	WRITE_ONCE(r->version, v->steal_version);
}

/* --- moving between queues --- */

/* True if the processor was idle and this caller is the one to give it work. */
static bool claim_idle(unsigned int cpu)
{
	return __atomic_fetch_and(&idle_mask, ~BIT(cpu), __ATOMIC_SEQ_CST) &
	       BIT(cpu);
}

/* Where a vCPU that last ran on q's processor wakes up. Lock: q. */
static unsigned int choose_cpu(struct run_queue *q)
{
	unsigned int last = q - queues;
	u64 mask;

	if (cmdline.seed)
		return nth_cpu(next_random(q));
	if (claim_idle(last))
		return last;
	while ((mask = __atomic_load_n(&idle_mask, __ATOMIC_SEQ_CST))) {
		unsigned int cpu = __builtin_ctzl(mask);

		if (claim_idle(cpu))
			return cpu;
	}
	return last;
}

/* n vCPUs wait: let as many idle processors, if there are, come for them. */
static void offer_work(unsigned int n)
{
	smp_mb(); /* pairs with the one in sched_pick() */
	while (n--) {
		u64 mask = __atomic_load_n(&idle_mask, __ATOMIC_SEQ_CST);

		if (!mask)
			return;
		if (claim_idle(__builtin_ctzl(mask)))
			resched(__builtin_ctzl(mask));
	}
}

/* Takes v, which is in no list, out of q; move_end() is next. Lock: q. */
static void move_begin(struct run_queue *q, struct vcpu *v, unsigned int cpu)
{
	v->sched.vtime -= q->min_vtime;
	v->sched.moving = true;
	WRITE_ONCE(v->sched.cpu, cpu);
}

/* Puts v into its new queue and sees to it that it is noticed. No locks. */
static void move_end(struct vcpu *v)
{
	struct sched_vcpu *s = &v->sched;
	struct run_queue *q = &queues[s->cpu];
	u64 now = time_now();
	s64 lead = (s64)s->vtime;
	bool waits;

	spin_lock(&q->lock);
	if (q->current)
		account(q->current, now);
	update_min(q);
	s->vtime = q->min_vtime + MAX(MIN(lead, DEBT), -CREDIT);
	s->moved = now;
	s->moving = false;
	queue_insert(q, v);
	waits = q->current != NULL;
	if (!waits ||
	    before(s->vtime + GRANULARITY, q->current->sched.vtime)) {
		q->preempt = true;
		resched(q - queues);
	} else if (q->queued == 1) {
		/* Nobody waited so far: the slice timer is to be armed. */
		resched(q - queues);
	}
	spin_unlock(&q->lock);
	if (waits)
		offer_work(1);
}

/* The vCPU to take from a queue: that which has waited longest. */
static struct vcpu *steal_from(struct run_queue *q, unsigned int cpu)
{
	struct vcpu *v = NULL;

	spin_lock(&q->lock);
	if (!list_empty(&q->queue)) {
		v = list_first(&q->queue, struct vcpu, sched.link);
		queue_remove(q, v);
		move_begin(q, v, cpu);
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
		struct run_queue *q = &queues[__builtin_ctzl(mask)];

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

static bool steal(unsigned int cpu)
{
	struct run_queue *victim;
	struct vcpu *v = NULL;

	while (!v && (victim = busiest(cpu)))
		v = steal_from(victim, cpu);
	if (v)
		move_end(v);
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
		struct run_queue *o = &queues[__builtin_ctzl(mask)];

		if (o == q)
			continue;
		if (!best || load_of(o) < load_of(best) ||
		    (load_of(o) == load_of(best) &&
		     READ_ONCE(o->next_rotate) < READ_ONCE(best->next_rotate)))
			best = o;
	}
	return best;
}

/*
 * If another processor has less to do: takes a vCPU out of q for it, the one
 * that has been here longest. Nobody is current in q. Lock: q.
 */
static struct vcpu *give_away(struct run_queue *q, u64 now)
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
	queue_remove(q, oldest);
	move_begin(q, oldest, to - queues);
	WRITE_ONCE(q->next_rotate, now + ROTATE);
	WRITE_ONCE(to->next_rotate, now + ROTATE);
	return oldest;
}

/* --- life of a vCPU --- */

void sched_vcpu_init(struct vcpu *v)
{
	static unsigned int next;
	struct sched_vcpu *s = &v->sched;

	*s = (struct sched_vcpu){ .state = VCPU_OFFLINE };
	list_init(&s->link);
	s->cpu = nth_cpu(__atomic_fetch_add(&next, 1, __ATOMIC_RELAXED));
	s->vtime = READ_ONCE(queues[s->cpu].min_vtime);
	s->since = time_now();
}

/* Makes v runnable somewhere; drops the lock of q, its queue. */
static void make_runnable(struct run_queue *q, struct vcpu *v)
{
	set_state(v, VCPU_RUNNABLE, time_now());
	v->sched.want = SCHED_WANT_RUN;
	mark_preempted(v);
	move_begin(q, v, choose_cpu(q));
	spin_unlock(&q->lock);
	move_end(v);
}

void sched_vcpu_online(struct vcpu *v)
{
	struct run_queue *q = lock_queue_of(v);

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
	struct run_queue *q = lock_queue_of(v);

	if (v->sched.state == VCPU_BLOCKED && !v->sched.pause &&
	    vcpu_has_work(v))
		make_runnable(q, v);
	else
		spin_unlock(&q->lock);
}

static void self_wants(struct vcpu *v, enum sched_want want)
{
	struct run_queue *q = lock_queue_of(v);

	v->sched.want = want;
	WRITE_ONCE(this_pcpu()->need_resched, true);
	spin_unlock(&q->lock);
}

void sched_vcpu_offline_self(struct vcpu *v)
{
	self_wants(v, SCHED_WANT_OFFLINE);
}

void sched_block_self(struct vcpu *v)
{
	self_wants(v, SCHED_WANT_BLOCK);
}

void sched_yield_self(struct vcpu *v)
{
	self_wants(v, SCHED_WANT_YIELD);
}

void sched_vcpu_stop(struct vcpu *v)
{
	struct sched_vcpu *s = &v->sched;
	bool stopped = false, kicked = false;

	while (!stopped) {
		struct run_queue *q = lock_queue_of(v);

		s->pause = true;
		if (s->state == VCPU_RUNNING) {
			if (!kicked)
				resched(s->cpu);
			kicked = true;
		} else if (!s->moving) {
			if (s->state == VCPU_RUNNABLE)
				queue_remove(q, v);
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
	queue_insert(q, prev);
}

/* Starts v, or goes on with it, on q's processor. Lock: q. */
static void run(struct run_queue *q, struct vcpu *v, u64 now)
{
	set_state(v, VCPU_RUNNING, now);
	v->sched.want = SCHED_WANT_RUN;
	WRITE_ONCE(q->current, v);
	q->slice_end = now + SLICE;
	if (cmdline.seed)
		q->slice_end = now + SLICE / 100 + next_random(q) % SLICE;
}

/* What q's processor runs next, or NULL. *away: see give_away(). Lock: q. */
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
	*away = give_away(q, now);
	next = list_first(&q->queue, struct vcpu, sched.link);
	queue_remove(q, next);
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
	offer_work(waits);
}

struct vcpu *sched_pick(struct vcpu *prev)
{
	unsigned int cpu = this_pcpu()->id, waits;
	struct run_queue *q = &queues[cpu];
	struct vcpu *next, *away = NULL;
	bool was_idle = false;
	u64 now;

	do {
		if (READ_ONCE(idle_mask) & BIT(cpu))
			claim_idle(cpu);
		now = time_now();
		spin_lock(&q->lock);
		was_idle |= !q->current;
		WRITE_ONCE(this_pcpu()->need_resched, false);
		if (prev)
			account(prev, now);
		update_min(q);
		next = choose(q, prev, now, &away);
		update_min(q);
		waits = q->queued;
		spin_unlock(&q->lock);
		prev = NULL;
		if (away)
			move_end(away);
		if (next) {
			start_slice(q, waits);
			/* The work offered to us may be left; pass it on. */
			if (was_idle && busiest(cpu))
				offer_work(1);
			return next;
		}
		__atomic_fetch_or(&idle_mask, BIT(cpu), __ATOMIC_SEQ_CST);
		smp_mb(); /* pairs with the one in offer_work() */
	} while (steal(cpu) || sched_need_resched());
	start_slice(q, 0);
	return NULL;
}

void sched_times(struct vcpu *v, u64 *ran, u64 *stolen)
{
	struct run_queue *q = lock_queue_of(v);

	account(v, time_now());
	*ran = v->sched.ran;
	*stolen = v->sched.stolen;
	spin_unlock(&q->lock);
}

void sched_dump(void)
{
	unsigned int cpu;

	for (cpu = 0; cpu < pcpu_count; cpu++) {
		struct run_queue *q = &queues[cpu];
		u32 domain = 0, vcpu = 0;

		spin_lock(&q->lock);
		if (q->current) {
			domain = q->current->domain->id;
			vcpu = q->current->id;
		}
		spin_unlock(&q->lock);
		printk("cpu%u: %u waiting, idle %lu ms, ", cpu,
		       READ_ONCE(q->queued), pcpus[cpu]->idle_ns / MS);
		if (domain)
			printk("runs d%u v%u\n", domain, vcpu);
		else
			printk("idle\n");
	}
}
