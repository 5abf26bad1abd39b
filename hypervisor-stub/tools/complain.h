/* SPDX-License-Identifier: GPL-2.0 */
/* What is wrong with something that was read, in words. */
#ifndef COMPLAIN_H
#define COMPLAIN_H

struct complaint {
	char text[256];
};

/* Always returns -1, so that a check can return it. */
int complain(struct complaint *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
