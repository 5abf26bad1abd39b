// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: MEMORY REPORT takes the frames of RAM whose content does not matter,
 * and nothing else: the domain has as much as before, and finds zeroes when it
 * touches the RAM again, be it by an access, by a hypercall or a grant's user.
 * vCPU 1 touches all the time what vCPU 0 reports.
 */
#include <lodge/grant.h>
#include <lodge/memory.h>
#include "guest.h"

#define MARKER 0x7265706f7274UL
#define ROUNDS 300

static u64 list[512] __attribute__((aligned(4096)));
static struct lodge_memory_info info;
static volatile u64 *volatile watched;
static volatile bool stop;

#define hc_memory(op, gpa, count) \
	hc(LODGE_HC_MEMORY, LODGE_MEMORY_##op, gpa, count)
#define one(op, entry) (list[0] = (entry), hc_memory(op, gpa(list), 1))

/* Frames in all, of which so many are reported. */
static void expect(u64 frames, u64 reported)
{
	CHECK_EQ(hc_memory(INFO, gpa(&info), 0), 0);
	CHECK_EQ(info.frames, frames);
	CHECK_EQ(info.reported_frames, reported);
}

static void populate(u64 entry)
{
	s64 result;

	do {
		result = one(POPULATE, entry);
	} while (result == -LODGE_EAGAIN);
	CHECK_EQ(result, 1);
}

static void expect_zeroes(const u64 *page, u64 words)
{
	u64 i;

	for (i = 0; i < words; i++)
		CHECK(!page[i], "word %lu is %lx", i, page[i]);
}

static void test_page(u64 all)
{
	u64 *page = alloc_page();

	page[7] = MARKER;
	CHECK_EQ(one(REPORT, gpa(page)), 1);
	expect(all, 1);
	CHECK_EQ(one(REPORT, gpa(page)), 1);
	expect(all, 1);
	CHECK_EQ(one(POPULATE, gpa(page)), -LODGE_EEXIST);
	expect_zeroes(page, 512);
	expect(all, 0);
	/* released without having been touched */
	CHECK_EQ(one(REPORT, gpa(page)), 1);
	CHECK_EQ(one(RELEASE, gpa(page)), 1);
	expect(all - 1, 0);
	CHECK_EQ(one(REPORT, gpa(page)), -LODGE_ENOENT);
	CHECK_EQ(one(RELEASE, gpa(page)), -LODGE_ENOENT);
	populate(gpa(page));
	expect(all, 0);
}

static void test_large(u64 all)
{
	u64 *piece = alloc_pages(512, SIZE_2M);
	u64 entry = gpa(piece) | LODGE_MEMORY_LARGE;

	piece[0] = piece[SIZE_2M / 8 - 1] = MARKER;
	CHECK_EQ(one(REPORT, entry), 1);
	expect(all, 512);
	expect_zeroes(piece, SIZE_2M / 8);
	/* in parts */
	CHECK_EQ(one(REPORT, entry), 1);
	expect(all, 512);
	CHECK_EQ(one(RELEASE, gpa(piece) + 5 * PAGE_SIZE), 1);
	expect(all - 1, 511);
	CHECK_EQ(one(RELEASE, entry), -LODGE_EINVAL);
	CHECK_EQ(one(REPORT, entry), -LODGE_EINVAL);
	piece[6 * 512] = MARKER;
	expect(all - 1, 510);
	populate(gpa(piece) + 5 * PAGE_SIZE);
	expect_zeroes(piece, 6 * 512);
	CHECK_EQ(piece[6 * 512], MARKER);
	expect_zeroes(piece + 7 * 512, 505 * 512);
	expect(all, 0);
}

/* A hypercall reads and writes it, a grant's user copies from it. */
static void test_others(u64 all)
{
	static struct lodge_grant_copy copy;
	u64 *page = alloc_page(), *from = alloc_page();

	from[0] = page[0] = MARKER;
	CHECK_EQ(one(REPORT, gpa(page)), 1);
	CHECK_EQ(hc(LODGE_HC_DEBUG, LODGE_DEBUG_COUNTERS, gpa(page)), 0);
	expect(all, 0);
	CHECK_EQ(one(REPORT, gpa(page)), 1);
	CHECK_EQ(one(REPORT, gpa(from)), 1);
	copy = (struct lodge_grant_copy){
		.from = { .gpa = gpa(from) },
		.to = { .gpa = gpa(page) },
		.length = PAGE_SIZE,
	};
	CHECK_EQ(hc(LODGE_HC_GRANT, LODGE_GRANT_COPY, gpa(&copy), 1), 0);
	CHECK_EQ(copy.status, 0);
	expect(all, 0);
	expect_zeroes(page, 512);
	expect_zeroes(from, 512);
}

static void test_errors(u64 all)
{
	u64 page = gpa(alloc_page());

	CHECK_EQ(hc(LODGE_HC_MEMORY, LODGE_MEMORY_REPORT + 1, gpa(list), 1),
		 -LODGE_ENOSYS);
	CHECK_EQ(hc_memory(REPORT, gpa(list), 0), -LODGE_EINVAL);
	CHECK_EQ(hc_memory(REPORT, gpa(list), 513), -LODGE_EINVAL);
	CHECK_EQ(hc_memory(REPORT, ram_end, 1), -LODGE_EFAULT);
	CHECK_EQ(one(REPORT, page + 8), -LODGE_EINVAL);
	CHECK_EQ(one(REPORT, page + 2), -LODGE_EINVAL);
	CHECK_EQ(one(REPORT, ram_end), -LODGE_ENOENT);
	CHECK_EQ(one(REPORT, 1UL << 47), -LODGE_EINVAL);
	CHECK_EQ(one(REPORT, -PAGE_SIZE), -LODGE_EINVAL);
	CHECK_EQ(one(REPORT, gpa(&shared)), -LODGE_EBUSY);
	/* its own list: zeroes, so that the second entry is that address */
	list[0] = gpa(list);
	list[1] = 4;
	CHECK_EQ(hc_memory(REPORT, gpa(list), 2), 1);
	expect_zeroes(list, 512);
	expect(all, 0);
}

static void toucher(struct cpu *cpu, void *arg)
{
	u64 value;

	while (!stop) {
		value = watched[0];
		CHECK(value == MARKER || !value, "it shows %lx", value);
		watched[0] = MARKER;
	}
}

static void test_race(u64 all)
{
	u64 *piece = alloc_pages(512, SIZE_2M), i, n, entry;

	watched = piece;
	cpu_start(1, toucher, NULL);
	for (i = 0; i < ROUNDS; i++) {
		entry = gpa(piece);
		/* in small pieces, for want of large ones too, it stays so */
		if (i >= ROUNDS / 2 ||
		    one(REPORT, entry | LODGE_MEMORY_LARGE) == -LODGE_EINVAL)
			CHECK_EQ(one(REPORT, entry), 1);
		for (n = 0; n < i * 10; n++)
			pause();
		CHECK(piece[1] == 0, "word 1 is %lx", piece[1]);
		piece[1] = 0;
	}
	stop = true;
	cpu_join(1);
	expect_zeroes(piece + 1, SIZE_2M / 8 - 1);
	expect(all, 0);
	CHECK(hc(LODGE_HC_DEBUG, LODGE_DEBUG_AUDIT) <= 0,
	      "the auditor found something");
}

void test_main(void)
{
	u64 all = ram_end / PAGE_SIZE;

	test_page(all);
	test_large(all);
	test_others(all);
	test_errors(all);
	test_race(all);
}
