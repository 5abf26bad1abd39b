// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: DEBUG COUNTERS writes version, size and counts that go up with what
 * they count; AUDIT finds no difference in a quiet domain (or is -ENOSYS);
 * EVENT before SET_SHARED fails; SET_SHARED wants a whole page of RAM once.
 * How: reads the counters around a known number of operations. Started with
 * shared=no, so that SET_SHARED is still to be made.
 */
#include "guest.h"

static struct lodge_counters counters __attribute__((aligned(512)));

static struct lodge_counters *get(void)
{
	CHECK_EQ(hc(LODGE_HC_DEBUG, LODGE_DEBUG_COUNTERS, gpa(&counters)), 0);
	return &counters;
}

static void test_shared(void)
{
	CHECK_ERR(hc_event(BIND_IPI, 0, 0));
	CHECK_ERR(hc_event(BIND_VIRQ, LODGE_VIRQ_TIMER, 0));
	CHECK_ERR(hc_event(SEND, 1, 0));
	CHECK_ERR(hc_event(UNMASK, 1, 0));
	CHECK_EQ(hc(LODGE_HC_SET_SHARED, gpa(&shared) + 8), -LODGE_EINVAL);
	CHECK_EQ(hc(LODGE_HC_SET_SHARED, gpa(&shared) + 2048), -LODGE_EINVAL);
	CHECK_EQ(hc(LODGE_HC_SET_SHARED, -4096UL), -LODGE_EFAULT);
	CHECK_EQ(hc(LODGE_HC_SET_SHARED, 0xfee00000), -LODGE_EFAULT);
	memset(&shared, 0x77, sizeof(shared));
	CHECK_EQ(hc(LODGE_HC_SET_SHARED, gpa(&shared)), 0);
	CHECK(shared.pending[0] == 0 && shared.pending[63] == 0 &&
		      shared.mask[0] == -1UL && shared.mask[63] == -1UL,
	      "the shared page is not set up");
	CHECK(shared.wall_nsec < 1000000000, "wall_nsec %u", shared.wall_nsec);
	CHECK_EQ(hc(LODGE_HC_SET_SHARED, gpa(&shared)), -LODGE_EEXIST);
	CHECK_EQ(hc(LODGE_HC_SET_SHARED, root_gpa), -LODGE_EEXIST);
}

static void test_counts(void)
{
	u64 calls, flushes, entries;
	int i;

	get();
	CHECK_EQ(counters.version, LODGE_COUNTERS_VERSION);
	CHECK(counters.size >= 256 && counters.size <= sizeof(counters),
	      "size %u", counters.size);
	calls = counters.hypercall[LODGE_HC_VERSION];
	flushes = counters.flushes;
	entries = counters.entries;
	for (i = 0; i < 100; i++) {
		hc(LODGE_HC_VERSION);
		hc(LODGE_HC_FLUSH, LODGE_FLUSH_EVERYTHING);
	}
	get();
	CHECK_EQ(counters.hypercall[LODGE_HC_VERSION] - calls, 100);
	CHECK_EQ(counters.flushes - flushes, 100);
	CHECK(counters.entries - entries >= 200, "%lu entries for 200 calls",
	      counters.entries - entries);
	CHECK(counters.shadow_pages > 0, "no shadow pages in use");
	CHECK_EQ(hc(LODGE_HC_DEBUG, LODGE_DEBUG_COUNTERS, -512UL),
		 -LODGE_EFAULT);
	CHECK_ERR(hc(LODGE_HC_DEBUG, LODGE_DEBUG_COUNTERS, -8UL));
}

void test_main(void)
{
	s64 audit;

	test_shared();
	test_counts();
	audit = hc(LODGE_HC_DEBUG, LODGE_DEBUG_AUDIT);
	CHECK(audit == 0 || audit == -LODGE_ENOSYS, "the auditor says %ld",
	      (long)audit);
	printf("  audit: %ld\n", (long)audit);
	CHECK_EQ(hc(LODGE_HC_DEBUG, 2, gpa(&counters)), -LODGE_ENOSYS);
	CHECK_EQ(hc(LODGE_HC_DEBUG, -1UL, gpa(&counters)), -LODGE_ENOSYS);
}
