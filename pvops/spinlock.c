// SPDX-License-Identifier: GPL-2.0
/*
 * Spinlocks that sleep: a vCPU that has spun for long waits in the hypervisor
 * until the lock's holder kicks it.
 */
#include <linux/percpu.h>
#include <linux/spinlock.h>

#include <asm/paravirt.h>
#include <asm/qspinlock.h>

#include "lodge.h"

#ifdef CONFIG_PARAVIRT_SPINLOCKS

/* How many waits are nested on this CPU, an interrupt's inside another's. */
static DEFINE_PER_CPU(unsigned int, wait_depth);

/*
 * The kick of a vCPU that does not wait yet makes its next wait return at
 * once, so none is lost between test and wait. Interrupts may be on: then one
 * ends the wait, and the caller looks again. But an interrupt between test
 * and wait may wait for a lock of its own and use up a kick that was meant
 * for us, so the inner one passes a kick on.
 */
static void lodge_wait(u8 *ptr, u8 value)
{
	unsigned int cpu = smp_processor_id();

	if (in_nmi())
		return;

	this_cpu_inc(wait_depth);
	barrier();
	if (READ_ONCE(*ptr) == value)
		hc_vcpu(LODGE_VCPU_WAIT, cpu, 0);
	barrier();
	if (this_cpu_dec_return(wait_depth))
		hc_vcpu(LODGE_VCPU_KICK, cpu, 0);
}

static void lodge_kick(int cpu)
{
	hc_vcpu(LODGE_VCPU_KICK, cpu, 0);
}

__visible bool __lodge_vcpu_is_preempted(long cpu)
{
	return lodge_vcpu_preempted(cpu);
}

PV_CALLEE_SAVE_REGS_THUNK(__lodge_vcpu_is_preempted);

/* Before alternatives are patched. */
void __init lodge_init_spinlocks(void)
{
	if (lodge_start.features & LODGE_FEATURE_STEAL)
		pv_ops.lock.vcpu_is_preempted =
			PV_CALLEE_SAVE(__lodge_vcpu_is_preempted);

	if (nopvspin || num_possible_cpus() == 1) {
		static_branch_disable(&virt_spin_lock_key);
		return;
	}
	__pv_init_lock_hash();
	pv_ops.lock.queued_spin_lock_slowpath = __pv_queued_spin_lock_slowpath;
	pv_ops.lock.queued_spin_unlock =
		PV_CALLEE_SAVE(__pv_queued_spin_unlock);
	pv_ops.lock.wait = lodge_wait;
	pv_ops.lock.kick = lodge_kick;
	static_branch_disable(&virt_spin_lock_key);
}

#else

void __init lodge_init_spinlocks(void)
{
}

#endif /* CONFIG_PARAVIRT_SPINLOCKS */
