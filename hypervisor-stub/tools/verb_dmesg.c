// SPDX-License-Identifier: GPL-2.0
/*
 * lodge dmesg: messages of the hypervisor, which may be written with any lock
 * held, so nothing tells of them: to follow is to look now and then.
 */
#include <stdio.h>
#include <time.h>
#include "cmd.h"

#define STEP_NS 300000000L

static int run(int argc, char **argv)
{
	bool follow = false;
	const struct option_spec options[] = {
		OPT_FLAG('f', "follow", &follow, "and wait for more"), { 0 }
	};
	uint64_t position = 0;
	struct lodge *l;
	char buf[4096];
	ssize_t n;

	cmd_options(&verb_dmesg, options, argc, argv, 0, 0);
	l = cmd_open();
	do {
		n = lodge_console_read(l, 0, &position, buf, sizeof(buf));
		if (n < 0)
			return cmd_error(n, "messages");
		if (fwrite(buf, 1, n, stdout) != (size_t)n || fflush(stdout))
			return EXIT_FAILED;
		if (!n && follow)
			nanosleep(&(struct timespec){ .tv_nsec = STEP_NS },
				  NULL);
	} while (n || follow);
	lodge_close(l);
	return EXIT_DONE;
}

const struct verb verb_dmesg = {
	.name = "dmesg",
	.args = "",
	.summary = "show the messages of the hypervisor",
	.run = run,
};
