/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Included before everything when files of the hypervisor are built for the
 * host (-include): the instructions that x86/cpu.h leaves out under
 * LODGE_HOST_TEST, as functions that a test can replace (host/machine.c).
 */
#ifndef HOST_SHIM_H
#define HOST_SHIM_H

#include <stdint.h>

/* One processor, as far as the tests need it. */
struct host_machine {
	uint64_t cr0, cr2, cr3, cr4;
	uint64_t fs_base, gs_base;
	uint64_t xcr0;
	uint64_t tsc;
	uint64_t tsc_aux;
};

extern struct host_machine host_machine;

uint64_t rdmsr(uint32_t msr);
void wrmsr(uint32_t msr, uint64_t v);
uint64_t rdtsc(void);
void cpuid(uint32_t leaf, uint32_t sub, uint32_t *a, uint32_t *b, uint32_t *c,
	   uint32_t *d);
void xsetbv(uint32_t idx, uint64_t v);
uint64_t read_cr0(void);
void write_cr0(uint64_t v);
uint64_t read_cr2(void);
uint64_t read_cr3(void);
void write_cr3(uint64_t v);
uint64_t read_cr4(void);
void write_cr4(uint64_t v);
uint64_t rdfsbase(void);
uint64_t rdgsbase(void);
void wrfsbase(uint64_t v);
void wrgsbase(uint64_t v);

static inline void irq_window(void)
{
}

/* No device answers. */
static inline uint8_t inb(uint16_t port)
{
	return 0xff;
}
static inline uint16_t inw(uint16_t port)
{
	return 0xffff;
}
static inline uint32_t inl(uint16_t port)
{
	return 0xffffffff;
}
static inline void outb(uint16_t port, uint8_t v)
{
}
static inline void outw(uint16_t port, uint16_t v)
{
}
static inline void outl(uint16_t port, uint32_t v)
{
}

/*
 * Who waits for a lock lets its owner run: a test has more threads than the
 * host has processors, and a ticket lock waits for each of them in turn.
 */
int sched_yield(void);
#define __builtin_ia32_pause() ((void)sched_yield())
static inline void cpu_relax(void)
{
	__builtin_ia32_pause();
}

#endif
