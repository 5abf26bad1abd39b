/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Included before everything (-include): "this processor" is found from the
 * stack pointer in the hypervisor, and is a variable here.
 */
#ifndef FUZZ_PCPU_H
#define FUZZ_PCPU_H

#define this_pcpu pcpu_of_stack
#define current_vcpu vcpu_of_stack
#include "x86/pcpu.h"
#undef this_pcpu
#undef current_vcpu

extern struct pcpu *host_pcpu;

static inline struct pcpu *this_pcpu(void)
{
	return host_pcpu;
}

static inline struct vcpu *current_vcpu(void)
{
	return host_pcpu->current;
}

#endif
