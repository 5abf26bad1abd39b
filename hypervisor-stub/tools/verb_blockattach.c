// SPDX-License-Identifier: GPL-2.0
/* lodge block-attach: gives a disk to a domain that runs. */
#include "devices.h"

static int run(int argc, char **argv)
{
	struct device_spec s;
	struct complaint c;

	cmd_options(&verb_blockattach, NULL, argc, argv, 2, 2);
	if (disk_parse(argv[2], &s, &c))
		return cmd_usage("%s", c.text);
	return devices_attach(argv[1], &s);
}

const struct verb verb_blockattach = {
	.name = "block-attach",
	.args = "DOMAIN DISK",
	.summary = "give a disk to a domain, and print its name there",
	.run = run,
	.help = "DISK is as in the key disk of lodge.cfg(5): "
		"TARGET[,FORMAT[,VDEV[,ACCESS]]], and\nKEY=VALUE: for example "
		"/srv/web.img,raw,lvdb,rw,serial=7,bps=10M\n",
};
