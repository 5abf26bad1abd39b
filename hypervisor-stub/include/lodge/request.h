/* SPDX-License-Identifier: MIT */
/*
 * What the operator wants of a domain, and what its kernel tells about itself:
 * struct lodge_request, in the shared page. The hypervisor writes the first
 * part and then sends LODGE_VIRQ_CONTROL; it fills that in as well when the
 * page is registered, so that a kernel finds what was wanted before. These are
 * wishes: nothing happens to a domain that does not heed them, except what its
 * operator then does. The second part is the kernel's own; the hypervisor
 * hands it to the control domain as it is (LODGE_CONTROL_INFO).
 */
#ifndef LODGE_REQUEST_H
#define LODGE_REQUEST_H

#include <lodge/types.h>

/* request.bits: taken by the guest with an atomic exchange against 0 */
#define LODGE_REQUEST_POWEROFF (1 << 0) /* orderly */
#define LODGE_REQUEST_REBOOT (1 << 1) /* orderly */

/* request.heeds: what the guest's kernel looks at */
#define LODGE_HEEDS_BITS (1 << 0) /* request.bits */
#define LODGE_HEEDS_MEMORY (1 << 1) /* request.mem_target */
#define LODGE_HEEDS_VCPUS (1 << 2) /* request.vcpus */

/* Indices of request.stat; in frames of 4096 bytes where nothing else is said */
#define LODGE_STAT_TOTAL 0 /* that the kernel manages */
#define LODGE_STAT_FREE 1
#define LODGE_STAT_AVAILABLE 2 /* for new programs, without swapping */
#define LODGE_STAT_CACHE 3 /* of files */
#define LODGE_STAT_BALLOON 4 /* given back, and not used for now */
#define LODGE_STAT_ADDED 5 /* by hotplug, beyond those it started with */
#define LODGE_STAT_SWAP_IN 6 /* since it started */
#define LODGE_STAT_SWAP_OUT 7
#define LODGE_STAT_FAULTS 8 /* count */
#define LODGE_STAT_MAJOR_FAULTS 9 /* count */
#define LODGE_STAT_OOM_KILLS 10 /* count */
#define LODGE_STAT_OOM_DEFLATED 11 /* taken back in need of memory, total */
#define LODGE_STAT_TARGET_MISSED 12 /* count of attempts that failed */
#define LODGE_STAT_COUNT 16

#ifndef __ASSEMBLER__
struct lodge_request {
	/* written by the hypervisor */
	uint64_t bits; /* LODGE_REQUEST_*; cleared by the guest */
	uint64_t mem_target; /* frames that the domain should have */
	uint64_t vcpus; /* a bit for each vCPU that should be online */
	/*
	 * Where the directory of devices is, see
	 * lodge/io/bus.h: a reference, and << 32 the domain that grants it.
	 * 0: there is none.
	 */
	uint64_t devices;
	uint64_t reserved0[4];
	/* written by the guest */
	uint64_t heeds; /* LODGE_HEEDS_* */
	uint64_t stat[LODGE_STAT_COUNT];
	uint64_t reserved1[7];
};

LODGE_ASSERT(offsetof(struct lodge_request, heeds) == 64, "heeds");
LODGE_ASSERT(sizeof(struct lodge_request) == 256, "request");
#endif

#endif /* LODGE_REQUEST_H */
