// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: time_now() is what a guest computes from its record by the formula of
 * lodge/time.h; it is exact to 2^-31 of the elapsed time; a record is written
 * with the version protocol and not at all where it is not registered.
 */
#include "test.h"
#include "core/types.h"

static u64 tsc;
static u64 test_tsc(void);

#define rdtsc test_tsc
#include "../../hypervisor-stub/core/time.c"

static u8 page[4096] __aligned(4096);
static bool have_page;

static u64 test_tsc(void)
{
	return tsc;
}

u64 cmos_seconds(void)
{
	return 1700000000;
}

void *guest_ptr(struct domain *d, gpa_t gpa, size_t n)
{
	return have_page ? page + (gpa & 4095) : NULL;
}

static const u64 speeds[] = { 1,       999,	999999,	 1000000, 1000001,
			      1999999, 2000000, 2399987, 2400000, 3792000,
			      4000000, 4000001, 100000000 };

static u64 guest_time(const struct lodge_time *t)
{
	u64 delta = tsc - t->tsc_timestamp;

	if (t->tsc_shift < 0)
		delta >>= -t->tsc_shift;
	else
		delta <<= t->tsc_shift;
	return t->system_time +
	       (u64)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
}

static void test_formula(void **state)
{
	struct lodge_time *t = (void *)(page + 64);
	struct vcpu v = { .time_gpa = 64 };
	unsigned int i, j;

	have_page = true;
	for (i = 0; i < ARRAY_SIZE(speeds); i++) {
		tsc = 123456789;
		time_init(speeds[i]);
		assert_int_equal(time_tsc_khz(), speeds[i]);
		assert_int_equal(time_wall_start(), 1700000000);
		assert_int_equal(time_now(), 0);
		time_update_vcpu(&v);
		assert_int_equal(t->version % 2, 0);
		assert_int_equal(t->flags, LODGE_TIME_STABLE);
		for (j = 0; j < 50; j++) {
			u64 ticks = 3UL << j, now, exact;

			if (ticks / speeds[i] >= 1UL << 41)
				break;
			tsc = 123456789 + ticks;
			now = time_now();
			assert_int_equal(now, guest_time(t));
			exact = (unsigned __int128)ticks * 1000000 / speeds[i];
			assert_true(now <= exact);
			/* one in 2^31, and what a right shift drops */
			assert_true(exact - now <= (exact >> 31) + 1 +
						   2 * 1000000 / speeds[i]);
		}
	}
}

static void test_behind(void **state)
{
	tsc = 1000;
	time_init(2000000);
	tsc = 990;
	assert_int_equal(time_now(), 0);
}

static void test_record(void **state)
{
	struct vcpu v = { .time_gpa = 0 };
	struct lodge_time *t = (void *)(page + 4096 - sizeof(*t));
	u32 version;

	memset(page, 0xee, sizeof(page));
	have_page = true;
	time_update_vcpu(&v);
	assert_int_equal(page[0], 0xee);
	v.time_gpa = 4096 - sizeof(*t);
	have_page = false;
	time_update_vcpu(&v);
	assert_int_equal(t->version, 0xeeeeeeee);
	have_page = true;
	time_update_vcpu(&v);
	version = t->version;
	t->version = 77; /* a guest that scribbles */
	time_update_vcpu(&v);
	assert_int_equal(t->version, version + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_formula),
		T(test_behind),
		T(test_record),
	};

	return RUN(tests);
}
