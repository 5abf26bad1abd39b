// SPDX-License-Identifier: GPL-2.0
/* lodge network-detach: takes a network device from a domain. */
#include "devices.h"

static int run(int argc, char **argv)
{
	return devices_detach(&verb_networkdetach, LODGE_DEVICE_NET, argc,
			      argv);
}

const struct verb verb_networkdetach = {
	.name = "network-detach",
	.args = "DOMAIN NUMBER",
	.summary = "take a network device from a domain",
	.run = run,
};
