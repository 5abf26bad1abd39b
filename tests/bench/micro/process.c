// SPDX-License-Identifier: GPL-2.0-only
/* Processes and threads: made, run and waited for. */
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define BIG (64 << 20)

static char *big;

static void wait_child(pid_t pid)
{
	int status;

	if (pid < 0)
		fail("fork");
	if (waitpid(pid, &status, 0) != pid || status)
		fail("waitpid");
}

static void fork_exit(unsigned long n)
{
	while (n--) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		wait_child(pid);
	}
}

static void exec_nothing(void)
{
	execl(self, "lodge-bench", "nothing", (char *)0);
	_exit(127);
}

static void fork_exec(unsigned long n)
{
	while (n--) {
		pid_t pid = fork();

		if (!pid)
			exec_nothing();
		wait_child(pid);
	}
}

static void vfork_exec(unsigned long n)
{
	while (n--) {
		pid_t pid = vfork();

		if (!pid)
			exec_nothing();
		wait_child(pid);
	}
}

static int touch_big(void)
{
	big = mmap(0, BIG, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (big == MAP_FAILED)
		return -1;
	memset(big, 1, BIG);
	return 0;
}

static void unmap_big(void)
{
	munmap(big, BIG);
}

/* A child that writes a mebibyte of what it shares with its parent. */
static void fork_cow(unsigned long n)
{
	while (n--) {
		pid_t pid = fork();

		if (!pid) {
			for (long i = 0; i < 1 << 20; i += 4096)
				((volatile char *)big)[i] = 2;
			_exit(0);
		}
		wait_child(pid);
	}
}

static void *do_nothing(void *arg)
{
	return arg;
}

static void thread_create(unsigned long n)
{
	pthread_t t;

	while (n--) {
		if (pthread_create(&t, 0, do_nothing, 0))
			fail("pthread_create");
		pthread_join(t, 0);
	}
}

const struct bench process_benches[] = {
	{ "fork_exit", 0, fork_exit, 0, 0 },
	{ "fork_exec", 0, fork_exec, 0, 0 },
	{ "vfork_exec", 0, vfork_exec, 0, 0 },
	{ "fork_64m", touch_big, fork_exit, unmap_big, 0 },
	{ "fork_cow_256", touch_big, fork_cow, unmap_big, 0 },
	{ "thread_create", 0, thread_create, 0, 0 },
	{ 0 },
};
