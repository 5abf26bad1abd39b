// SPDX-License-Identifier: GPL-2.0
/*
 * Rule (R14): a guest's descriptors are code or data of DPL 3, never a gate or
 * system descriptor, never a 16-bit stack, and always marked accessed; an LDT
 * takes effect as a whole or not at all, and does not change after the check.
 * desc_check() is compared with a second wording of the rule over all kinds of
 * descriptors there are.
 */
#include "test.h"
#include "core/domain.h"
#include "x86/cpufeat.h"
#include "x86/entry.h"

static struct domain domain;
static struct vcpu vcpu;
static u64 gdt[512];
static u8 ram[32 * PAGE_SIZE] __aligned(4096);
static const void *mapped[LDT_PAGES];
static unsigned int pages_left, pages_used;

int copy_from_guest(struct domain *d, void *dst, gpa_t gpa, size_t n)
{
	if (gpa > sizeof(ram) || n > sizeof(ram) - gpa)
		return -LODGE_EFAULT;
	memcpy(dst, ram + gpa, n);
	return 0;
}

void entry_area_map_ldt(struct entry_area *a, unsigned int n, const void *page)
{
	assert_true(n < LDT_PAGES);
	mapped[n] = page;
}

void *page_alloc(void)
{
	if (!pages_left)
		return NULL;
	pages_left--;
	pages_used++;
	return calloc(1, PAGE_SIZE);
}

void page_free(void *page)
{
	pages_left++;
	pages_used--;
	free(page);
}

#define DATA 0x00cff3000000ffffUL
#define CODE 0x00cffb000000ffffUL
#define ACCESSED (1UL << 40)

static bool field(u64 d, unsigned int bit)
{
	return d >> bit & 1;
}

static bool rule(u64 d, bool allow_absent)
{
	bool present = field(d, 47), segment = field(d, 44);
	bool code = field(d, 43), writable = field(d, 41);
	bool l = field(d, 53), big = field(d, 54);
	unsigned int dpl = d >> 45 & 3;

	if (d == 0)
		return allow_absent;
	if (!segment || dpl != 3)
		return false;
	if (!present)
		return allow_absent;
	if (code)
		return !(l && big);
	return !l && (big || !writable);
}

static void test_all_kinds(void **state)
{
	/* type, S, DPL, P: bits 40 to 47; AVL, L, D, G: bits 52 to 55 */
	for (u64 kind = 0; kind < 4096; kind++) {
		u64 flags = (kind & 0xff) << 40 | (kind >> 8) << 52;

		for (int fill = 0; fill < 2; fill++) {
			u64 d = flags | (fill ? 0xff0f00ffffffffffUL : 0);
			u64 strict = d, loose = d;

			assert_int_equal(desc_check(&strict, false),
					 rule(d, false));
			assert_int_equal(desc_check(&loose, true),
					 rule(d, true));
			if (rule(d, false)) {
				assert_true(strict == (d | ACCESSED));
				assert_true(loose == (d | ACCESSED));
			} else {
				assert_true(strict == d);
			}
		}
	}
}

static void test_set_descriptor(void **state)
{
	memset(gdt, 0, sizeof(gdt));
	for (u64 slot = 0; slot < 40; slot++) {
		s64 want = slot >= 12 && slot <= 15 ? 0 : -LODGE_EINVAL;

		assert_int_equal(
			do_set_descriptor(&vcpu, slot, DATA & ~ACCESSED), want);
		assert_true(gdt[slot] == (want ? 0 : DATA));
	}
	assert_int_equal(do_set_descriptor(&vcpu, ~0UL, DATA), -LODGE_EINVAL);
	assert_int_equal(do_set_descriptor(&vcpu, 1UL << 32 | 12, DATA),
			 -LODGE_EINVAL);
	assert_int_equal(do_set_descriptor(&vcpu, 12, DATA ^ (1UL << 47)),
			 -LODGE_EINVAL);
	assert_true(gdt[12] == DATA);
	assert_int_equal(do_set_descriptor(&vcpu, 12, 0), 0);
	assert_true(gdt[12] == 0);
}

static u64 *guest_list(void)
{
	return (u64 *)ram; /* the array of page addresses */
}

static u64 *guest_page(unsigned int n)
{
	return (u64 *)(ram + (n + 1) * PAGE_SIZE);
}

static int setup(void **state)
{
	memset(&vcpu, 0, sizeof(vcpu));
	memset(gdt, 0, sizeof(gdt));
	memset(ram, 0, sizeof(ram));
	memset(mapped, 0, sizeof(mapped));
	vcpu.domain = &domain;
	vcpu.arch.area.gdt = gdt;
	pages_left = 40;
	pages_used = 0;
	for (unsigned int i = 0; i < LDT_PAGES; i++) {
		guest_list()[i] = (i + 1) * PAGE_SIZE;
		for (unsigned int j = 0; j < 512; j++)
			guest_page(i)[j] = j & 1 ? CODE & ~ACCESSED : 0;
	}
	return 0;
}

static int teardown(void **state)
{
	desc_vcpu_reset(&vcpu);
	return pages_used != 0;
}

static void test_ldt(void **state)
{
	assert_int_equal(do_set_ldt(&vcpu, 0, 8192), 0);
	assert_int_equal(vcpu.arch.ldt_count, 8192);
	assert_int_equal(vcpu.arch.segs_reload, RELOAD_LDT);
	assert_true(gdt[SEL_LDT / 8] == 0x000082010000ffffUL);
	assert_true(gdt[SEL_LDT / 8 + 1] == 0xffff8000);
	assert_int_equal(pages_used, LDT_PAGES);
	for (unsigned int i = 0; i < LDT_PAGES; i++) {
		assert_ptr_equal(mapped[i], vcpu.arch.ldt[i]);
		assert_true(vcpu.arch.ldt[i][510] == 0);
		assert_true(vcpu.arch.ldt[i][511] == CODE);
	}
	/* a copy: what the guest does afterwards is of no effect */
	guest_page(0)[1] = 0x0000ec0000100000UL;
	assert_true(vcpu.arch.ldt[0][1] == CODE);

	/* smaller: 514 entries, of two pages */
	guest_page(0)[1] = DATA;
	assert_int_equal(do_set_ldt(&vcpu, 0, 514), 0);
	assert_int_equal(pages_used, 2);
	assert_null(mapped[2]);
	assert_true(gdt[SEL_LDT / 8] == 0x000082010000100fUL);
	assert_true(vcpu.arch.ldt[1][1] == CODE);
	assert_true(vcpu.arch.ldt[1][2] == 0); /* nothing behind the end */

	vcpu.arch.segs_reload = RELOAD_NONE;
	assert_int_equal(do_set_ldt(&vcpu, ~0UL, 0), 0);
	assert_int_equal(vcpu.arch.segs_reload, RELOAD_LDT);
	assert_int_equal(pages_used, 0);
	assert_int_equal(vcpu.arch.ldt_count, 0);
	assert_true(gdt[SEL_LDT / 8] == 0 && gdt[SEL_LDT / 8 + 1] == 0);
	for (unsigned int i = 0; i < LDT_PAGES; i++)
		assert_null(mapped[i]);
}

static void expect_refused(u64 gpa, u64 count, int error)
{
	u64 *before = vcpu.arch.ldt[0];

	assert_int_equal(do_set_ldt(&vcpu, gpa, count), error);
	assert_int_equal(pages_used, 3);
	assert_int_equal(vcpu.arch.ldt_count, 1200);
	assert_ptr_equal(vcpu.arch.ldt[0], before);
	assert_ptr_equal(mapped[0], before);
	assert_true(before[1] == CODE);
	assert_int_equal(vcpu.arch.segs_reload, RELOAD_NONE);
}

static void test_ldt_refused(void **state)
{
	assert_int_equal(do_set_ldt(&vcpu, 0, 1200), 0);
	vcpu.arch.segs_reload = RELOAD_NONE;

	expect_refused(0, 8193, -LODGE_EINVAL);
	expect_refused(0, ~0UL, -LODGE_EINVAL);
	expect_refused(0, 1UL << 32, -LODGE_EINVAL);
	expect_refused(~0UL, 1, -LODGE_EFAULT);
	expect_refused(sizeof(ram) - 8, 1024, -LODGE_EFAULT);

	guest_page(1)[600 - 512] = 0x0000890000000067UL; /* a TSS */
	expect_refused(0, 601, -LODGE_EINVAL);
	guest_page(1)[600 - 512] = 0x00cf93000000ffffUL; /* DPL 0 */
	expect_refused(0, 601, -LODGE_EINVAL);
	guest_page(1)[600 - 512] = 0x000ff3000000ffffUL; /* 16-bit stack */
	expect_refused(0, 601, -LODGE_EINVAL);
	guest_page(1)[600 - 512] = 0;
	guest_list()[1] += 8;
	expect_refused(0, 601, -LODGE_EINVAL);
	guest_list()[1] = ~0xfffUL;
	expect_refused(0, 601, -LODGE_EFAULT);
	guest_list()[1] = 2 * PAGE_SIZE;
	pages_left = 1;
	expect_refused(0, 601, -LODGE_ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_all_kinds),
		cmocka_unit_test_setup_teardown(test_set_descriptor, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_ldt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ldt_refused, setup,
						teardown),
	};

	return RUN(tests);
}
