// SPDX-License-Identifier: GPL-2.0
/*
 * lodge events: what happens to domains, a line each. Changes of memory and
 * vCPUs send no event, so it looks at them once a second, too.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "changes.h"
#include "cmd.h"
#include "output.h"

#define LOOK_MS 1000

struct follow {
	const char *only; /* name or number; NULL: all */
	bool json, once, seen;
};

static bool wanted(const struct follow *f, const struct change *c)
{
	unsigned long number;

	if (!f->only || !strcmp(f->only, c->d->name))
		return true;
	return cmd_number(f->only, UINT32_MAX, &number) &&
	       number == c->d->domid;
}

static void show_json(const struct change *c, double now)
{
	struct json_object *o = json_object_new_object();
	char text[OUTPUT_TEXT];

	json_object_object_add(o, "time", json_object_new_double(now));
	json_object_object_add(o, "event", json_object_new_string(c->what));
	json_object_object_add(o, "id", json_object_new_int(c->d->domid));
	json_object_object_add(o, "name", json_object_new_string(c->d->name));
	safe_text(c->detail, text, sizeof(text));
	json_object_object_add(o, "detail", json_object_new_string(text));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

static void show(const struct change *c, void *arg)
{
	struct follow *f = arg;
	char stamp[32], text[OUTPUT_TEXT];
	struct timespec now;
	struct tm tm;

	if (!wanted(f, c))
		return;
	f->seen = true;
	clock_gettime(CLOCK_REALTIME, &now);
	if (f->json) {
		show_json(c, now.tv_sec + now.tv_nsec / 1e9);
		return;
	}
	localtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%H:%M:%S", &tm);
	printf("%s.%03ld  %-5u %-16s %s%s%s\n", stamp, now.tv_nsec / 1000000,
	       c->d->domid, c->d->name, c->what, c->detail[0] ? ": " : "",
	       safe_text(c->detail, text, sizeof(text)));
}

static int follow(struct lodge *l, struct follow *f, double end)
{
	struct snapshot old, new;
	struct timespec now;
	int err = snapshot_take(l, &old);

	while (!err) {
		err = lodge_wait(l, LOOK_MS);
		if (err < 0)
			break;
		err = snapshot_take(l, &new);
		if (err)
			break;
		snapshot_compare(&old, &new, show, f);
		snapshot_free(&old);
		old = new;
		if (fflush(stdout))
			return EXIT_FAILED; /* nobody reads it any more */
		if (f->once && f->seen)
			return EXIT_DONE;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (end && now.tv_sec >= end)
			return f->once ? EXIT_TIMEOUT : EXIT_DONE;
	}
	return err == -EINTR ? EXIT_DONE : cmd_error(err, "events");
}

static int run(int argc, char **argv)
{
	struct follow f = { 0 };
	unsigned long timeout = 0;
	const struct option_spec options[] = {
		OPT_FLAG(0, "json", &f.json, "an object a line"),
		OPT_FLAG('1', "once", &f.once, "end after the first"),
		OPT_NUMBER('t', "timeout", "SECONDS", &timeout,
			   "end after that time"),
		{ 0 }
	};
	struct timespec now;
	struct lodge *l;
	int n, err;

	n = cmd_options(&verb_events, options, argc, argv, 0, 1);
	f.only = n ? argv[1] : NULL;
	l = cmd_open();
	err = lodge_watch(l, LODGE_DEV_WATCH_DOMAINS);
	if (err)
		return cmd_error(err, "events");
	clock_gettime(CLOCK_MONOTONIC, &now);
	err = follow(l, &f, timeout ? now.tv_sec + timeout : 0);
	lodge_close(l);
	return err;
}

const struct verb verb_events = {
	.name = "events",
	.args = "[DOMAIN]",
	.summary = "follow what happens to domains",
	.run = run,
};
