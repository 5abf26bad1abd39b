/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a domain's devices are to be when its monitor builds it again: verbs that
 * change devices leave a list of them, by the domain's number, which the monitor
 * takes. Without a list they are those of the configuration.
 */
#ifndef KEEP_H
#define KEEP_H

#include "device.h"

/* Writes the list of what it has now. 0 or -errno: there is the one before. */
int keep_devices(struct lodge *l, uint32_t domid);
/*
 * Takes the list and removes it. True if there was one: *devices is malloc()ed
 * and has *count.
 */
bool keep_take(uint32_t domid, struct device_spec **devices,
	       unsigned int *count);
/* Without looking at it. */
void keep_drop(uint32_t domid);

extern const char *keep_folder; /* tests use another one */

#endif
