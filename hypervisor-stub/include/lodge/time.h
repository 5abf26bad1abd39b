/* SPDX-License-Identifier: MIT */
/*
 * Time. System time is nanoseconds since the hypervisor started, the same on
 * every vCPU. It is read from the TSC and a per-vCPU record in guest memory,
 * in the layout that Linux and others call pvclock.
 */
#ifndef LODGE_TIME_H
#define LODGE_TIME_H

#include <lodge/types.h>

#define LODGE_TIME_STABLE 0x01 /* flags: records of all vCPUs agree */

#ifndef __ASSEMBLER__
/*
 * Read version, the record, version again; start over if version was odd or
 * has changed. time = system_time + (((tsc - tsc_timestamp) << tsc_shift) *
 * tsc_to_system_mul >> 32); a negative shift shifts right.
 */
struct lodge_time {
	uint32_t version;
	uint32_t pad0;
	uint64_t tsc_timestamp;
	uint64_t system_time;
	uint32_t tsc_to_system_mul;
	int8_t tsc_shift;
	uint8_t flags;
	uint8_t pad1[2];
};

/*
 * Steal time of a vCPU: nanoseconds in which it could have run and did not.
 * Odd version: being updated. Written by the hypervisor when it runs the vCPU.
 */
struct lodge_steal {
	uint32_t version;
	uint32_t preempted; /* 1 while the vCPU is runnable but not running */
	uint64_t steal;
	uint64_t reserved[6];
};

LODGE_ASSERT(sizeof(struct lodge_time) == 32, "time");
LODGE_ASSERT(offsetof(struct lodge_time, tsc_shift) == 28, "tsc_shift");
LODGE_ASSERT(sizeof(struct lodge_steal) == 64, "steal");
#endif

#endif /* LODGE_TIME_H */
