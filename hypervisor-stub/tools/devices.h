/* SPDX-License-Identifier: GPL-2.0 */
/* What the verbs for disks and for network devices have in common. */
#ifndef DEVICES_H
#define DEVICES_H

#include "cmd.h"
#include "device.h"

/* Gives DOMAIN a device and says its name. Exit codes, as all of these. */
int devices_attach(const char *which, struct device_spec *s);
/* argv: DOMAIN DEVICE, behind options -f, -t. */
int devices_detach(const struct verb *verb, uint16_t type, int argc,
		   char **argv);
/* argv: DOMAIN DEVICE KEY=VALUE... */
int devices_limit(const struct verb *verb, uint16_t type, int argc,
		  char **argv);
/*
 * The device of a domain by its name, lvda or a number, as it is now; messages
 * are written.
 */
int devices_find(struct lodge *l, const char *which, uint16_t type,
		 const char *name, struct lodge_dev_device *d);
/*
 * Calls show() for each device of this type, of one domain (which, or NULL:
 * all) with the domain's name.
 */
int devices_list(const char *which, uint16_t type,
		 void (*show)(void *data, const char *name,
			      const struct lodge_dev_device *d),
		 void *data);
/* "connected", "waiting", "no driver", "failed", "closing" */
const char *devices_state(const struct lodge_dev_device *d);

#endif
