// SPDX-License-Identifier: GPL-2.0
/*
 * The I/O APIC of the ISA interrupts. Everything is masked except the serial
 * line, which goes to the boot processor. And the two 8259s, which are moved
 * away from the exceptions' vectors and masked. Written once at boot, no lock.
 */
#include "cpu.h"
#include "pcpu.h"
#include "platform.h"
#include "../core/frame.h"
#include "../core/printk.h"

#define IOAPIC_VERSION 1
#define IOAPIC_REDIRECT(n) (0x10 + 2 * (n))
#define REDIRECT_LOW BIT(13)
#define REDIRECT_LEVEL BIT(15)
#define REDIRECT_MASKED BIT(16)

#define PIC1 0x20
#define PIC2 0xa0

static u32 ioapic_read(u32 reg)
{
	volatile u32 *io = mpa_to_virt(acpi_info.ioapic);

	io[0] = reg;
	return io[4];
}

static void ioapic_write(u32 reg, u32 v)
{
	volatile u32 *io = mpa_to_virt(acpi_info.ioapic);

	io[0] = reg;
	io[4] = v;
}

void pic_off(void)
{
	outb(PIC1, 0x11); /* initialise: four words follow */
	outb(PIC2, 0x11);
	outb(PIC1 + 1, VEC_IRQ_BASE);
	outb(PIC2 + 1, VEC_IRQ_BASE + 8);
	outb(PIC1 + 1, 1 << 2); /* where the second one hangs */
	outb(PIC2 + 1, 2);
	outb(PIC1 + 1, 1);
	outb(PIC2 + 1, 1);
	outb(PIC1 + 1, 0xff);
	outb(PIC2 + 1, 0xff);
}

void ioapic_init(void)
{
	u32 pin = acpi_info.serial_gsi - acpi_info.ioapic_gsi_base;
	u32 id = pcpus[0]->apic_id, count, entry = VEC_SERIAL;

	if (!acpi_info.ioapic) {
		printk("ioapic: none; no serial input\n");
		return;
	}
	count = (ioapic_read(IOAPIC_VERSION) >> 16 & 0xff) + 1;
	for (u32 i = 0; i < count; i++)
		ioapic_write(IOAPIC_REDIRECT(i), REDIRECT_MASKED);
	if (pin >= count || id > 0xff) {
		printk("ioapic: cannot route the serial interrupt\n");
		return;
	}
	if (acpi_info.serial_low)
		entry |= REDIRECT_LOW;
	if (acpi_info.serial_level)
		entry |= REDIRECT_LEVEL;
	ioapic_write(IOAPIC_REDIRECT(pin) + 1, id << 24);
	ioapic_write(IOAPIC_REDIRECT(pin), entry);
}
