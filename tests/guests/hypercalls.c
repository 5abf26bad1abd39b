// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: the frame of every hypercall (hypercall.h): an unknown number is
 * -ENOSYS, all registers but rax are preserved, a gpa outside the domain's RAM
 * is -EFAULT however it is arrived at; and the console calls. How: numbers
 * around and far beyond the table, sentinel values in all registers, gpas at
 * every edge.
 */
#include "guest.h"

static u8 buffer[3 * PAGE_SIZE] __attribute__((aligned(4096)));

static void test_numbers(void)
{
	static const u64 bad[] = {
		LODGE_HC_COUNT,
		LODGE_HC_COUNT + 1,
		63,
		64,
		255,
		256,
		4096,
		0x7fffffff,
		0x80000000,
		0xffffffff,
		1UL << 32,
		1UL << 62,
		0x100000000 + LODGE_HC_VERSION,
		1UL << 63,
		-1UL,
		-2UL,
		-4096UL,
	};
	size_t i;

	for (i = 0; i < array_size(bad); i++) {
		s64 result = hc(bad[i], 1, 2, 3, 4, 5);

		CHECK(result == -LODGE_ENOSYS, "number %lx returned %ld",
		      bad[i], result);
	}
}

/* Makes one hypercall with sentinels everywhere; returns a mask of losses. */
static u64 lost_registers(u64 number)
{
	u64 lost = 0;

	asm volatile("push %%rbp\n"
		     "mov $0x1111, %%rdi\n mov $0x1112, %%rsi\n"
		     "mov $0x1113, %%rdx\n mov $0x1114, %%r10\n"
		     "mov $0x1115, %%r8\n mov $0x1116, %%r9\n"
		     "mov $0x1117, %%r11\n mov $0x1118, %%rcx\n"
		     "mov $0x1119, %%rbx\n mov $0x111a, %%r12\n"
		     "mov $0x111b, %%r13\n mov $0x111c, %%r14\n"
		     "mov $0x111d, %%r15\n mov $0x111e, %%rbp\n"
		     "int $0x82\n"
		     "xor %%eax, %%eax\n"
		     "cmp $0x1111, %%rdi\n je 1f\n or $1, %%eax\n"
		     "1: cmp $0x1112, %%rsi\n je 1f\n or $2, %%eax\n"
		     "1: cmp $0x1113, %%rdx\n je 1f\n or $4, %%eax\n"
		     "1: cmp $0x1114, %%r10\n je 1f\n or $8, %%eax\n"
		     "1: cmp $0x1115, %%r8\n je 1f\n or $16, %%eax\n"
		     "1: cmp $0x1116, %%r9\n je 1f\n or $32, %%eax\n"
		     "1: cmp $0x1117, %%r11\n je 1f\n or $64, %%eax\n"
		     "1: cmp $0x1118, %%rcx\n je 1f\n or $128, %%eax\n"
		     "1: cmp $0x1119, %%rbx\n je 1f\n or $256, %%eax\n"
		     "1: cmp $0x111a, %%r12\n je 1f\n or $512, %%eax\n"
		     "1: cmp $0x111b, %%r13\n je 1f\n or $1024, %%eax\n"
		     "1: cmp $0x111c, %%r14\n je 1f\n or $2048, %%eax\n"
		     "1: cmp $0x111d, %%r15\n je 1f\n or $4096, %%eax\n"
		     "1: cmp $0x111e, %%rbp\n je 1f\n or $8192, %%eax\n"
		     "1: pop %%rbp\n"
		     : "=a"(lost)
		     : "0"(number)
		     : "rdi", "rsi", "rdx", "r10", "r8", "r9", "r11", "rcx",
		       "rbx", "r12", "r13", "r14", "r15", "memory", "cc");
	return lost;
}

static void test_registers(void)
{
	static const u64 numbers[] = { LODGE_HC_VERSION, LODGE_HC_YIELD,
				       LODGE_HC_COUNT,	 LODGE_HC_FLUSH,
				       LODGE_HC_FILL,	 LODGE_HC_EVENT };
	u64 flags;
	size_t i;

	for (i = 0; i < array_size(numbers); i++) {
		u64 lost = lost_registers(numbers[i]);

		CHECK(!lost, "hypercall %lu loses registers %lx", numbers[i],
		      lost);
	}
	asm volatile("xor %%eax, %%eax; std; stc; int $0x82; pushfq; cld; "
		     "pop %0"
		     : "=a"(flags)::"cc", "memory");
	CHECK((flags & (X86_DF | X86_CF)) == (X86_DF | X86_CF),
	      "flags are not preserved: %lx", flags);
}

/* gpas that no domain has, with and without overflow. */
static const u64 bad_gpa[] = {
	-1UL,
	-8UL,
	-4096UL,
	1UL << 63,
	1UL << 52,
	1UL << 48,
	1UL << 46,
	0xfee00000,
	1UL << 40,
	(1UL << 52) - 4096,
	DIRECT_BASE,
	KERNEL_BASE,
	LODGE_AREA_BASE,
	0x7ffffffffffff000,
};

static void test_console_write(void)
{
	size_t i;

	CHECK_EQ(hc(LODGE_HC_CONSOLE_WRITE, gpa(buffer), 0), 0);
	CHECK_EQ(hc(LODGE_HC_CONSOLE_WRITE, gpa(buffer), 4097), -LODGE_EINVAL);
	CHECK_EQ(hc(LODGE_HC_CONSOLE_WRITE, gpa(buffer), -1UL), -LODGE_EINVAL);
	CHECK_EQ(hc(LODGE_HC_CONSOLE_WRITE, gpa(buffer), 1UL << 32),
		 -LODGE_EINVAL);
	for (i = 0; i < array_size(bad_gpa); i++) {
		s64 result = hc(LODGE_HC_CONSOLE_WRITE, bad_gpa[i], 16);

		CHECK(result == -LODGE_EFAULT,
		      "CONSOLE_WRITE from gpa %lx returned %ld", bad_gpa[i],
		      result);
	}
	/* The last byte is outside. */
	CHECK_EQ(hc(LODGE_HC_CONSOLE_WRITE, ram_end, 1), -LODGE_EFAULT);
	/* A page crossing in the middle is fine. */
	memset(buffer, ' ', sizeof(buffer));
	memcpy(buffer + PAGE_SIZE - 8, "  page crossing\n", 16);
	CHECK_EQ(hc(LODGE_HC_CONSOLE_WRITE, gpa(buffer) + PAGE_SIZE - 8, 16),
		 16);
	memset(buffer, '.', 4095);
	buffer[4095] = '\n';
	{
		s64 n = hc(LODGE_HC_CONSOLE_WRITE, gpa(buffer), 4096);

		CHECK(n > 0 && n <= 4096, "a whole page: %ld", n);
		if (n < 4096)
			printf("\n");
	}
}

static void test_console_read(void)
{
	size_t i;
	s64 n = hc(LODGE_HC_CONSOLE_READ, gpa(buffer), 4096);

	CHECK(n >= 0 && n <= 4096, "CONSOLE_READ returned %ld", n);
	CHECK_EQ(hc(LODGE_HC_CONSOLE_READ, gpa(buffer), 0), 0);
	for (i = 0; i < array_size(bad_gpa); i++) {
		s64 result = hc(LODGE_HC_CONSOLE_READ, bad_gpa[i], 16);

		/* With no input there is nothing to store. */
		CHECK(result == -LODGE_EFAULT || result == 0,
		      "CONSOLE_READ to gpa %lx returned %ld", bad_gpa[i],
		      result);
	}
}

/* Each call that takes a gpa refuses the bad ones. */
static void test_bad_gpas(void)
{
	size_t i;

	for (i = 0; i < array_size(bad_gpa); i++) {
		u64 bad = bad_gpa[i] & -4096UL;

		CHECK_ERR(hc(LODGE_HC_SET_CALLBACKS, bad));
		CHECK_ERR(hc(LODGE_HC_LOAD_ROOT, bad));
		CHECK_ERR(hc(LODGE_HC_CPUID, 0, 0, bad));
		CHECK_ERR(hc(LODGE_HC_SET_LDT, bad, 512));
		CHECK_ERR(hc(LODGE_HC_BATCH, bad, 1));
		CHECK_ERR(hc(LODGE_HC_SET_SHARED, bad));
		CHECK_ERR(hc(LODGE_HC_DEBUG, LODGE_DEBUG_COUNTERS, bad));
		CHECK_ERR(hc_vcpu(TIME_AREA, 0, bad));
		CHECK_ERR(hc_vcpu(STEAL_AREA, 0, bad));
		CHECK_ERR(hc_vcpu(INIT, 0, bad));
		CHECK_EQ(hc(LODGE_HC_DROP_ROOT, bad), -LODGE_ENOENT);
	}
}

static void test_misc(void)
{
	CHECK_EQ(hc(LODGE_HC_YIELD), 0);
	CHECK_EQ(hc(LODGE_HC_SHUTDOWN, 3), -LODGE_EINVAL);
	CHECK_EQ(hc(LODGE_HC_SHUTDOWN, -1UL), -LODGE_EINVAL);
	CHECK_EQ(hc(LODGE_HC_SHUTDOWN, 1UL << 32), -LODGE_EINVAL);
	CHECK_ERR(hc(LODGE_HC_DEBUG, 77, 0));
	CHECK_EQ(hc_vcpu(IS_UP, 0, 0), 1);
	CHECK_EQ(hc_vcpu(IS_UP, LODGE_MAX_VCPUS, 0), -LODGE_ENOENT);
	CHECK_EQ(hc_vcpu(IS_UP, -1UL, 0), -LODGE_ENOENT);
	CHECK_EQ(hc_vcpu(IS_UP, 1UL << 32, 0), -LODGE_ENOENT);
	CHECK_ERR(hc(LODGE_HC_VCPU, 99, 0, 0));
	CHECK_EQ(hc(LODGE_HC_SET_SHARED, gpa(&shared)), -LODGE_EEXIST);
}

void test_main(void)
{
	test_numbers();
	test_registers();
	test_console_write();
	test_console_read();
	test_bad_gpas();
	test_misc();
}
