// SPDX-License-Identifier: GPL-2.0
/* lodge block-detach: takes a disk from a domain. */
#include "devices.h"

static int run(int argc, char **argv)
{
	return devices_detach(&verb_blockdetach, LODGE_DEVICE_BLOCK, argc,
			      argv);
}

const struct verb verb_blockdetach = {
	.name = "block-detach",
	.args = "DOMAIN VDEV",
	.summary = "take a disk from a domain",
	.run = run,
};
