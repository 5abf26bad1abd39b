// SPDX-License-Identifier: GPL-2.0
/*
 * Processors: how vCPUs are found, brought up, taken down and stopped.
 *
 * A vCPU that goes offline is made anew when it comes back; its ports and
 * time records stay. Bringing up and down is serialized by CPU hotplug.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/delay.h>
#include <linux/kexec.h>
#include <linux/nmi.h>
#include <linux/pgtable.h>
#include <linux/sched/hotplug.h>
#include <linux/sched/task_stack.h>
#include <linux/smp.h>

#include <asm/apic.h>
#include <asm/cpu.h>
#include <asm/fpu/api.h>
#include <asm/hw_irq.h>
#include <asm/io_apic.h>
#include <asm/mpspec.h>
#include <asm/processor.h>
#include <asm/smp.h>
#include <asm/spec-ctrl.h>
#include <asm/tlbflush.h>
#include <asm/topology.h>
#include <asm/x86_init.h>

#include "lodge.h"

#define STOP_TIMEOUT_MS 1000

static unsigned int vcpus_found(void)
{
	return min_t(unsigned int, lodge_start.vcpu_count, LODGE_MAX_VCPUS);
}

static void __init lodge_register_vcpus(void)
{
	unsigned int vcpu;

	topology_register_boot_apic(0);
	for (vcpu = 0; vcpu < vcpus_found(); vcpu++)
		topology_register_apic(vcpu, CPU_ACPIID_INVALID, true);

	/* Enumerated: what there is no MP table or MADT for. */
	smp_found_config = 1;
}

static void __init lodge_smp_prepare_boot_cpu(void)
{
	native_smp_prepare_boot_cpu();

	/* The per-CPU area has moved, and with it the base to come back to. */
	vcpu_page()->kernel_gs = rdgsbase();

	lodge_init_spinlocks();
}

static void __init lodge_smp_prepare_cpus(unsigned int max_cpus)
{
	smp_prepare_cpus_common();
	speculative_store_bypass_ht_init();

	if (lodge_bind_ipis(0))
		panic("Lodge: cannot bind interprocessor events");
	lodge_register_steal(0);
	lodge_init_vcpus();
}

/* --- up --- */

/* First C code of a vCPU other than the boot one; see head.S. */
asmlinkage __visible void lodge_ap_main(void)
{
	unsigned int cpu = raw_smp_processor_id();

	lodge_register_callbacks();
	vcpu_page()->kernel_gs = rdgsbase();
	vcpu_page()->df_sp = (unsigned long)task_pt_regs(current);
	lodge_note_root(__pa_symbol(swapper_pg_dir));
	lodge_reset_descriptors();

	cr4_init();
	cpu_init_exception_handling(false);
	lodge_set_double_fault_stack();
	cpuhp_ap_sync_alive();

	cpu_init();
	fpu__init_cpu();
	rcutree_report_cpu_starting(cpu);
	touch_softlockup_watchdog();

	smp_store_cpu_info(cpu);
	set_cpu_sibling_map(cpu);
	speculative_store_bypass_ht_init();

	lodge_setup_timer();
	notify_cpu_starting(cpu);
	set_cpu_online(cpu, true);
	smp_mb(); /* online before the first interrupt */
	local_irq_enable();
	cpu_startup_entry(CPUHP_AP_ONLINE_IDLE);
}

static int lodge_kick_ap_alive(unsigned int cpu, struct task_struct *idle)
{
	static struct lodge_vcpu_init init __aligned(64);
	int err;

	err = common_cpu_up(cpu, idle);
	if (err)
		return err;
	/* The FPU is blank: nobody owns what is in it. */
	per_cpu(fpu_fpregs_owner_ctx, cpu) = NULL;

	err = lodge_bind_ipis(cpu);
	if (!err)
		err = lodge_prepare_timer(cpu);
	if (err)
		return err;
	lodge_register_clock(cpu);
	lodge_register_steal(cpu);

	init = (struct lodge_vcpu_init) {
		.rip = (unsigned long)lodge_start_ap,
		.rsp = (unsigned long)task_pt_regs(idle),
		.root = __pa_symbol(swapper_pg_dir),
		.gs_base = per_cpu_offset(cpu),
	};
	err = hc_vcpu(LODGE_VCPU_INIT, cpu, __pa_symbol(&init));
	if (!err)
		err = hc_vcpu(LODGE_VCPU_UP, cpu, 0);
	return err;
}

static void lodge_poll_sync_state(void)
{
	hc_yield();
}

/* --- down --- */

#ifdef CONFIG_HOTPLUG_CPU
static int lodge_cpu_disable(void)
{
	if (!smp_processor_id())
		return -EBUSY;
	cpu_disable_common();
	lodge_shutdown_timer();
	return 0;
}

static void lodge_play_dead(void)
{
	play_dead_common();
	hc_vcpu(LODGE_VCPU_DOWN, smp_processor_id(), 0);
	BUG();
}

/* It has said that it is dead, but may have some way to go. */
static void lodge_cleanup_dead_cpu(unsigned int cpu)
{
	while (hc_vcpu(LODGE_VCPU_IS_UP, cpu, 0) > 0)
		hc_yield();
}
#endif

/* --- stop, for good --- */

void lodge_stop_this_vcpu(void)
{
	unsigned int cpu = smp_processor_id();

	local_irq_disable();
	set_cpu_online(cpu, false);
	hc_vcpu(LODGE_VCPU_DOWN, cpu, 0);
}

/* The others stop at their next chance to take an interrupt. */
static void lodge_stop_other_cpus(int wait)
{
	unsigned int self = smp_processor_id();
	unsigned int timeout = STOP_TIMEOUT_MS;
	unsigned int cpu;

	for_each_online_cpu(cpu)
		if (cpu != self)
			lodge_send_ipi(cpu, LODGE_IPI_STOP);
	while (num_online_cpus() > 1 && (wait || timeout--))
		mdelay(1);
}

#ifdef CONFIG_CRASH_DUMP
static void lodge_crash_stop_other_cpus(void)
{
	lodge_stop_other_cpus(0);
}
#endif

void __init lodge_init_smp_ops(void)
{
	smp_ops.smp_prepare_boot_cpu = lodge_smp_prepare_boot_cpu;
	smp_ops.smp_prepare_cpus = lodge_smp_prepare_cpus;
	smp_ops.kick_ap_alive = lodge_kick_ap_alive;
	smp_ops.poll_sync_state = lodge_poll_sync_state;
#ifdef CONFIG_HOTPLUG_CPU
	smp_ops.cpu_disable = lodge_cpu_disable;
	smp_ops.cleanup_dead_cpu = lodge_cleanup_dead_cpu;
	smp_ops.play_dead = lodge_play_dead;
#endif
	smp_ops.stop_other_cpus = lodge_stop_other_cpus;
#ifdef CONFIG_CRASH_DUMP
	smp_ops.crash_stop_other_cpus = lodge_crash_stop_other_cpus;
#endif

	x86_cpuinit.parallel_bringup = false;
	x86_init.mpparse.find_mptable = x86_init_noop;
	x86_init.mpparse.early_parse_smp_cfg = x86_init_noop;
	x86_init.mpparse.parse_smp_cfg = lodge_register_vcpus;
	x86_init.irqs.intr_mode_select = x86_init_noop;
	x86_init.irqs.intr_mode_init = x86_64_probe_apic;
}
