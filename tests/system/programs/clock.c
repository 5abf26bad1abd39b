// SPDX-License-Identifier: GPL-2.0-only
/*
 * clock [SECONDS [no-vdso]]: clock_gettime() comes from the vDSO, without a system
 * call, and never goes back, within a CPU or from one to another; the vDSO
 * and the system call agree; sleeping takes the time it should.
 *
 * That no system call is made is proved by forbidding it: under a seccomp
 * filter clock_gettime(2) would fail with EDOM. (no-vdso leaves that out: the
 * clock of two emulated processors without a hypervisor may be the HPET.)
 */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "check.h"

static const struct {
	clockid_t id;
	const char *name;
} clocks[] = {
	{ CLOCK_MONOTONIC, "CLOCK_MONOTONIC" },
	{ CLOCK_REALTIME, "CLOCK_REALTIME" },
	{ CLOCK_MONOTONIC_RAW, "CLOCK_MONOTONIC_RAW" },
	{ CLOCK_BOOTTIME, "CLOCK_BOOTTIME" },
	{ CLOCK_MONOTONIC_COARSE, "CLOCK_MONOTONIC_COARSE" },
};
#define CLOCKS (int)(sizeof(clocks) / sizeof(*clocks))

static atomic_ullong latest;
static atomic_bool stop;

static uint64_t ns(const struct timespec *t)
{
	return t->tv_sec * 1000000000ull + t->tv_nsec;
}

static void forbid_system_call(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EDOM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };

	check(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	check(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program),
	      "seccomp");
}

static void test_vdso(void)
{
	struct timespec t;
	int status;
	pid_t pid = fork();

	check(pid >= 0, "fork");
	if (pid) {
		check(waitpid(pid, &status, 0) == pid && !status,
		      "vDSO: status %#x", status);
		return;
	}
	forbid_system_call();
	check(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t) == -1 &&
	      errno == EDOM, "the filter does not work");
	for (int i = 0; i < CLOCKS; i++)
		check(!clock_gettime(clocks[i].id, &t),
		      "%s makes a system call", clocks[i].name);
	_exit(0);
}

/* vDSO, system call, vDSO: in this order. */
static void test_agreement(void)
{
	for (int i = 0; i < 3000; i++) {
		clockid_t id = clocks[i % 4].id;
		struct timespec a, b, c;

		clock_gettime(id, &a);
		syscall(SYS_clock_gettime, id, &b);
		clock_gettime(id, &c);
		check(ns(&a) <= ns(&b) && ns(&b) <= ns(&c),
		      "%s: %lu %lu %lu", clocks[i % 4].name, ns(&a), ns(&b),
		      ns(&c));
	}
}

static void *watch(void *arg)
{
	long cpu = (long)arg;
	unsigned long reads = 0;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	while (!stop) {
		unsigned long long before = latest, now;
		struct timespec t;

		if (reads++ % 16 == 0)
			syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
		else
			clock_gettime(CLOCK_MONOTONIC, &t);
		now = ns(&t);
		check(now >= before, "CPU %ld: %llu ns back", cpu,
		      before - now);
		while (before < now && !atomic_compare_exchange_weak(
						&latest, &before, now))
			;
	}
	return (void *)reads;
}

static void test_monotonic(double seconds)
{
	int cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t threads[64];
	unsigned long total = 0;
	void *reads;

	for (long i = 0; i < cpus; i++)
		pthread_create(&threads[i], 0, watch, (void *)i);
	usleep(seconds * 1e6);
	stop = 1;
	for (int i = 0; i < cpus; i++) {
		pthread_join(threads[i], &reads);
		total += (unsigned long)reads;
	}
	printf("clock: %lu reads on %d CPUs\n", total, cpus);
}

/* Never too short; how much too long is the machine's business. */
static void test_sleep(void)
{
	static const long lengths[] = { 1000, 100000, 1000000, 20000000,
					300000000 };

	for (int i = 0; i < 5; i++) {
		struct timespec t = { 0, lengths[i] };
		double start = seconds_now(), took;

		check(!nanosleep(&t, 0), "nanosleep");
		took = seconds_now() - start;
		check(took >= lengths[i] / 1e9, "%ld ns took %f s",
		      lengths[i], took);
		check(took < lengths[i] / 1e9 + 5, "%ld ns took %f s",
		      lengths[i], took);
	}
}

int main(int argc, char **argv)
{
	if (argc < 3 || strcmp(argv[2], "no-vdso"))
		test_vdso();
	test_agreement();
	test_sleep();
	test_monotonic(argc > 1 ? atof(argv[1]) : 3);
	return 0;
}
