// SPDX-License-Identifier: GPL-2.0
/*
 * Caps: how much of the processors a domain may use at most.
 *
 * Owns the budget of each domain that has a cap: ns of processor time, which
 * grows with time by cap percent up to the worth of a PERIOD, and shrinks by
 * what the vCPUs run, in the guest or in the hypervisor on their behalf. It
 * may become negative by what they run until they are noticed, at most a
 * slice each; that is paid back first, so the cap holds on average.
 *
 * Who is found out of budget when it should run or go on is RUNNABLE and
 * `moving` at that time, so that neither it nor its domain goes away. Then
 * budget_throttle() marks the domain, arms its timer, and has all its vCPUs
 * parked. The timer waits until there is enough for a while, takes the mark
 * away and lets them go on. Who is being parked looks at the mark under the
 * lock of its queue, and the timer takes each of these after the change: so
 * none is forgotten.
 *
 * Lock: d->sched.lock, below that of run queues. The timer's function takes
 * those of the queues, so nobody arms or stops it with one of them held.
 */
#include "run_queue.h"
#include "time.h"

#define PERIOD (20 * MS) /* what an idle domain can save up */
#define PAUSE (10 * MS) /* time whose worth ends a throttling */
#define SHORTEST (MS / 4)

static s64 worth(const struct domain *d, u64 ns)
{
	return ns * d->sched.cap / 100;
}

static void refill(struct domain *d, u64 now)
{
	struct sched_domain *s = &d->sched;
	u64 passed = now > s->refilled ? now - s->refilled : 0;

	/* More than that is nobody's debt. */
	passed = MIN(passed, 1000UL * MS);
	WRITE_ONCE(s->budget,
		   MIN(s->budget + worth(d, passed), worth(d, PERIOD)));
	s->refilled = MAX(s->refilled, now);
}

void budget_charge(struct domain *d, u64 ns, u64 now)
{
	spin_lock(&d->sched.lock);
	refill(d, now);
	WRITE_ONCE(d->sched.budget, d->sched.budget - (s64)ns);
	spin_unlock(&d->sched.lock);
}

u64 budget_slice(const struct domain *d)
{
	s64 left = READ_ONCE(d->sched.budget);
	u32 n = MAX(READ_ONCE(d->sched.active), 1);

	return MAX(left / n, SHORTEST);
}

/*
 * With less than `enough`, d is throttled from now on, else not, or no longer.
 * Returns the system time to look again, or 0. Lock: d->sched.lock.
 */
static u64 decide(struct domain *d, s64 enough)
{
	struct sched_domain *s = &d->sched;
	u64 now = time_now();

	refill(d, now);
	WRITE_ONCE(s->throttled, s->cap && s->budget < enough);
	if (!s->throttled)
		return 0;
	return now + (worth(d, PAUSE) - s->budget) * 100 / s->cap + 1;
}

void budget_throttle(struct domain *d)
{
	u64 again = 0;

	spin_lock(&d->sched.lock);
	if (!d->sched.throttled)
		again = decide(d, 1);
	spin_unlock(&d->sched.lock);
	if (!again)
		return;
	timer_set(&d->sched.refill, again);
	sched_review_all(d, false);
}

static void timer_expired(void *arg)
{
	struct domain *d = arg;
	u64 again = 0;

	spin_lock(&d->sched.lock);
	if (d->sched.throttled) /* else the cap was lifted meanwhile */
		again = decide(d, worth(d, PAUSE));
	spin_unlock(&d->sched.lock);
	if (again)
		timer_set(&d->sched.refill, again);
	else
		sched_review_all(d, true);
}

void budget_set(struct domain *d, u32 cap)
{
	struct sched_domain *s = &d->sched;

	if (cap == s->cap)
		return;
	WRITE_ONCE(s->cap, cap);
	WRITE_ONCE(s->budget, worth(d, PAUSE));
	WRITE_ONCE(s->throttled, false);
	s->refilled = time_now();
}

void budget_init(struct domain *d)
{
	timer_init(&d->sched.refill, timer_expired, d);
}
