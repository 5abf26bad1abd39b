// SPDX-License-Identifier: GPL-2.0
/* lodge network-attach: gives a network device to a domain that runs. */
#include "devices.h"

static int run(int argc, char **argv)
{
	struct device_spec s;
	struct complaint c;
	int n = cmd_options(&verb_networkattach, NULL, argc, argv, 1, 2);

	if (vif_parse(n > 1 ? argv[2] : "", &s, &c))
		return cmd_usage("%s", c.text);
	return devices_attach(argv[1], &s);
}

const struct verb verb_networkattach = {
	.name = "network-attach",
	.args = "DOMAIN [VIF]",
	.summary = "give a network device to a domain, and print its name here",
	.run = run,
	.help = "VIF is as in the key vif of lodge.cfg(5), for example\n"
		"bridge=br0,mac=02:00:00:12:34:56,mtu=9000,rate=100Mb/s\n",
};
