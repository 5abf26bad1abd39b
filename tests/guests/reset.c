// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: after VCPU DOWN, INIT and UP a vCPU is as new: nothing is left of its
 * FPU state, XCR0, CR4, debug registers, TLS slots and LDT. How: vCPU 1 looks
 * at all of them, changes all of them and goes down, twice.
 */
#include "guest.h"

#define DATA 0x00cff3000000ffffUL /* flat, ring 3, as SET_DESCRIPTOR takes it */
#define TLS_SELECTOR (LODGE_GDT_TLS_MIN << 3 | 3)
#define LDT_SELECTOR (0 << 3 | 7)

static u64 ldt_page[512] __attribute__((aligned(4096)));
static u64 ldt_list __attribute__((aligned(8)));
static volatile u64 breakpoints;

static bool count_db(struct regs *r)
{
	if (r->vector != DB)
		return false;
	breakpoints++;
	r->rflags |= X86_RF;
	return true;
}

static noinline void breakpoint_here(void)
{
	barrier();
}

static u32 access_rights(u64 selector)
{
	u64 rights = 0;

	asm volatile("lar %1, %0" : "+r"(rights) : "r"(selector) : "cc");
	return rights;
}

static u64 xgetbv(void)
{
	u32 low, high;

	asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low | (u64)high << 32;
}

static u64 read_cr4(void)
{
	u64 value;

	asm volatile("mov %%cr4, %0" : "=r"(value));
	return value;
}

static void look(void)
{
	u64 xmm, cr4 = read_cr4();
	u32 mxcsr;
	u16 fcw;

	asm volatile("movq %%xmm7, %0" : "=r"(xmm));
	asm volatile("stmxcsr %0" : "=m"(mxcsr));
	asm volatile("fnstcw %0" : "=m"(fcw));
	CHECK_EQ(xmm, 0);
	CHECK_EQ(mxcsr, 0x1f80);
	CHECK_EQ(fcw, 0x37f);
	CHECK_EQ(xgetbv(), 1);
	CHECK(!(cr4 & 4), "CR4 is %lx", cr4); /* TSD */
	CHECK(!access_rights(TLS_SELECTOR), "a TLS descriptor is left");
	CHECK(!access_rights(LDT_SELECTOR), "an LDT is left");
	breakpoints = 0;
	breakpoint_here();
	CHECK_EQ(breakpoints, 0);
}

static void change(void)
{
	const u64 xmm = -1UL;
	const u32 mxcsr = 0x1f00;
	const u16 fcw = 0x27f;

	asm volatile("movq %0, %%xmm7" ::"r"(xmm));
	asm volatile("ldmxcsr %0" ::"m"(mxcsr));
	asm volatile("fldcw %0" ::"m"(fcw));
	asm volatile("xsetbv" ::"a"(3), "d"(0), "c"(0));
	asm volatile("mov %0, %%cr4" ::"r"(read_cr4() | 4));
	CHECK_EQ(hc(LODGE_HC_SET_DESCRIPTOR, LODGE_GDT_TLS_MIN, DATA), 0);
	CHECK_EQ(hc(LODGE_HC_SET_LDT, gpa(&ldt_list), 1), 0);
	CHECK_EQ(hc(LODGE_HC_SET_DEBUGREG, 0, (u64)breakpoint_here), 0);
	CHECK_EQ(hc(LODGE_HC_SET_DEBUGREG, 7, 0x401), 0);

	/* They do what look() looks for. */
	CHECK_EQ(xgetbv(), 3);
	CHECK(read_cr4() & 4, "CR4 takes no TSD");
	CHECK(access_rights(TLS_SELECTOR), "no TLS descriptor");
	CHECK(access_rights(LDT_SELECTOR), "no LDT");
	breakpoint_here();
	CHECK_EQ(breakpoints, 1);
}

static void look_and_change(struct cpu *cpu, void *arg)
{
	cpu->hook = count_db;
	look();
	change();
}

void test_main(void)
{
	if (start_info->vcpu_count < 2)
		test_skip("needs two vCPUs");
	ldt_page[0] = DATA;
	ldt_list = gpa(ldt_page);
	for (int i = 0; i < 3; i++) {
		cpu_start(1, look_and_change, NULL);
		cpu_join(1);
		while (hc_vcpu(IS_UP, 1, 0) == 1)
			hc(LODGE_HC_YIELD);
	}
}
