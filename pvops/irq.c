// SPDX-License-Identifier: GPL-2.0
/*
 * The virtual interrupt flag: a byte of the vCPU page that entry.S reads and
 * writes, and the two ways of waiting for an interrupt.
 */
#include <asm/irqflags.h>
#include <asm/paravirt.h>

#include "lodge.h"

/* Turns interrupts on and waits for one. */
static noinstr void lodge_safe_halt(void)
{
	hc_block();
}

/* As the instruction: waits, and for ever if interrupts are off. */
static noinstr void lodge_halt(void)
{
	if (lodge_save_fl() & X86_EFLAGS_IF)
		hc_block();
	else
		hc_vcpu(LODGE_VCPU_DOWN, raw_smp_processor_id(), 0);
}

void __init lodge_init_irq_ops(void)
{
	pv_ops.irq.save_fl = __PV_IS_CALLEE_SAVE(lodge_save_fl);
	pv_ops.irq.irq_disable = __PV_IS_CALLEE_SAVE(lodge_irq_disable);
	pv_ops.irq.irq_enable = __PV_IS_CALLEE_SAVE(lodge_irq_enable);
	pv_ops.irq.safe_halt = lodge_safe_halt;
	pv_ops.irq.halt = lodge_halt;
}
