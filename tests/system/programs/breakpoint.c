// SPDX-License-Identifier: GPL-2.0-only
/*
 * breakpoint: hardware breakpoints by ptrace. A tracer sets DR0 to DR3 of a
 * child through PTRACE_POKEUSER: an execution breakpoint, a write and a
 * read/write watchpoint must stop the child at the right place with the
 * right bit in DR6; removed ones must not; another process that does the
 * same is not stopped; single steps stop after each instruction.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "check.h"

#define ENABLE(n) (1ul << (2 * (n)))
#define TYPE(n, type, length) \
	((unsigned long)((type) | (length) << 2) << (16 + 4 * (n)))
#define EXECUTE 0
#define WRITE 1
#define READ_WRITE 3
#define LENGTH_8 2

static volatile uint64_t watched[4] __attribute__((aligned(64)));
static pid_t child;

__attribute__((noinline)) static void landmark(void)
{
	asm volatile("nop; nop; nop");
}

/* Each round: a stop, then everything that may be watched. */
static void work(void)
{
	for (;;) {
		raise(SIGSTOP);
		landmark();
		watched[0] = 1;
		(void)watched[1];
		watched[2]++;
	}
}

static void set_debug(int n, unsigned long value)
{
	check(!ptrace(PTRACE_POKEUSER, child,
		      offsetof(struct user, u_debugreg[n]), value),
	      "DR%d = %#lx", n, value);
}

static unsigned long get_debug(int n)
{
	errno = 0;
	return ptrace(PTRACE_PEEKUSER, child,
		      offsetof(struct user, u_debugreg[n]), 0);
}

/* Lets the child go on; returns the signal that stops it. */
static int next_stop(int request)
{
	int status;

	check(!ptrace(request, child, 0, 0), "ptrace");
	check(waitpid(child, &status, 0) == child, "waitpid");
	check(WIFSTOPPED(status), "status %#x", status);
	return WSTOPSIG(status);
}

static unsigned long rip(void)
{
	struct user_regs_struct regs;

	check(!ptrace(PTRACE_GETREGS, child, 0, &regs), "GETREGS");
	return regs.rip;
}

static void expect_trap(int n, const char *what)
{
	int sig = next_stop(PTRACE_CONT);
	unsigned long dr6;

	check(sig == SIGTRAP, "%s: signal %d", what, sig);
	dr6 = get_debug(6);
	check((dr6 & 15) == 1ul << n, "%s: DR6 %#lx", what, dr6);
	set_debug(6, 0);
}

static void expect_no_trap(const char *what)
{
	int sig = next_stop(PTRACE_CONT);

	check(sig == SIGSTOP, "%s: signal %d at %#lx", what, sig, rip());
}

static void test_execution(void)
{
	set_debug(0, (unsigned long)landmark);
	set_debug(7, ENABLE(0) | TYPE(0, EXECUTE, 0));
	expect_trap(0, "execution");
	check(rip() == (unsigned long)landmark, "stopped at %#lx", rip());
	expect_no_trap("after execution");
	set_debug(7, 0);
	expect_no_trap("execution, disabled");
}

static void test_watchpoints(void)
{
	set_debug(1, (unsigned long)&watched[0]);
	set_debug(2, (unsigned long)&watched[1]);
	set_debug(3, (unsigned long)&watched[2]);
	set_debug(7, ENABLE(1) | TYPE(1, WRITE, LENGTH_8) |
		  ENABLE(2) | TYPE(2, READ_WRITE, LENGTH_8) |
		  ENABLE(3) | TYPE(3, WRITE, LENGTH_8));
	expect_trap(1, "write");
	expect_trap(2, "read");
	expect_trap(3, "read-modify-write");
	expect_no_trap("after three");
	set_debug(7, ENABLE(2) | TYPE(2, WRITE, LENGTH_8));
	expect_no_trap("write watchpoint, only read");
	set_debug(7, 0);
	expect_no_trap("watchpoints, disabled");
}

static void test_bad_addresses(void)
{
	static const unsigned long bad[] = {
		0xffffffff81000000, /* kernel */
		0xffff800000005000, /* hypervisor */
		0xfffffffffffffff8, 0x800000000000,
	};

	for (int i = 0; i < 4; i++)
		check(ptrace(PTRACE_POKEUSER, child,
			     offsetof(struct user, u_debugreg[0]), bad[i]) ||
		      ptrace(PTRACE_POKEUSER, child,
			     offsetof(struct user, u_debugreg[7]),
			     ENABLE(0) | TYPE(0, WRITE, LENGTH_8)),
		      "a breakpoint at %#lx was taken", bad[i]);
	set_debug(7, 0);
	set_debug(0, 0);
}

static void test_single_step(void)
{
	unsigned long last = rip(), here;

	for (int i = 0; i < 200; i++) {
		int sig = next_stop(PTRACE_SINGLESTEP);

		check(sig == SIGTRAP || sig == SIGSTOP, "signal %d", sig);
		here = rip();
		if (sig == SIGTRAP && here == last)
			check(i, "no step at %#lx", here);
		last = here;
	}
	/* Wherever that was, the next round ends at the stop. */
	expect_no_trap("after single steps");
}

/* A child of another tracer that must see its own breakpoints only. */
static void bystander(void)
{
	for (;;) {
		landmark();
		watched[0] = 1;
	}
}

int main(void)
{
	pid_t other = fork();
	int status;

	check(other >= 0, "fork");
	if (!other)
		bystander();
	child = fork();
	check(child >= 0, "fork");
	if (!child) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		work();
	}
	check(waitpid(child, &status, 0) == child && WIFSTOPPED(status),
	      "first stop");
	for (int i = 0; i < 50; i++) {
		test_execution();
		test_watchpoints();
	}
	test_bad_addresses();
	test_single_step();
	check(!waitpid(other, &status, WNOHANG), "bystander died: %#x",
	      status);
	kill(other, SIGKILL);
	kill(child, SIGKILL);
	printf("breakpoint: all as expected\n");
	return 0;
}
