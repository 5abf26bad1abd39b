/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The time that the code under test sees: what a test sets clock_ns to, or the
 * host's own with real_time.
 */
#ifndef TEST_CLOCK_H
#define TEST_CLOCK_H

#include <stdbool.h>
#include <time.h>

static u64 clock_ns;
static bool real_time;

u64 time_now(void)
{
	struct timespec ts;

	if (!real_time)
		return clock_ns;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000UL + ts.tv_nsec;
}

#endif
