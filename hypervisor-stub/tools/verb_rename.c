// SPDX-License-Identifier: GPL-2.0
/* lodge rename: another name for a domain. */
#include <errno.h>
#include <string.h>
#include "cmd.h"

static int run(int argc, char **argv)
{
	struct lodge_domain_info info;
	struct lodge *l;
	int err, code;

	cmd_options(&verb_rename, NULL, argc, argv, 2, 2);
	l = cmd_open();
	code = cmd_domain(l, argv[1], &info);
	if (code)
		return code;
	if (!strcmp(info.name, argv[2])) /* the hypervisor calls that taken */
		return EXIT_DONE;
	err = lodge_rename(l, info.domid, argv[2]);
	if (err == -EINVAL)
		return cmd_fail(
			EXIT_USAGE,
			"%s: not a name: 1 to %d of A-Z a-z 0-9 . _ + -, "
			"not beginning with - or a digit",
			argv[2], LODGE_NAME_SIZE - 1);
	if (err)
		return cmd_error(err, err == -EEXIST ? argv[2] : argv[1]);
	lodge_close(l);
	return EXIT_DONE;
}

const struct verb verb_rename = {
	.name = "rename",
	.args = "DOMAIN NAME",
	.summary = "give a domain another name",
	.run = run,
};
