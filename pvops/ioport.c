// SPDX-License-Identifier: GPL-2.0
/*
 * ioperm() and iopl(): ports for user mode.
 *
 * The processor looks at the hypervisor's TSS, which opens no port to ring 3.
 * So an IN or OUT of a process that was given the port ends as #GP here, and
 * the kernel does it for the process: it reaches the ports that the domain
 * has, and finds no device at the others (SDM volume 1, 19.5.2, has the rule
 * for the bitmap). INS and OUTS are left alone: user mode has no use for them
 * that a loop would not serve.
 */
#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/sched.h>

#include <asm/insn.h>
#include <asm/insn-eval.h>
#include <asm/io_bitmap.h>
#include <asm/lodge.h>
#include <asm/ptrace.h>

static bool may_use_ports(unsigned int port, unsigned int size)
{
	const struct thread_struct *t = &current->thread;

	if (port + size > IO_BITMAP_BITS)
		return false;
	if (t->iopl_emul == 3)
		return true;
	/* A set bit closes its port; all that are touched must be open. */
	return t->io_bitmap &&
	       find_next_bit(t->io_bitmap->bitmap, port + size, port) ==
			port + size;
}

static void port_read(unsigned int port, unsigned int size, unsigned long *rax)
{
	switch (size) {
	case 1:
		*rax = (*rax & ~0xfful) | inb(port);
		break;
	case 2:
		*rax = (*rax & ~0xfffful) | inw(port);
		break;
	default: /* like any 32-bit result it clears the upper half */
		*rax = inl(port);
	}
}

static void port_write(unsigned int port, unsigned int size, unsigned long rax)
{
	switch (size) {
	case 1:
		outb(rax, port);
		break;
	case 2:
		outw(rax, port);
		break;
	default:
		outl(rax, port);
	}
}

bool lodge_fixup_port_exception(struct pt_regs *regs)
{
	unsigned char text[MAX_INSN_SIZE];
	unsigned int port, size;
	struct insn insn;
	int length;
	u8 opcode;

	if (!lodge_guest() || (!current->thread.io_bitmap &&
			       current->thread.iopl_emul != 3))
		return false;

	length = insn_fetch_from_user(regs, text);
	if (length <= 0 || !insn_decode_from_regs(&insn, regs, text, length))
		return false;

	/*
	 * E4 to E7 have the port in the instruction, EC to EF in dx. Bit 1
	 * of the opcode: OUT. Bit 0: as wide as the operand size, which REX.W
	 * does not widen here.
	 */
	opcode = insn.opcode.bytes[0];
	if (insn.opcode.nbytes != 1 || insn.vex_prefix.nbytes ||
	    insn_is_rex2(&insn) || (opcode & 0xf4) != 0xe4)
		return false;
	port = opcode & 8 ? (u16)regs->dx : (u8)insn.immediate.value;
	size = !(opcode & 1) ? 1 : insn.opnd_bytes == 2 ? 2 : 4;
	if (!may_use_ports(port, size))
		return false;

	if (opcode & 2)
		port_write(port, size, regs->ax);
	else
		port_read(port, size, &regs->ax);
	regs->ip += insn.length;
	return true;
}
