/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Building a domain from its configuration. Until build_start() has returned
 * 0 the domain goes away with the process, whatever ends it.
 */
#ifndef BUILD_H
#define BUILD_H

#include "complain.h"
#include "config.h"
#include "liblodge.h"

#define BUILD_PROGRESS (1 << 0) /* told on stderr when it takes long */
#define BUILD_PAUSED (1 << 1)

struct build {
	struct lodge *l; /* of its own; the domain belongs to it */
	uint32_t domid;
	struct lodge_control_start start;
	bool devices; /* it has some, and was not started */
};

/*
 * Makes the domain and everything in it. Returns an exit code of cmd.h; after
 * EXIT_DONE the caller goes on with build_start() or build_abandon(), else
 * there is a complaint and nothing is left.
 */
int build_prepare(struct build *b, const struct config *cfg, unsigned int flags,
		  struct complaint *c);
/* Lets it run. An exit code; in any case *b is used up. */
int build_start(struct build *b, struct complaint *c);
void build_abandon(struct build *b);

/*
 * What can be found out without a hypervisor: do kernel and ramdisk fit, are
 * disks and bridges there?
 * An exit code, and perhaps a complaint.
 */
int build_check(const struct config *cfg, struct complaint *c);

#endif
