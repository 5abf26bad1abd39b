/* SPDX-License-Identifier: GPL-2.0 */
/* Bridges of the control domain, as sysfs shows them. No state. */
#ifndef BRIDGE_H
#define BRIDGE_H

#include <stdbool.h>
#include <stdint.h>

bool bridge_is_there(const char *name);
/* Is our end of that network device one of its ports? */
bool bridge_has(const char *name, uint32_t domid, uint16_t index);

extern const char *bridge_folder; /* tests use another one */

#endif
