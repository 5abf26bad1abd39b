// SPDX-License-Identifier: GPL-2.0
/*
 * The monitor: waits for changes of domains through the watch of /dev/lodge,
 * looks at its own one, and acts when that has ended.
 *
 * A restart builds the domain anew from the configuration that it had when it
 * was created, under the name and with the devices that it has by now; the files
 * are read again.
 * One that ends at once, again and again, is restarted later each time, and
 * after MONITOR_QUICK_MAX times it is left for a person to look at.
 */
#include <errno.h>
#include <glob.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "build.h"
#include "cmd.h"
#include "device.h"
#include "dump.h"
#include "keep.h"
#include "monitor.h"

#define FOR_EVER UINT32_MAX /* s */
#define WAIT_MAX_MS 3600000 /* at once */
#define GONE 1 /* not an error: there is no such domain any more */

void monitor_log(struct monitor *m, const char *fmt, ...)
{
	time_t now = time(NULL);
	struct tm tm;
	char when[32];
	va_list ap;

	strftime(when, sizeof(when), "%F %T", localtime_r(&now, &tm));
	fprintf(m->log, "%s %s: ", when, m->cfg->name);
	va_start(ap, fmt);
	vfprintf(m->log, fmt, ap);
	va_end(ap);
	fputc('\n', m->log);
	fflush(m->log);
}

/* --- what to do --- */

static enum action action_of(const struct config *cfg, uint32_t reason)
{
	switch (reason) {
	case LODGE_SHUTDOWN_POWEROFF:
		return cfg->on_poweroff;
	case LODGE_SHUTDOWN_REBOOT:
		return cfg->on_reboot;
	default:
		return cfg->on_crash;
	}
}

struct monitor_plan monitor_plan(struct monitor *m,
				 const struct lodge_domain_info *info,
				 uint64_t now)
{
	enum action action = action_of(m->cfg, info->reason);
	struct monitor_plan p = { 0 };

	p.dump = action == ACTION_DUMP_DESTROY || action == ACTION_DUMP_RESTART;
	if (action == ACTION_PRESERVE) {
		p.then = MONITOR_PRESERVE;
	} else if (action != ACTION_RESTART && action != ACTION_DUMP_RESTART) {
		p.then = MONITOR_DESTROY;
	} else {
		p.then = MONITOR_RESTART;
		if (now - info->created >= MONITOR_QUICK_NS)
			m->quick = 0;
		else if (++m->quick > MONITOR_QUICK_MAX)
			p.gave_up = true;
		else
			p.delay_s = 1 << (m->quick - 1); /* 1, 2, 4, 8, 16 */
		if (p.gave_up)
			p.then = MONITOR_PRESERVE;
	}
	return p;
}

/* --- waiting --- */

static bool stopped(const struct monitor *m)
{
	return m->stop && *m->stop;
}

/* The domain as it is: 0, GONE or an error. A change of name is noted. */
static int look(struct monitor *m, struct lodge_domain_info *info)
{
	int err = lodge_info(m->l, m->domid, info);

	if (err == -ENOENT)
		return GONE;
	if (!err && strcmp(m->cfg->name, info->name)) {
		monitor_log(m, "is called %s now", info->name);
		strcpy(m->cfg->name, info->name);
	}
	return err;
}

/* For a change, at most so long (-1: for ever); or a signal comes. */
static int wait_change(struct monitor *m, int timeout_ms)
{
	struct pollfd p = { .fd = lodge_fd(m->l), .events = POLLIN };
	struct timespec t = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
	int r;

	if (ppoll(&p, 1, timeout_ms < 0 ? NULL : &t, m->mask) < 0)
		return errno == EINTR ? 0 : -errno;
	r = lodge_wait(m->l, 0); /* takes what is there */
	return r < 0 && r != -EINTR ? r : 0;
}

static uint64_t uptime(struct monitor *m)
{
	struct lodge_machine_info machine = { 0 };

	lodge_machine(m->l, &machine);
	return machine.uptime;
}

/*
 * Until it is ended, or gone. What is pending when the watch begins makes the
 * first wait short, so nothing between look and wait is lost.
 */
static int wait_for_end(struct monitor *m, struct lodge_domain_info *info)
{
	int err;

	for (;;) {
		err = look(m, info);
		if (err || info->state == LODGE_DOMAIN_ENDED || stopped(m))
			return err;
		err = wait_change(m, -1);
		if (err)
			return err;
	}
}

/* Until it is gone, or the monitor is stopped, or for this time. */
static int wait_while_there(struct monitor *m, unsigned int seconds)
{
	uint64_t end = uptime(m) + seconds * 1000000000ULL, now, ms;
	struct lodge_domain_info info;
	int err;

	for (;;) {
		err = look(m, &info);
		now = uptime(m);
		if (err || stopped(m) || now >= end)
			return err;
		ms = (end - now) / 1000000 + 1;
		err = wait_change(m, ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS);
		if (err)
			return err;
	}
}

/* It was destroyed, and that takes a moment: not even a signal stops this. */
static int wait_gone(struct monitor *m)
{
	struct lodge_domain_info info;
	int err;

	for (;;) {
		err = look(m, &info);
		if (err)
			return err == GONE ? 0 : err;
		err = wait_change(m, -1);
		if (err)
			return err;
	}
}

/* --- doing it --- */

static void make_folder(const char *path)
{
	char copy[128], *p = copy;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((p = strchr(p + 1, '/'))) {
		*p = '\0';
		mkdir(copy, 0755);
		*p = '/';
	}
	mkdir(copy, 0700); /* memory of domains is nobody's business */
}

/* Files whose names are NAME-TIME.core, in the order of time. */
void monitor_drop_dumps(const char *folder, const char *name, size_t keep)
{
#define DIGITS2 "[0-9][0-9]"
#define DIGITS6 DIGITS2 DIGITS2 DIGITS2
	char pattern[256];
	glob_t found;
	size_t i;

	snprintf(pattern, sizeof(pattern),
		 "%s/%s-" DIGITS6 DIGITS2 "-" DIGITS6 ".core", folder, name);
	if (glob(pattern, 0, NULL, &found))
		return;
	for (i = 0; i + keep < found.gl_pathc; i++)
		unlink(found.gl_pathv[i]);
	globfree(&found);
}

static void write_dump(struct monitor *m)
{
	char path[128], when[32];
	time_t now = time(NULL);
	struct tm tm;
	int err;

	make_folder(MONITOR_DUMP);
	/* A domain that crashes again and again shall not fill the disk. */
	monitor_drop_dumps(MONITOR_DUMP, m->cfg->name, MONITOR_DUMPS - 1);
	strftime(when, sizeof(when), "%Y%m%d-%H%M%S", localtime_r(&now, &tm));
	snprintf(path, sizeof(path), MONITOR_DUMP "/%s-%s.core", m->cfg->name,
		 when);
	monitor_log(m, "writing %s", path);
	err = dump_core(m->l, m->domid, path);
	if (err)
		monitor_log(m, "%s: %s", path, strerror(abs(err)));
}

/* GONE: somebody else was faster, who does not want it to be made again. */
static int destroy(struct monitor *m)
{
	int err = lodge_destroy(m->l, m->domid);
	bool late = err == -ENOENT || err == -EAGAIN;

	if (err && !late)
		return err;
	err = wait_gone(m);
	return err || !late ? err : GONE;
}

/* Left as it is, until somebody destroys it. */
static int preserve(struct monitor *m)
{
	return wait_while_there(m, FOR_EVER);
}

/* It keeps what it was given, and not what was taken from it, meanwhile. */
static void keep_its_devices(struct monitor *m)
{
	struct device_spec *devices;
	unsigned int count;

	if (!keep_take(m->domid, &devices, &count))
		return;
	free(m->cfg->devices);
	m->cfg->devices = devices;
	m->cfg->device_count = count;
}

/* False: the monitor is stopped. */
static bool pause_for(struct monitor *m, unsigned int seconds)
{
	struct timespec t = { .tv_sec = seconds };

	return !stopped(m) && !ppoll(NULL, 0, &t, m->mask) && !stopped(m);
}

/*
 * There is no domain now. What it needs may be missing for a moment only: a
 * back-end's module that is loaded again, memory. False: it stays gone.
 */
static bool build_again(struct monitor *m)
{
	struct complaint c = { "" };
	unsigned int failed = 0;
	struct build b;

	for (;;) {
		if (!build_prepare(&b, m->cfg, 0, &c)) {
			m->domid = b.domid;
			if (!build_start(&b, &c))
				return true;
		}
		monitor_log(m, "restart failed: %s", c.text);
		if (failed == m->retries || !pause_for(m, 1 << failed++))
			return false;
	}
}

/* 0: it runs again, or the monitor is stopped. Else GONE or an error. */
static int restart(struct monitor *m, unsigned int delay_s)
{
	struct complaint c = { "" };
	int err;

	if (delay_s) {
		monitor_log(m, "ended at once; restart in %u s", delay_s);
		err = wait_while_there(m, delay_s);
		if (err)
			return err;
		if (stopped(m))
			return 0;
	}
	keep_its_devices(m);
	/* If files have become bad it is better to keep what there is. */
	if (build_check(m->cfg, &c)) {
		monitor_log(m, "cannot be restarted, preserved: %s", c.text);
		return preserve(m);
	}
	err = destroy(m);
	if (err)
		return err;
	if (!build_again(m))
		return GONE;
	monitor_log(m, "restarted as domain %u", m->domid);
	return 0;
}

static void log_end(struct monitor *m, const struct lodge_domain_info *info)
{
	static const char *const how[] = {
		[LODGE_SHUTDOWN_POWEROFF] = "powered off",
		[LODGE_SHUTDOWN_REBOOT] = "wants to reboot",
		[LODGE_SHUTDOWN_CRASH] = "crashed",
	};
	const char *reason = info->crash_reason;

	monitor_log(m, "%s%s%s",
		    info->reason < ARRAY_SIZE(how) ? how[info->reason] :
						     "ended",
		    *reason ? ": " : "", reason);
}

/* The domain has ended. 0: it runs again, else an error or GONE. */
static int act(struct monitor *m, const struct lodge_domain_info *info)
{
	struct monitor_plan p = monitor_plan(m, info, uptime(m));
	int err;

	log_end(m, info);
	if (p.dump)
		write_dump(m);
	if (p.gave_up)
		monitor_log(m, "ended at once %u times; preserved", m->quick);
	switch (p.then) {
	case MONITOR_RESTART:
		return restart(m, p.delay_s);
	case MONITOR_PRESERVE:
		return preserve(m);
	default:
		err = destroy(m);
		return err ?: GONE;
	}
}

int monitor_run(struct monitor *m)
{
	struct lodge_domain_info info;
	int err;

	err = lodge_watch(m->l, LODGE_DEV_WATCH_DOMAINS);
	while (!err && !stopped(m)) {
		err = wait_for_end(m, &info);
		if (!err && !stopped(m))
			err = act(m, &info);
	}
	devices_settle(m->l);
	if (err == GONE)
		keep_drop(m->domid);
	if (err == GONE)
		monitor_log(m, "is gone");
	else if (err)
		monitor_log(m, "monitor ends: %s", strerror(-err));
	else
		monitor_log(m, "monitor ends; the domain goes on without");
	return err < 0 ? EXIT_FAILED : EXIT_DONE;
}
