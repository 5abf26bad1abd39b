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
#define REDIRECT_MASKED BIT(16)
#define SERIAL_PIN 4

#define PIC1 0x20
#define PIC2 0xa0

static volatile u32 *select_register(u32 reg)
{
	volatile u32 *io = mpa_to_virt(acpi_info.ioapic);

	io[0] = reg;
	return &io[4];
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
	u32 id = pcpus[0]->apic_id, count;

	if (!acpi_info.ioapic || id > 0xff) {
		printk("ioapic: none that reaches this processor: no input\n");
		return;
	}
	count = (*select_register(IOAPIC_VERSION) >> 16 & 0xff) + 1;
	for (u32 i = 0; i < count; i++)
		*select_register(IOAPIC_REDIRECT(i)) = REDIRECT_MASKED;
	/* As on every PC: pin 4, edge, high. */
	*select_register(IOAPIC_REDIRECT(SERIAL_PIN) + 1) = id << 24;
	*select_register(IOAPIC_REDIRECT(SERIAL_PIN)) = VEC_SERIAL;
}
