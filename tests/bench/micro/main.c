// SPDX-License-Identifier: GPL-2.0-only
/*
 * lodge-bench [-s SAMPLES] [-t MS] [ROW...]: runs the rows and reports each:
 *
 *	lodge-bench: begin NAME
 *	lodge-bench: end NAME ops=N ns=S1,S2,... [counter=N ...]
 *
 * ops counts all operations between the two lines, ns are the times of one
 * operation, a sample each, and the counters are the hypervisor's, as far as
 * the guest can read them. "lodge-bench mark begin|end NAME [TEXT]" lets a
 * script print the same lines around another program.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define MAX_SAMPLES 32
#define COUNTERS_FILE "/tmp/lodge-bench.counters"

static const struct bench *const groups[] = {
	syscall_benches, signal_benches, switch_benches,
	process_benches, memory_benches, cpu_benches,
};

static unsigned int sample_count = 5;
static uint64_t sample_ns = 60 * 1000 * 1000;
const char *self;

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("sched_setaffinity");
}

void fail(const char *what)
{
	printf("lodge-bench: error: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* How many operations make a sample of the wanted length. */
static unsigned long calibrate(const struct bench *b)
{
	unsigned long n = 1;

	for (;;) {
		uint64_t start = now_ns(), took;

		b->run(n);
		took = now_ns() - start;
		if (took >= sample_ns / 4) {
			n = (double)n * sample_ns / took;
			return n ? n : 1;
		}
		n = took < sample_ns / 40 ? n * 8 : n * 3;
	}
}

/* Appends to text what was counted between a and b. */
static void print_counters(char *text, size_t size, const struct counters *a,
			   const struct counters *b)
{
	size_t used = strlen(text);

	for (int i = 0; i < a->count && i < b->count; i++) {
		int64_t d = b->item[i].value - a->item[i].value;

		if (d > 0 && used < size)
			used += snprintf(text + used, size - used,
					 " %s=%" PRId64, b->item[i].name, d);
	}
}

/* What reading the counters adds to them. */
static void take_off_reading(struct counters *first, struct counters *start)
{
	for (int i = 0; i < start->count; i++)
		start->item[i].value +=
			start->item[i].value - first->item[i].value;
}

static void run_row(const struct bench *b)
{
	static struct counters first, start, end;
	unsigned long n;
	double ns[MAX_SAMPLES];
	char text[4096];
	size_t used;

	if (b->cpus > sysconf(_SC_NPROCESSORS_ONLN))
		return;
	if (b->setup && b->setup()) {
		printf("lodge-bench: left out %s: %s\n", b->name,
		       strerror(errno));
		return;
	}
	n = calibrate(b);
	mark_begin(b->name);
	read_counters(&first);
	read_counters(&start);
	take_off_reading(&first, &start);
	for (unsigned int i = 0; i < sample_count; i++) {
		uint64_t begin = now_ns();

		b->run(n);
		ns[i] = (double)(now_ns() - begin) / n;
	}
	read_counters(&end);
	used = snprintf(text, sizeof(text), "ops=%lu ns=", n * sample_count);
	for (unsigned int i = 0; i < sample_count; i++)
		used += snprintf(text + used, sizeof(text) - used, "%s%.1f",
				 i ? "," : "", ns[i]);
	print_counters(text, sizeof(text), &start, &end);
	mark_end(b->name, text);
	if (b->teardown)
		b->teardown();
}

static int wanted(const char *name, char **names)
{
	if (!*names)
		return 1;
	for (; *names; names++)
		if (!strcmp(name, *names))
			return 1;
	return 0;
}

/* The counters at "begin" are kept in a file until "end". */
static int mark(char **args)
{
	struct counters then, now;
	char text[4096];
	FILE *f;

	if (!args[0] || !args[1])
		return 2;
	if (!strcmp(args[0], "begin")) {
		mark_begin(args[1]);
		read_counters(&now);
		f = fopen(COUNTERS_FILE, "w");
		if (!f || fwrite(&now, sizeof(now), 1, f) != 1)
			fail(COUNTERS_FILE);
		fclose(f);
		return 0;
	}
	read_counters(&now);
	snprintf(text, sizeof(text), "%s", args[2] ? args[2] : "");
	f = fopen(COUNTERS_FILE, "r");
	if (f && fread(&then, sizeof(then), 1, f) == 1)
		print_counters(text, sizeof(text), &then, &now);
	mark_end(args[1], text);
	return 0;
}

int main(int argc, char **argv)
{
	int option;

	if (argc > 1 && !strcmp(argv[1], "nothing"))
		return 0;
	self = "/proc/self/exe";
	if (argc > 1 && !strcmp(argv[1], "mark"))
		return mark(argv + 2);
	while ((option = getopt(argc, argv, "s:t:")) != -1) {
		if (option == 's')
			sample_count = atoi(optarg);
		else if (option == 't')
			sample_ns = atoi(optarg) * 1000000ull;
		else
			return 2;
	}
	if (!sample_count || sample_count > MAX_SAMPLES || !sample_ns)
		return 2;
	pin(0);
	for (unsigned int g = 0; g < sizeof(groups) / sizeof(*groups); g++)
		for (const struct bench *b = groups[g]; b->name; b++)
			if (wanted(b->name, argv + optind))
				run_row(b);
	return 0;
}
