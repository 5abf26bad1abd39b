// SPDX-License-Identifier: GPL-2.0
/* lodge console: this terminal becomes a domain's. */
#include <stdio.h>
#include <unistd.h>
#include "cmd.h"
#include "console.h"

static int run(int argc, char **argv)
{
	struct console_options options = { .backlog = true };
	bool no_backlog = false;
	const struct option_spec specs[] = {
		OPT_FLAG('n', "no-backlog", &no_backlog,
			 "without what was written before"),
		OPT_FLAG('o', "output-only", &options.output_only,
			 "read no input; Ctrl-C ends it"),
		{ 0 }
	};
	struct lodge_domain_info d;
	struct lodge *l;
	int ret;

	cmd_options(&verb_console, specs, argc, argv, 1, 1);
	options.backlog = !no_backlog;
	l = cmd_open();
	ret = cmd_domain(l, argv[1], &d);
	if (ret)
		return ret;
	if (d.flags & LODGE_DOMAIN_CONTROL)
		return cmd_fail(EXIT_REFUSED, "%s: is here already", argv[1]);
	if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO))
		fputs("(Ctrl-] leaves this console)\n", stderr);
	ret = console_run(l, &d, &options);
	if (ret < 0)
		return cmd_error(ret, argv[1]);
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\n(%s)\n",
			ret == CONSOLE_ENDED ? "the domain has ended" :
					       "detached");
	lodge_close(l);
	return EXIT_DONE;
}

const struct verb verb_console = {
	.name = "console",
	.args = "DOMAIN",
	.summary = "talk to a domain; Ctrl-] leaves it",
	.run = run,
};
