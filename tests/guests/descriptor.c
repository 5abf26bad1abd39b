// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: SET_DESCRIPTOR and SET_LDT take present (the LDT also absent) code and
 * data segments of DPL 3 that are not 16-bit stack segments, in slots 12 to 15
 * and up to 8192 LDT entries; the accessed bit is the hypervisor's (R5, R14).
 * How: every access byte with several flag nibbles against the rule, bad
 * slots and counts, and segments loaded in ring 3 to see that what was
 * accepted works and that nothing accepted raises privilege.
 */
#include "guest.h"
#include "user.h"

#define DATA 0x00cff3000000ffffUL /* flat, DPL 3, writable, accessed */
#define CODE64 0x00affb000000ffffUL
#define CODE32 0x00cffb000000ffffUL

static u64 ldt_pages[32] __attribute__((aligned(256)));
static u64 *ldt;

static u64 with_access(u64 access, u64 flags)
{
	return 0x000000000000ffffUL | access << 40 | 0xfUL << 48 | flags << 52;
}

/* What the ABI says about one descriptor; absent ones for the LDT only. */
static bool allowed(u64 access, u64 flags)
{
	bool code = access & 8;

	if (!(access & 0x10) || (access >> 5 & 3) != 3)
		return false; /* system, or not DPL 3 */
	if (!code && !(flags & 4) && access & 2)
		return false; /* writable data with a 16-bit stack pointer */
	if (code && (flags & 6) == 6)
		return false; /* L and D both set: reserved */
	return true;
}

/*
 * Strict where the ABI is: never accept what is not allowed. What is allowed
 * but rare (conforming, expand-down) may be refused as well.
 */
static void test_every_access(void)
{
	u64 access, flags, accepted = 0;

	for (flags = 0; flags < 16; flags++)
		for (access = 0; access < 256; access++) {
			u64 value = with_access(access, flags);
			s64 result = hc(LODGE_HC_SET_DESCRIPTOR, 12, value);

			accepted += !result;
			if (!result)
				CHECK((allowed(access, flags) && access & 0x80),
				      "descriptor %lx was accepted", value);
			else
				CHECK(result == -LODGE_EINVAL,
				      "descriptor %lx returned %ld", value,
				      result);
		}
	printf("  %lu of 4096 kinds accepted\n", accepted);
	CHECK_EQ(hc(LODGE_HC_SET_DESCRIPTOR, 12, DATA), 0);
	CHECK_EQ(hc(LODGE_HC_SET_DESCRIPTOR, 12, CODE64), 0);
	CHECK_EQ(hc(LODGE_HC_SET_DESCRIPTOR, 12, CODE32), 0);
	CHECK_EQ(hc(LODGE_HC_SET_DESCRIPTOR, 12, DATA & ~(1UL << 40)), 0);
	CHECK_EQ(hc(LODGE_HC_SET_DESCRIPTOR, 12, 0), 0);
}

static void test_slots(void)
{
	static const u64 bad[] = { 0,	 1,
				   2,	 3,
				   4,	 5,
				   6,	 8,
				   10,	 11,
				   16,	 17,
				   18,	 20,
				   31,	 63,
				   64,	 8191,
				   8192, 1UL << 32,
				   -1UL, (1UL << 32) + 12 };
	size_t i;

	for (i = 0; i < array_size(bad); i++)
		CHECK_EQ(hc(LODGE_HC_SET_DESCRIPTOR, bad[i], DATA),
			 -LODGE_EINVAL);
	for (i = 12; i <= 15; i++) {
		CHECK_EQ(hc(LODGE_HC_SET_DESCRIPTOR, i, DATA), 0);
		CHECK_EQ(hc(LODGE_HC_SET_DESCRIPTOR, i, 0), 0);
	}
}

static u64 load_fs(u64 selector, u64 b, u64 c)
{
	asm volatile("mov %w0, %%fs" ::"r"(selector));
	return 0;
}

static u64 access_rights(u64 selector)
{
	u64 rights = 0;

	asm volatile("lar %1, %0" : "+r"(rights) : "r"(selector) : "cc");
	return rights;
}

/* A TLS slot works: base and accessed bit. */
static void test_tls(void)
{
	/* accessed bit clear: the hypervisor must set it (R5) */
	u64 value = DATA & ~(1UL << 40);
	u64 selector = 12 << 3 | 3;

	CHECK_EQ(hc(LODGE_HC_SET_DESCRIPTOR, 12, value), 0);
	CHECK(access_rights(selector) >> 8 & 1,
	      "the accessed bit was not set: %lx", access_rights(selector));
	CHECK_EQ(probe(load_fs, selector, 0, 0), NO_FAULT);
	CHECK_EQ(hc(LODGE_HC_SET_DESCRIPTOR, 12, 0), 0);
	CHECK_EQ(probe(load_fs, 0, 0, 0), NO_FAULT);
	CHECK_EQ(probe(load_fs, selector, 0, 0), GP);
	CHECK((this_cpu()->fault.error & ~7) == (selector & ~7),
	      "error code %lx", this_cpu()->fault.error);
}

static s64 set_ldt(u64 count)
{
	return hc(LODGE_HC_SET_LDT, gpa(ldt_pages), count);
}

static void test_ldt(void)
{
	u64 i;

	ldt = alloc_pages(16, PAGE_SIZE);
	for (i = 0; i < 16; i++)
		ldt_pages[i] = gpa(ldt) + i * PAGE_SIZE;
	for (i = 0; i < 8192; i++)
		ldt[i] = i % 3 ? DATA & ~(1UL << 40) : 0;
	CHECK_EQ(set_ldt(8192), 0);
	CHECK(access_rights(7999 << 3 | 7), "LDT entry 7999 is not there");
	CHECK_EQ(probe(load_fs, 8191 << 3 | 7, 0, 0), NO_FAULT);
	CHECK_EQ(probe(load_fs, 3 << 3 | 7, 0, 0), GP);
	probe(load_fs, 0, 0, 0);
	CHECK_EQ(set_ldt(8193), -LODGE_EINVAL);
	CHECK_EQ(set_ldt(-1UL), -LODGE_EINVAL);
	CHECK_EQ(set_ldt(1UL << 32), -LODGE_EINVAL);
	/* The old one stays when a descriptor is bad. */
	ldt[600] = 0x0000ec0000100000UL; /* a call gate */
	CHECK_EQ(set_ldt(700), -LODGE_EINVAL);
	CHECK(access_rights(7999 << 3 | 7), "the old LDT is gone");
	ldt[600] = 0x0000890000000067UL; /* a TSS */
	CHECK_EQ(set_ldt(700), -LODGE_EINVAL);
	ldt[600] = DATA & ~(3UL << 45); /* DPL 0 */
	CHECK_EQ(set_ldt(700), -LODGE_EINVAL);
	ldt[600] = CODE64 & ~(1UL << 46); /* DPL 1 code */
	CHECK_EQ(set_ldt(700), -LODGE_EINVAL);
	ldt[600] = DATA & ~(1UL << 54); /* 16-bit stack */
	CHECK_EQ(set_ldt(700), -LODGE_EINVAL);
	ldt[600] = DATA & ~(1UL << 47); /* not present is fine here */
	CHECK_EQ(set_ldt(700), 0);
	/* It is a copy: later changes do not count. */
	ldt[1] = 0x0000ec0000100000UL;
	CHECK((access_rights(1 << 3 | 7) >> 8 & 0xfe) == 0xf2,
	      "the LDT is not a copy");
	ldt[1] = DATA;
	ldt_pages[1] = -4096UL;
	CHECK_EQ(set_ldt(700), -LODGE_EFAULT);
	ldt_pages[1] = gpa(ldt) + 8;
	CHECK_ERR(set_ldt(700));
	ldt_pages[1] = gpa(ldt) + PAGE_SIZE;
	CHECK_EQ(hc(LODGE_HC_SET_LDT, 0, 0), 0);
	CHECK_EQ(probe(load_fs, 1 << 3 | 7, 0, 0), GP);
	/* A selector keeps what it has loaded, as natively. */
	CHECK_EQ(set_ldt(2), 0);
	CHECK_EQ(probe(load_fs, 1 << 3 | 7, 0, 0), NO_FAULT);
	CHECK_EQ(hc(LODGE_HC_SET_LDT, 0, 0), 0);
	asm volatile("mov %%fs, %0" : "=r"(i));
	CHECK_EQ(i, 1 << 3 | 7);
	probe(load_fs, 0, 0, 0);
	for (i = 0; i < 200; i++) /* no leak */
		CHECK_EQ(set_ldt(i % 2 ? 8192 : 1), 0);
	CHECK_EQ(hc(LODGE_HC_SET_LDT, 0, 0), 0);
}

void test_main(void)
{
	test_every_access();
	test_slots();
	test_tls();
	test_ldt();
}
