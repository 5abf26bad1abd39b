// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: MEMORY gives RAM back and gets other RAM, exactly what was asked. What
 * was released is gone from every vCPU's tables when the hypercall returns;
 * what is populated is zero; the maximum holds; a list stops at its first bad
 * entry. vCPU 1 reads all the time what vCPU 0 takes away.
 */
#include <lodge/memory.h>
#include "guest.h"

#define MARKER 0x6d656d6f7279UL
#define ROUNDS 300

static u64 list[512] __attribute__((aligned(4096)));
static volatile u64 *volatile watched;
static volatile u64 state; /* 0: RAM, 1: about to go, 2: gone */
static volatile bool stop;

#define hc_memory(op, gpa, count) \
	hc(LODGE_HC_MEMORY, LODGE_MEMORY_##op, gpa, count)

static s64 release(u64 entry)
{
	list[0] = entry;
	return hc_memory(RELEASE, gpa(list), 1);
}

static s64 populate(u64 entry)
{
	s64 result;

	do {
		list[0] = entry;
		result = hc_memory(POPULATE, gpa(list), 1);
	} while (result == -LODGE_EAGAIN);
	return result;
}

static u64 frames(void)
{
	static struct lodge_memory_info info;

	CHECK_EQ(hc_memory(INFO, gpa(&info), 0), 0);
	CHECK_EQ(info.max_frames, ram_end / PAGE_SIZE);
	return info.frames;
}

static u64 do_read(u64 address, u64 b, u64 c)
{
	return *(volatile u64 *)address;
}

static void test_one_page(void)
{
	u64 *page = alloc_pages(2, PAGE_SIZE);
	u64 before = frames(), i;

	CHECK_EQ(before, ram_end / PAGE_SIZE);
	page[7] = MARKER;
	CHECK_EQ(release(gpa(page)), 1);
	CHECK_EQ(frames(), before - 1);
	CHECK_EQ(probe(do_read, (u64)page, 0, 0), PF);
	CHECK_EQ(release(gpa(page)), -LODGE_ENOENT);
	CHECK_EQ(hc(LODGE_HC_CONSOLE_WRITE, gpa(page), 1), -LODGE_EFAULT);
	CHECK_EQ(hc(LODGE_HC_LOAD_ROOT, gpa(page)), -LODGE_EFAULT);
	CHECK_EQ(populate(gpa(page)), 1);
	CHECK_EQ(frames(), before);
	for (i = 0; i < 512; i++)
		CHECK(!page[i], "word %lu is %lx", i, page[i]);
	page[7] = MARKER;
	CHECK_EQ(populate(gpa(page)), -LODGE_EEXIST);
	CHECK_EQ(populate(ram_end), -LODGE_ENOSPC);
	CHECK_EQ(release(gpa(page) + PAGE_SIZE), 1);
	CHECK_EQ(populate(gpa(page)), -LODGE_EEXIST);
	CHECK_EQ(page[7], MARKER);
	/* to another place, above what was there at first */
	CHECK_EQ(populate(ram_end), 1);
	map_page(root_gpa, KMAP_BASE, ram_end, PTE_KERNEL);
	CHECK_EQ(*(u64 *)KMAP_BASE, 0);
	CHECK_EQ(release(ram_end), 1);
	CHECK_EQ(probe(do_read, KMAP_BASE, 0, 0), PF);
	CHECK_EQ(populate(gpa(page) + PAGE_SIZE), 1);
	CHECK_EQ(frames(), before);
}

static void test_large(void)
{
	u64 *piece = alloc_pages(512, SIZE_2M), before = frames();
	u64 entry = gpa(piece) | LODGE_MEMORY_LARGE;

	piece[0] = piece[SIZE_2M / 8 - 1] = MARKER;
	CHECK_EQ(release(entry + PAGE_SIZE), -LODGE_EINVAL);
	CHECK_EQ(release(entry), 1);
	CHECK_EQ(frames(), before - 512);
	CHECK_EQ(probe(do_read, (u64)piece + SIZE_2M - 8, 0, 0), PF);
	CHECK_EQ(populate(entry), 1);
	CHECK_EQ(piece[0] | piece[SIZE_2M / 8 - 1], 0);
	/* once a part was released, the rest goes page by page */
	piece[1] = MARKER;
	CHECK_EQ(release(gpa(piece) + 5 * PAGE_SIZE), 1);
	CHECK_EQ(release(entry), -LODGE_EINVAL);
	CHECK_EQ(populate(entry), -LODGE_EEXIST);
	CHECK_EQ(probe(do_read, (u64)piece + 5 * PAGE_SIZE, 0, 0), PF);
	CHECK_EQ(probe(do_read, (u64)piece + 4 * PAGE_SIZE, 0, 0), NO_FAULT);
	CHECK_EQ(piece[1], MARKER);
	CHECK_EQ(populate(gpa(piece) + 5 * PAGE_SIZE), 1);
	CHECK_EQ(frames(), before);
}

static void test_lists(void)
{
	u64 base = gpa(alloc_pages(512, PAGE_SIZE)), before = frames(), i;

	for (i = 0; i < 512; i++)
		list[i] = base + i * PAGE_SIZE;
	CHECK_EQ(hc_memory(RELEASE, gpa(list), 512), 512);
	CHECK_EQ(frames(), before - 512);
	list[100] = base + 99 * PAGE_SIZE;
	for (i = 0; i < 100;) {
		s64 n = hc_memory(POPULATE, gpa(&list[i]), 512 - i);

		if (n > 0)
			i += n;
		else
			CHECK_EQ(n, -LODGE_EAGAIN);
	}
	CHECK_EQ(i, 100);
	CHECK_EQ(hc_memory(POPULATE, gpa(&list[100]), 1), -LODGE_EEXIST);
	for (i = 100; i < 512; i++)
		CHECK_EQ(populate(base + i * PAGE_SIZE), 1);
	CHECK_EQ(frames(), before);
}

/*
 * What is given back is another's only after a while, and nobody may have his
 * frames and as many again until then: so a batch of that comes to an end.
 */
static void test_backlog(void)
{
	static struct lodge_batch batch[40] __attribute__((aligned(4096)));
	u64 base = gpa(alloc_pages(512, PAGE_SIZE)), before = frames(), i;
	s64 n;

	for (i = 0; i < 512; i++)
		list[i] = base + i * PAGE_SIZE;
	for (i = 0; i < 40; i++)
		batch[i] = (struct lodge_batch){
			.number = LODGE_HC_MEMORY,
			.arg = { i % 2 ? LODGE_MEMORY_POPULATE :
					 LODGE_MEMORY_RELEASE,
				 gpa(list), 512 }
		};
	CHECK_EQ(hc(LODGE_HC_BATCH, gpa(batch), 40), 0);
	CHECK_EQ(batch[1].result, 512);
	CHECK(batch[39].result < 512, "frames are to be had for nothing");
	for (i = 0; i < 512; i++) {
		list[0] = base + i * PAGE_SIZE;
		n = populate(list[0]);
		CHECK(n == 1 || n == -LODGE_EEXIST, "page %lu: %ld", i, n);
	}
	CHECK_EQ(frames(), before);
}

static void test_errors(void)
{
	u64 page = gpa(alloc_page());

	CHECK_EQ(hc(LODGE_HC_MEMORY, 4, gpa(list), 1), -LODGE_ENOSYS);
	CHECK_EQ(hc(LODGE_HC_MEMORY, -1UL, gpa(list), 1), -LODGE_ENOSYS);
	CHECK_EQ(hc_memory(RELEASE, gpa(list), 0), -LODGE_EINVAL);
	CHECK_EQ(hc_memory(RELEASE, gpa(list), 513), -LODGE_EINVAL);
	CHECK_EQ(hc_memory(RELEASE, gpa(list), -1UL), -LODGE_EINVAL);
	CHECK_EQ(hc_memory(RELEASE, gpa(list) + 4, 1), -LODGE_EINVAL);
	CHECK_EQ(hc_memory(RELEASE, gpa(list) + 8, 512), -LODGE_EINVAL);
	CHECK_EQ(hc_memory(RELEASE, ram_end, 1), -LODGE_EFAULT);
	CHECK_EQ(hc_memory(INFO, -64UL, 0), -LODGE_EFAULT);
	CHECK_EQ(hc_memory(INFO, gpa(list), 1), -LODGE_EINVAL);
	CHECK_EQ(release(page + 8), -LODGE_EINVAL);
	CHECK_EQ(release(page + 2), -LODGE_EINVAL);
	CHECK_EQ(release(ram_end), -LODGE_ENOENT);
	CHECK_EQ(release(1UL << 47), -LODGE_EINVAL);
	CHECK_EQ(release(-PAGE_SIZE), -LODGE_EINVAL);
	CHECK_EQ(release(gpa(&shared)), -LODGE_EBUSY);
	CHECK_EQ(release(page), 1);
	CHECK_EQ(populate(1UL << 47), -LODGE_EINVAL);
	CHECK_EQ(populate(page + 4), -LODGE_EINVAL);
	CHECK_EQ(populate(page), 1);
}

static u64 read_watched(u64 a, u64 b, u64 c)
{
	u64 s, value;

	do {
		s = state;
		value = *watched;
		CHECK(s != 2 || state != 2, "a released page shows %lx", value);
		CHECK(value == MARKER || !value, "it shows %lx", value);
	} while (!stop);
	return 0;
}

static void reader(struct cpu *cpu, void *arg)
{
	while (!stop)
		probe(read_watched, 0, 0, 0);
}

/* vCPU 1 has the page in its TLB when it goes. */
static void test_race(void)
{
	u64 *page = alloc_page(), before = frames(), i;

	watched = page;
	page[0] = MARKER;
	cpu_start(1, reader, NULL);
	for (i = 0; i < ROUNDS; i++) {
		u64 wait;

		for (wait = 0; wait < 3000; wait++)
			pause();
		state = 1;
		CHECK_EQ(release(gpa(page)), 1);
		state = 2;
		for (wait = 0; wait < 1000; wait++)
			pause();
		state = 1;
		CHECK_EQ(populate(gpa(page)), 1);
		page[0] = MARKER;
		state = 0;
	}
	stop = true;
	cpu_join(1);
	CHECK_EQ(frames(), before);
	CHECK(hc(LODGE_HC_DEBUG, LODGE_DEBUG_AUDIT) <= 0,
	      "the auditor found something");
}

void test_main(void)
{
	test_one_page();
	test_large();
	test_lists();
	test_backlog();
	test_errors();
	test_race();
}
