/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the rest of the x86 code needs to know about running as a guest of
 * the Lodge hypervisor. Everything else stays in arch/x86/lodge.
 */
#ifndef _ASM_X86_LODGE_H
#define _ASM_X86_LODGE_H

#include <linux/types.h>

struct mm_struct;
struct pt_regs;

#ifdef CONFIG_LODGE_GUEST

extern bool lodge_active;

/*
 * True when this kernel runs in ring 1 on Lodge. Valid from the first lines
 * of C on, and constant after that.
 */
static __always_inline bool lodge_guest(void)
{
	return lodge_active;
}

/*
 * A flush of kernel addresses: one hypercall that acts on every vCPU, in
 * place of an IPI to each. False when not on Lodge: flush natively then.
 */
bool lodge_flush_kernel_range(unsigned long start, unsigned long end);

/*
 * The accessed bit of a user page was cleared without a flush. The shadow
 * entry would hide later accesses, so its removal is queued. May be called
 * with page-table locks held.
 */
void lodge_cleared_young(struct mm_struct *mm, unsigned long address);

/*
 * The body of exc_page_fault(), provided by mm/fault.c for the page-fault
 * entry in arch/x86/lodge/fault.c.
 */
void lodge_handle_page_fault(struct pt_regs *regs, unsigned long error_code,
			     unsigned long address);

/*
 * The Linux interrupt of an event port that some hypercall has returned; 0
 * when there is none left. lodge_release_port() undoes it and closes the port.
 */
unsigned int lodge_port_to_irq(unsigned int port);
void lodge_release_port(unsigned int port);
/* Sends an event through a port that can be sent to. 0 or an error. */
int lodge_notify_port(unsigned int port);

#else /* !CONFIG_LODGE_GUEST */

static __always_inline bool lodge_guest(void)
{
	return false;
}

static inline bool lodge_flush_kernel_range(unsigned long start,
					    unsigned long end)
{
	return false;
}

static inline void lodge_cleared_young(struct mm_struct *mm,
				       unsigned long address)
{
}

#endif /* CONFIG_LODGE_GUEST */

#if defined(CONFIG_LODGE_GUEST) && defined(CONFIG_X86_IOPL_IOPERM)

/*
 * A #GP of user mode. When it is an IN or OUT that ioperm() or iopl() allows,
 * does it in the process's stead and returns true. May sleep.
 */
bool lodge_fixup_port_exception(struct pt_regs *regs);

#else

static inline bool lodge_fixup_port_exception(struct pt_regs *regs)
{
	return false;
}

#endif

#endif /* _ASM_X86_LODGE_H */
