/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the rest of the x86 code needs to know about running as a guest of
 * the Lodge hypervisor. Everything else stays in arch/x86/lodge.
 */
#ifndef _ASM_X86_LODGE_H
#define _ASM_X86_LODGE_H

#include <linux/errno.h>
#include <linux/list.h>
#include <linux/types.h>

struct lodge_request;
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
/*
 * Of queues that shall be spread: this interrupt is for the nth of the
 * processors that are online, counted round, until somebody moves it. Returns
 * that processor, or all. May sleep.
 */
const struct cpumask *lodge_place_irq(unsigned int irq, unsigned int nth);
/* Sends an event through a port that can be sent to. 0 or an error. */
int lodge_notify_port(unsigned int port);
/* A port that domid may bind; or our end of one of its ports. Or an error. */
long lodge_alloc_port(unsigned int domid);
long lodge_bind_port(unsigned int domid, unsigned int remote);
/* There is somebody at the other end. */
bool lodge_port_is_connected(unsigned int port);

/*
 * What the operator wants of this domain, and what it tells; see
 * <lodge/request.h>. The second part may be written at any time.
 */
struct lodge_request *lodge_request(void);
bool lodge_has_requests(void);

struct lodge_heeder {
	struct list_head list;
	u64 heeds; /* LODGE_HEEDS_* */
	/* Something may have changed. Called with interrupts off. */
	void (*look)(struct lodge_request *request);
};

/* Calls look() now, and from then on whenever the hypervisor says so. */
void lodge_heed(struct lodge_heeder *heeder);

/*
 * LODGE_HC_MEMORY on `count` entries of list, an array in one page; see
 * <lodge/memory.h>.
 */
long lodge_memory(unsigned int operation, void *list, unsigned int count);
bool lodge_has_memory(void);
/* It knows LODGE_MEMORY_REPORT as well. */
bool lodge_has_report(void);

/* This is the domain that has the machine's devices. */
bool lodge_is_control(void);
unsigned int lodge_domid(void);
/* LODGE_HC_CONTROL; buffer (NULL: none) lies within one page. */
long lodge_control(unsigned int operation, unsigned int domid, void *buffer,
		   u64 arg0, u64 arg1);

/* What /dev/lodge leaves to the bus of the control domain. */
#ifdef CONFIG_LODGE_BACKEND
long lodge_backend_ioctl(unsigned int request, void __user *arg);
#else
static inline long lodge_backend_ioctl(unsigned int request, void __user *arg)
{
	return -ENOTTY;
}
#endif

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
