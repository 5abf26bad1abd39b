// SPDX-License-Identifier: GPL-2.0
/* lodge debug-key: what the debug keys of the serial console show. */
#include <stdio.h>
#include "cmd.h"

static int run(int argc, char **argv)
{
	struct lodge_machine_info m;
	struct lodge *l;
	char buf[4096];
	ssize_t n;
	int err;

	cmd_options(&verb_debugkey, NULL, argc, argv, 1, 1);
	if (argv[1][0] < '!' || argv[1][0] > '~' || argv[1][1])
		return cmd_usage("%s: not a key; `h` shows all", argv[1]);
	l = cmd_open();
	err = lodge_machine(l, &m);
	if (!err)
		err = lodge_debug_key(l, argv[1][0]);
	if (err)
		return cmd_error(err, argv[1]);
	/* What it says is all there when the call returns. */
	while ((n = lodge_console_read(l, 0, &m.log, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, n, stdout);
	lodge_close(l);
	return n < 0 ? cmd_error(n, argv[1]) : EXIT_DONE;
}

const struct verb verb_debugkey = {
	.name = "debug-key",
	.args = "KEY",
	.summary = "let the hypervisor show what it is doing",
	.run = run,
};
