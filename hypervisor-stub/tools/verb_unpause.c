// SPDX-License-Identifier: GPL-2.0
/* lodge unpause: a domain that was paused goes on. */
#include "cmd.h"

static int run(int argc, char **argv)
{
	return cmd_for_domains(&verb_unpause, argc, argv, lodge_unpause);
}

const struct verb verb_unpause = {
	.name = "unpause",
	.args = "DOMAIN...",
	.summary = "let a paused domain go on",
	.run = run,
};
