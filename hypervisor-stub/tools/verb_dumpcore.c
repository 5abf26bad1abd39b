// SPDX-License-Identifier: GPL-2.0
/* lodge dump-core: a core file of a domain, which stands still meanwhile. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cmd.h"
#include "dump.h"

static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
	signalled = number;
}

static bool go_on(uint64_t done, uint64_t all)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%3u %% ",
			all ? (unsigned int)(done * 100 / all) : 0);
	return !signalled;
}

/* Whoever is interrupted must not leave it paused. */
static int dump_paused(struct lodge *l, const struct lodge_domain_info *d,
		       const char *path)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	const struct sigaction action = { .sa_handler = on_signal };
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaction(numbers[i], &action, NULL);
	err = lodge_pause(l, d->domid);
	if (err)
		return err;
	err = dump_core_while(l, d->domid, path, go_on);
	lodge_unpause(l, d->domid);
	return err;
}

static int dump(struct lodge *l, char **argv, bool live)
{
	struct lodge_domain_info d;
	int err, code = cmd_domain(l, argv[1], &d);

	if (code)
		return code;
	if (d.flags & LODGE_DOMAIN_CONTROL)
		return cmd_fail(EXIT_REFUSED, "%s: that is the control domain",
				argv[1]);
	if (!live && d.state == LODGE_DOMAIN_RUNNING &&
	    !(d.flags & LODGE_DOMAIN_PAUSED))
		err = dump_paused(l, &d, argv[2]);
	else
		err = dump_core_while(l, d.domid, argv[2], go_on);
	if (isatty(STDERR_FILENO))
		fputs("\r      \r", stderr);
	if (err && signalled)
		return cmd_fail(128 + signalled, "%s: interrupted", argv[2]);
	if (err > 0)
		return cmd_fail(EXIT_FAILED, "%s: %s", argv[2],
				err == ESPIPE ? "not a regular file" :
						strerror(err));
	return err ? cmd_error(err, argv[1]) : EXIT_DONE;
}

static int run(int argc, char **argv)
{
	bool live = false;
	const struct option_spec options[] = {
		OPT_FLAG('L', "live", &live,
			 "do not pause it: the core is of no one moment"),
		{ 0 }
	};
	struct lodge *l;
	int code;

	cmd_options(&verb_dumpcore, options, argc, argv, 2, 2);
	l = cmd_open();
	code = dump(l, argv, live);
	lodge_close(l);
	return code;
}

const struct verb verb_dumpcore = {
	.name = "dump-core",
	.args = "DOMAIN FILE",
	.summary = "write memory and registers of a domain to a core file",
	.run = run,
	.help = "gdb and crash read such files; see lodge(1).\n",
};
