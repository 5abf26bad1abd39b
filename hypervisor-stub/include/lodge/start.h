/* SPDX-License-Identifier: MIT */
/*
 * How a domain starts. vCPU 0 begins at the kernel's entry note in ring 1
 * with rsi = guest-physical address of struct lodge_start_info, rsp undefined,
 * virtual interrupts off, and the root of the note loaded. All other
 * registers are 0. The page, and what it points to, is ordinary memory of the
 * guest, below 1 MiB, and stays untouched by the hypervisor from then on.
 * Loaded segments of a kernel must lie at or above 1 MiB; the initrd is put
 * near the end of memory. All of [0, memory size) is RAM of the domain, though
 * the regions show 640 KiB to 1 MiB as reserved, as on a PC.
 */
#ifndef LODGE_START_H
#define LODGE_START_H

#include <lodge/abi.h>

#define LODGE_START_MAGIC LODGE_U64(0x5452415445474c4f)
#define LODGE_START_REGIONS 32

#define LODGE_REGION_RAM 1
#define LODGE_REGION_RESERVED 2

#define LODGE_START_CONTROL (1 << 0) /* flags: this is the control domain */

#ifndef __ASSEMBLER__
struct lodge_region {
	uint64_t base; /* guest-physical, bytes */
	uint64_t size; /* bytes */
	uint32_t type; /* LODGE_REGION_* */
	uint32_t pad0;
};

struct lodge_start_info {
	uint64_t magic;
	uint32_t version; /* LODGE_ABI_VERSION of the hypervisor */
	uint32_t flags;
	uint64_t features;
	uint32_t domid;
	uint32_t vcpu_count; /* vCPUs that can be brought up */
	uint64_t cmdline; /* guest-physical, NUL-terminated */
	uint64_t initrd; /* guest-physical; 0 if there is none */
	uint64_t initrd_size; /* bytes */
	uint32_t region_count;
	uint32_t tsc_khz;
	struct lodge_region region[LODGE_START_REGIONS];
	char name[32]; /* of the domain, NUL-terminated */
};

LODGE_ASSERT(sizeof(struct lodge_region) == 24, "region");
LODGE_ASSERT(offsetof(struct lodge_start_info, region) == 64, "start info");
LODGE_ASSERT(sizeof(struct lodge_start_info) == 864, "start info");
#endif

#endif /* LODGE_START_H */
