// SPDX-License-Identifier: GPL-2.0-only
/*
 * compat32: a 32-bit program. System calls by int 0x80 and by the vDSO's
 * entry (SYSENTER or SYSCALL, as the processor is) keep registers and give
 * results; signals, faults, TLS, fork and exec work, and so do far jumps to
 * 64-bit code and back.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "check.h"

static volatile int signals;
static sigjmp_buf jump;
static __thread int own = 42;
static uint32_t vsyscall;

static void handler(int sig)
{
	(void)sig;
	signals++;
}

static void fault_handler(int sig)
{
	siglongjmp(jump, sig);
}

static long int80(long number)
{
	long result, b = 0x1b1b, c = 0x2c2c, d = 0x3d3d, s = 0x4e4e;

	asm volatile("int $0x80"
		     : "=a"(result), "+b"(b), "+c"(c), "+d"(d), "+S"(s)
		     : "a"(number)
		     : "memory");
	check(b == 0x1b1b && c == 0x2c2c && d == 0x3d3d && s == 0x4e4e,
	      "int 0x80 changed a register");
	return result;
}

static long by_vdso(long number)
{
	long result, b = 0x1b1b, c = 0x2c2c, d = 0x3d3d, s = 0x4e4e;

	asm volatile("call *vsyscall"
		     : "=a"(result), "+b"(b), "+c"(c), "+d"(d), "+S"(s)
		     : "a"(number)
		     : "memory");
	check(b == 0x1b1b && c == 0x2c2c && d == 0x3d3d && s == 0x4e4e,
	      "the vDSO's entry changed a register");
	return result;
}

static void test_calls(void)
{
	long pid = getpid();

	for (int i = 0; i < 2000; i++) {
		check(int80(SYS_getpid) == pid, "int 0x80");
		check(int80(9999) == -ENOSYS, "int 0x80, no such call");
		if (vsyscall) {
			check(by_vdso(SYS_getpid) == pid, "vDSO");
			check(by_vdso(9999) == -ENOSYS, "vDSO");
		}
	}
}

static void test_signals(void)
{
	struct sigaction sa = { .sa_handler = handler };

	check(!sigaction(SIGUSR1, &sa, 0), "sigaction");
	for (int i = 0; i < 500; i++)
		raise(SIGUSR1);
	check(signals == 500, "%d signals", signals);
	check(own == 42, "TLS %d", own);
}

static int fault(int which)
{
	volatile int *volatile low = (int *)16;
	int sig = sigsetjmp(jump, 1);

	if (sig)
		return sig;
	if (which == 0)
		*low = 0;
	else if (which == 1)
		asm volatile("ud2");
	else if (which == 2)
		asm volatile("int3");
	else if (which == 3)
		asm volatile("hlt");
	else if (which == 4)
		asm volatile("mov $0xffff, %%eax; mov %%ax, %%fs" : : : "eax");
	else if (which == 5)
		asm volatile("xor %%edx, %%edx; mov $1, %%eax; div %%edx"
			     : : : "eax", "edx");
	return 0;
}

static void test_faults(void)
{
	static const int wanted[] = { SIGSEGV, SIGILL, SIGTRAP, SIGSEGV,
				      SIGSEGV, SIGFPE };
	struct sigaction sa = { .sa_handler = fault_handler };

	check(!sigaction(SIGSEGV, &sa, 0) && !sigaction(SIGILL, &sa, 0) &&
	      !sigaction(SIGTRAP, &sa, 0) && !sigaction(SIGFPE, &sa, 0),
	      "sigaction");
	for (int round = 0; round < 100; round++)
		for (int i = 0; i < 6; i++) {
			int sig = fault(i);

			check(sig == wanted[i], "fault %d: signal %d", i, sig);
		}
	for (int i = 0; i < 6; i++)
		signal(wanted[i], SIG_DFL);
}

/* Through selector 0x33 to 64-bit code and back; rdi is 64 bits wide there. */
static void test_far(void)
{
	uint32_t low = 0, high = 0;

	for (int i = 0; i < 1000; i++)
		asm volatile("ljmp $0x33, $1f\n"
			     "1: .byte 0x48, 0xb8\n" /* movabs, rax */
			     ".quad 0x1122334455667788\n"
			     ".byte 0x48, 0x89, 0xc2\n" /* mov rax, rdx */
			     ".byte 0x48, 0xc1, 0xea, 0x20\n" /* shr 32, rdx */
			     /* push 0x23; push 2f; lretq */
			     ".byte 0x6a, 0x23\n"
			     ".byte 0x68\n .long 2f\n"
			     ".byte 0x48, 0xcb\n"
			     "2:\n"
			     : "=a"(low), "=d"(high) : : "memory");
	check(low == 0x55667788 && high == 0x11223344, "%x %x", high, low);
}

static void test_processes(void)
{
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();
		int status;

		check(pid >= 0, "fork");
		if (!pid) {
			own = i;
			if (i & 1)
				execl("/proc/self/exe", "compat32", "nothing",
				      (char *)0);
			_exit(own == i ? 0 : 1);
		}
		check(waitpid(pid, &status, 0) == pid, "waitpid");
		check(!status, "child %d: status %#x", i, status);
	}
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return 0;
	vsyscall = getauxval(AT_SYSINFO);
	test_calls();
	test_signals();
	test_faults();
	test_far();
	test_processes();
	printf("compat32: all as expected%s\n",
	       vsyscall ? "" : ", without AT_SYSINFO");
	return 0;
}
