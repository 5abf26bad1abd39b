/* SPDX-License-Identifier: GPL-2.0 */
/* Waiting until a domain is as it should be. */
#ifndef WAIT_H
#define WAIT_H

#include "liblodge.h"

/*
 * Looks at the domain, again and again, until done() says so. Returns
 * EXIT_DONE; EXIT_TIMEOUT after `seconds`; EXIT_NO_DOMAIN, with a message, if
 * it ends or is gone. *info is what was seen last.
 */
int wait_until(struct lodge *l, const char *which, uint32_t domid,
	       unsigned long seconds,
	       bool (*done)(const struct lodge_domain_info *info),
	       struct lodge_domain_info *info);

#endif
