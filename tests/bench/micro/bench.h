/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Micro-benchmarks that run in a guest. Each row is a function that does its
 * operation n times; main.c calibrates n, takes samples and reports them.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

struct bench {
	const char *name;
	/* Before the samples; returns 0, or -1 with errno: row is left out. */
	int (*setup)(void);
	void (*run)(unsigned long n);
	void (*teardown)(void);
	int cpus; /* that it needs; 0 is 1 */
};

extern const struct bench syscall_benches[];
extern const struct bench signal_benches[];
extern const struct bench switch_benches[];
extern const struct bench process_benches[];
extern const struct bench memory_benches[];
extern const struct bench cpu_benches[];

/* main.c */
uint64_t now_ns(void);
void pin(int cpu); /* the calling thread */
void fail(const char *what) __attribute__((noreturn)); /* with errno */
extern const char *self; /* path of this program */

/* mark.c: the conversation with the runner on the host */
struct counters {
	int count;
	struct {
		char name[32];
		uint64_t value;
	} item[64];
};

void read_counters(struct counters *c);
void mark_begin(const char *name);
void mark_end(const char *name, const char *rest);

#endif
