// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: an event that is due anywhere in the iret sequence makes the
 * hypervisor complete the iret and deliver the event from there; no register,
 * flag or event is lost (hypercall.h, struct lodge_callbacks). How: a storm of
 * timer events over returns to user mode and to ring 1, with sentinels in
 * every register. Under QEMU's -singlestep events arrive between any two
 * instructions. Then int $0x83 itself with frames good and bad.
 */
#include "guest.h"
#include "user.h"

static u64 period;
static volatile u64 ticks;

static void storm(u64 port)
{
	ticks++;
	hc(LODGE_HC_SET_TIMER, now() + period);
}

static u64 seed = 88172645463325252;

static u64 random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static bool user_round(u64 round)
{
	struct regs r, want;
	u64 *word = (u64 *)&r;
	u64 gs = random() >> 17;
	int i;

	user_regs(&r, u_syscall);
	for (i = 0; i < 15; i++)
		word[i] = random();
	r.rflags = 2 | X86_IF | (random() & (X86_CF | X86_DF));
	want = r;
	vcpu_page->user_gs = gs;
	if (user_run(&r) != SYSCALL64) {
		test_fail("round %lu: %s at %lx", round, vector_name(r.vector),
			  r.rip);
		return false;
	}
	for (i = 0; i < 15; i++)
		if (i != 4 && i != 12 && word[i] != ((u64 *)&want)[i]) {
			test_fail("round %lu: register %d is %lx, not %lx",
				  round, i, word[i], ((u64 *)&want)[i]);
			return false;
		}
	if (r.rsp != want.rsp || vcpu_page->user_gs != gs ||
	    (r.r11 & (X86_CF | X86_DF | X86_IF)) !=
		    (want.rflags & (X86_CF | X86_DF | X86_IF))) {
		test_fail("round %lu: rsp %lx gs %lx flags %lx", round, r.rsp,
			  vcpu_page->user_gs, r.r11);
		return false;
	}
	return true;
}

/* Ring 1 with interrupts on: an int3 each, all registers kept. */
u64 kernel_rounds(u64 rounds);
asm(".text\n.globl kernel_rounds\nkernel_rounds:\n"
    "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "mov %rdi, %r15\n"
    "mov $0x101, %rax; mov $0x102, %rbx; mov $0x103, %rcx\n"
    "mov $0x104, %rdx; mov $0x105, %rsi; mov $0x106, %rdi\n"
    "mov $0x107, %rbp; mov $0x108, %r8; mov $0x109, %r9\n"
    "mov $0x10a, %r10; mov $0x10b, %r11; mov $0x10c, %r12\n"
    "mov $0x10d, %r13; mov $0x10e, %r14\n"
    "1: stc; int3; jnc 2f\n"
    "cmp $0x101, %rax; jne 2f; cmp $0x102, %rbx; jne 2f\n"
    "cmp $0x103, %rcx; jne 2f; cmp $0x104, %rdx; jne 2f\n"
    "cmp $0x105, %rsi; jne 2f; cmp $0x106, %rdi; jne 2f\n"
    "cmp $0x107, %rbp; jne 2f; cmp $0x108, %r8; jne 2f\n"
    "cmp $0x109, %r9; jne 2f; cmp $0x10a, %r10; jne 2f\n"
    "cmp $0x10b, %r11; jne 2f; cmp $0x10c, %r12; jne 2f\n"
    "cmp $0x10d, %r13; jne 2f; cmp $0x10e, %r14; jne 2f\n"
    "dec %r15; jnz 1b\n"
    "2: mov %r15, %rax\n"
    "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "ret\n");

static bool skip_int3(struct regs *r)
{
	return r->vector == BP && !from_user(r);
}

static void test_storm(u64 rounds)
{
	struct lodge_counters *counters = alloc_page();
	u64 before, left, i, limit = now() + 60000000000;

	hc(LODGE_HC_DEBUG, LODGE_DEBUG_COUNTERS, gpa(counters));
	before = counters->iret_completed;
	this_cpu()->hook = skip_int3;
	irq_on();
	storm(0);
	for (i = 0; i < rounds; i++) {
		irq_off();
		if (!user_round(i))
			break;
		irq_on();
		left = kernel_rounds(10);
		CHECK(!left, "a register was lost in ring 1, %lu left", left);
		CHECK(vcpu_page->vif == 1, "virtual IF was lost in ring 1");
		if (left || now() > limit)
			break;
	}
	irq_off();
	hc(LODGE_HC_SET_TIMER, 0);
	hc(LODGE_HC_DEBUG, LODGE_DEBUG_COUNTERS, gpa(counters));
	printf("  %lu rounds, %lu events, %lu irets completed\n", i, ticks,
	       counters->iret_completed - before);
	CHECK(ticks > 10, "only %lu events", ticks);
	this_cpu()->hook = NULL;
}

/* An event that waits when the sequence begins: int $0x83 in the sequence. */
static void test_pending(void)
{
	u64 before, i;

	for (i = 0; i < 200; i++) {
		irq_off();
		before = ticks;
		period = 1000000000;
		hc(LODGE_HC_SET_TIMER, 1);
		while (!vcpu_page->pending)
			pause();
		if (!user_round(i))
			return;
		CHECK(ticks == before + 1, "%lu events on the way to user",
		      ticks - before);
		hc(LODGE_HC_SET_TIMER, 0);
	}
}

void test_main(void)
{
	period = arg_u64("period", 50000);
	bind_virq(LODGE_VIRQ_TIMER, 0, storm);
	test_storm(arg_u64("rounds", 20000));
	test_pending();
}
