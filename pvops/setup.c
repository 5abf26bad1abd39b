// SPDX-License-Identifier: GPL-2.0
/*
 * The platform around the processor: what a domain does not have (firmware,
 * legacy devices, ports, a PCI bus), and how it ends.
 */
#include <linux/acpi.h>
#include <linux/console.h>
#include <linux/cpu.h>
#include <linux/init.h>
#include <linux/kexec.h>
#include <linux/panic_notifier.h>
#include <linux/pci.h>
#include <linux/reboot.h>

#include <asm/i8259.h>
#include <asm/mtrr.h>
#include <asm/paravirt.h>
#include <asm/pci_x86.h>
#include <asm/reboot.h>
#include <asm/setup.h>
#include <asm/x86_init.h>

#include "lodge.h"

/* --- the end --- */

static void lodge_end(unsigned int reason)
{
	hc_shutdown(reason);
	for (;;)
		cpu_relax();
}

static void lodge_restart(char *command)
{
	lodge_end(LODGE_SHUTDOWN_REBOOT);
}

static void lodge_emergency_restart(void)
{
	lodge_end(LODGE_SHUTDOWN_REBOOT);
}

static void lodge_halt_machine(void)
{
	lodge_end(LODGE_SHUTDOWN_POWEROFF);
}

static void lodge_power_off(void)
{
	do_kernel_power_off();
	lodge_end(LODGE_SHUTDOWN_POWEROFF);
}

/* A kernel that was loaded before it could be refused is not started. */
static void lodge_shutdown(void)
{
	if (kexec_in_progress)
		lodge_end(LODGE_SHUTDOWN_REBOOT);
}

static void lodge_crash_shutdown(struct pt_regs *regs)
{
	lodge_end(LODGE_SHUTDOWN_CRASH);
}

static const struct machine_ops lodge_machine_ops __initconst = {
	.restart = lodge_restart,
	.halt = lodge_halt_machine,
	.power_off = lodge_power_off,
	.shutdown = lodge_shutdown,
	.crash_shutdown = lodge_crash_shutdown,
	.emergency_restart = lodge_emergency_restart,
};

static int panic_event(struct notifier_block *block, unsigned long event,
		       void *message)
{
	console_flush_on_panic(CONSOLE_FLUSH_PENDING);
	lodge_end(LODGE_SHUTDOWN_CRASH);
	return NOTIFY_DONE;
}

static struct notifier_block panic_block = {
	.notifier_call = panic_event,
	.priority = INT_MIN, /* after all who want to say something */
};

static int power_off_event(struct sys_off_data *data)
{
	lodge_end(LODGE_SHUTDOWN_POWEROFF);
	return NOTIFY_DONE;
}

/* Without a handler, power-off would mean halt. */
static int __init register_end(void)
{
	if (!lodge_guest())
		return 0;
	register_sys_off_handler(SYS_OFF_MODE_POWER_OFF,
				 SYS_OFF_PRIO_PLATFORM, power_off_event, NULL);
	return 0;
}
core_initcall(register_end);

/* --- what is not there --- */

static void __init lodge_set_legacy_features(void)
{
	x86_platform.legacy.i8042 = X86_LEGACY_I8042_PLATFORM_ABSENT;
	x86_platform.legacy.rtc = 0;
	x86_platform.legacy.warm_reset = 0;
	x86_platform.legacy.no_vga = 1;
	x86_platform.legacy.reserve_bios_regions = 0;
	x86_platform.legacy.devices.pnpbios = 0;
}

static unsigned char lodge_get_nmi_reason(void)
{
	return 0;
}

#ifdef CONFIG_PCI
static int __init lodge_no_pci(void)
{
	return 0;
}

static void __init init_pci(void)
{
	/* None of the ways to configuration space that Linux knows. */
	pci_probe = PCI_PROBE_NOEARLY;
	x86_init.pci.arch_init = lodge_no_pci;
#ifdef CONFIG_LODGE_CONTROL
	if (lodge_start.flags & LODGE_START_CONTROL)
		x86_init.pci.arch_init = lodge_pci_arch_init;
#endif
}
#else
static void __init init_pci(void)
{
}
#endif

static void __init lodge_banner(void)
{
	pr_info("Lodge: domain %u \"%s\", %u vCPUs, ABI %u.%u\n",
		lodge_start.domid, lodge_start.name, lodge_start.vcpu_count,
		lodge_start.version >> 16, lodge_start.version & 0xffff);
}

/*
 * The first hook of setup_arch() with memory mapped and options parsed; called
 * when the hypervisor's name has been printed.
 */
void __init lodge_init_platform(void)
{
	lodge_init_events();
	lodge_init_time();

	disable_acpi();
	init_pci();
	guest_force_mtrr_state(NULL, 0, MTRR_TYPE_WRBACK);

	/* Drivers of ISA devices find the ports taken and go away quietly. */
	if (!(lodge_start.flags & LODGE_START_CONTROL))
		paravirt_disable_iospace();

	atomic_notifier_chain_register(&panic_notifier_list, &panic_block);
}

void __init lodge_init_platform_ops(void)
{
	machine_ops = lodge_machine_ops;
	legacy_pic = &null_legacy_pic;

	x86_platform.set_legacy_features = lodge_set_legacy_features;
	x86_platform.get_nmi_reason = lodge_get_nmi_reason;
	x86_platform.realmode_reserve = x86_init_noop;
	x86_platform.realmode_init = x86_init_noop;
	x86_init.resources.probe_roms = x86_init_noop;
	x86_init.resources.dmi_setup = x86_init_noop;
	x86_init.oem.banner = lodge_banner;
}
