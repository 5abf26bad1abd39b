/* SPDX-License-Identifier: GPL-2.0 */
/* Asking domains to power off or to reboot, and waiting for that. */
#ifndef ASK_H
#define ASK_H

#include "cmd.h"

/* The verbs shutdown and reboot; bit: LODGE_REQUEST_*. Returns an exit code. */
int ask_domains(const struct verb *verb, uint64_t bit, int argc, char **argv);

#endif
