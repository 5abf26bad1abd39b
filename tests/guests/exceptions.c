// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: every exception of ring 3 and of ring 1 reaches the guest's exception
 * entry with the processor's vector, error code and rip; user mode may use
 * int 3, 4 and 0x80, every other int n is a #GP that names the vector; the
 * kernel's frames show CS 0x10 and SS 0x18. A #DF is delivered on df_sp when
 * the entry cannot pull its frame. How: provokes each exception in each ring.
 */
#include "guest.h"
#include "user.h"

static void expect_user(void (*rip)(void), u64 vector, u64 offset)
{
	struct regs r;
	u64 got;

	user_regs(&r, rip);
	r.rbp = 0x8000000000000000;
	got = user_run(&r);
	CHECK(got == vector, "user snippet at %lx: %s, expected %s", (u64)rip,
	      vector_name(got), vector_name(vector));
	CHECK(r.cs == LODGE_USER_CS && r.ss == LODGE_USER_DS, "cs %lx ss %lx",
	      r.cs, r.ss);
	CHECK(r.rip == (u64)rip + offset, "%s at offset %ld, expected %lu",
	      vector_name(got), (long)(r.rip - (u64)rip), offset);
	CHECK(r.rflags & X86_IF, "user frame without IF: %lx", r.rflags);
}

/* A stack address that is not canonical: QEMU says #GP, processors #SS. */
static void test_user_stack(void)
{
	struct regs r;

	user_regs(&r, u_stack);
	r.rbp = 0x8000000000000000;
	user_run(&r);
	CHECK(r.vector == SS || r.vector == GP, "bad stack address: %s",
	      vector_name(r.vector));
}

static void test_user(void)
{
	expect_user(u_divide, DE, 4);
	expect_user(u_int3, BP, 1);
	expect_user(u_int4, OF, 2);
	expect_user(u_ud2, UD, 0);
	expect_user(u_cli, GP, 0);
	expect_user(u_hlt, GP, 0);
	expect_user(u_in, GP, 0);
	expect_user(u_out, GP, 0);
	expect_user(u_rdmsr, GP, 0);
	expect_user(u_int1, GP, 0);
	expect_user(u_int82, GP, 0);
	expect_user(u_int83, GP, 0);
	expect_user(u_int84, GP, 0);
	test_user_stack();
	CHECK_EQ(user_call(u_read, 0x8000000000000000, 0), GP);
	CHECK_EQ(user_call(u_read, 0x0000800000000000, 0), GP);
	CHECK_EQ(user_call(u_icebp, 0, 0) == DB ||
			 this_cpu()->fault.vector == UD,
		 1);
}

static void test_user_float(void)
{
	/* QEMU 7.2 never raises it. */
	user_call(u_xm, 0, 0);
	CHECK(this_cpu()->fault.vector == XM ||
		      this_cpu()->fault.vector == SYSCALL64,
	      "SSE division by zero: %s",
	      vector_name(this_cpu()->fault.vector));
	CHECK_EQ(user_call(u_mf, 0, 0), MF);
	/* Depends on CR0.AM, which the hypervisor owns. */
	user_call(u_align, X86_AC | 2 | X86_IF, USER_STACK_TOP - 64);
	CHECK(this_cpu()->fault.vector == AC ||
		      this_cpu()->fault.vector == SYSCALL64,
	      "misaligned read: %s", vector_name(this_cpu()->fault.vector));
	printf("  AC and a misaligned read: %s\n",
	       vector_name(this_cpu()->fault.vector));
}

static void test_user_pages(void)
{
	struct cpu *cpu = this_cpu();

	CHECK_EQ(user_call(u_read, 0x30000000, 0), PF);
	CHECK((cpu->fault.error & 0x1f) == 4 && cpu->fault_cr2 == 0x30000000,
	      "read of nothing: error %lx cr2 %lx", cpu->fault.error,
	      cpu->fault_cr2);
	CHECK_EQ(user_call(u_write, 0x30000123, 0), PF);
	CHECK((cpu->fault.error & 0x1f) == 6 && cpu->fault_cr2 == 0x30000123,
	      "write to nothing: error %lx", cpu->fault.error);
	CHECK_EQ(user_call(u_read, (u64)boot_root, 0), PF);
	CHECK((cpu->fault.error & 0x1f) == 5 &&
		      cpu->fault_cr2 == (u64)boot_root,
	      "read of the kernel: error %lx cr2 %lx", cpu->fault.error,
	      cpu->fault_cr2);
	CHECK_EQ(user_call(u_write, DIRECT_BASE + 0x200000, 0), PF);
	CHECK((cpu->fault.error & 0x1f) == 7, "write to the kernel: error %lx",
	      cpu->fault.error);
	CHECK_EQ(user_call(u_call, (u64)test_user, 0), PF);
	CHECK((cpu->fault.error & 0x15) == 0x15,
	      "jump into the kernel: error %lx", cpu->fault.error);
	CHECK_EQ(user_call(u_read, LODGE_AREA_VCPU, 0), PF);
	CHECK_EQ(user_call(u_read, LODGE_AREA_BASE, 0), PF);
	CHECK_EQ(user_call(u_read, KMAP_BASE, 0), PF);
	CHECK((cpu->fault.error & 0x1f) == 4 || (cpu->fault.error & 0x1f) == 5,
	      "read of an empty kernel page: error %lx", cpu->fault.error);
}

/* ---------------------------------------------------------------- ring 1 */

#define RING1(name, insn)                                  \
	static u64 name(u64 a, u64 b, u64 c)               \
	{                                                  \
		asm volatile(insn ::"a"(a), "b"(b), "c"(c) \
			     : "rdx", "memory", "cc");     \
		return 0;                                  \
	}

RING1(k_divide, "xor %%edx, %%edx; div %%rcx")
RING1(k_int3, "int3")
RING1(k_int4, "int $4")
RING1(k_int80, "int $0x80")
RING1(k_ud2, "ud2")
RING1(k_noncanonical, "mov (%%rbx), %%rdx")
RING1(k_stack, "push %%rbp; mov %%rbx, %%rbp; mov (%%rbp), %%rdx; pop %%rbp")
RING1(k_jump, "push %%rbp; jmp *%%rbx")
RING1(k_store, "movb $1, (%%rbx)")
RING1(k_load_ds, "mov %%bx, %%ds")
RING1(k_load_ss, "mov %%bx, %%ss")

static void expect_kernel(u64 (*fn)(u64, u64, u64), u64 b, u64 vector)
{
	struct regs *r = &this_cpu()->fault;
	u64 got = probe(fn, 0, b, 0);

	CHECK(got == vector, "ring 1, operand %lx: %s, expected %s", b,
	      vector_name(got), vector_name(vector));
	CHECK(r->cs == LODGE_FRAME_CS && r->ss == LODGE_FRAME_SS,
	      "kernel frame with cs %lx ss %lx", r->cs, r->ss);
	CHECK(!(r->rflags & X86_IF), "virtual IF was off, the frame says on");
	CHECK(!vcpu_page->vif, "virtual IF on after an exception");
}

static void test_kernel(void)
{
	struct cpu *cpu = this_cpu();

	expect_kernel(k_divide, 0, DE);
	expect_kernel(k_int3, 0, BP);
	expect_kernel(k_int4, 0, OF);
	expect_kernel(k_int80, 0, 0x80);
	expect_kernel(k_ud2, 0, UD);
	expect_kernel(k_noncanonical, 1UL << 63, GP);
	probe(k_stack, 0, 1UL << 63, 0);
	CHECK(cpu->fault.vector == SS || cpu->fault.vector == GP,
	      "bad stack address: %s", vector_name(cpu->fault.vector));
	expect_kernel(k_jump, 1UL << 63, GP);
	expect_kernel(k_load_ds, 0x80, GP);
	CHECK((cpu->fault.error & ~7UL) == 0x80, "error %lx", cpu->fault.error);
	expect_kernel(k_load_ds, 0x7ff8, GP);
	expect_kernel(k_load_ss, 0x2b, GP);
	expect_kernel(k_load_ss, 0x88, GP);
	expect_kernel(k_store, KMAP_BASE, PF);
	CHECK((cpu->fault.error & 7) == 2 && cpu->fault_cr2 == KMAP_BASE,
	      "error %lx cr2 %lx", cpu->fault.error, cpu->fault_cr2);
	expect_kernel(k_store, 0x30000000, PF);
	CHECK((cpu->fault.error & 7) == 2, "error %lx", cpu->fault.error);
	expect_kernel(k_jump, 0x30000000, PF);
	/* Execution of a user page by the kernel: SMEP, where there is one. */
	probe(k_jump, USER_TEXT, 0, 0);
}

/* Exceptions with virtual interrupts on keep the flag. */
static volatile u64 seen_flags;

static bool skip_ud2(struct regs *r)
{
	if (r->vector != UD || from_user(r))
		return false;
	seen_flags = r->rflags;
	r->rip += 2;
	return true;
}

static void test_flag(void)
{
	this_cpu()->hook = skip_ud2;
	vcpu_page->vif = 1;
	k_ud2(0, 0, 0);
	CHECK(seen_flags & X86_IF, "frame of ring 1 with IF on: %lx",
	      seen_flags);
	CHECK(vcpu_page->vif == 1, "virtual IF lost over an exception");
	vcpu_page->vif = 0;
	k_ud2(0, 0, 0);
	CHECK(!(seen_flags & X86_IF), "frame of ring 1 with IF off: %lx",
	      seen_flags);
	CHECK(vcpu_page->vif == 0, "virtual IF came on over an exception");
	this_cpu()->hook = NULL;
}

/* A kernel stack that is not there: #DF on df_sp. */
static u64 bad_stack(u64 rsp, u64 b, u64 c)
{
	asm volatile("mov %0, %%rsp; ud2" ::"r"(rsp) : "memory");
	return 0;
}

static void test_double_fault(void)
{
	static const u64 bad[] = {
		KMAP_BASE + 0x10000,	 1UL << 63, 0, 8, 0x30000000,
		LODGE_AREA_BASE + 0x1000
	};
	size_t i;

	for (i = 0; i < array_size(bad); i++) {
		u64 got = probe(bad_stack, bad[i], 0, 0);

		CHECK(got == DF, "exception on stack %lx: %s", bad[i],
		      vector_name(got));
	}
}

void test_main(void)
{
	test_user();
	test_user_float();
	test_user_pages();
	test_kernel();
	test_flag();
	test_double_fault();
}
