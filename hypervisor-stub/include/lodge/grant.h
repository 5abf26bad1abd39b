/* SPDX-License-Identifier: MIT */
/*
 * Grants: how a domain lets another use some of its pages. LODGE_HC_GRANT.
 *
 * The grant table is an array of struct lodge_grant in memory of the domain
 * that grants; an entry's index is its reference. To grant, write `page`, then
 * `access` with one 64-bit store. To take it back, replace `access` by 0 with
 * a compare-and-exchange from a value without
 * LODGE_GRANT_IN_USE; while that bit is set somebody maps or copies, and
 * nothing but that domain (or its end) can change it.
 *
 * MAP, UNMAP, COPY and TRANSFER take `count` entries (1 to LODGE_GRANT_MAX) at
 * gpa, in one page, 8-byte aligned. They return 0 when all were looked at; each
 * entry has a status of its own, 0 or an error. Any domain may make them.
 */
#ifndef LODGE_GRANT_H
#define LODGE_GRANT_H

#include <lodge/types.h>

#define LODGE_GRANT_PAGES 64 /* in a table, at most */
#define LODGE_GRANT_REFS (LODGE_GRANT_PAGES * 256)
#define LODGE_GRANT_MAPS 2048 /* that a domain may have at a time ... */
#define LODGE_GRANT_CONTROL_MAPS 65536 /* ... and the control domain */
#define LODGE_GRANT_MAX 64 /* entries of a hypercall */

/* lower half of `access` */
#define LODGE_GRANT_READ (1 << 0) /* domid may read the page */
#define LODGE_GRANT_WRITE (1 << 1) /* ... and write it */
#define LODGE_GRANT_IN_USE (1 << 2) /* set and cleared by the hypervisor */
#define LODGE_GRANT_PASS_ON (1 << 3) /* domid may TRANSFER it */

/*
 * SETUP: gpa of an array of `count` (1 to LODGE_GRANT_PAGES) addresses of
 * pages that are the table from now on, for good; they cannot be released.
 * -EEXIST: done before. -EINVAL, -EFAULT, -ENOMEM.
 */
#define LODGE_GRANT_SETUP 0
/* MAP: struct lodge_grant_map. */
#define LODGE_GRANT_MAP 1
/*
 * UNMAP: struct lodge_grant_unmap. No vCPU can reach the pages afterwards;
 * but those of the control domain may, until the page is not its owner's any
 * more.
 */
#define LODGE_GRANT_UNMAP 2
/* COPY: struct lodge_grant_copy. */
#define LODGE_GRANT_COPY 3
/*
 * TRANSFER: struct lodge_grant_transfer. The domain that an entry names puts
 * another in its place, which has all its rights from then on, while itself
 * has none any more.
 */
#define LODGE_GRANT_TRANSFER 4

#ifndef __ASSEMBLER__
struct lodge_grant {
	uint64_t access; /* LODGE_GRANT_*, and the domid << 32 */
	uint64_t page; /* gpa, page-aligned, RAM of the domain */
};

/*
 * Errors: -ENOENT: no such domain, or its table has no such reference.
 * -EPERM: not granted to the caller, or not for that. -EFAULT: the page is not
 * the granting domain's RAM. -EEXIST: something is at gpa. -ENOSPC: the caller
 * has as many maps as it may. -EAGAIN: the entry was changed at that moment.
 * -EINVAL: gpa not aligned or not below 2^47, unknown flags. -ENOMEM.
 */
struct lodge_grant_map {
	uint32_t domid; /* IN: who grants */
	uint32_t ref; /* IN */
	uint32_t flags; /* IN: LODGE_GRANT_READ, or with WRITE */
	int32_t status; /* OUT */
	/*
	 * IN: where the caller wants it. OUT for the control domain, where it
	 * is at its machine address, for devices.
	 */
	uint64_t gpa;
	uint32_t handle; /* OUT: for UNMAP */
	uint32_t pad0;
};

/*
 * Errors: -ENOENT: as of MAP. -EPERM: not granted to the caller, or not to be
 * passed on. -EBUSY: in use. -EAGAIN: the entry was changed at that moment.
 * -EINVAL: `to` is no number of a domain. Whether there is one is not asked.
 */
struct lodge_grant_transfer {
	uint32_t domid; /* IN: who grants */
	uint32_t ref; /* IN */
	uint32_t to; /* IN: the domain that is named instead */
	int32_t status; /* OUT */
};

/* -ENOENT: no such handle of the caller. */
struct lodge_grant_unmap {
	uint32_t handle; /* IN */
	int32_t status; /* OUT */
};

/* One side of a copy; domid 0: memory of the caller itself. */
struct lodge_grant_side {
	uint32_t domid;
	uint32_t ref;
	uint64_t gpa; /* of the caller's page; with a domid, not looked at */
	uint16_t offset; /* bytes into the page */
	uint16_t pad0[3];
};

/*
 * Errors as of MAP, and -EINVAL: beyond the end of a page, or both sides are
 * one page. -EFAULT: also a gpa
 * that is not the caller's RAM.
 */
struct lodge_grant_copy {
	struct lodge_grant_side from;
	struct lodge_grant_side to;
	uint32_t length; /* bytes */
	int32_t status; /* OUT */
};

LODGE_ASSERT(sizeof(struct lodge_grant) == 16, "grant");
LODGE_ASSERT(sizeof(struct lodge_grant_map) == 32, "grant map");
LODGE_ASSERT(sizeof(struct lodge_grant_transfer) == 16, "grant transfer");
LODGE_ASSERT(sizeof(struct lodge_grant_unmap) == 8, "grant unmap");
LODGE_ASSERT(sizeof(struct lodge_grant_side) == 24, "grant side");
LODGE_ASSERT(sizeof(struct lodge_grant_copy) == 56, "grant copy");
#endif

#endif /* LODGE_GRANT_H */
