// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual time: who has had how much of what is due to him.
 *
 * Owns vtime of every vCPU, the clock and shift of every queue, and vclock.
 *
 * Virtual time is the same on all processors, as far as it can be: a vCPU
 * that waits in a queue which is behind another one is given to that (LAG),
 * so queues advance at one pace whatever weighs on each. They cannot where
 * vCPUs are pinned, or where one weighs more than a processor is worth. So
 * each queue has a clock of its own, which is the machine's plus `shift`.
 * `vclock` is where the furthest queue is in which somebody waits; the shift
 * grows if a queue falls too far behind it (LOST), and shrinks if who is
 * alone in one runs too far ahead (DEBT). That changes nothing between those
 * who share the queue. All these distances are in time that a vCPU runs, so
 * they are worth less virtual time the more it weighs.
 *
 * Lock: that of the queue. Other processors read `level` and vclock without;
 * an old or torn value leads to one move that was not worth it.
 */
#include "run_queue.h"

#define CREDIT (5 * MS) /* most that a sleeper may be behind the others */
#define DEBT (4 * SLICE) /* most that one who comes may be ahead of them */
#define LAG (20 * MS) /* behind another queue: worth a move */
#define LOST (100 * MS) /* behind all others: will not be made up for */
#define GRANULARITY (MS / 2) /* lead worth a preemption */

static u64 vclock; /* a store that gets lost is repeated soon */

/* v's virtual ns for each ns it runs, with 16 bits of fraction. */
static u64 rate_of(const struct vcpu *v)
{
	const struct sched_domain *s = &v->domain->sched;

	return (u64)READ_ONCE(s->rate) * MAX(READ_ONCE(s->active), 1);
}

/* Virtual time of what runs for ns. */
static u64 scaled(u64 ns, u64 rate)
{
	return (unsigned __int128)ns * rate >> 16;
}

void vtime_add(struct vcpu *v, u64 ns)
{
	v->sched.vtime += scaled(ns, rate_of(v));
}

/* The one in q with the lowest virtual time, or NULL. */
static struct vcpu *lowest(const struct run_queue *q)
{
	struct vcpu *first = list_first(&q->queue, struct vcpu, sched.link);

	if (list_empty(&q->queue))
		return q->current;
	if (q->current && before(q->current->sched.vtime, first->sched.vtime))
		return q->current;
	return first;
}

void vtime_update(struct run_queue *q)
{
	struct vcpu *v = lowest(q);
	u64 rate, level, floor, roof, clock = READ_ONCE(vclock);

	if (!v)
		return;
	if (before(q->min_vtime, v->sched.vtime))
		q->min_vtime = v->sched.vtime;
	rate = rate_of(v);
	level = v->sched.vtime + q->shift;
	floor = clock - scaled(LOST, rate);
	roof = clock + scaled(DEBT, rate);
	if (before(level, floor))
		level = floor;
	else if (q->queued && before(clock, level))
		WRITE_ONCE(vclock, level);
	else if (!q->queued && before(roof, level))
		level = roof;
	q->shift = level - v->sched.vtime;
	WRITE_ONCE(q->level, level);
	WRITE_ONCE(q->level_since, v->sched.since);
	WRITE_ONCE(q->level_rate, q->queued ? 0 : rate);
}

/*
 * How far behind v may be when it wakes up: by a credit, and far enough to
 * run before those who came from elsewhere because they were behind.
 */
static u64 wake_limit(const struct run_queue *q, const struct vcpu *v)
{
	const struct vcpu *l = lowest(q);
	u64 rate = rate_of(v), limit, ahead;

	if (l)
		rate = MIN(rate, rate_of(l));
	limit = q->min_vtime - scaled(CREDIT, rate);
	if (!l)
		return limit;
	ahead = l->sched.vtime - scaled(2 * GRANULARITY, rate);
	return before(ahead, limit) ? ahead : limit;
}

void vtime_fit_in(struct run_queue *q, struct vcpu *v)
{
	struct sched_vcpu *s = &v->sched;
	u64 rate = rate_of(v), clock = READ_ONCE(vclock);
	u64 low, high;

	vtime_update(q);
	if (!q->current && !q->queued)
		q->shift = clock - q->min_vtime;
	else if (!q->queued && before(clock - q->shift, q->min_vtime))
		q->min_vtime = clock - q->shift; /* current is ahead */
	high = q->min_vtime + scaled(DEBT, rate);
	low = s->woken ? wake_limit(q, v) : q->min_vtime - scaled(LOST, rate);
	s->vtime -= q->shift;
	if (before(s->vtime, low))
		s->vtime = low;
	else if (before(high, s->vtime))
		s->vtime = high;
}

bool vtime_preempts(const struct run_queue *q, const struct vcpu *v)
{
	const struct vcpu *c = q->current;

	return !c ||
	       before(v->sched.vtime +
			      scaled(GRANULARITY, MIN(rate_of(v), rate_of(c))),
		      c->sched.vtime);
}

u64 vtime_level(const struct run_queue *q, u64 now)
{
	u64 since = READ_ONCE(q->level_since);

	return READ_ONCE(q->level) +
	       scaled(now > since ? now - since : 0, READ_ONCE(q->level_rate));
}

bool vtime_lags(const struct run_queue *q, const struct vcpu *v, u64 level)
{
	struct vcpu *first = list_first(&q->queue, struct vcpu, sched.link);
	u64 rate = MIN(rate_of(v), rate_of(first));

	return before(v->sched.vtime + q->shift + scaled(LAG, rate), level);
}
