/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test programs share: a failure is printed at once and ends the
 * program with status 1, so that the guest's script and the runner see it.
 * 77 means that the machine lacks what is tested.
 */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define check(condition, ...)                                              \
	do {                                                               \
		if (!(condition)) {                                        \
			printf("failed: %s:%d: %s: ", __FILE__, __LINE__,  \
			       #condition);                                \
			printf(__VA_ARGS__);                               \
			printf(" (errno %d)\n", errno);                    \
			fflush(stdout);                                    \
			_exit(1);                                          \
		}                                                          \
	} while (0)

__attribute__((noinline, unused)) static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

#endif
