// SPDX-License-Identifier: GPL-2.0
/* lodge shutdown: asks a domain to power off. */
#include "ask.h"

static int run(int argc, char **argv)
{
	return ask_domains(&verb_shutdown, LODGE_REQUEST_POWEROFF, argc, argv);
}

const struct verb verb_shutdown = {
	.name = "shutdown",
	.args = "DOMAIN...",
	.summary = "ask a domain to power off",
	.run = run,
	.help = "Exits with 1 if its kernel does not heed requests, with 6 if "
		"it took too long.\n",
};
