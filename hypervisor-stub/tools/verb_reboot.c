// SPDX-License-Identifier: GPL-2.0
/* lodge reboot: asks a domain to reboot; its monitor then does on_reboot. */
#include "ask.h"

static int run(int argc, char **argv)
{
	return ask_domains(&verb_reboot, LODGE_REQUEST_REBOOT, argc, argv);
}

const struct verb verb_reboot = {
	.name = "reboot",
	.args = "DOMAIN...",
	.summary = "ask a domain to reboot",
	.run = run,
	.help = "With -w, until a domain of that name runs again.\n"
		"Exits with 1 if its kernel does not heed requests, with 6 if "
		"it took too long.\n",
};
