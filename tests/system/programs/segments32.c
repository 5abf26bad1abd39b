// SPDX-License-Identifier: GPL-2.0-only
/*
 * segments32 SECONDS: selectors survive context switches. Processes with an
 * LDT, with a TLS segment of their own and with neither run side by side; each
 * looks time and again at what FS holds and at the word behind it. (GS is the
 * C library's; without it nothing here would work.)
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "check.h"

#define PROCESSES 9

enum kind { IN_LDT, IN_GDT, NULL_SELECTOR, KINDS };

static volatile unsigned int word;

static unsigned int selector_for(enum kind kind)
{
	struct user_desc desc = {
		.base_addr = (unsigned int)&word,
		.limit = sizeof(word) - 1,
		.seg_32bit = 1,
	};

	switch (kind) {
	case IN_LDT:
		desc.entry_number = word % 600;
		check(!syscall(SYS_modify_ldt, 1, &desc, sizeof(desc)),
		      "modify_ldt");
		return desc.entry_number << 3 | 7;
	case IN_GDT:
		desc.entry_number = -1;
		check(!syscall(SYS_set_thread_area, &desc), "set_thread_area");
		return desc.entry_number << 3 | 3;
	default:
		return 0;
	}
}

static void look(unsigned int selector, unsigned int number)
{
	unsigned int now, value = number;

	asm volatile("mov %%fs, %0" : "=r"(now));
	check(now == selector, "FS is %#x, not %#x", now, selector);
	if (selector)
		asm volatile("mov %%fs:0, %0" : "=r"(value));
	check(value == number, "%u behind FS, not %u", value, number);
}

static void live(unsigned int number, double end)
{
	unsigned int selector, i = 0;

	word = number;
	selector = selector_for(number % KINDS);
	asm volatile("movw %w0, %%fs" : : "r"(selector));
	while (seconds_now() < end) {
		look(selector, number);
		if (++i % 16)
			sched_yield();
		else
			usleep(50);
		if (i % 256)
			continue;
		/* A child inherits all of it, and has a table of its own. */
		pid_t child = fork();
		int status;

		if (!child) {
			sched_yield();
			look(selector, number);
			_exit(0);
		}
		check(child > 0 && waitpid(child, &status, 0) == child &&
		      !status, "child");
	}
}

int main(int argc, char **argv)
{
	double end = seconds_now() + (argc > 1 ? atof(argv[1]) : 2);
	int status;

	for (unsigned int i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();

		check(pid >= 0, "fork");
		if (!pid) {
			live(i + 1, end);
			_exit(0);
		}
	}
	for (unsigned int i = 0; i < PROCESSES; i++) {
		check(wait(&status) > 0, "wait");
		check(!status, "a process ended with %#x", status);
	}
	return 0;
}
