// SPDX-License-Identifier: GPL-2.0
/*
 * Callbacks: where a guest kernel wants to be entered. They are checked once,
 * when it registers them, and go to the cfg page of the vCPU's entry area,
 * which the stub reads without asking anybody.
 */
#include "../core/domain.h"
#include "../core/string.h"
#include "cpufeat.h"
#include "entry.h"

static bool code_range(u64 start, u64 end)
{
	return is_kernel_va(start) && is_kernel_va(end) && start <= end;
}

static struct iret_frame kernel_frame(u64 rip)
{
	return (struct iret_frame){
		.rip = rip,
		.cs = LODGE_KERNEL_CS,
		.rflags = RFLAGS_IF | RFLAGS_ONE,
		.ss = LODGE_KERNEL_DS,
	};
}

/* A SYSCALL that comes first ends at address 0 of ring 1. */
void callbacks_reset(struct vcpu *v)
{
	struct entry_cfg *cfg = v->arch.area.cfg;

	v->cb_valid = false;
	cfg->syscall = kernel_frame(0);
	cfg->syscall32 = (struct iret_frame){ 0 };
	memset(cfg->direct, 0, sizeof(cfg->direct));
	cfg->direct_kernel = 0;
}

/* Vectors of ring 3 that the stub hands over; the rest come to us. */
#define DIRECT_VECTORS                                                   \
	(BIT(0) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(10) | \
	 BIT(11) | BIT(12) | BIT(13) | BIT(14) | BIT(16) | BIT(17) | BIT(19))

s64 do_set_callbacks(struct vcpu *v, gpa_t gpa)
{
	struct entry_cfg *cfg = v->arch.area.cfg;
	struct lodge_callbacks cb;
	unsigned int i;

	if (copy_from_guest(v->domain, &cb, gpa, sizeof(cb)))
		return -LODGE_EFAULT;
	for (i = 0; i < ARRAY_SIZE(cb.reserved); i++)
		if (cb.reserved[i])
			return -LODGE_EINVAL;
	if (cb.flags & ~(u64)LODGE_CB_KERNEL_FAULTS ||
	    !is_kernel_va(cb.syscall) ||
	    (cb.syscall32 && !is_kernel_va(cb.syscall32)) ||
	    !code_range(cb.exception, cb.exception_end) ||
	    !code_range(cb.iret, cb.iret_end) ||
	    !code_range(cb.iret_saved, cb.iret_restored) ||
	    cb.iret_saved < cb.iret || cb.iret_restored > cb.iret_end)
		return -LODGE_EINVAL;
	v->cb = cb;
	v->cb_valid = true;
	cfg->syscall = kernel_frame(cb.syscall);
	cfg->syscall32 = kernel_frame(cb.syscall32);
	cfg->exception = kernel_frame(cb.exception);
	cfg->exception_end = cb.exception_end;
	cfg->direct[0] = DIRECT_VECTORS;
	cfg->direct[2] = BIT(0); /* vector 0x80 */
	cfg->direct_kernel = cb.flags & LODGE_CB_KERNEL_FAULTS ?
				     BIT(3) | BIT(6) | BIT(14) :
				     0;
	if (host_is_tcg)
		cfg->direct_kernel &= ~BIT(3); /* for stale_breakpoint() */
	return 0;
}
