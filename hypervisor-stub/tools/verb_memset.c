// SPDX-License-Identifier: GPL-2.0
/* lodge mem-set: how much memory a domain should have, and may have. */
#include <errno.h>
#include "cmd.h"
#include "wait.h"
#include "words.h"

static bool reached(const struct lodge_domain_info *d)
{
	return d->frames == d->request.mem_target;
}

static int set(struct lodge *l, const char *which, uint64_t target,
	       uint64_t max, unsigned long wait)
{
	struct lodge_domain_info d;
	int err, code = cmd_domain(l, which, &d);

	if (code)
		return code;
	if (!max)
		max = d.max_frames;
	if (target > max)
		return cmd_fail(EXIT_REFUSED,
				"%s: %llu MiB are more than its maximum of "
				"%llu MiB (--max changes that)",
				which, target / FRAMES_PER_MIB,
				max / FRAMES_PER_MIB);
	err = lodge_memory(l, d.domid, target, max);
	if (err)
		return cmd_error(err, which);
	if (!(d.request.heeds & LODGE_HEEDS_MEMORY))
		cmd_message("%s: its kernel does not heed this (yet); it is "
			    "told nevertheless",
			    which);
	if (!wait)
		return EXIT_DONE;
	code = wait_until(l, which, d.domid, wait, reached, &d);
	if (code == EXIT_TIMEOUT)
		cmd_message("%s: has %llu MiB after %lu s, not %llu", which,
			    d.frames / FRAMES_PER_MIB, wait,
			    target / FRAMES_PER_MIB);
	return code;
}

static int run(int argc, char **argv)
{
	const char *max_text = NULL;
	uint64_t target, max = 0;
	unsigned long timeout = 0;
	bool wait = false;
	const struct option_spec options[] = {
		OPT_STRING(0, "max", "SIZE", &max_text,
			   "the most that it may have from now on"),
		OPT_FLAG('w', "wait", &wait, "until it has that much"),
		OPT_NUMBER('t', "timeout", "SECONDS", &timeout,
			   "how long to wait at most, 30 if not given"),
		{ 0 }
	};
	struct lodge *l;
	int code;

	cmd_options(&verb_memset, options, argc, argv, 2, 2);
	if (!parse_memory(argv[2], &target))
		return cmd_usage("%s: not an amount of memory", argv[2]);
	if (max_text && !parse_memory(max_text, &max))
		return cmd_usage("--max=%s: not an amount of memory", max_text);
	l = cmd_open();
	code = set(l, argv[1], target, max,
		   wait || timeout ? timeout ?: 30 : 0);
	lodge_close(l);
	return code;
}

const struct verb verb_memset = {
	.name = "mem-set",
	.args = "DOMAIN SIZE",
	.summary = "say how much memory a domain should have",
	.run = run,
	.help = "SIZE is in MiB, or has one of the letters k, m, g behind "
		"it. The guest gives\nmemory back, or takes more, by its "
		"balloon driver.\n",
};
