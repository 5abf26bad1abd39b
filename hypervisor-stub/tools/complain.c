// SPDX-License-Identifier: GPL-2.0
/* The words of a complaint; cut when they are too many. */
#include <stdarg.h>
#include <stdio.h>
#include "complain.h"

int complain(struct complaint *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->text, sizeof(c->text), fmt, ap);
	va_end(ap);
	return -1;
}
