// SPDX-License-Identifier: GPL-2.0
/*
 * Hardware breakpoints of guests (R10). v->arch.dr and dr7 are what the guest
 * set; they are in the processor only from debugreg_load(), on the way into
 * the guest, to debugreg_unload(), on the way out, because the hypervisor's
 * own addresses are also those of somebody's user space.
 *
 * Invariant: no breakpoint that may get enabled names an address in the
 * hypervisor's slots, watches an I/O port, or guards the debug registers; so
 * in the entry stub none can fire. A few instructions of the hypervisor run
 * before debugreg_unload() has been reached; debugreg_host_trap() is for them.
 * No locks: v is the current vCPU.
 */
#include "../core/domain.h"
#include "cpu.h"
#include "cpufeat.h"
#include "pcpu.h"

#define DR6_INIT 0xffff0ff0UL
#define DR6_HIT(n) (1UL << (n))
#define DR7_INIT 0x400UL /* the bit that is always set */
#define DR7_ENABLES 0xffUL
#define DR7_ENABLE(n) (3UL << (2 * (n)))
#define DR7_TYPE(dr7, n) (((dr7) >> (16 + 4 * (n))) & 3)
#define DR7_LEN(dr7, n) (((dr7) >> (18 + 4 * (n))) & 3)
/* Reserved ones, RTM and GD (general detect). */
#define DR7_REFUSED (~0xffff07ffUL)

#define DR7_EXECUTE 0
#define DR7_IO 2

#define WRITE_DR(n, value) \
	__asm__ volatile("mov %0, %%db" #n ::"r"((u64)(value)) : "memory")

static u64 read_dr6(void)
{
	u64 value;

	__asm__ volatile("mov %%db6, %0" : "=r"(value));
	return value;
}

/*
 * The processor ignores the low bits of a watched address, so an object of 8
 * bytes is the most that it watches; none of those straddles a slot's edge.
 */
static bool address_is_ok(u64 address)
{
	return is_canonical(address) && !is_hypervisor_va(address & ~7UL) &&
	       !is_hypervisor_va(address | 7);
}

static bool dr7_is_ok(u64 dr7)
{
	if (dr7 & DR7_REFUSED)
		return false;
	for (unsigned int n = 0; n < 4; n++) {
		if (!(dr7 & DR7_ENABLE(n)))
			continue;
		if (DR7_TYPE(dr7, n) == DR7_IO)
			return false;
		if (DR7_TYPE(dr7, n) == DR7_EXECUTE && DR7_LEN(dr7, n))
			return false;
	}
	return true;
}

s64 do_set_debugreg(struct vcpu *v, u64 n, u64 value)
{
	switch (n) {
	case 0 ... 3:
		if (!address_is_ok(value))
			return -LODGE_EINVAL;
		v->arch.dr[n] = value;
		return 0;
	case 6:
		if (value >> 32)
			return -LODGE_EINVAL;
		WRITE_ONCE(v->page->dr6, value);
		return 0;
	case 7:
		if (!dr7_is_ok(value))
			return -LODGE_EINVAL;
		v->arch.dr7 = value | DR7_INIT;
		return 0;
	default:
		return -LODGE_EINVAL;
	}
}

void debugreg_load(struct vcpu *v)
{
	if (likely(!(v->arch.dr7 & DR7_ENABLES)))
		return;
	WRITE_DR(0, v->arch.dr[0]);
	WRITE_DR(1, v->arch.dr[1]);
	WRITE_DR(2, v->arch.dr[2]);
	WRITE_DR(3, v->arch.dr[3]);
	WRITE_DR(6, DR6_INIT);
	this_pcpu()->dr_active = 1;
	WRITE_DR(7, v->arch.dr7);
}

void debugreg_unload(struct vcpu *v)
{
	(void)v;
	if (likely(!this_pcpu()->dr_active))
		return;
	WRITE_DR(7, DR7_INIT);
	this_pcpu()->dr_active = 0;
}

bool debugreg_trap(struct vcpu *v)
{
	u64 dr6 = read_dr6();

	WRITE_DR(6, DR6_INIT);
	/* The processor may report matches of disabled breakpoints too. */
	for (unsigned int n = 0; n < 4; n++)
		if (!(v->arch.dr7 & DR7_ENABLE(n)))
			dr6 &= ~DR6_HIT(n);
	if ((v->regs->cs & 3) == 0)
		return false;
	/* Without a reason it is ICEBP, which belongs to the guest as well. */
	WRITE_ONCE(v->page->dr6, dr6);
	return true;
}

void debugreg_host_trap(void)
{
	WRITE_DR(7, DR7_INIT);
	WRITE_DR(6, DR6_INIT);
	this_pcpu()->dr_active = 0;
}
