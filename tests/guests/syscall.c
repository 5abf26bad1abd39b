// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: SYSCALL of ring 3 reaches the registered entry with rcx, r11, the user
 * rsp and GS base as documented; in compatibility mode the other entry, or
 * #UD where the processor or the guest has none; int 0x80 arrives as vector
 * 0x80; SYSENTER is refused (R13); SYSCALL executed in ring 1 enters ring 1
 * again and nothing more. R11: no flag of the user survives into the entry.
 * How: each of them with registers full of sentinels and with every flag.
 */
#include "guest.h"
#include "user.h"

static void fill_regs(struct regs *r, void (*rip)(void))
{
	u64 *word = (u64 *)r;
	int i;

	user_regs(r, rip);
	for (i = 0; i < 15; i++)
		word[i] = 0x0101010101010101UL * (u64)(i + 1);
}

/* Everything but rcx and r11 comes back as it went. */
static void check_regs(const struct regs *r, const struct regs *want,
		       const char *what)
{
	const u64 *a = (const u64 *)r, *b = (const u64 *)want;
	int i;

	for (i = 0; i < 15; i++) {
		if (i == 4 || i == 12) /* r11, rcx */
			continue;
		CHECK(a[i] == b[i], "%s: register %d is %lx, not %lx", what, i,
		      a[i], b[i]);
	}
	CHECK(r->rsp == want->rsp, "%s: rsp %lx, not %lx", what, r->rsp,
	      want->rsp);
}

static void test_syscall(void)
{
	struct regs r, want;
	u64 i;

	for (i = 0; i < 1000; i++) {
		fill_regs(&r, u_syscall);
		r.rsp = USER_STACK_TOP - 8 * i;
		want = r;
		vcpu_page->user_gs = 0x1234560000 + i;
		CHECK_EQ(user_run(&r), SYSCALL64);
		check_regs(&r, &want, "SYSCALL");
		CHECK(r.rip == want.rip + 2 && r.rcx == r.rip,
		      "SYSCALL: rip %lx rcx %lx", r.rip, r.rcx);
		CHECK(vcpu_page->user_gs == 0x1234560000 + i,
		      "the user's GS base became %lx", vcpu_page->user_gs);
		CHECK(rdgsbase() == (u64)this_cpu(), "kernel GS base %lx",
		      rdgsbase());
	}
}

static void test_user_state(void)
{
	struct regs r;

	user_regs(&r, u_state);
	vcpu_page->user_gs = 0x7fff12345678;
	CHECK_EQ(user_run(&r), SYSCALL64);
	CHECK_EQ(r.rax, LODGE_USER_CS);
	CHECK_EQ(r.rbx, LODGE_USER_DS);
	CHECK(r.rbp == 0x7fff12345678, "GS base in user mode is %lx", r.rbp);
	CHECK((r.rdx & (X86_IF | X86_IOPL)) == X86_IF, "user flags %lx", r.rdx);
}

u64 entry_flags;
char *catcher_stack;
void catcher(void);

/*
 * An entry that notes the flags it is entered with, then goes the usual way.
 * Only rsp is touched.
 */
asm(".text\n.globl catcher\ncatcher:\n"
    "mov catcher_stack, %rsp\n"
    "pushfq\n popq entry_flags\n"
    "jmp syscall_entry\n");

static struct lodge_callbacks callbacks __attribute__((aligned(128)));

static void test_flags(void)
{
	static const u64 flags[] = { X86_NT,
				     X86_DF,
				     X86_AC,
				     X86_CF,
				     X86_TF,
				     X86_IOPL,
				     X86_RF,
				     1 << 21, /* ID */
				     X86_NT | X86_DF | X86_AC | X86_TF };
	const u64 never = X86_NT | X86_DF | X86_AC | X86_TF | X86_IOPL |
			  1 << 17 | X86_RF;
	struct regs r;
	size_t i;

	catcher_stack = this_cpu()->exc_stack;
	default_callbacks(&callbacks);
	callbacks.syscall = (u64)catcher;
	CHECK_EQ(hc(LODGE_HC_SET_CALLBACKS, gpa(&callbacks)), 0);
	for (i = 0; i < array_size(flags); i++) {
		user_regs(&r, u_flags_syscall);
		r.rdi = flags[i] | 2 | X86_IF;
		user_run(&r);
		if (flags[i] & X86_TF && r.vector == DB)
			continue; /* the step after popf came first */
		CHECK(r.vector == SYSCALL64, "flags %lx: %s", flags[i],
		      vector_name(r.vector));
		CHECK(!(entry_flags & never) && entry_flags & X86_IF,
		      "flags %lx reach ring 1 as %lx", flags[i], entry_flags);
	}
	set_callbacks();
}

static void run_compat(struct regs *r, void (*rip)(void))
{
	user_regs(r, rip);
	r->cs = LODGE_USER32_CS;
	user_run(r);
}

static void test_compat(void)
{
	struct regs r;

	run_compat(&r, u32_int80);
	CHECK(r.vector == 0x80 && r.cs == LODGE_USER32_CS,
	      "int 0x80 of 32-bit code: %s, cs %lx", vector_name(r.vector),
	      r.cs);
	run_compat(&r, u32_syscall);
	CHECK(r.vector == SYSCALL32 || r.vector == UD,
	      "SYSCALL of 32-bit code: %s", vector_name(r.vector));
	printf("  32-bit SYSCALL: %s\n", vector_name(r.vector));
	if (r.vector == SYSCALL32)
		CHECK(r.rdi == 0x4321 && r.rcx == (u64)u32_syscall + 7,
		      "32-bit SYSCALL: rcx %lx", r.rcx);
	run_compat(&r, u32_sysenter);
	CHECK(r.vector == GP || r.vector == UD, "SYSENTER of 32-bit code: %s",
	      vector_name(r.vector));
	run_compat(&r, u32_far);
	CHECK_EQ(r.vector, SYSCALL64);
	run_compat(&r, u32_into);
	CHECK_EQ(r.vector, OF);
	run_compat(&r, u32_bound);
	CHECK_EQ(r.vector, BR);
	run_compat(&r, u32_hyper);
	CHECK_EQ(r.vector, GP);
	/* Without a 32-bit entry it is #UD at the instruction. */
	default_callbacks(&callbacks);
	callbacks.syscall32 = 0;
	CHECK_EQ(hc(LODGE_HC_SET_CALLBACKS, gpa(&callbacks)), 0);
	run_compat(&r, u32_syscall);
	CHECK(r.vector == UD && r.rip == (u64)u32_syscall + 5,
	      "SYSCALL without an entry: %s at %lx", vector_name(r.vector),
	      r.rip);
	CHECK(r.cs == LODGE_USER32_CS && r.rsp == USER_STACK_TOP - 64,
	      "SYSCALL without an entry: cs %lx rsp %lx", r.cs, r.rsp);
	set_callbacks();
}

static void test_int80(void)
{
	struct regs r, want;

	fill_regs(&r, u_int80);
	want = r;
	CHECK_EQ(user_run(&r), 0x80);
	check_regs(&r, &want, "int 0x80");
	CHECK(r.rcx == want.rcx && r.r11 == want.r11, "int 0x80 changes rcx");
	CHECK(r.rip == want.rip + 2 && r.error == 0, "int 0x80: rip %lx",
	      r.rip);
	CHECK_EQ(user_call(u_sysenter, 0, 0) == GP ||
			 this_cpu()->fault.vector == UD,
		 1);
}

/* In ring 1 the instruction enters ring 1: no privilege is won by it. */
static u64 ring1_syscall(u64 a, u64 b, u64 c)
{
	asm volatile("syscall" ::: "rcx", "r11", "memory");
	return 0;
}

static bool caught;

static bool catch (struct regs *r)
{
	struct cpu *cpu = this_cpu();
	u64 save = cpu->probe_save;

	if (r->vector != SYSCALL64 || !save)
		return false;
	caught = true;
	cpu->probe_save = 0;
	vcpu_page->user_gs = 0;
	wrgsbase((u64)cpu);
	cpu->fault = *r;
	probe_leave(save);
}

static void test_ring1(void)
{
	this_cpu()->hook = catch;
	CHECK_EQ(probe(ring1_syscall, 0, 0, 0), SYSCALL64);
	CHECK(caught, "SYSCALL in ring 1 went elsewhere");
	this_cpu()->hook = NULL;
}

void test_main(void)
{
	test_syscall();
	test_user_state();
	test_flags();
	test_int80();
	test_compat();
	test_ring1();
}
