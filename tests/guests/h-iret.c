// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack with iret frames (R12): every combination of bad CS, SS, rip, rsp and
 * flags, through the guest's own iretq and through int $0x83, which has the
 * hypervisor load it. Expected: a #GP for the guest (as from user mode, the
 * way a bad sigreturn ends), or an exception where the frame led; ring 0 never
 * loads what it has not checked, and no frame leads to ring 0.
 */
#include "guest.h"
#include "user.h"

static const u64 selectors[] = {
	0,
	1,
	2,
	3,
	0x08,
	0x0b,
	0x10,
	0x11,
	0x12,
	0x13,
	0x18,
	0x19,
	0x1b,
	0x20,
	0x23,
	0x28,
	0x29,
	0x2b,
	0x30,
	0x33,
	0x40,
	0x43,
	0x63,
	0x67,
	0x7b,
	0x80,
	0x81,
	0x83,
	0x88,
	0x8b,
	0x90,
	0x93,
	0x98,
	0x9b,
	0xa0,
	0xa3,
	0xff,
	0x7fff,
	0xfff8,
	0xffff,
	0x10033,
	0xffffffffffff0033,
	0x8000000000000010,
};

static const u64 rips[] = {
	0,
	1,
	0x00007ffffffffffe,
	0x0000800000000000,
	0x8000000000000000,
	0xffff7fffffffffff,
	0xffff800000000000,
	LODGE_AREA_VCPU,
	0xffffffffffffffff,
};

static const u64 all_flags[] = {
	0,
	2,
	X86_IF | 2,
	X86_NT | 2,
	X86_TF | X86_IF | 2,
	X86_IOPL,
	1 << 17,
	1 << 19,
	1 << 20,
	X86_RF,
	-1UL,
	X86_DF,
	X86_AC,
	0xffffffffUL & ~X86_TF,
};

/* Where ring 1 frames lead: leaves at once, on a stack that works. */
void iret_landing(void);
void landed(void);
asm(".text\n.globl iret_landing\niret_landing:\n"
    "movabs 0xffff800000005028, %rax\n" /* sp0 */
    "mov %rax, %rsp\n and $-16, %rsp\n cld\n"
    "call landed\n ud2\n");

static u64 outcome;

void __attribute__((noreturn)) landed(void)
{
	struct cpu *cpu = this_cpu();
	u16 cs;

	asm("mov %%cs, %0" : "=r"(cs));
	if ((cs & 3) != 1)
		test_fatal("a frame led to CS %x", cs);
	outcome = NO_FAULT;
	vcpu_page->vif = 0;
	user_leave(cpu->user_save);
}

static bool leave(struct regs *r)
{
	struct cpu *cpu = this_cpu();

	if (!cpu->user_save)
		return false;
	outcome = r->vector;
	wrgsbase((u64)cpu);
	vcpu_page->kernel_gs = (u64)cpu;
	cpu->fault = *r;
	user_leave(cpu->user_save);
}

/* How to return: 0 the guest's sequence, 1 int $0x83 at its end. */
static int method;
void iret_by_vector(struct regs *r, u64 *save);
asm(".text\n.globl iret_by_vector\niret_by_vector:\n"
    "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "mov %rsp, (%rsi)\n"
    "lea 136(%rdi), %rsp\n" /* rip of struct regs */
    "int $0x83\n ud2\n");

static u64 attempt(u64 rip, u64 cs, u64 flags, u64 rsp, u64 ss)
{
	struct cpu *cpu = this_cpu();
	struct {
		char slack[1024];
		struct regs regs;
	} enter;

	user_regs(&enter.regs, u_syscall);
	enter.regs.rip = rip;
	enter.regs.cs = cs;
	enter.regs.rflags = flags;
	enter.regs.rsp = rsp;
	enter.regs.ss = ss;
	vcpu_page->vif = 0;
	vcpu_page->kernel_gs = (u64)cpu;
	outcome = 0x300;
	if (method)
		iret_by_vector(&enter.regs, &cpu->user_save);
	else
		user_enter(&enter.regs, &cpu->user_save);
	cpu->user_save = 0;
	vcpu_page->vif = 0;
	return outcome;
}

/* A null SS for ring 1 is an entry into ring 0 on QEMU: see h-gates.c. */
static bool emulator_hole(u64 cs, u64 ss)
{
	return on_qemu() && !(cs & 2) && !(ss & 0xfffc);
}

static void test_selectors(void)
{
	u64 counts[0x310] = { 0 };
	size_t c, s;

	for (c = 0; c < array_size(selectors); c++)
		for (s = 0; s < array_size(selectors); s++) {
			u64 cs = selectors[c], ss = selectors[s];
			u64 rip = cs & 2 ? (u64)u_syscall : (u64)iret_landing;
			u64 rsp = cs & 2 ? USER_STACK_TOP - 64 :
					   (u64)this_cpu()->exc_stack - 512;

			if (emulator_hole(cs, ss))
				continue;
			counts[attempt(rip, cs, X86_IF | 2, rsp, ss)]++;
			if ((cs & 0xffff) == 0x33 && (ss & 0xffff) == 0x2b)
				CHECK(outcome == SYSCALL64,
				      "a good user frame gives %s",
				      vector_name(outcome));
		}
	printf("  method %d: %lu #GP, %lu system calls, %lu landed, %lu #PF\n",
	       method, counts[GP], counts[SYSCALL64], counts[NO_FAULT],
	       counts[PF]);
	CHECK(counts[GP] > 100, "only %lu frames were refused", counts[GP]);
}

static void test_rips(bool user)
{
	size_t i, n;

	for (i = 0; i < array_size(rips); i++)
		for (n = 0; n < array_size(rips); n++)
			attempt(rips[i], user ? LODGE_USER_CS : LODGE_FRAME_CS,
				X86_IF | 2,
				/* a ring 1 stack that the entry can use */
				user ? rips[n] :
				       (u64)this_cpu()->exc_stack - 512,
				user ? LODGE_USER_DS : LODGE_FRAME_SS);
}

static void test_flags(void)
{
	size_t i;

	for (i = 0; i < array_size(all_flags); i++) {
		attempt((u64)u_syscall, LODGE_USER_CS, all_flags[i],
			USER_STACK_TOP - 64, LODGE_USER_DS);
		CHECK(outcome == SYSCALL64 || outcome == DB || outcome == GP,
		      "flags %lx: %s", all_flags[i], vector_name(outcome));
		CHECK(!(this_cpu()->fault.rflags & X86_IOPL),
		      "IOPL in a user frame: %lx", this_cpu()->fault.rflags);
		/* 32-bit code with VM and friends */
		attempt((u64)u32_int80, LODGE_USER32_CS, all_flags[i],
			USER_STACK_TOP - 64, LODGE_USER_DS);
		attempt((u64)iret_landing, LODGE_FRAME_CS,
			all_flags[i] & ~(u64)X86_TF,
			(u64)this_cpu()->exc_stack - 512, LODGE_FRAME_SS);
	}
}

/* Bases that wrgsbase refuses, in ring 1 and in the hypervisor. */
static void test_bases(void)
{
	static const u64 base[] = {
		1UL << 63, 0x0000800000000000, 0xfffe800000000000, 1,
		-1UL,	   LODGE_AREA_BASE
	};
	size_t i;

	for (i = 0; i < array_size(base); i++) {
		if (!method && on_qemu() && i < 3)
			continue; /* no check there, and it would stick */
		vcpu_page->user_gs = base[i];
		attempt((u64)u_syscall, LODGE_USER_CS, X86_IF | 2,
			USER_STACK_TOP - 64, LODGE_USER_DS);
		vcpu_page->user_gs = 0;
		wrgsbase((u64)this_cpu());
	}
}

void test_main(void)
{
	this_cpu()->hook = leave;
	for (method = 1; method >= 0; method--) {
		if (arg_is("method", method ? "iretq" : "vector"))
			continue;
		test_selectors();
		test_rips(true);
		test_flags();
		test_bases();
		if (!method)
			test_rips(false); /* the vector may stop the domain */
	}
	this_cpu()->hook = NULL;
	CHECK_EQ(user_call(u_syscall, 0, 0), SYSCALL64);
	CHECK_EQ(hc(LODGE_HC_VERSION), start_info->version);
}
