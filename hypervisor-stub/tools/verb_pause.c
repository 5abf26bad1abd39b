// SPDX-License-Identifier: GPL-2.0
/* lodge pause: no vCPU of a domain runs until unpause. */
#include "cmd.h"

static int run(int argc, char **argv)
{
	return cmd_for_domains(&verb_pause, argc, argv, lodge_pause);
}

const struct verb verb_pause = {
	.name = "pause",
	.args = "DOMAIN...",
	.summary = "stop a domain where it is, until unpause",
	.run = run,
};
