// SPDX-License-Identifier: GPL-2.0
/*
 * Steal time: how long a vCPU wanted to run and was not let. The hypervisor
 * keeps a record for each in our memory; also there, whether it waits now.
 */
#include <linux/jump_label.h>
#include <linux/sched/cputime.h>
#include <linux/static_call.h>

#include <asm/paravirt.h>

#include <lodge/time.h>

#include "lodge.h"

static struct lodge_steal steal[LODGE_MAX_VCPUS] __aligned(PAGE_SIZE);

/* The record is consistent when its version is even and did not change. */
static u64 lodge_steal_clock(int cpu)
{
	const struct lodge_steal *record = &steal[cpu];
	u32 version;
	u64 time;

	do {
		version = READ_ONCE(record->version);
		virt_rmb(); /* the version before what it is of */
		time = READ_ONCE(record->steal);
		virt_rmb(); /* and that before the version again */
	} while ((version & 1) || version != READ_ONCE(record->version));

	return time;
}

bool lodge_vcpu_preempted(unsigned int cpu)
{
	return READ_ONCE(steal[cpu].preempted);
}

void lodge_register_steal(unsigned int cpu)
{
	if (lodge_start.features & LODGE_FEATURE_STEAL)
		hc_vcpu(LODGE_VCPU_STEAL_AREA, cpu, __pa_symbol(&steal[cpu]));
}

static int __init enable_steal_clock(void)
{
	BUILD_BUG_ON(sizeof(steal) != PAGE_SIZE);

	if (!lodge_guest() || !(lodge_start.features & LODGE_FEATURE_STEAL))
		return 0;
	static_call_update(pv_steal_clock, lodge_steal_clock);
	static_key_slow_inc(&paravirt_steal_enabled);
	static_key_slow_inc(&paravirt_steal_rq_enabled);
	return 0;
}
early_initcall(enable_steal_clock); /* code is patched: while alone */
