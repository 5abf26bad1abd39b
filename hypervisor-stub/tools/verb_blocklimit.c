// SPDX-License-Identifier: GPL-2.0
/* lodge block-limit: how much a domain may read and write. */
#include "devices.h"

static int run(int argc, char **argv)
{
	return devices_limit(&verb_blocklimit, LODGE_DEVICE_BLOCK, argc, argv);
}

const struct verb verb_blocklimit = {
	.name = "block-limit",
	.args = "DOMAIN VDEV KEY=VALUE...",
	.summary = "limit what a domain reads and writes in a second",
	.run = run,
	.help = "Keys: bps (bytes per second), iops (requests per second), "
		"bps_burst and\niops_burst (at once, after a rest). Values may "
		"end in k, M or G; 0: no limit.\n",
};
