// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: the CPUID hypercall reports the hypervisor's leaves (abi.h) and hides
 * what a domain may not use; every leaf is answered. How: reads the leaves,
 * all the basic and extended ones, and wild numbers.
 */
#include "guest.h"

static struct lodge_cpuid leaf __attribute__((aligned(16)));

static struct lodge_cpuid *get(u64 number, u64 sub)
{
	s64 result;

	leaf.eax = leaf.ebx = leaf.ecx = leaf.edx = 0xdeadbeef;
	result = hc(LODGE_HC_CPUID, number, sub, gpa(&leaf));
	if (result)
		test_fatal("CPUID leaf %lx/%lx returned %ld", number, sub,
			   result);
	return &leaf;
}

static void check_hidden(const char *name, u32 value, int bit)
{
	CHECK(!(value >> bit & 1), "%s is shown to the guest", name);
}

void test_main(void)
{
	struct lodge_cpuid *l = get(LODGE_CPUID_BASE, 0);
	u64 number;

	CHECK(l->eax >= LODGE_CPUID_TSC && l->eax < 0x40000100,
	      "highest hypervisor leaf %x", l->eax);
	CHECK(l->ebx == LODGE_CPUID_EBX && l->ecx == LODGE_CPUID_ECX &&
		      l->edx == LODGE_CPUID_EDX,
	      "signature %x %x %x", l->ebx, l->ecx, l->edx);
	l = get(LODGE_CPUID_FEATURES, 0);
	CHECK(l->eax == start_info->features, "features %x, start info %lx",
	      l->eax, start_info->features);
	CHECK_EQ(l->ebx, start_info->version);
	CHECK_EQ(l->ecx, 0); /* this vCPU's number */
	l = get(LODGE_CPUID_TSC, 0);
	CHECK_EQ(l->eax, start_info->tsc_khz);

	l = get(1, 0);
	CHECK(l->ecx >> 31 & 1, "the hypervisor bit is clear");
	check_hidden("MONITOR", l->ecx, 3);
	check_hidden("VMX", l->ecx, 5);
	check_hidden("PCID", l->ecx, 17);
	check_hidden("X2APIC", l->ecx, 21);
	check_hidden("TSC deadline", l->ecx, 24);
	check_hidden("APIC", l->edx, 9);
	check_hidden("MTRR", l->edx, 12);
	l = get(7, 0);
	CHECK(l->ebx & 1, "FSGSBASE is hidden");
	check_hidden("INVPCID", l->ebx, 10);
	check_hidden("SMAP", l->ebx, 20);
	check_hidden("PKU", l->ecx, 3);
	check_hidden("LA57", l->ecx, 16);
	check_hidden("CET shadow stacks", l->ecx, 7); /* R19 */
	check_hidden("CET IBT", l->edx, 20);
	check_hidden("FRED", get(7, 1)->eax, 17);
	l = get(0x80000001, 0);
	check_hidden("SVM", l->ecx, 2);
	CHECK(l->edx >> 29 & 1, "long mode is hidden");
	CHECK(l->edx >> 11 & 1, "SYSCALL is hidden");
	CHECK(l->edx >> 20 & 1, "NX is hidden");

	for (number = 0; number < 0x40; number++) {
		get(number, 0);
		get(number, 1);
		get(0x80000000 + number, 0);
		get(0x40000000 + number, 0);
	}
	get(0xd, 63);
	get(0xd, 0xffffffff);
	get(0xffffffff, 0xffffffff);
	get(0x7fffffff, 0);
	/* Arguments are 32 bits wide or refused, nothing else. */
	hc(LODGE_HC_CPUID, 1UL << 32, 1UL << 32, gpa(&leaf));
	hc(LODGE_HC_CPUID, -1UL, -1UL, gpa(&leaf));
	CHECK_EQ(hc(LODGE_HC_CPUID, 1, 0, -8UL), -LODGE_EFAULT);
	CHECK_EQ(hc(LODGE_HC_CPUID, 1, 0, -16UL), -LODGE_EFAULT);
}
