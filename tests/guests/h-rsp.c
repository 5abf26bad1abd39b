// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack with the stack pointer (R2, R3): ring 1 and ring 3 enter the
 * hypervisor in every way while rsp points at the live entry stack, at the
 * IST stacks, at the vCPU page, at read-only pages of the entry area, at
 * nothing, at addresses that are not canonical; also with sp0 and df_sp like
 * that (mode=sp0, mode=df) or in the vCPU page (mode=vcpu), which may end the
 * domain. Expected: hypercalls
 * work, exceptions reach the guest or become #DF on df_sp, and ring 0 never
 * writes a frame where rsp points.
 */
#include "guest.h"
#include "user.h"

static const u64 stacks[] = {
	LODGE_AREA_BASE + 0x7000,
	LODGE_AREA_BASE + 0x6ff8,
	LODGE_AREA_BASE + 0x6f60,
	LODGE_AREA_BASE + 0x6f00,
	LODGE_AREA_BASE + 0x6800,
	LODGE_AREA_BASE + 0x6008,
	LODGE_AREA_BASE + 0x8000,
	LODGE_AREA_BASE + 0x9000,
	LODGE_AREA_BASE + 0xa000,
	LODGE_AREA_BASE + 0xb000,
	LODGE_AREA_BASE + 0x6000,
	LODGE_AREA_BASE + 0x5000,
	LODGE_AREA_BASE + 0x4000,
	LODGE_AREA_BASE + 0x3000,
	LODGE_AREA_BASE + 0x1000,
	LODGE_AREA_BASE,
	0,
	8,
	-1UL,
	1UL << 63,
	0x0000800000000000,
	0xffff7ffffffffff8,
	KMAP_BASE,
	0xfee00000,
	LODGE_AREA_BASE + 0x10000000,
};

/* Each runs one instruction with rsp = a and comes back on the old stack. */
#define WITH_STACK(name, insn)                                       \
	u64 name(u64 a, u64 b, u64 c);                               \
	asm(".text\n.globl " #name "\n" #name ":\n"                  \
	    "push %rbp; push %rbx; mov %rsp, %rbp; mov %rdi, %rsp\n" \
	    "mov $0x7000, %edi; xor %eax, %eax\n" insn "\n"          \
	    "mov %rbp, %rsp; pop %rbx; pop %rbp; ret\n")

WITH_STACK(on_hypercall, "int $0x82");
WITH_STACK(on_root, "int $0x84");
WITH_STACK(on_ud2, "ud2");
WITH_STACK(on_int3, "int3");
WITH_STACK(on_int80, "int $0x80");
WITH_STACK(on_gp, "mov %rax, %cr4");
WITH_STACK(on_emulated, "mov %cr4, %rax");
WITH_STACK(on_fault, "mov 0x30000000, %al");
WITH_STACK(on_kernel_fault, "movabs 0xffff960000400000, %al");
WITH_STACK(on_push, "push %rax");
WITH_STACK(on_syscall, "syscall");
WITH_STACK(on_icebp, ".byte 0xf1");
WITH_STACK(on_spin, "mov $2000000, %ecx; 1: dec %ecx; jnz 1b");

typedef u64 (*ring1_fn)(u64, u64, u64);
static const ring1_fn fn[] = {
	on_hypercall, on_root,	on_ud2,		 on_int3, on_int80,   on_gp,
	on_emulated,  on_fault, on_kernel_fault, on_push, on_syscall, on_icebp,
};

static volatile u64 ticks;

static void tick(u64 port)
{
	ticks++;
}

static bool escape(struct regs *r)
{
	struct cpu *cpu = this_cpu();
	u64 save = cpu->probe_save;

	if (r->vector != SYSCALL64 || !save)
		return false;
	cpu->probe_save = 0;
	wrgsbase((u64)cpu);
	cpu->fault = *r;
	probe_leave(save);
}

static void sane(u64 stack)
{
	if (hc(LODGE_HC_VERSION) != start_info->version ||
	    user_call(u_syscall, 0, 0) != SYSCALL64)
		test_fatal("not sane after rsp = %lx", stack);
}

static void test_ring1(void)
{
	struct lodge_vcpu_page saved;
	size_t i, n;

	for (i = 0; i < array_size(stacks); i++)
		for (n = 0; n < array_size(fn); n++) {
			u64 vector;

			memcpy(&saved, (void *)LODGE_AREA_VCPU, sizeof(saved));
			vector = probe(fn[n], stacks[i], 0, 0);
			vcpu_page->sp0 = saved.sp0;
			vcpu_page->df_sp = saved.df_sp;
			vcpu_page->kernel_gs = saved.kernel_gs;
			vcpu_page->vif = vcpu_page->pending = 0;
			if (n < 2)
				CHECK(vector == NO_FAULT,
				      "hypercall with rsp %lx: %s", stacks[i],
				      vector_name(vector));
			sane(stacks[i]);
		}
}

/*
 * Events and physical interrupts, with interrupts off: nothing is pushed to
 * the guest's stack.
 */
static void test_interrupts(void)
{
	size_t i;

	for (i = 0; i < array_size(stacks); i++) {
		hc(LODGE_HC_SET_TIMER, now() + 300000);
		CHECK_EQ(probe(on_spin, stacks[i], 0, 0), NO_FAULT);
		hc(LODGE_HC_SET_TIMER, 0);
		irq_on();
		irq_off();
		sane(stacks[i]);
	}
}

static void test_ring3(void)
{
	static void (*const rip[])(void) = { u_syscall, u_int80, u_int3, u_ud2,
					     u_divide,	u_read,	 u_cli };
	struct regs r;
	size_t i, n;

	for (i = 0; i < array_size(stacks); i++)
		for (n = 0; n < array_size(rip); n++) {
			user_regs(&r, rip[n]);
			r.rdi = 0x30000000;
			r.rsp = stacks[i];
			user_run(&r);
			CHECK(r.rsp == stacks[i], "rsp %lx became %lx",
			      stacks[i], r.rsp);
			sane(stacks[i]);
		}
}

/* Frames pulled over the vCPU page's own fields: the guest's own loss. */
static void test_vcpu_page(void)
{
	u64 stack;

	for (stack = LODGE_AREA_VCPU + 8; stack < LODGE_AREA_VCPU + 0x200;
	     stack += 8) {
		probe(on_ud2, stack, 0, 0);
		probe(on_kernel_fault, stack, 0, 0);
	}
}

/* sp0 that leads nowhere: #DF on df_sp, or the domain ends. */
static void test_sp0(void)
{
	size_t i = arg_u64("stack", 0) % array_size(stacks);

	vcpu_page->sp0 = stacks[i];
	asm volatile("" ::: "memory");
	{
		static struct regs r;
		static u64 save;

		memset(&r, 0, sizeof(r));
		r.rip = (u64)u_ud2;
		r.cs = LODGE_USER_CS;
		r.ss = LODGE_USER_DS;
		r.rsp = USER_STACK_TOP - 64;
		r.rflags = X86_IF | 2;
		vcpu_page->vif = 0;
		user_enter(&r, &save);
	}
}

static void test_df(void)
{
	vcpu_page->df_sp = stacks[arg_u64("stack", 0) % array_size(stacks)];
	on_ud2(KMAP_BASE, 0, 0);
}

void test_main(void)
{
	bind_virq(LODGE_VIRQ_TIMER, 0, tick);
	this_cpu()->hook = escape;
	if (arg_is("mode", "sp0"))
		test_sp0();
	else if (arg_is("mode", "df"))
		test_df();
	else if (arg_is("mode", "vcpu"))
		test_vcpu_page();
	test_ring1();
	test_interrupts();
	test_ring3();
	printf("  %lu ticks\n", ticks);
}
