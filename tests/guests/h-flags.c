// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack with flags and pending debug traps (R9, R10, R11): NT, AC, DF, TF,
 * RF, IOPL and ID set over every entry from both rings; MOV SS from a watched
 * word followed by the instruction that enters ring 0, so that the #DB hits
 * the first instruction of the stub. Expected: the hypervisor does not
 * notice, the guest gets its exceptions or loses them.
 */
#include "guest.h"
#include "user.h"

/* Ring 1: flags in rdi, then one way in; leaves the flags as they were. */
#define FLAGS_THEN(name, insn)                        \
	u64 name(u64 flags, u64 b, u64 c);            \
	asm(".text\n.globl " #name "\n" #name ":\n"   \
	    "push %rbx; push %rdi; popfq\n" insn "\n" \
	    "pushq $2; popfq; pop %rbx; ret\n")

FLAGS_THEN(flags_hypercall, "xor %eax, %eax; int $0x82");
FLAGS_THEN(flags_root, "mov $0x7000, %edi; int $0x84");
FLAGS_THEN(flags_ud2, "ud2");
FLAGS_THEN(flags_int3, "int3");
FLAGS_THEN(flags_int80, "int $0x80");
FLAGS_THEN(flags_fault, "mov 0x30000000, %al");
FLAGS_THEN(flags_gp, "mov %cr3, %rax");
FLAGS_THEN(flags_syscall, "syscall");

typedef u64 (*ring1_fn)(u64, u64, u64);

static bool swallow(struct regs *r)
{
	struct cpu *cpu = this_cpu();
	u64 save = cpu->probe_save;

	if (r->vector == DB) {
		r->rflags &= ~(u64)X86_TF;
		return true;
	}
	if (r->vector == SYSCALL64 && save) {
		cpu->probe_save = 0;
		wrgsbase((u64)cpu);
		cpu->fault = *r;
		probe_leave(save);
	}
	/* A breakpoint on an entry finds no stack there yet. */
	if (r->vector == DF && cpu->user_save) {
		wrgsbase((u64)cpu);
		cpu->fault = *r;
		user_leave(cpu->user_save);
	}
	return false;
}

static const u64 flags[] = {
	X86_NT,
	X86_AC,
	X86_DF,
	1 << 21,
	X86_IOPL,
	X86_RF,
	1 << 17,
	1 << 19 | 1 << 20,
	X86_TF,
	X86_TF | X86_NT | X86_DF,
	X86_NT | X86_AC | X86_DF | X86_IOPL | 1 << 21,
	0xffffffffUL & ~X86_TF,
	0xffffffffUL,
	0,
};

static void test_ring1_flags(void)
{
	static const ring1_fn fn[] = { flags_hypercall, flags_root,
				       flags_ud2,	flags_int3,
				       flags_int80,	flags_fault,
				       flags_gp,	flags_syscall };
	size_t i, n;

	for (i = 0; i < array_size(fn); i++)
		for (n = 0; n < array_size(flags); n++) {
			probe(fn[i], flags[n] | 2, 0, 0);
			CHECK_EQ(hc(LODGE_HC_VERSION), start_info->version);
		}
}

static void test_ring3_flags(void)
{
	static void (*const rip[])(void) = { u_syscall, u_int80,
					     u_ud2,	u_int3,
					     u_divide,	u_flags_syscall };
	struct regs r;
	size_t i, n;

	for (i = 0; i < array_size(rip); i++)
		for (n = 0; n < array_size(flags); n++) {
			user_regs(&r, rip[i]);
			r.rdi = flags[n] | 2 | X86_IF;
			r.rflags = flags[n] | 2 | X86_IF;
			user_run(&r);
			CHECK(r.vector < 0x200, "vector %lx", r.vector);
		}
}

/* ----------------------------------------------------------- MOV SS traps */

u64 watched_ss = LODGE_KERNEL_DS;

#define SS_THEN(name, insn)                                  \
	u64 name(u64 a, u64 b, u64 c);                       \
	asm(".text\n.globl " #name "\n" #name ":\n"          \
	    "push %rbx; xor %eax, %eax; mov $0x7000, %edi\n" \
	    "mov watched_ss, %ss\n" insn "\n"                \
	    "pop %rbx; ret\n")

SS_THEN(ss_hypercall, "int $0x82");
SS_THEN(ss_root, "int $0x84");
SS_THEN(ss_int3, "int3");
SS_THEN(ss_int80, "int $0x80");
SS_THEN(ss_ud2, "ud2");
SS_THEN(ss_syscall, "syscall");
SS_THEN(ss_fault, "mov 0x30000000, %al");
SS_THEN(ss_gp, "mov %cr3, %rax");
SS_THEN(ss_int1, "int $1");
SS_THEN(ss_icebp, ".byte 0xf1");

/* Ring 3: the word stands in user data. */
#define USER_SS_THEN(name, insn)                                      \
	void name(void);                                              \
	asm(".section .utext, \"ax\"\n.globl " #name "\n" #name ":\n" \
	    "mov (%rdi), %ss\n" insn "\n syscall\n ud2\n.text\n")

USER_SS_THEN(user_ss_syscall, "syscall");
USER_SS_THEN(user_ss_int80, "int $0x80");
USER_SS_THEN(user_ss_int3, "int3");
USER_SS_THEN(user_ss_ud2, "ud2");
USER_SS_THEN(user_ss_fault, "mov 0x30000000, %al");
USER_SS_THEN(user_ss_int82, "int $0x82");
USER_SS_THEN(user_ss_icebp, ".byte 0xf1");

u64 user_ss __udata = LODGE_USER_DS;

static void watch(u64 address)
{
	CHECK_EQ(hc(LODGE_HC_SET_DEBUGREG, 0, address), 0);
	/* Read or write, 8 bytes, breakpoint 0, local and global. */
	CHECK_EQ(hc(LODGE_HC_SET_DEBUGREG, 7, 0xb0403), 0);
}

static void test_mov_ss(void)
{
	static const ring1_fn fn[] = { ss_hypercall, ss_root, ss_int3,
				       ss_int80,     ss_ud2,  ss_syscall,
				       ss_fault,     ss_gp,   ss_int1,
				       ss_icebp };
	static void (*const rip[])(void) = {
		user_ss_syscall, user_ss_int80, user_ss_int3,  user_ss_ud2,
		user_ss_fault,	 user_ss_int82, user_ss_icebp,
	};
	u64 user_address;
	size_t i;
	int n;

	asm("mov $user_ss, %0" : "=r"(user_address));
	watch((u64)&watched_ss);
	for (n = 0; n < 20; n++)
		for (i = 0; i < array_size(fn); i++) {
			probe(fn[i], 0, 0, 0);
			CHECK_EQ(hc(LODGE_HC_VERSION), start_info->version);
		}
	watch(user_address & -8UL);
	for (n = 0; n < 20; n++)
		for (i = 0; i < array_size(rip); i++)
			user_call(rip[i], user_address, 0);
	/* A watched user stack: the frame is not on it, but the word is. */
	watch(USER_STACK_TOP - 64);
	for (i = 0; i < array_size(flags); i++)
		user_call(u_flags_syscall, flags[i] | 2, 0);
	CHECK_EQ(hc(LODGE_HC_SET_DEBUGREG, 7, 0x400), 0);
}

/* Breakpoints on everything that the exception path touches in the guest. */
static void test_own_entries(void)
{
	static char *const place[] = { exception_entry, syscall_entry,
				       iret_sequence, iret_saved };
	size_t i;

	for (i = 0; i < array_size(place); i++) {
		hc(LODGE_HC_SET_DEBUGREG, 1, (u64)place[i]);
		hc(LODGE_HC_SET_DEBUGREG, 7, 0x40c);
		if (i == 1) /* the others never end by themselves */
			user_call(u_syscall, 0, 0);
		hc(LODGE_HC_SET_DEBUGREG, 7, 0x400);
	}
}

void test_main(void)
{
	this_cpu()->hook = swallow;
	test_ring1_flags();
	test_ring3_flags();
	test_mov_ss();
	test_own_entries();
	CHECK_EQ(user_call(u_syscall, 0, 0), SYSCALL64);
}
