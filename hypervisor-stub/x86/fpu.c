// SPDX-License-Identifier: GPL-2.0
/*
 * FPU and vector registers, and the bits of CR0 and CR4 that all processors
 * run with. The hypervisor itself uses no such register, so a vCPU's stay in
 * the processor until another vCPU takes it: saved and restored eagerly then,
 * all components that any guest could have touched, so that nothing of one
 * vCPU is ever visible to another.
 *
 * Invariant: while a vCPU is loaded XCR0 is what its guest asked for; between
 * fpu_save() and fpu_restore() it is host_xcr0, so that both cover state that
 * the guest has turned off meanwhile. No locks: areas belong to their vCPU,
 * the rest is written once on the boot processor.
 *
 * AVX-512, AMX and PKRU are offered to no guest and therefore not saved: XCR0
 * keeps them off. PKU would need CR4.PKE, which stays 0.
 */
#include "../core/domain.h"
#include "../core/frame.h"
#include "../core/printk.h"
#include "../core/string.h"
#include "cpu.h"
#include "cpufeat.h"

#define XCR0_OFFERED (XCR0_X87 | XCR0_SSE | XCR0_AVX)
#define FCW_INIT 0x37f
#define MXCSR_INIT 0x1f80
#define FX_MXCSR 24 /* byte offset in the save area */

#define CPUID1_ECX_XSAVE (1U << 26)
#define CPUID7_EBX_FSGSBASE (1U << 0)
#define CPUID7_EBX_SMEP (1U << 7)

u64 host_xcr0;

/* XCR0 for this processor; every one has to offer the same. */
static u64 find_xcr0(void)
{
	u32 a, b, c, d;

	cpuid(1, 0, &a, &b, &c, &d);
	if (!(c & CPUID1_ECX_XSAVE))
		panic("this processor has no XSAVE");
	cpuid(0xd, 0, &a, &b, &c, &d);
	return a & XCR0_OFFERED;
}

void fpu_init_cpu(void)
{
	u32 leaves, a, b, c, d;
	u64 cr4, xcr0;

	cpuid(0, 0, &leaves, &b, &c, &d);
	cpuid(7, 0, &a, &b, &c, &d);
	if (leaves < 7 || !(b & CPUID7_EBX_FSGSBASE))
		panic("this processor has no FSGSBASE instructions, which "
		      "Lodge needs (with QEMU: -cpu max, or a named model "
		      "from IvyBridge or EPYC on)");

	xcr0 = find_xcr0();
	cr4 = read_cr4() &
	      ~(CR4_VME | CR4_PVI | CR4_TSD | CR4_PCE | CR4_UMIP | CR4_SMAP |
		CR4_PKE | CR4_CET | CR4_PKS | CR4_FRED | CR4_OSXSAVE);
	cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_FSGSBASE | CR4_OSXSAVE;
	if (b & CPUID7_EBX_SMEP)
		cr4 |= CR4_SMEP;
	write_cr0((read_cr0() | CR0_MP | CR0_NE | CR0_WP) & ~(CR0_EM | CR0_TS));
	write_cr4(cr4);
	xsetbv(0, xcr0);
	if (!host_xcr0)
		host_xcr0 = xcr0;
	else if (xcr0 != host_xcr0)
		panic("processors differ in XCR0: %lx here, %lx on the first",
		      xcr0, host_xcr0);
}

int fpu_vcpu_init(struct vcpu *v)
{
	v->arch.fpu = page_alloc();
	return v->arch.fpu ? 0 : -LODGE_ENOMEM;
}

void fpu_vcpu_reset(struct vcpu *v)
{
	u8 *area = v->arch.fpu;

	/* An XSAVE header of zeroes stands for the initial state. */
	memset(area, 0, PAGE_SIZE);
	*(u16 *)area = FCW_INIT;
	*(u32 *)(area + FX_MXCSR) = MXCSR_INIT;
	v->arch.xcr0 = XCR0_X87;
}

void fpu_vcpu_destroy(struct vcpu *v)
{
	if (v->arch.fpu)
		page_free(v->arch.fpu);
	v->arch.fpu = NULL;
}

void fpu_save(struct vcpu *v)
{
	if (v->arch.xcr0 != host_xcr0)
		xsetbv(0, host_xcr0);
	__asm__ volatile("xsave64 (%0)" ::"r"(v->arch.fpu), "a"((u32)host_xcr0),
			 "d"((u32)(host_xcr0 >> 32))
			 : "memory");
}

void fpu_restore(struct vcpu *v)
{
	static const u32 zero;

	/*
	 * On some AMD processors a restore leaves the x87 error pointers
	 * alone unless an exception is pending, and the last vCPU's would
	 * remain visible: overwrite them.
	 */
	__asm__ volatile("fnclex\n\t"
			 "emms\n\t"
			 "fildl %0" ::"m"(zero));
	__asm__ volatile("xrstor64 (%0)" ::"r"(v->arch.fpu),
			 "a"((u32)host_xcr0), "d"((u32)(host_xcr0 >> 32))
			 : "memory");
	if (v->arch.xcr0 != host_xcr0)
		xsetbv(0, v->arch.xcr0);
}

bool fpu_set_xcr0(struct vcpu *v, u64 xcr0)
{
	if (!(xcr0 & XCR0_X87) || xcr0 & ~host_xcr0)
		return false;
	if ((xcr0 & XCR0_AVX) && !(xcr0 & XCR0_SSE))
		return false;
	v->arch.xcr0 = xcr0;
	xsetbv(0, xcr0);
	return true;
}
