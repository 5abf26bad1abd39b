// SPDX-License-Identifier: GPL-2.0
/* lodge network-limit: how much a domain may send and receive. */
#include "devices.h"

static int run(int argc, char **argv)
{
	return devices_limit(&verb_networklimit, LODGE_DEVICE_NET, argc, argv);
}

const struct verb verb_networklimit = {
	.name = "network-limit",
	.args = "DOMAIN NUMBER KEY=VALUE...",
	.summary = "limit what a domain sends and receives in a second",
	.run = run,
	.help = "Keys, each for both ways by itself: rate (10Mb/s, 1MB/s), "
		"bps (bytes per second),\npps (packets per second), bps_burst and "
		"pps_burst (at once, after a rest). Values\nmay end in k, M or G; "
		"0: no limit.\n",
};
