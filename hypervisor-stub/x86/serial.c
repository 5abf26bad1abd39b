// SPDX-License-Identifier: GPL-2.0
/*
 * The serial port COM1, a 16550 at 115200 8N1. Output is polled, and a port
 * that never gets ready is waited for only so long; the caller holds the
 * console lock (or is alone). Input comes by interrupt to one processor and
 * goes on to console_input() without a lock held.
 */
#include "cpu.h"
#include "platform.h"
#include "../core/console.h"

#define COM1 0x3f8
#define REG_DATA 0 /* divisor's low byte while LCR_DLAB */
#define REG_IER 1 /* ... and its high byte */
#define REG_FCR 2
#define REG_LCR 3
#define REG_MCR 4
#define REG_LSR 5
#define REG_SCRATCH 7

#define IER_RX 0x01
#define FCR_ENABLE_CLEAR 0x07
#define LCR_8N1 0x03
#define LCR_DLAB 0x80
#define MCR_DTR_RTS 0x03
#define MCR_OUT2 0x08 /* lets the interrupt out of the chip */
#define LSR_RX 0x01
#define LSR_TX_EMPTY 0x20

#define SPIN_MAX 100000
#define INPUT_MAX 256 /* per interrupt, so that nothing keeps us here */

static bool present;
static char last;

static void put_raw(char c)
{
	for (int i = 0; i < SPIN_MAX; i++) {
		if (inb(COM1 + REG_LSR) & LSR_TX_EMPTY)
			break;
		cpu_relax();
	}
	outb(COM1 + REG_DATA, (u8)c);
}

void serial_init(void)
{
	outb(COM1 + REG_SCRATCH, 0x5a);
	present = inb(COM1 + REG_SCRATCH) == 0x5a;
	if (!present)
		return;
	outb(COM1 + REG_IER, 0);
	outb(COM1 + REG_LCR, LCR_DLAB);
	outb(COM1 + REG_DATA, 1); /* 115200 */
	outb(COM1 + REG_IER, 0);
	outb(COM1 + REG_LCR, LCR_8N1);
	outb(COM1 + REG_FCR, FCR_ENABLE_CLEAR);
	outb(COM1 + REG_MCR, MCR_DTR_RTS | MCR_OUT2);
}

/* A line feed gets its carriage return, unless the guest has sent one. */
void serial_putc(char c)
{
	if (!present)
		return;
	if (c == '\n' && last != '\r')
		put_raw('\r');
	put_raw(c);
	last = c;
}

void serial_enable_irq(void)
{
	if (present)
		outb(COM1 + REG_IER, IER_RX);
}

void serial_interrupt(void)
{
	if (!present)
		return;
	for (int i = 0; i < INPUT_MAX; i++) {
		if (!(inb(COM1 + REG_LSR) & LSR_RX))
			return;
		console_input((char)inb(COM1 + REG_DATA));
	}
}
