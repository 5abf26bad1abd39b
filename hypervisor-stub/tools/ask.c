// SPDX-License-Identifier: GPL-2.0
/*
 * shutdown and reboot. A request is a wish: it stands in the domain's shared
 * page until its kernel takes it, and a kernel that does not look, or hangs,
 * never will. So who cannot heed it is named at once, and waiting has an end.
 *
 * With the control domain ends the machine, and whatever runs on it. So that one
 * is asked only when it is the last.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "ask.h"

#define DEFAULT_SECONDS 60
#define GONE_SECONDS 10 /* for what is destroyed by force */

struct asked {
	const char *which; /* as it was named */
	struct lodge_domain_info info; /* when it was asked */
	bool done;
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

static bool is_over(const struct lodge_domain_info *d)
{
	return d->state == LODGE_DOMAIN_ENDING ||
	       d->state == LODGE_DOMAIN_ENDED;
}

/* What stands against it, or NULL. */
static const char *obstacle(const struct lodge_domain_info *d)
{
	if (d->flags & LODGE_DOMAIN_PAUSED)
		return "it is paused, and heeds requests only after "
		       "`lodge unpause`";
	if (!(d->request.heeds & LODGE_HEEDS_BITS))
		return "its kernel does not heed requests, or not yet; "
		       "`lodge destroy` ends it";
	return NULL;
}

/*
 * The names of those that would lose their power with the control domain, as
 * many as fit. How many there are.
 */
static unsigned int would_lose(struct lodge *l, char *names, size_t size)
{
	struct lodge_domain_info d;
	unsigned int count = 0;
	size_t used = 0;

	*names = '\0';
	lodge_for_each_domain(l, d) {
		if (d.flags & LODGE_DOMAIN_CONTROL || is_over(&d))
			continue;
		count++;
		if (used + strlen(d.name) + 2 > size)
			continue;
		used += sprintf(names + used, "%s%s", used ? " " : "", d.name);
	}
	return count;
}

/* Domains that run on are in the way of the machine's end: an exit code. */
static int check_last(struct lodge *l, const char *which, uint64_t bit)
{
	char names[256];
	unsigned int n = would_lose(l, names, sizeof(names));

	if (!n)
		return EXIT_DONE;
	return cmd_fail(EXIT_REFUSED,
			"%s: the machine ends with it, and with that %u other "
			"domain%s: first `lodge shutdown -w %s`, or type `%s`, "
			"which does not ask",
			which, n, n > 1 ? "s" : "", names,
			bit == LODGE_REQUEST_REBOOT ? "reboot" : "poweroff");
}

/*
 * Sends the request; says what stands against it, unless there is time: it may
 * still come to it. An exit code.
 */
static int ask(struct lodge *l, struct asked *a, uint64_t bit, bool wait)
{
	const struct lodge_domain_info *d = &a->info;
	int err, code = cmd_domain(l, a->which, &a->info);

	a->done = true; /* nothing to wait for, unless it was asked */
	if (code)
		return code;
	if (is_over(d)) {
		cmd_message("%s: it has ended already", a->which);
		return EXIT_DONE;
	}
	if (d->flags & LODGE_DOMAIN_CONTROL) {
		code = check_last(l, a->which, bit);
		if (code)
			return code;
	}
	err = lodge_request(l, d->domid, bit);
	if (err)
		return cmd_error(err, a->which);
	a->done = false;
	if (!wait && obstacle(d))
		return cmd_fail(EXIT_FAILED, "%s: %s", a->which, obstacle(d));
	return EXIT_DONE;
}

/* Has it ended; for a reboot: is there one of its name again? */
static bool look(struct lodge *l, const struct asked *a, uint64_t bit)
{
	struct lodge_domain_info d;
	int err = lodge_info(l, a->info.domid, &d);

	if (bit == LODGE_REQUEST_POWEROFF)
		return err == -ENOENT ||
		       (!err && d.state == LODGE_DOMAIN_ENDED);
	return !lodge_find(l, a->info.name, &d) && d.domid != a->info.domid &&
	       d.state == LODGE_DOMAIN_RUNNING;
}

/* Until all are done, at most so long. True: they are. */
static bool wait_all(struct lodge *l, struct asked *a, int n, uint64_t bit,
		     unsigned long seconds)
{
	uint64_t end = now_ms() + seconds * 1000, now;
	bool all;

	for (;;) {
		all = true;
		for (int i = 0; i < n; i++) {
			a[i].done = a[i].done || look(l, &a[i], bit);
			all = all && a[i].done;
		}
		now = now_ms();
		if (all || now >= end)
			return all;
		/* An error is no reason to turn round and round. */
		if (lodge_wait(l, end - now < 1000 ? end - now : 1000) < 0)
			nanosleep(&(struct timespec){ 0, 100000000 }, NULL);
	}
}

/* The time is over. An exit code. */
static int give_up(struct lodge *l, struct asked *a, int n, uint64_t bit,
		   unsigned long seconds, bool force)
{
	int code = EXIT_DONE, err;
	const char *why;

	for (int i = 0; i < n; i++) {
		if (a[i].done)
			continue;
		why = NULL;
		if (!force && !lodge_info(l, a[i].info.domid, &a[i].info))
			why = obstacle(&a[i].info);
		cmd_message("%s: not done after %lu s%s%s%s", a[i].which,
			    seconds, force ? "; destroying it" : "",
			    why ? ": " : "", why ?: "");
		if (!force) {
			code = EXIT_TIMEOUT;
			continue;
		}
		/* EPERM, for the control domain, which ends by itself. */
		err = lodge_destroy(l, a[i].info.domid);
		if (err && err != -ENOENT && err != -EAGAIN)
			code = cmd_error(err, a[i].which);
	}
	if (force && !code && !wait_all(l, a, n, bit, GONE_SECONDS))
		code = EXIT_TIMEOUT;
	return code;
}

int ask_domains(const struct verb *verb, uint64_t bit, int argc, char **argv)
{
	bool wait = false, force = false;
	unsigned long seconds = 0;
	const struct option_spec options[] = {
		OPT_FLAG('w', "wait", &wait, "wait until that is done"),
		OPT_NUMBER('t', "timeout", "SECONDS", &seconds,
			   "how long to wait, with -w (60)"),
		/* A reboot by force would be another matter: create again. */
		OPT_FLAG('f', "force", &force,
			 "destroy it when the time is over; implies -w"),
		{ 0 },
	};
	const struct option_spec few[] = { options[0], options[1], { 0 } };
	bool off = bit == LODGE_REQUEST_POWEROFF;
	int n, code, result = EXIT_DONE;
	struct asked *asked;
	struct lodge *l;

	n = cmd_options(verb, off ? options : few, argc, argv, 1, -1);
	wait = wait || force || seconds;
	seconds = seconds ?: DEFAULT_SECONDS;
	asked = calloc(n, sizeof(*asked));
	if (!asked)
		return cmd_error(ENOMEM, verb->name);
	l = cmd_open();
	lodge_watch(l, LODGE_DEV_WATCH_DOMAINS);
	for (int i = 0; i < n; i++) {
		asked[i].which = argv[i + 1];
		code = ask(l, &asked[i], bit, wait);
		result = result ?: code;
	}
	if (wait && !wait_all(l, asked, n, bit, seconds)) {
		code = give_up(l, asked, n, LODGE_REQUEST_POWEROFF, seconds,
			       force);
		result = result ?: code;
	}
	lodge_close(l);
	free(asked);
	return result;
}
