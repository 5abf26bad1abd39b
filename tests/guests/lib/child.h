/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Domains that a control domain makes of its own image: each child starts at
 * the beginning, like any guest, with the command line that it is given, and
 * tells its part by that. child_init() comes first in test_main(), before
 * anything is mapped in KMAP_BASE.
 *
 * What a vCPU of the control domain does to children it does with a hand of
 * its own. Children have RAM from 0 on.
 */
#ifndef CHILD_H
#define CHILD_H

#include <lodge/control.h>
#include "guest.h"

#define CHILD_INFO 0x10000UL /* start information */
#define CHILD_CMDLINE 0x11000UL
#define CHILD_MAIL 0x12000UL /* a page that control domain and child share */
#define HAND_PAGES 64 /* of others, that it can hold */

struct hand {
	u64 *page; /* buffer of operations */
	u64 window; /* address where what it holds is seen */
	u64 held;
};

#define hc_control(hand, op, domid, ...)                                   \
	hc(LODGE_HC_CONTROL, LODGE_CONTROL_##op, domid, gpa((hand)->page), \
	   ##__VA_ARGS__)

void child_init(void);
void hand_init(struct hand *h, u64 window);

/* As of control.h; the number of the new domain, or an error. */
s64 child_create(struct hand *h, const char *name, u32 vcpus, u64 frames);
/* What INFO says of domid itself, in h->page; NULL: there is none. */
struct lodge_domain_info *child_info(struct hand *h, u32 domid);
/* Holds `count` pages of its RAM, in a row; NULL: they are not all there. */
void *child_hold(struct hand *h, u32 domid, u64 where, u64 count);
void child_let_go(struct hand *h);
/*
 * Puts image, start information and command line into its RAM; false: that is
 * not all there, or there is no memory to see it.
 */
bool child_load(struct hand *h, u32 domid, u64 frames, u32 vcpus,
		const char *cmdline);
s64 child_start(struct hand *h, u32 domid);
/* Frames that are free, or in tables of ours, which grow as we see others. */
u64 child_free_frames(struct hand *h);

#endif /* CHILD_H */
