// SPDX-License-Identifier: GPL-2.0-only
/*
 * Switches between processes and threads, on one CPU and on two. An
 * operation is a round trip: there and back.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

static int there[2], back[2];
static pid_t child;
static pthread_t thread;
static atomic_int turn;
static atomic_bool stop;

static int start_echo(int cpu)
{
	char c;

	if (pipe(there) || pipe(back))
		return -1;
	child = fork();
	if (child < 0)
		return -1;
	if (child)
		return 0;
	pin(cpu);
	close(there[1]);
	while (read(there[0], &c, 1) == 1)
		if (write(back[1], &c, 1) != 1)
			break;
	_exit(0);
}

static int start_echo_here(void)
{
	return start_echo(0);
}

static int start_echo_there(void)
{
	return start_echo(1);
}

static void stop_echo(void)
{
	for (int i = 0; i < 2; i++) {
		close(there[i]);
		close(back[i]);
	}
	waitpid(child, 0, 0);
}

static void pipe_rtt(unsigned long n)
{
	char c = 0;

	while (n--)
		if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
			fail("pipe");
}

static void futex(int op, int value)
{
	syscall(SYS_futex, &turn, op | FUTEX_PRIVATE_FLAG, value, 0, 0, 0);
}

static void pass_turn(int next)
{
	turn = next;
	futex(FUTEX_WAKE, 1);
}

static void wait_turn(int mine)
{
	int now;

	while ((now = turn) != mine && !stop)
		futex(FUTEX_WAIT, now);
}

static void *futex_echo(void *cpu)
{
	pin((long)cpu);
	while (!stop) {
		wait_turn(1);
		pass_turn(0);
	}
	return 0;
}

static int start_futex(long cpu)
{
	stop = 0;
	turn = 0;
	return pthread_create(&thread, 0, futex_echo, (void *)cpu) ? -1 : 0;
}

static int start_futex_here(void)
{
	return start_futex(0);
}

static int start_futex_there(void)
{
	return start_futex(1);
}

static void stop_futex(void)
{
	stop = 1;
	pass_turn(1);
	pthread_join(thread, 0);
}

static void futex_rtt(unsigned long n)
{
	while (n--) {
		pass_turn(1);
		wait_turn(0);
	}
}

static int start_yielder(void)
{
	child = fork();
	if (child)
		return child < 0 ? -1 : 0;
	for (;;)
		sched_yield();
}

static void stop_yielder(void)
{
	kill(child, SIGKILL);
	waitpid(child, 0, 0);
}

static void yield_rtt(unsigned long n)
{
	while (n--)
		sched_yield();
}

static void *spin(void *arg)
{
	(void)arg;
	pin(1);
	while (!stop)
		asm volatile("pause");
	return 0;
}

static int start_spinner(void)
{
	stop = 0;
	syscall(SYS_membarrier,
		MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
	if (pthread_create(&thread, 0, spin, 0))
		return -1;
	usleep(2000);
	return 0;
}

static void stop_spinner(void)
{
	stop = 1;
	pthread_join(thread, 0);
}

/* An IPI to the other CPU, and its answer. */
static void ipi(unsigned long n)
{
	while (n--)
		syscall(SYS_membarrier,
			MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

/* A change of the page tables that the other CPU has to know. */
static void shootdown(unsigned long n)
{
	char *p = mmap(0, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	while (n--) {
		*(volatile char *)p = 1;
		mprotect(p, 4096, PROT_READ);
		mprotect(p, 4096, PROT_READ | PROT_WRITE);
	}
	munmap(p, 4096);
}

static void nanosleep_100us(unsigned long n)
{
	struct timespec t = { 0, 100000 };

	while (n--)
		nanosleep(&t, 0);
}

const struct bench switch_benches[] = {
	{ "pipe_rtt", start_echo_here, pipe_rtt, stop_echo, 0 },
	{ "pipe_rtt_2cpu", start_echo_there, pipe_rtt, stop_echo, 2 },
	{ "futex_rtt", start_futex_here, futex_rtt, stop_futex, 0 },
	{ "futex_rtt_2cpu", start_futex_there, futex_rtt, stop_futex, 2 },
	{ "yield_rtt", start_yielder, yield_rtt, stop_yielder, 0 },
	{ "ipi", start_spinner, ipi, stop_spinner, 2 },
	{ "shootdown", start_spinner, shootdown, stop_spinner, 2 },
	{ "nanosleep_100us", 0, nanosleep_100us, 0, 0 },
	{ 0 },
};
