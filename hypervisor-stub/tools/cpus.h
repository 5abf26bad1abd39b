/* SPDX-License-Identifier: GPL-2.0 */
/* Sets of processors as xl writes them: "0-3,^1", "2", "all". */
#ifndef CPUS_H
#define CPUS_H

#include <stdint.h>
#include "complain.h"

#define CPUS_MAX 64
#define CPUS_ALL UINT64_MAX
#define CPUS_TEXT 192 /* bytes that any set needs as text, with its NUL */

/*
 * Members come from left to right: N, N-M, ^N and ^N-M (without those), all.
 * Blanks around members do not matter. 0, or -1 and a complaint; an empty set
 * is one.
 */
int cpus_parse(const char *text, uint64_t *set, struct complaint *c);
/* As short as it can be said: "0-3,5"; "all" for CPUS_ALL, "none". */
void cpus_format(uint64_t set, char text[CPUS_TEXT]);

#endif
