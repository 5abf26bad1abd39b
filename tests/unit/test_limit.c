// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: a limit lets through its rate, to a thousandth over ten seconds, beside
 * one burst and one piece, whatever the pieces cost, however late and however
 * often somebody looks; after a change the new rate holds at once.
 * How: a clock of our own, a taker who is as late as a timer is.
 */
#include "test.h"
#include <core/types.h>
#include "backend_shim.h"
#include "../../hypervisor-stub/backends/limit.h"

#define SECONDS 10

static uint64_t seed = 2463534242;

static uint64_t random_below(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

/* Units taken in so many seconds by one who always wants; late: ns, at most. */
static uint64_t take_all(struct lodge_limit *l, uint64_t *now, uint64_t piece,
			 uint64_t late, unsigned int seconds)
{
	uint64_t end = *now + seconds * LIMIT_SECOND, wait, taken = 0;

	while (*now < end) {
		wait = lodge_limit_wait(l, *now);
		if (wait) {
			*now += wait + (late ? random_below(late) : 0);
			continue;
		}
		lodge_limit_take(l, piece);
		taken += piece;
		*now += 1; /* not for nothing, so that it ends */
	}
	return taken;
}

static void rate_holds(void **state)
{
	static const uint64_t rates[] = { 10,	     1000,    65536,
					  1 << 20,   3 << 20, 100 << 20,
					  1ULL << 30 };
	static const uint64_t pieces[] = { 1, 512, 4096, 1 << 20 };
	static const uint64_t late[] = { 0, 50000, 4000000, 15000000 };
	unsigned int r, p, t;

	for (r = 0; r < 7; r++)
		for (p = 0; p < 4; p++)
			for (t = 0; t < 4; t++) {
				struct lodge_limit l = { 0 };
				uint64_t now = 5 * LIMIT_SECOND, got, want;

				if (rates[r] / pieces[p] > 1000000)
					continue;
				lodge_limit_set(&l, rates[r], 0, now);
				got = take_all(&l, &now, pieces[p], late[t],
					       SECONDS);
				want = rates[r] * SECONDS;
				assert_true(got >= want - want / 1000);
				/* the burst, a piece, what came late */
				assert_true(got <= want + rates[r] / 10 +
							   pieces[p] +
							   rates[r] / 50);
			}
}

static void burst(void **state)
{
	struct lodge_limit l = { 0 };
	uint64_t now = LIMIT_SECOND, n = 0;

	lodge_limit_set(&l, 1000, 5000, now);
	while (!lodge_limit_wait(&l, now)) {
		lodge_limit_take(&l, 1);
		n++;
	}
	assert_in_range(n, 5000, 5001);
	/* However long the rest: not more. */
	now += 1000 * LIMIT_SECOND;
	for (n = 0; !lodge_limit_wait(&l, now); n++)
		lodge_limit_take(&l, 1);
	assert_in_range(n, 5000, 5001);
}

static void change(void **state)
{
	struct lodge_limit l = { 0 };
	uint64_t now = LIMIT_SECOND, got;

	/* A debt of days is forgotten with the rate that it belongs to. */
	lodge_limit_set(&l, 1, 0, now);
	lodge_limit_take(&l, 1 << 20);
	assert_true(lodge_limit_wait(&l, now) > 86400 * LIMIT_SECOND);
	lodge_limit_set(&l, 1 << 20, 0, now);
	assert_true(lodge_limit_wait(&l, now) <= LIMIT_SECOND);
	got = take_all(&l, &now, 4096, 1000, SECONDS);
	assert_in_range(got, (10 << 20) - (10 << 10), 11 << 20);
	/* Setting it again and again gives nothing. */
	for (got = 0; got < 1000; got++)
		lodge_limit_set(&l, 1 << 20, 0, now);
	assert_true(lodge_limit_wait(&l, now + 1) < LIMIT_SECOND);
	got = take_all(&l, &now, 4096, 1000, SECONDS);
	assert_in_range(got, (10 << 20) - (10 << 10), 11 << 20);
	lodge_limit_set(&l, 0, 0, now);
	assert_int_equal(lodge_limit_wait(&l, now), 0);
	lodge_limit_take(&l, UINT64_MAX);
	assert_int_equal(lodge_limit_wait(&l, now), 0);
}

static void extremes(void **state)
{
	static const uint64_t v[] = { 1,	  2,	      1000,
				      1ULL << 33, 1ULL << 40, 1ULL << 63,
				      UINT64_MAX };
	unsigned int a, b, c;

	for (a = 0; a < 7; a++)
		for (b = 0; b < 7; b++)
			for (c = 0; c < 7; c++) {
				struct lodge_limit l = { 0 };
				uint64_t now = 1;

				lodge_limit_set(&l, v[a], v[b], now);
				assert_int_equal(lodge_limit_wait(&l, now), 0);
				lodge_limit_take(&l, v[c]);
				/* It comes to an end, some day. */
				now += lodge_limit_wait(&l, now);
				assert_int_equal(lodge_limit_wait(&l, now), 0);
			}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(rate_holds),
		T(burst),
		T(change),
		T(extremes),
	};

	return RUN(tests);
}
