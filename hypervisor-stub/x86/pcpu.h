/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Per-processor data. Each stack of the hypervisor is STACK_SIZE bytes,
 * aligned to its size, with a pointer to its processor's struct pcpu at the
 * lowest address; so "this processor" is found from rsp, without GS.
 */
#ifndef X86_PCPU_H
#define X86_PCPU_H

#include "../core/types.h"
#include "vcpu_arch.h"

#define MAX_CPUS 64
#define STACK_SIZE 16384UL

struct domain;
struct vcpu;

enum pcpu_mode {
	PCPU_HOST, /* in the hypervisor: no guest translation is in use */
	PCPU_GUEST, /* may use translations of current's domain */
	PCPU_IDLE, /* waits for an interrupt */
};

struct pcpu {
	unsigned int id; /* dense, 0 is the boot processor */
	u32 apic_id;
	bool online;
	struct vcpu *current; /* vCPU whose state is loaded, NULL: idle */
	enum pcpu_mode mode; /* read by other processors; see shootdown */
	struct domain *domain; /* whose translations, when in guest mode */
	u64 grace; /* newest grace period that it has seen begun; retire.c */
	u64 entry_count; /* entries from guest mode; read by others */
	bool need_resched;
	u64 *pml4; /* hypervisor's tables, slot 256 is this processor's */
	struct entry_area area;
	void *stack; /* lowest address of the main stack */
	void *ist_stack[AREA_IST_PAGES]; /* IST_NMI - 1 and so on */
	u32 locks_held; /* debug: a bit for each level */
	u64 idle_ns, idle_last; /* in all; the last time */
	bool polling; /* idle, and sees need_resched without an interrupt */
	u64 dr_active; /* guest breakpoints are loaded in DR0 to DR3, DR7 */
};

extern struct pcpu *pcpus[MAX_CPUS];
extern unsigned int pcpu_count; /* found; all online after smp_start() */

static inline struct pcpu *this_pcpu(void)
{
	u64 sp;

	__asm__("mov %%rsp, %0" : "=r"(sp));
	return *(struct pcpu **)(sp & ~(STACK_SIZE - 1));
}

#endif
