/* SPDX-License-Identifier: GPL-2.0 */
/* A domain's console on this terminal. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include "liblodge.h"

enum console_end {
	CONSOLE_DETACHED, /* by Ctrl-], the end of input, or a signal */
	CONSOLE_ENDED, /* the domain has ended, or is gone */
};

struct console_options {
	bool backlog; /* begin with what is kept of its output */
	bool output_only; /* do not read stdin */
};

/*
 * Shows output and passes on input, until one of the above. A terminal on
 * stdin is in raw mode meanwhile. Uses the watch of l. Returns enum
 * console_end or -errno.
 */
int console_run(struct lodge *l, const struct lodge_domain_info *d,
		const struct console_options *options);

#endif
