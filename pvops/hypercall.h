/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hypercalls, one typed function each. What they do and return is said in
 * <lodge/hypercall.h>. All preserve every register but rax.
 */
#ifndef _X86_LODGE_HYPERCALL_H
#define _X86_LODGE_HYPERCALL_H

#include <linux/stringify.h>
#include <linux/types.h>

#include <lodge/control.h>
#include <lodge/event.h>
#include <lodge/hypercall.h>
#include <lodge/memory.h>
#include <lodge/physdev.h>

#define LODGE_INT(vector) "int $" __stringify(vector)

static __always_inline long lodge_hypercall5(unsigned long number,
					     unsigned long a, unsigned long b,
					     unsigned long c, unsigned long d,
					     unsigned long e)
{
	register unsigned long r10 asm("r10") = d;
	register unsigned long r8 asm("r8") = e;
	long ret;

	asm volatile(LODGE_INT(LODGE_VEC_HYPERCALL)
		     : "=a" (ret)
		     : "a" (number), "D" (a), "S" (b), "d" (c), "r" (r10),
		       "r" (r8)
		     : "memory");
	return ret;
}

static __always_inline long lodge_hypercall4(unsigned long number,
					     unsigned long a, unsigned long b,
					     unsigned long c, unsigned long d)
{
	register unsigned long r10 asm("r10") = d;
	long ret;

	asm volatile(LODGE_INT(LODGE_VEC_HYPERCALL)
		     : "=a" (ret)
		     : "a" (number), "D" (a), "S" (b), "d" (c), "r" (r10)
		     : "memory");
	return ret;
}

static __always_inline long lodge_hypercall3(unsigned long number,
					     unsigned long a, unsigned long b,
					     unsigned long c)
{
	long ret;

	asm volatile(LODGE_INT(LODGE_VEC_HYPERCALL)
		     : "=a" (ret)
		     : "a" (number), "D" (a), "S" (b), "d" (c)
		     : "memory");
	return ret;
}

static __always_inline long lodge_hypercall2(unsigned long number,
					     unsigned long a, unsigned long b)
{
	long ret;

	asm volatile(LODGE_INT(LODGE_VEC_HYPERCALL)
		     : "=a" (ret)
		     : "a" (number), "D" (a), "S" (b)
		     : "memory");
	return ret;
}

static __always_inline long lodge_hypercall1(unsigned long number,
					     unsigned long a)
{
	long ret;

	asm volatile(LODGE_INT(LODGE_VEC_HYPERCALL)
		     : "=a" (ret)
		     : "a" (number), "D" (a)
		     : "memory");
	return ret;
}

static __always_inline long lodge_hypercall0(unsigned long number)
{
	long ret;

	asm volatile(LODGE_INT(LODGE_VEC_HYPERCALL)
		     : "=a" (ret)
		     : "a" (number)
		     : "memory");
	return ret;
}

static inline long hc_version(void)
{
	return lodge_hypercall0(LODGE_HC_VERSION);
}

static inline long hc_console_write(phys_addr_t buf, unsigned int len)
{
	return lodge_hypercall2(LODGE_HC_CONSOLE_WRITE, buf, len);
}

static inline long hc_console_read(phys_addr_t buf, unsigned int len)
{
	return lodge_hypercall2(LODGE_HC_CONSOLE_READ, buf, len);
}

static inline long hc_set_callbacks(phys_addr_t callbacks)
{
	return lodge_hypercall1(LODGE_HC_SET_CALLBACKS, callbacks);
}

static inline long hc_load_root(phys_addr_t root)
{
	return lodge_hypercall1(LODGE_HC_LOAD_ROOT, root);
}

/* The entry stub's own root switch: 0, or 1 when it does not know the root. */
static inline long hc_load_known_root(phys_addr_t root)
{
	long ret;

	asm volatile(LODGE_INT(LODGE_VEC_LOAD_ROOT)
		     : "=a" (ret)
		     : "D" (root)
		     : "memory");
	return ret;
}

static inline long hc_flush(unsigned int flags, phys_addr_t root,
			    unsigned long start, unsigned long end)
{
	return lodge_hypercall4(LODGE_HC_FLUSH, flags, root, start, end);
}

static inline long hc_drop_root(phys_addr_t root)
{
	return lodge_hypercall1(LODGE_HC_DROP_ROOT, root);
}

static inline long hc_fill(unsigned long address, unsigned long error_code)
{
	return lodge_hypercall2(LODGE_HC_FILL, address, error_code);
}

static inline long hc_set_timer(u64 deadline)
{
	return lodge_hypercall1(LODGE_HC_SET_TIMER, deadline);
}

static __always_inline long hc_block(void)
{
	return lodge_hypercall0(LODGE_HC_BLOCK);
}

static inline long hc_yield(void)
{
	return lodge_hypercall0(LODGE_HC_YIELD);
}

static inline long hc_event(unsigned int operation, u64 arg0, u64 arg1)
{
	return lodge_hypercall3(LODGE_HC_EVENT, operation, arg0, arg1);
}

static inline long hc_cpuid(u32 leaf, u32 subleaf, phys_addr_t result)
{
	return lodge_hypercall3(LODGE_HC_CPUID, leaf, subleaf, result);
}

static inline long hc_set_descriptor(unsigned int slot, u64 value)
{
	return lodge_hypercall2(LODGE_HC_SET_DESCRIPTOR, slot, value);
}

static inline long hc_set_ldt(phys_addr_t pages, unsigned int count)
{
	return lodge_hypercall2(LODGE_HC_SET_LDT, pages, count);
}

static __always_inline long hc_set_debugreg(unsigned int n, unsigned long value)
{
	return lodge_hypercall2(LODGE_HC_SET_DEBUGREG, n, value);
}

static __always_inline long hc_vcpu(unsigned int operation, unsigned int vcpu,
				    phys_addr_t arg)
{
	return lodge_hypercall3(LODGE_HC_VCPU, operation, vcpu, arg);
}

static inline long hc_shutdown(unsigned int reason)
{
	return lodge_hypercall1(LODGE_HC_SHUTDOWN, reason);
}

static inline long hc_batch(phys_addr_t entries, unsigned int count)
{
	return lodge_hypercall2(LODGE_HC_BATCH, entries, count);
}

static inline long hc_set_shared(phys_addr_t page)
{
	return lodge_hypercall1(LODGE_HC_SET_SHARED, page);
}

static inline long hc_debug(unsigned int operation, phys_addr_t arg)
{
	return lodge_hypercall2(LODGE_HC_DEBUG, operation, arg);
}

static inline long hc_memory(unsigned int operation, phys_addr_t list,
			     unsigned int count)
{
	return lodge_hypercall3(LODGE_HC_MEMORY, operation, list, count);
}

static inline long hc_grant(unsigned int operation, phys_addr_t list,
			    unsigned int count)
{
	return lodge_hypercall3(LODGE_HC_GRANT, operation, list, count);
}

static inline long hc_physdev(unsigned int operation, u64 arg0, u64 arg1,
			      u64 arg2)
{
	return lodge_hypercall4(LODGE_HC_PHYSDEV, operation, arg0, arg1, arg2);
}

static inline long hc_control(unsigned int operation, unsigned int domid,
			      phys_addr_t buffer, u64 arg0, u64 arg1)
{
	return lodge_hypercall5(LODGE_HC_CONTROL, operation, domid, buffer,
				arg0, arg1);
}

#endif /* _X86_LODGE_HYPERCALL_H */
