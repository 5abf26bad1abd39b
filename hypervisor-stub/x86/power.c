// SPDX-License-Identifier: GPL-2.0
/*
 * The ways out: power-off, reset, and the end after a panic. Callable on any
 * processor in any context; none of them returns, takes a lock or allocates.
 */
#include "cpu.h"
#include "platform.h"
#include "../core/cmdline.h"
#include "../core/printk.h"

#define SLP_EN (1U << 13)
#define SLP_TYP_SHIFT 10
#define SCI_EN 1
#define DEBUG_EXIT_PORT 0xf4 /* QEMU's isa-debug-exit; status 2 * value + 1 */

void cpu_stop(void)
{
	for (;;)
		__asm__ volatile("cli; hlt" ::: "memory");
}

/* Firmware may still own the power registers. */
static void acpi_mode(void)
{
	if (!acpi_info.smi_cmd || inw(acpi_info.pm1a_cnt) & SCI_EN)
		return;
	outb((u16)acpi_info.smi_cmd, acpi_info.acpi_enable);
	for (int i = 0; i < 300 && !(inw(acpi_info.pm1a_cnt) & SCI_EN); i++)
		delay_us(10000);
}

static void enter_s5(u16 port, u16 type)
{
	u16 v = inw(port) & ~(7U << SLP_TYP_SHIFT);

	outw(port, v | type << SLP_TYP_SHIFT | SLP_EN);
}

void machine_poweroff(void)
{
	if (acpi_info.has_s5) {
		acpi_mode();
		enter_s5(acpi_info.pm1a_cnt, acpi_info.slp_typa);
		if (acpi_info.pm1b_cnt)
			enter_s5(acpi_info.pm1b_cnt, acpi_info.slp_typb);
		delay_us(1000000);
	}
	printk("power: this machine does not switch off; halted\n");
	cpu_stop();
}

void machine_reboot(void)
{
	static const struct {
		u16 limit;
		u64 base;
	} __packed no_idt;

	if (acpi_info.has_reset && acpi_info.reset_port) {
		outb(acpi_info.reset_port, acpi_info.reset_value);
		delay_us(50000);
	}
	outb(0xcf9, 0x02); /* hard reset, then the pulse */
	outb(0xcf9, 0x06);
	delay_us(50000);
	__asm__ volatile("lidt %0; int3" ::"m"(no_idt));
	cpu_stop();
}

void machine_fail(void)
{
	if (cmdline.debug_exit)
		outl(DEBUG_EXIT_PORT, 1);
	cpu_stop();
}
