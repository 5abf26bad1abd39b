// SPDX-License-Identifier: GPL-2.0
/*
 * A make-believe processor, and the few functions that every host build of
 * hypervisor files needs. Objects of the hypervisor are built with all their
 * symbols weak, so what a test or this file defines comes first.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../hypervisor-stub/core/types.h"

struct host_machine host_machine = {
	.cr0 = 0x80050033,
	.cr4 = 0x106a0,
	.xcr0 = 7,
};

/* A value that wrfsbase would refuse is a bug of the caller. */
static void check_canonical(u64 v)
{
	if ((u64)((s64)(v << 16) >> 16) != v) {
		fprintf(stderr, "base %lx is not canonical\n", v);
		abort();
	}
}

u64 rdmsr(u32 msr)
{
	(void)msr;
	return 0;
}

void wrmsr(u32 msr, u64 v)
{
	if (msr == 0xc0000103)
		host_machine.tsc_aux = v;
}

u64 rdtsc(void)
{
	return host_machine.tsc += 100;
}

/* A processor with everything, so that all that must be hidden is there. */
__attribute__((weak)) void cpuid(u32 leaf, u32 sub, u32 *a, u32 *b, u32 *c,
				 u32 *d)
{
	*a = *b = *c = *d = ~0U;
	if (leaf == 0)
		*a = 0x20;
	if (leaf == 0x80000000)
		*a = 0x80000030;
	if (leaf == 0xd && sub == 2) {
		*a = 256;
		*b = 576;
	}
}

void xsetbv(u32 idx, u64 v)
{
	if (idx || !(v & 1) || (v & 6) == 4 || v & ~7UL) {
		fprintf(stderr, "xsetbv %lx\n", v);
		abort();
	}
	host_machine.xcr0 = v;
}

u64 read_cr0(void)
{
	return host_machine.cr0;
}

void write_cr0(u64 v)
{
	host_machine.cr0 = v;
}

u64 read_cr2(void)
{
	return host_machine.cr2;
}

u64 read_cr3(void)
{
	return host_machine.cr3;
}

void write_cr3(u64 v)
{
	host_machine.cr3 = v;
}

u64 read_cr4(void)
{
	return host_machine.cr4;
}

void write_cr4(u64 v)
{
	host_machine.cr4 = v;
}

u64 rdfsbase(void)
{
	return host_machine.fs_base;
}

u64 rdgsbase(void)
{
	return host_machine.gs_base;
}

void wrfsbase(u64 v)
{
	check_canonical(v);
	host_machine.fs_base = v;
}

void wrgsbase(u64 v)
{
	check_canonical(v);
	host_machine.gs_base = v;
}

/* Messages are shown on demand only; wrong formats are found all the same. */
void printk(const char *fmt, ...)
{
	static char line[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (getenv("PRINTK"))
		fputs(line, stderr);
}

__attribute__((weak)) void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("panic: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}

/* Frames from malloc, so that the sanitizers watch over them. */
__attribute__((weak)) void *page_alloc(void)
{
	void *page = aligned_alloc(PAGE_SIZE, PAGE_SIZE);

	if (page)
		memset(page, 0, PAGE_SIZE);
	return page;
}

__attribute__((weak)) void page_free(void *page)
{
	free(page);
}
