// SPDX-License-Identifier: GPL-2.0
/* See bridge.h. */
#include <stdio.h>
#include <unistd.h>
#include "bridge.h"

const char *bridge_folder = "/sys/class/net";

bool bridge_is_there(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s/bridge", bridge_folder, name);
	return !access(path, F_OK);
}

bool bridge_has(const char *name, uint32_t domid, uint16_t index)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s/brif/lodge%u.%u", bridge_folder,
		 name, domid, index);
	return !access(path, F_OK);
}
