/* SPDX-License-Identifier: GPL-2.0 */
/* Grants of a domain to others, and what it has mapped of theirs. */
#ifndef CORE_GRANT_H
#define CORE_GRANT_H

#include <lodge/grant.h>
#include "lock.h"
#include "types.h"

struct domain;
struct vcpu;

struct grant_table {
	struct spinlock lock; /* all of it */
	u32 pages; /* 0: not set up, or taken down */
	struct lodge_grant *page[LODGE_GRANT_PAGES]; /* the guest's, pinned */
	u16 *uses; /* how often each reference is in use */
};

struct grant_maps {
	struct spinlock lock; /* all of it */
	struct grant_map **piece; /* by handle; NULL before the first MAP */
	u32 pieces; /* of a page each, made when they are needed */
	u32 free; /* the first free handle, which names the next */
	u32 count; /* of maps */
};

void grant_init(struct domain *d);
/* d is the control domain: sees to room for all the maps that it may have. */
void grant_reserve(struct domain *d);
/* Frames that the hypervisor has in use for both of them. */
u64 grant_frames(const struct domain *d);
/* d dies: gives back what it has mapped, and its table. Once, with no locks. */
void grant_take_down(struct domain *d);
/* LODGE_HC_GRANT; current vCPU is v. */
s64 do_grant(struct vcpu *v, u64 op, gpa_t gpa, u64 count);

#endif
