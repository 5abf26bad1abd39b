/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The monitor of a domain: a process that waits for its end and then does what
 * on_poweroff, on_reboot or on_crash say, until the domain is gone.
 */
#ifndef MONITOR_H
#define MONITOR_H

#include <signal.h>
#include <stdio.h>
#include "config.h"
#include "liblodge.h"

#define MONITOR_RUN "/run/lodge" /* NAME.pid */
#define MONITOR_LOG "/var/log/lodge" /* NAME.log */
#define MONITOR_DUMP "/var/lib/lodge/dump" /* NAME-TIME.core */
#define MONITOR_DUMPS 3 /* of one name that are kept */

/* A restart that fails is tried again so often, after 1, 2, 4, ... seconds. */
#define MONITOR_RETRIES 5

/* A domain that ends sooner counts as one that ended at once. */
#define MONITOR_QUICK_NS (10 * 1000000000ULL)
#define MONITOR_QUICK_MAX 5 /* of those in a row; then it is preserved */

struct monitor {
	struct lodge *l;
	struct config *cfg; /* the name is kept as it is changed */
	uint32_t domid;
	FILE *log;
	unsigned int quick; /* ends at once, in a row */
	unsigned int retries; /* of a restart, at most */
	/*
	 * Set by the handler of a signal that is blocked, but for the time of
	 * waiting, for which `mask` is in force. NULL: nothing stops it.
	 */
	volatile int *stop;
	const sigset_t *mask;
};

/* What is to be done about an end. Pure, but for m->quick. */
struct monitor_plan {
	bool dump;
	enum { MONITOR_DESTROY, MONITOR_PRESERVE, MONITOR_RESTART } then;
	unsigned int delay_s; /* before MONITOR_RESTART */
	bool gave_up; /* preserved, though restart was wanted */
};

struct monitor_plan monitor_plan(struct monitor *m,
				 const struct lodge_domain_info *info,
				 uint64_t now);

/* Stays until the domain is gone, or *stop. Returns an exit code. */
int monitor_run(struct monitor *m);

/* Removes the oldest cores of that name but for `keep`. */
void monitor_drop_dumps(const char *folder, const char *name, size_t keep);

/* A line in the log, with date and time. */
void monitor_log(struct monitor *m, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
