// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack with selectors (R5, R14): every selector of GDT and LDT loaded into
 * each segment register, called, jumped and returned to from ring 1 and ring
 * 3, with an LDT full of what SET_LDT accepts. Expected: nothing leads to ring
 * 0, code reached has the RPL of where it came from, the rest is an exception
 * that names the selector.
 */
#include "guest.h"
#include "user.h"

static u64 load_ds(u64 s, u64 b, u64 c)
{
	asm volatile("mov %w0, %%ds" ::"r"(s));
	return 0;
}

static u64 load_es(u64 s, u64 b, u64 c)
{
	asm volatile("mov %w0, %%es" ::"r"(s));
	return 0;
}

static u64 load_fs(u64 s, u64 b, u64 c)
{
	asm volatile("mov %w0, %%fs" ::"r"(s));
	return 0;
}

static u64 load_ss(u64 s, u64 b, u64 c)
{
	asm volatile("mov %w0, %%ss; mov %w1, %%ss" ::"r"(s),
		     "r"(LODGE_KERNEL_DS));
	return 0;
}

/* Where far transfers lead: returns CS to the caller of far_*(). */
u64 far_call(u64 selector, u64 b, u64 c);
u64 far_jump(u64 selector, u64 b, u64 c);
u64 far_return(u64 selector, u64 b, u64 c);
struct {
	u64 rip;
	u16 cs;
} far_target __attribute__((used));

asm(".text\n"
    "far_landing: mov %cs, %eax; mov %rbp, %rsp; pop %rbp; ret\n"
    ".globl far_call\nfar_call: push %rbp; mov %rsp, %rbp\n"
    "lea far_landing(%rip), %rax; mov %rax, far_target\n"
    "mov %di, far_target + 8; rex.w lcall *far_target\n ud2\n"
    ".globl far_jump\nfar_jump: push %rbp; mov %rsp, %rbp\n"
    "lea far_landing(%rip), %rax; mov %rax, far_target\n"
    "mov %di, far_target + 8; rex.w ljmp *far_target\n ud2\n"
    ".globl far_return\nfar_return: push %rbp; mov %rsp, %rbp\n"
    "push %rsi; push %rsp; push %rdi\n"
    "lea far_landing(%rip), %rax; push %rax; lretq\n ud2\n");

/* The same in ring 3: rdi = selector; rax = CS after it. */
void user_call_far(void);
void user_return_far(void);
void user_load(void);
asm(".section .utext, \"ax\"\n"
    "1: mov %cs, %eax; syscall\n ud2\n"
    ".globl user_call_far\nuser_call_far:\n"
    "lea 1b(%rip), %rax; push %rdi; push %rax\n"
    "rex.w lcall *(%rsp)\n ud2\n"
    ".globl user_return_far\nuser_return_far:\n"
    "lea 1b(%rip), %rax; push %rdi; push %rax; lretq\n ud2\n"
    ".globl user_load\nuser_load:\n"
    "mov %di, %ds; mov %di, %es; mov %di, %fs; mov %di, %gs\n"
    "mov %cs, %eax; syscall\n ud2\n"
    ".text\n");

static void check_cs(const char *what, u64 selector, u64 cs, u64 rpl)
{
	CHECK((cs & 3) == rpl, "%s %lx runs with CS %lx", what, selector, cs);
}

static u64 reached;

static void try_ring1(u64 selector)
{
	static u64 (*const far[])(u64, u64, u64) = { far_call, far_jump,
						     far_return };
	struct cpu *cpu = this_cpu();
	size_t i;

	probe(load_ds, selector, 0, 0);
	probe(load_es, selector, 0, 0);
	probe(load_fs, selector, 0, 0);
	/* QEMU makes a null SS in ring 1 an entry into ring 0. */
	if (selector > 3 || !on_qemu())
		probe(load_ss, selector, 0, 0);
	for (i = 0; i < array_size(far); i++)
		if (probe(far[i], selector, LODGE_USER_DS, 0) == NO_FAULT) {
			check_cs("ring 1: selector", selector, cpu->fault.rax,
				 1);
			reached++;
		}
	probe(load_ds, 0, 0, 0);
	probe(load_es, 0, 0, 0);
	probe(load_fs, 0, 0, 0);
}

static void try_ring3(u64 selector)
{
	static void (*const rip[])(void) = { user_call_far, user_return_far,
					     user_load };
	struct cpu *cpu = this_cpu();
	size_t i;

	for (i = 0; i < array_size(rip); i++)
		if (user_call(rip[i], selector, 0) == SYSCALL64) {
			check_cs("ring 3: selector", selector, cpu->fault.rax,
				 3);
			reached++;
		}
}

static void fill_ldt(void)
{
	static const u64 kind[] = {
		0x00cff3000000ffff, 0x00affb000000ffff, 0x00cffb000000ffff,
		0x00cff1000000ffff, 0x00cf73000000ffff, 0,
		0x00cff5000000ffff, 0x00cff7000000ffff, 0x00af7b000000ffff,
	};
	u64 *ldt = alloc_page(), *list = alloc_page(), i;

	list[0] = gpa(ldt);
	for (i = 0; i < 512; i++)
		ldt[i] = kind[i % array_size(kind)];
	if (hc(LODGE_HC_SET_LDT, gpa(list), 512)) {
		/* Rare kinds may be refused: the plain ones then. */
		for (i = 0; i < 512; i++)
			ldt[i] = kind[i % 3];
		CHECK_EQ(hc(LODGE_HC_SET_LDT, gpa(list), 512), 0);
	}
}

void test_main(void)
{
	u64 selector;

	fill_ldt();
	for (selector = 0; selector < 0x140; selector++) {
		try_ring1(selector);
		try_ring3(selector);
	}
	for (; selector < 0x10000; selector += 0x1ff9) {
		try_ring1(selector);
		try_ring3(selector);
	}
	hc(LODGE_HC_SET_LDT, 0, 0);
	/* Selectors of the LDT that is gone. */
	for (selector = 4; selector < 0x40; selector += 8) {
		try_ring1(selector | 3);
		try_ring3(selector | 3);
	}
	printf("  %lu far transfers went somewhere\n", reached);
	CHECK_EQ(user_call(u_syscall, 0, 0), SYSCALL64);
	CHECK_EQ(hc(LODGE_HC_VERSION), start_info->version);
}
