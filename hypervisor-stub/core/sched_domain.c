// SPDX-License-Identifier: GPL-2.0
/*
 * What an operator sets: weight and cap of a domain, pins of its vCPUs, and
 * pausing.
 *
 * Each of these is a word that processors read without a lock whenever they
 * choose, so a change is a store and then a sched_review() of the vCPUs
 * concerned. That takes the lock of the queue of each: who looked before saw
 * the old word and is found by the review, who looks later sees the new one.
 * Changes are made under d->sched.lock, a mask under the lock of its queue.
 */
#include <lodge/errno.h>
#include "run_queue.h"
#include "../x86/platform.h"

static u32 rate_from(u32 weight)
{
	return (SCHED_WEIGHT << 16) / weight;
}

void sched_domain_init(struct domain *d)
{
	struct sched_domain *s = &d->sched;

	*s = (struct sched_domain){ .weight = SCHED_WEIGHT };
	spin_init(&s->lock, LOCK_BUDGET);
	s->rate = rate_from(SCHED_WEIGHT);
	budget_init(d);
}

void sched_domain_stop(struct domain *d)
{
	timer_stop(&d->sched.refill);
}

int sched_domain_set(struct domain *d, u32 weight, u32 cap)
{
	struct sched_domain *s = &d->sched;
	struct sched_info info;
	u32 i;

	if (!weight || weight > SCHED_WEIGHT_MAX || cap > SCHED_CAP_MAX)
		return -LODGE_EINVAL;
	/* What was used so far counts as it did. */
	for (i = 0; i < d->vcpu_count; i++)
		sched_info(d->vcpu[i], &info);
	spin_lock(&s->lock);
	WRITE_ONCE(s->weight, weight);
	WRITE_ONCE(s->rate, rate_from(weight));
	budget_set(d, cap);
	spin_unlock(&s->lock);
	sched_review_all(d, true);
	return 0;
}

int sched_vcpu_pin(struct vcpu *v, u64 mask)
{
	struct run_queue *q;

	if (!(mask & run_queue_online()))
		return -LODGE_EINVAL;
	q = run_queue_lock(v);
	WRITE_ONCE(v->sched.mask, mask);
	spin_unlock(&q->lock);
	sched_review(v, true);
	return 0;
}

void sched_domain_pause(struct domain *d)
{
	u32 i;

	WRITE_ONCE(d->sched.paused, true);
	sched_review_all(d, true);
	/* A processor that saw the pause does not start it again. */
	for (i = 0; i < d->vcpu_count; i++)
		while (READ_ONCE(d->vcpu[i]->sched.state) == VCPU_RUNNING) {
			physdev_pause(); /* so may those who still run */
			__builtin_ia32_pause();
		}
}

void sched_domain_unpause(struct domain *d)
{
	WRITE_ONCE(d->sched.paused, false);
	sched_review_all(d, true);
}
