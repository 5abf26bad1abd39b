/* SPDX-License-Identifier: GPL-2.0 */
/* Instructions that C cannot say, and the numbers that go with them. */
#ifndef X86_CPU_H
#define X86_CPU_H

#include "../core/types.h"

#define CR0_WP (1UL << 16)
#define CR4_PGE (1UL << 7)
#define CR4_FSGSBASE (1UL << 16)
#define CR4_OSXSAVE (1UL << 18)

#define MSR_APIC_BASE 0x1b
#define MSR_ARCH_CAPABILITIES 0x10a /* bit 0: not open to Meltdown */
#define MSR_SYSENTER_CS 0x174
#define MSR_PAT 0x277
#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_CSTAR 0xc0000083
#define MSR_SFMASK 0xc0000084
#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_TSC_AUX 0xc0000103

#define PTE_P (1UL << 0)
#define PTE_W (1UL << 1)
#define PTE_U (1UL << 2)
#define PTE_PWT (1UL << 3)
#define PTE_PCD (1UL << 4)
#define PTE_A (1UL << 5)
#define PTE_D (1UL << 6)
#define PTE_PS (1UL << 7)
#define PTE_G (1UL << 8)
#define PTE_NX (1UL << 63)
#define PTE_ADDR 0x000ffffffffff000UL

static inline unsigned int pt_index(u64 va, int level)
{
	return (va >> (PAGE_SHIFT + 9 * (level - 1))) & 511;
}

/* Bytes that an entry of this level covers. */
static inline u64 pt_size(int level)
{
	return 1UL << (PAGE_SHIFT + 9 * (level - 1));
}

static inline bool pte_is_leaf(u64 e, int level)
{
	return level == 1 || (level < 4 && (e & PTE_PS));
}

/* The rights (W, U, NX) of an entry and of the levels above it together. */
static inline u64 pte_rights(u64 upper, u64 e)
{
	return (upper & e & (PTE_W | PTE_U)) | ((upper | e) & PTE_NX);
}

/* The table that e names; all of memory is mapped at its own address. */
static inline u64 *pte_table(u64 e)
{
	return (u64 *)(e & PTE_ADDR);
}

/* #PF error code */
#define PF_P (1U << 0)
#define PF_W (1U << 1)
#define PF_U (1U << 2)
#define PF_RSVD (1U << 3)
#define PF_I (1U << 4)

#ifndef LODGE_HOST_TEST
#define DEFINE_PORT(type, in, out)                                      \
	static inline void out(u16 port, type v)                        \
	{                                                               \
		__asm__ volatile(#out " %0, %1" ::"a"(v), "Nd"(port));  \
	}                                                               \
	static inline type in(u16 port)                                 \
	{                                                               \
		type v;                                                 \
		__asm__ volatile(#in " %1, %0" : "=a"(v) : "Nd"(port)); \
		return v;                                               \
	}
DEFINE_PORT(u8, inb, outb)
DEFINE_PORT(u16, inw, outw)
DEFINE_PORT(u32, inl, outl)
static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return lo | (u64)hi << 32;
}
static inline void wrmsr(u32 msr, u64 v)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((u32)v), "d"((u32)(v >> 32))
			 : "memory");
}
static inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return lo | (u64)hi << 32;
}
static inline void cpuid(u32 leaf, u32 sub, u32 *a, u32 *b, u32 *c, u32 *d)
{
	__asm__ volatile("cpuid"
			 : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d)
			 : "a"(leaf), "c"(sub));
}
static inline void xsetbv(u32 idx, u64 v)
{
	__asm__ volatile("xsetbv" ::"c"(idx), "a"((u32)v), "d"((u32)(v >> 32)));
}
#define DEFINE_READ(name, insn)                   \
	static inline u64 name(void)              \
	{                                         \
		u64 v;                            \
		__asm__ volatile(insn : "=r"(v)); \
		return v;                         \
	}
DEFINE_READ(read_cr0, "mov %%cr0, %0")
DEFINE_READ(read_cr2, "mov %%cr2, %0")
DEFINE_READ(read_cr3, "mov %%cr3, %0")
DEFINE_READ(read_cr4, "mov %%cr4, %0")
DEFINE_READ(rdfsbase, "rdfsbase %0")
DEFINE_READ(rdgsbase, "rdgsbase %0")
#define DEFINE_WRITE(name, insn)                            \
	static inline void name(u64 v)                      \
	{                                                   \
		__asm__ volatile(insn ::"r"(v) : "memory"); \
	}
DEFINE_WRITE(write_cr0, "mov %0, %%cr0")
DEFINE_WRITE(write_cr3, "mov %0, %%cr3")
DEFINE_WRITE(write_cr4, "mov %0, %%cr4")
DEFINE_WRITE(wrfsbase, "wrfsbase %0")
DEFINE_WRITE(wrgsbase, "wrgsbase %0")
/* Takes the interrupts that wait; on the main stack, without locks. */
static inline void irq_window(void)
{
	__asm__ volatile("sti\n\tnop\n\tcli" ::: "memory");
}
static inline void cpu_relax(void)
{
	__builtin_ia32_pause();
}
#endif

/* Canonical for 48 bits. */
static inline bool is_canonical(u64 va)
{
	return (u64)((s64)(va << 16) >> 16) == va;
}

#endif
