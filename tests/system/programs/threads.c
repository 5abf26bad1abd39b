// SPDX-License-Identifier: GPL-2.0-only
/*
 * threads [SECONDS]: several threads of one address space, on all CPUs.
 *
 * 1. When mprotect() to read-only has returned, no other CPU may still write
 *    through what its TLB remembers: the page must not change any more.
 * 2. When fork() has returned, the child's copy must not change, though other
 *    threads of the parent go on writing.
 * 3. When munmap() has returned, and something else is mapped in its place,
 *    nobody sees the old page.
 * 4. Thread-local variables are a thread's own, whatever CPU it runs on.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "check.h"

#define PAGE 4096
#define WRITERS 3

static volatile uint64_t *page;
static volatile uint64_t *window;
static atomic_bool stop;
static atomic_ulong faults, window_epoch;
static __thread uint64_t own[64];

static void handler(int sig)
{
	(void)sig;
	faults++;
	sched_yield();
}

/* A write to a read-only page is repeated until it is writable again. */
static void *writer(void *arg)
{
	long number = (long)arg;

	while (!stop)
		page[number]++;
	return 0;
}

/* What is seen in the window is never older than the epoch before. */
static void *reader(void *unused)
{
	(void)unused;
	while (!stop) {
		unsigned long before = window_epoch;
		uint64_t seen = *window;

		check(seen >= before, "epoch %lu, page %lu", before, seen);
	}
	return 0;
}

static void *migrant(void *arg)
{
	int cpus = sysconf(_SC_NPROCESSORS_CONF);
	unsigned long round = 0;

	for (int i = 0; i < 64; i++)
		own[i] = (uint64_t)arg << 32 | i;
	while (!stop) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(round++ % cpus, &set);
		sched_setaffinity(0, sizeof(set), &set);
		for (int i = 0; i < 64; i++)
			check(own[i] == ((uint64_t)arg << 32 | i), "%lx",
			      own[i]);
	}
	return 0;
}

static void *short_lived(void *arg)
{
	own[0] = (uint64_t)arg;
	sched_yield();
	return (void *)own[0];
}

static void spin(int n)
{
	for (volatile int i = 0; i < n; i++)
		;
}

static void check_quiet(const char *what)
{
	uint64_t before[WRITERS], after[WRITERS];

	for (int i = 0; i < WRITERS; i++)
		before[i] = page[i];
	spin(20000);
	for (int i = 0; i < WRITERS; i++)
		after[i] = page[i];
	check(!memcmp(before, after, sizeof(before)), "%s", what);
}

static void test_protect(void)
{
	check(!mprotect((void *)page, PAGE, PROT_READ), "mprotect");
	check_quiet("written after mprotect()");
	check(!mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE),
	      "mprotect");
	spin(2000);
}

static void test_fork(void)
{
	int status;
	pid_t pid = fork();

	check(pid >= 0, "fork");
	if (!pid) {
		check_quiet("written after fork()");
		_exit(0);
	}
	check(waitpid(pid, &status, 0) == pid && !status, "child %#x", status);
}

/* A new page, made elsewhere, takes the place of the window's. */
static void test_replace(unsigned long epoch)
{
	uint64_t *fresh = mmap(0, PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(fresh != MAP_FAILED, "mmap");
	*fresh = epoch;
	check(mremap(fresh, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		     (void *)window) == (void *)window, "mremap");
	window_epoch = epoch;
}

static void test_thread(unsigned long round)
{
	pthread_t thread;
	void *result;

	check(!pthread_create(&thread, 0, short_lived, (void *)round),
	      "pthread_create");
	check(!pthread_join(thread, &result), "pthread_join");
	check(result == (void *)round, "%p", result);
}

static uint64_t *map_page(void)
{
	void *p = mmap(0, PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(p != MAP_FAILED, "mmap");
	return p;
}

int main(int argc, char **argv)
{
	double end = seconds_now() + (argc > 1 ? atof(argv[1]) : 5);
	/* The reader meets the moment without a mapping, too. */
	struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_NODEFER };
	pthread_t threads[WRITERS + 3];
	unsigned long round = 0;
	int n = 0;

	page = map_page();
	window = map_page();
	check(!sigaction(SIGSEGV, &sa, 0), "sigaction");
	for (long i = 0; i < WRITERS; i++)
		pthread_create(&threads[n++], 0, writer, (void *)i);
	pthread_create(&threads[n++], 0, reader, 0);
	for (long i = 0; i < 2; i++)
		pthread_create(&threads[n++], 0, migrant, (void *)(i + 1));
	while (seconds_now() < end) {
		round++;
		test_protect();
		test_replace(round);
		if (round % 4 == 0)
			test_thread(round);
		if (round % 8 == 0)
			test_fork();
	}
	stop = 1;
	while (n)
		pthread_join(threads[--n], 0);
	printf("threads: %lu rounds, %lu faults\n", round, faults);
	return 0;
}
