/* SPDX-License-Identifier: GPL-2.0 */
/* What has happened between two looks at all domains. */
#ifndef CHANGES_H
#define CHANGES_H

#include "liblodge.h"

struct snapshot {
	struct lodge_domain_info *d; /* by number */
	size_t count;
};

struct change {
	const char *what; /* "created", "started", "paused", ... */
	const struct lodge_domain_info *d; /* after it; before it for "gone" */
	char detail[192]; /* "" or more about it */
};

/* 0 or -ENOMEM. snapshot_free() gives back what it has. */
int snapshot_take(struct lodge *l, struct snapshot *s);
void snapshot_free(struct snapshot *s);
/*
 * Calls fn for each change from `old` to `new`, domain by domain. A change that
 * was undone in between is not seen.
 */
void snapshot_compare(const struct snapshot *old, const struct snapshot *new,
		      void (*fn)(const struct change *c, void *arg), void *arg);

#endif
