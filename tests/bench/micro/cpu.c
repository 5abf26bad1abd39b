// SPDX-License-Identifier: GPL-2.0-only
/* What needs no kernel: arithmetic, memory, the clock of the vDSO. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

#define BUFFER (1 << 20)

static char *from, *to;

static void cpu_int(unsigned long n)
{
	unsigned long x = 12345;

	while (n--)
		for (int i = 0; i < 1000; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
		}
	asm volatile("" : : "r"(x));
}

static void cpu_fp(unsigned long n)
{
	double x = 1.5;

	while (n--)
		for (int i = 0; i < 100; i++)
			x = x * 1.000001 + 0.5 / x;
	asm volatile("" : : "x"(x));
}

static int make_buffers(void)
{
	from = malloc(BUFFER);
	to = malloc(BUFFER);
	if (!from || !to)
		return -1;
	memset(from, 1, BUFFER);
	memset(to, 2, BUFFER);
	return 0;
}

static void free_buffers(void)
{
	free(from);
	free(to);
}

static void memcpy_1m(unsigned long n)
{
	while (n--) {
		memcpy(to, from, BUFFER);
		asm volatile("" : : : "memory");
	}
}

static void vdso_clock(unsigned long n)
{
	struct timespec t;

	while (n--)
		clock_gettime(CLOCK_MONOTONIC, &t);
}

const struct bench cpu_benches[] = {
	{ "vdso_clock", 0, vdso_clock, 0, 0 },
	{ "cpu_int", 0, cpu_int, 0, 0 },
	{ "cpu_fp", 0, cpu_fp, 0, 0 },
	{ "memcpy_1m", make_buffers, memcpy_1m, free_buffers, 0 },
	{ 0 },
};
