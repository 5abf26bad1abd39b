// SPDX-License-Identifier: GPL-2.0-only
/* Signals, sent and caused by faults. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "bench.h"

static char *page;

static void count_it(int sig)
{
	(void)sig;
}

/* Steps over the faulting instruction, which is two bytes long. */
static void step_over(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	(void)info;
	uc->uc_mcontext.gregs[REG_RIP] += 2;
}

static int catch_with(int sig, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction sa = { .sa_flags = SA_SIGINFO };

	sa.sa_sigaction = handler;
	return sigaction(sig, &sa, 0);
}

static int catch_usr1(void)
{
	struct sigaction sa = { .sa_handler = count_it };

	return sigaction(SIGUSR1, &sa, 0);
}

static void signal_deliver(unsigned long n)
{
	pid_t pid = getpid();

	while (n--)
		syscall(SYS_tgkill, pid, pid, SIGUSR1);
}

static int catch_segv(void)
{
	page = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return -1;
	return catch_with(SIGSEGV, step_over);
}

static void uncatch_segv(void)
{
	signal(SIGSEGV, SIG_DFL);
	munmap(page, 4096);
}

static void fault_signal(unsigned long n)
{
	while (n--)
		asm volatile("movb %%al, (%0)" : : "c"(page) : "memory");
}

static int catch_ill(void)
{
	return catch_with(SIGILL, step_over);
}

static void ud2_signal(unsigned long n)
{
	while (n--)
		asm volatile("ud2" : : : "memory");
}

const struct bench signal_benches[] = {
	{ "signal_deliver", catch_usr1, signal_deliver, 0, 0 },
	{ "fault_signal", catch_segv, fault_signal, uncatch_segv, 0 },
	{ "ud2_signal", catch_ill, ud2_signal, 0, 0 },
	{ 0 },
};
