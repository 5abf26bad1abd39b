/* SPDX-License-Identifier: MIT */
/*
 * Memory of a domain, as it changes while the domain runs: LODGE_HC_MEMORY.
 *
 * RELEASE, POPULATE and REPORT take `count` entries (1 to LODGE_MEMORY_MAX) of
 * 64 bits at gpa, in one page. An entry is the guest-physical address of a
 * page, or of 2 MiB (aligned) with LODGE_MEMORY_LARGE. They return how many
 * entries were carried out, from the first on, which may be fewer than asked;
 * an error means that the very first one failed. Call again for the rest.
 */
#ifndef LODGE_MEMORY_H
#define LODGE_MEMORY_H

#include <lodge/types.h>

#define LODGE_MEMORY_MAX 512
#define LODGE_MEMORY_LARGE (1 << 0)

/*
 * RELEASE: give RAM back. Nothing of it is left, in no page table. -ENOENT:
 * none is there. -EBUSY: the shared page is in it, or somebody else maps a
 * part of it. -EINVAL: not aligned, unknown bits, or LARGE for memory of which
 * a part was released by itself before. -ENOMEM.
 */
#define LODGE_MEMORY_RELEASE 0

/*
 * POPULATE: get RAM, filled with zeroes, where nothing is. -EEXIST: something
 * is there. -ENOSPC: the domain has its maximum. -ENOMEM: the machine has no
 * memory left, or no 2 MiB in one piece. -EAGAIN: memory is about to become
 * free: ask again. -EINVAL: not aligned, unknown bits, not below 2^47.
 */
#define LODGE_MEMORY_POPULATE 1

/* INFO: write struct lodge_memory_info to gpa; count is 0. */
#define LODGE_MEMORY_INFO 2

/*
 * REPORT (LODGE_FEATURE_REPORT): what is in this RAM does not matter. It stays
 * the domain's, but others may have its frames; each page is full of zeroes
 * when it is next touched, by the domain or by a user of its grants. If the
 * machine has no frame for it at that moment, a vCPU that touches it waits, and
 * a hypercall that should read or write it gives -EFAULT: give hypercalls memory
 * that was written to. Page tables, stacks, descriptor tables and areas that the
 * hypervisor was told of must not lie in there. Errors as for RELEASE, and
 * -EPERM: the control domain, whose memory is one to one.
 */
#define LODGE_MEMORY_REPORT 3

#ifndef __ASSEMBLER__
struct lodge_memory_info {
	uint64_t frames; /* of 4096 bytes, that the domain has */
	uint64_t max_frames; /* that it may have */
	uint64_t reported_frames; /* of frames: see REPORT */
	uint64_t reserved[5];
};

LODGE_ASSERT(sizeof(struct lodge_memory_info) == 64, "memory info");
#endif

#endif /* LODGE_MEMORY_H */
