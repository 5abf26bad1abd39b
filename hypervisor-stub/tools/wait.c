// SPDX-License-Identifier: GPL-2.0
/*
 * See wait.h. What a guest does with its memory and vCPUs changes no state of
 * a domain, so nothing tells of it: this looks ten times a second.
 */
#include <time.h>
#include "cmd.h"
#include "wait.h"

#define STEP_NS 100000000L

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int wait_until(struct lodge *l, const char *which, uint32_t domid,
	       unsigned long seconds,
	       bool (*done)(const struct lodge_domain_info *info),
	       struct lodge_domain_info *info)
{
	double end = seconds_now() + seconds;
	int err;

	for (;;) {
		err = lodge_info(l, domid, info);
		if (err)
			return cmd_error(err, which);
		if (done(info))
			return EXIT_DONE;
		if (info->state >= LODGE_DOMAIN_ENDING)
			return cmd_fail(EXIT_NO_DOMAIN, "%s: has ended", which);
		if (seconds_now() > end)
			return EXIT_TIMEOUT;
		nanosleep(&(struct timespec){ .tv_nsec = STEP_NS }, NULL);
	}
}
