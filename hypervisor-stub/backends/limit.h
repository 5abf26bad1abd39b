/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Limits: so many units a second, and so many at once after a rest.
 *
 * Kept as the time at which all that has passed would have passed at the rate
 * alone. That may be ahead of now by what the burst takes; whatever comes then
 * is let through all the same, whatever it costs, and what follows waits for
 * it. So the rate holds for pieces of any size, and nothing is lost by
 * rounding or by being late. Pure arithmetic, also compiled for the host by the
 * unit tests; callers lock.
 */
#ifndef _LODGE_LIMIT_H
#define _LODGE_LIMIT_H

#ifdef __KERNEL__
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/time64.h>
#include <linux/types.h>
#endif

#define LIMIT_SECOND 1000000000ULL
/* So long a burst is at least: one who comes late loses no more than that. */
#define LIMIT_BURST_MIN (LIMIT_SECOND / 50)
#define LIMIT_BURST_MAX (3600 * LIMIT_SECOND)

struct lodge_limit {
	u64 rate; /* units per second; 0: no limit */
	u64 burst; /* ns that it takes at the rate */
	u64 time; /* ns, when all has passed; below 2^63 */
};

/* ns for so many units. */
static inline u64 lodge_limit_cost(u64 rate, u64 units)
{
	/* 2^34 * 10^9 fits. */
	if (units < 1ULL << 34)
		return div64_u64(units * LIMIT_SECOND, rate);
	return min_t(u64, units / rate, 3600) * LIMIT_SECOND;
}

/* now in ns; burst 0: a tenth of a second's. What has passed is not forgiven. */
static inline void lodge_limit_set(struct lodge_limit *l, u64 rate, u64 burst,
				   u64 now)
{
	u64 time = LIMIT_SECOND / 10;

	if (rate && burst)
		time = clamp_t(u64, lodge_limit_cost(rate, burst),
			       LIMIT_BURST_MIN, LIMIT_BURST_MAX);
	/* A debt under another rate would say nothing. */
	l->time = l->rate ? min_t(u64, max_t(u64, l->time, now), now + time) :
			    now;
	l->rate = rate;
	l->burst = time;
}

/* ns until something may pass; 0: now, and it is to be taken. */
static inline u64 lodge_limit_wait(struct lodge_limit *l, u64 now)
{
	if (!l->rate)
		return 0;
	l->time = max_t(u64, l->time, now);
	return l->time <= now + l->burst ? 0 : l->time - now - l->burst;
}

static inline void lodge_limit_take(struct lodge_limit *l, u64 units)
{
	if (l->rate)
		l->time += lodge_limit_cost(l->rate, units);
}

#endif /* _LODGE_LIMIT_H */
