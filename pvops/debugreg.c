// SPDX-License-Identifier: GPL-2.0
/*
 * Debug registers. DR0 to DR3 and DR7 are remembered here for each CPU, so
 * that reads cost nothing and writes of the same value make no hypercall:
 * almost all of them write 0 over 0 at a context switch. DR6 is a field of
 * the vCPU page, which the hypervisor fills at each #DB.
 *
 * Called with preemption off, also from #DB entry where nothing may be
 * instrumented.
 */
#include <linux/percpu.h>

#include <asm/debugreg.h>
#include <asm/paravirt.h>

#include "lodge.h"

#define DR7_FIXED 0x400UL /* reads as one */

struct debug_registers {
	unsigned long address[4];
	unsigned long control;
};

static DEFINE_PER_CPU(struct debug_registers, debug_registers) = {
	.control = DR7_FIXED,
};

static __always_inline unsigned long *remembered(int n)
{
	struct debug_registers *regs = this_cpu_ptr(&debug_registers);

	return n < 4 ? &regs->address[n] : &regs->control;
}

static noinstr unsigned long lodge_get_debugreg(int n)
{
	if (n == 6)
		return vcpu_page()->dr6;
	return *remembered(n);
}

static noinstr void lodge_set_debugreg(int n, unsigned long value)
{
	unsigned long *old;

	if (n == 6) {
		vcpu_page()->dr6 = value;
		return;
	}
	old = remembered(n);
	if (*old == value)
		return;
	*old = value;
	hc_set_debugreg(n, value);
}

void __init lodge_init_debugreg_ops(void)
{
	pv_ops.cpu.get_debugreg = lodge_get_debugreg;
	pv_ops.cpu.set_debugreg = lodge_set_debugreg;
}
