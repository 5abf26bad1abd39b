// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: the frame allocator hands each frame to one holder at a time, aligned
 * to its size; what is freed merges back until everything is in the largest
 * blocks; a double or wrong free is caught. Checked against an array that
 * says who holds each frame, and by walking the allocator's own lists.
 */
#include "test.h"
#include <sys/mman.h>
#include "../../hypervisor-stub/core/frame.c"

#define BASE 0x10000000UL
#define FRAMES 8192UL /* 32 MiB */
#define FIRST (BASE >> PAGE_SHIFT)
#define MAX_MFN (FIRST + FRAMES)

static void *table;
static jmp_buf panicked;
static bool expect_panic;

void panic(const char *fmt, ...)
{
	if (!expect_panic)
		abort();
	expect_panic = false;
	longjmp(panicked, 1);
}

#define assert_panics(expr)                         \
	do {                                        \
		expect_panic = true;                \
		if (!setjmp(panicked)) {            \
			expr;                       \
			fail_msg("no panic");       \
		}                                   \
		frame_lock.owner = frame_lock.next; \
	} while (0)

static int setup(void **state)
{
	void *p =
		mmap((void *)BASE, FRAMES << PAGE_SHIFT, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p != (void *)BASE)
		return -1;
	table = calloc(1, frame_table_size(MAX_MFN));
	frame_init(table, MAX_MFN);
	return 0;
}

static int teardown(void **state)
{
	munmap((void *)BASE, FRAMES << PAGE_SHIFT);
	free(table);
	return 0;
}

static void add_all(void)
{
	frame_add(BASE, BASE + (FRAMES << PAGE_SHIFT));
}

/* Walks all lists: links, states, alignment, merging and the count. */
static void check_lists(void)
{
	u64 seen = 0;
	unsigned int order;

	for (order = 0; order < FRAME_ORDERS; order++) {
		u32 mfn, prev = 0;

		for (mfn = free_head[order]; mfn; mfn = frames[mfn].next) {
			mfn_t i;

			assert_int_equal(frames[mfn].prev, prev);
			assert_int_equal(frames[mfn].state, FRAME_FREE);
			assert_int_equal(frames[mfn].order, order);
			assert_int_equal(mfn & ((1UL << order) - 1), 0);
			if (order < LARGE_ORDER)
				assert_false(is_free_block(mfn ^ (1UL << order),
							   order));
			for (i = mfn + 1; i < mfn + (1UL << order); i++)
				assert_int_equal(frames[i].state, FRAME_TAIL);
			seen += 1UL << order;
			prev = mfn;
		}
	}
	assert_int_equal(seen, frame_free_count());
}

static void test_empty(void **state)
{
	assert_int_equal(frame_alloc(0, 1), 0);
	assert_int_equal(frame_free_count(), 0);
	assert_null(page_alloc());
	check_lists();
}

/* Ranges are rounded inwards; frame 0 and what is above max_mfn never count. */
static void test_add(void **state)
{
	frame_add(0, PAGE_SIZE);
	assert_int_equal(frame_free_count(), 0);
	frame_add(BASE + 1, BASE + 3 * PAGE_SIZE - 1);
	assert_int_equal(frame_free_count(), 1);
	frame_add(BASE + 5 * PAGE_SIZE, BASE + 5 * PAGE_SIZE);
	frame_add(BASE + 5 * PAGE_SIZE + 1, BASE + 6 * PAGE_SIZE - 1);
	assert_int_equal(frame_free_count(), 1);
	frame_add(BASE + 7 * PAGE_SIZE, ~0UL);
	assert_int_equal(frame_free_count(), 1 + FRAMES - 7);
	check_lists();
	assert_panics(frame_add(BASE + PAGE_SIZE, BASE + 2 * PAGE_SIZE));
}

static void test_exhaust(void **state)
{
	static mpa_t got[FRAMES];
	u64 i;

	add_all();
	for (i = 0; i < FRAMES; i++) {
		got[i] = frame_alloc(0, 7);
		assert_true(got[i] >= BASE);
		assert_int_equal(frame_owner(got[i]), 7);
		assert_int_equal(frame_owner(got[i] + 4095), 7);
	}
	assert_int_equal(frame_alloc(0, 7), 0);
	assert_int_equal(frame_free_count(), 0);
	/* Every second one first, so that nothing merges until the end. */
	for (i = 0; i < FRAMES; i += 2)
		frame_free(got[i], 0);
	assert_int_equal(frame_alloc(1, 7), 0);
	check_lists();
	for (i = 1; i < FRAMES; i += 2)
		frame_free(got[i], 0);
	check_lists();
	for (i = 0; i < FRAMES >> LARGE_ORDER; i++)
		assert_int_not_equal(frame_alloc(LARGE_ORDER, 7), 0);
	assert_int_equal(frame_alloc(0, 7), 0);
}

static void test_promise(void **state)
{
	add_all();
	assert_true(frame_promise(FRAMES - 1));
	assert_int_equal(frame_spare_count(), 1);
	assert_int_equal(frame_alloc(1, 7), 0);
	assert_true(frame_alloc(0, 7) != 0);
	assert_int_equal(frame_alloc(0, 7), 0);
	/* who it was promised to takes it */
	assert_true(frame_alloc(1, FRAME_DOM_NONE) != 0);
	assert_true(frame_promise(-2));
	assert_int_equal(frame_spare_count(), 0);
	assert_false(frame_promise(1));
	assert_true(frame_promise(-(FRAMES - 2)));
	assert_int_equal(frame_spare_count(), FRAMES - 3);
	/* one who may have less than he has */
	assert_true(frame_promise(-5));
	assert_int_equal(frame_spare_count(), FRAMES - 3);
	frame_promise(5);
}

static void test_owner(void **state)
{
	mpa_t a;

	add_all();
	assert_int_equal(frame_owner(0), FRAME_DOM_NONE);
	assert_int_equal(frame_owner(~0UL), FRAME_DOM_NONE);
	assert_int_equal(frame_owner(BASE), FRAME_DOM_NONE);
	a = frame_alloc(LARGE_ORDER, 3);
	assert_int_equal(a & (LARGE_SIZE - 1), 0);
	assert_int_equal(frame_owner(a + LARGE_SIZE - 1), 3);
	frame_free(a, LARGE_ORDER);
	assert_int_equal(frame_owner(a + LARGE_SIZE - 1), FRAME_DOM_NONE);
}

static void test_wrong_free(void **state)
{
	mpa_t a;

	add_all();
	a = frame_alloc(2, 1);
	assert_panics(frame_free(a, 1));
	assert_panics(frame_free(a + PAGE_SIZE, 0));
	assert_panics(frame_free(a + 1, 2));
	assert_panics(frame_free(0, 0));
	assert_panics(frame_free(MAX_MFN << PAGE_SHIFT, 0));
	frame_free(a, 2);
	assert_panics(frame_free(a, 2));
	assert_panics(frame_alloc(FRAME_ORDERS, 1));
	check_lists();
}

static void test_page(void **state)
{
	u8 *p;
	int i;

	add_all();
	p = page_alloc();
	memset(p, 0xaa, PAGE_SIZE);
	page_free(p);
	p = page_alloc();
	for (i = 0; i < (int)PAGE_SIZE; i++)
		assert_int_equal(p[i], 0);
	assert_int_equal(frame_owner(virt_to_mpa(p)), FRAME_DOM_NONE);
	page_free(p);
}

/* Random sizes and owners against the model. */
static void test_random(void **state)
{
	static u16 holder[FRAMES]; /* 0: free, else allocation number */
	static struct {
		mpa_t addr;
		unsigned int order;
	} held[600];
	u64 used = 0;
	int step, i;

	srand(4711);
	frame_add(BASE, BASE + 1000 * PAGE_SIZE);
	frame_add(BASE + 1007 * PAGE_SIZE, BASE + (FRAMES << PAGE_SHIFT));
	for (step = 0; step < 200000; step++) {
		int n = rand() % ARRAY_SIZE(held);
		u64 first = (held[n].addr - BASE) >> PAGE_SHIFT, f;

		if (held[n].addr) {
			for (f = first; f < first + (1UL << held[n].order);
			     f++) {
				assert_int_equal(holder[f], n + 1);
				assert_int_equal(
					frame_owner(BASE + (f << PAGE_SHIFT)),
					n + 1);
				holder[f] = 0;
			}
			frame_free(held[n].addr, held[n].order);
			used -= 1UL << held[n].order;
			held[n].addr = 0;
		} else {
			held[n].order = rand() % FRAME_ORDERS;
			if (rand() % 4)
				held[n].order %= 3;
			held[n].addr = frame_alloc(held[n].order, n + 1);
			if (!held[n].addr)
				continue;
			first = (held[n].addr - BASE) >> PAGE_SHIFT;
			assert_int_equal(first & ((1UL << held[n].order) - 1),
					 0);
			for (f = first; f < first + (1UL << held[n].order);
			     f++) {
				assert_true(f < FRAMES);
				assert_false(f >= 1000 && f < 1007);
				assert_int_equal(holder[f], 0);
				holder[f] = n + 1;
			}
			used += 1UL << held[n].order;
		}
		assert_int_equal(frame_free_count(), FRAMES - 7 - used);
		if (step % 5000 == 0)
			check_lists();
	}
	for (i = 0; i < (int)ARRAY_SIZE(held); i++)
		if (held[i].addr)
			frame_free(held[i].addr, held[i].order);
	check_lists();
	/* 14 whole large blocks remain beside the two pieces of block 1. */
	for (i = 0; i < 15; i++)
		assert_int_not_equal(frame_alloc(LARGE_ORDER, 1), 0);
	assert_int_equal(frame_alloc(LARGE_ORDER, 1), 0);
}

#define F(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* A frame with references outlives its block, and goes with the last. */
static void test_references(void **state)
{
	u64 all;
	mpa_t a;

	add_all();
	all = frame_free_count();
	a = frame_alloc(LARGE_ORDER, 3);
	assert_false(frame_refs(a, LARGE_ORDER));
	frame_ref(a + 5 * PAGE_SIZE);
	frame_ref(a + 5 * PAGE_SIZE);
	frame_ref(a + 9 * PAGE_SIZE);
	assert_true(frame_refs(a, LARGE_ORDER));
	assert_false(frame_refs(a, 0));
	frame_unref(a + 9 * PAGE_SIZE);
	assert_int_equal(frame_free_count(), all - 512);
	frame_free(a, LARGE_ORDER);
	assert_int_equal(frame_free_count(), all - 1);
	assert_int_equal(frame_owner(a + 5 * PAGE_SIZE), FRAME_DOM_NONE);
	check_lists();
	frame_unref(a + 5 * PAGE_SIZE);
	assert_int_equal(frame_free_count(), all - 1);
	frame_unref(a + 5 * PAGE_SIZE);
	assert_int_equal(frame_free_count(), all);
	check_lists();
	assert_panics(frame_unref(a + 5 * PAGE_SIZE));
}

static void test_split(void **state)
{
	unsigned int i, order;
	u32 list = 0;
	u64 all;
	mpa_t a;

	add_all();
	all = frame_free_count();
	a = frame_alloc(LARGE_ORDER, 3);
	frame_split(a, LARGE_ORDER);
	assert_panics(frame_free(a, LARGE_ORDER));
	assert_panics(frame_split(a, LARGE_ORDER));
	for (i = 0; i < 512; i++) {
		assert_int_equal(frame_owner(a + i * PAGE_SIZE), 3);
		frame_push(&list, a + i * PAGE_SIZE);
	}
	for (i = 512; i--;) {
		assert_int_equal(frame_pop(&list, &order), a + i * PAGE_SIZE);
		assert_int_equal(order, 0);
		frame_free(a + i * PAGE_SIZE, 0);
	}
	assert_int_equal(frame_pop(&list, &order), 0);
	assert_int_equal(frame_free_count(), all);
	check_lists();
}

/* As claimed: large blocks where one fits, single frames at both ends. */
static void free_claimed(mpa_t start, mpa_t end)
{
	while (start < end) {
		unsigned int order = 0;

		if (!(start & (LARGE_SIZE - 1)) && end - start >= LARGE_SIZE)
			order = LARGE_ORDER;
		frame_free(start, order);
		start += PAGE_SIZE << order;
	}
}

/* Exact frames: all of them, or nothing changes. */
static void test_claim(void **state)
{
	const mpa_t start = BASE + LARGE_SIZE - 3 * PAGE_SIZE;
	const mpa_t end = BASE + 3 * LARGE_SIZE + 5 * PAGE_SIZE;
	u64 all, size = (end - start) >> PAGE_SHIFT;
	mpa_t a;

	add_all();
	all = frame_free_count();
	assert_true(frame_claim(start, end, 9));
	assert_int_equal(frame_free_count(), all - size);
	check_lists();
	assert_int_equal(frame_owner(start), 9);
	assert_int_equal(frame_owner(end - 1), 9);
	assert_int_equal(frame_owner(start - 1), FRAME_DOM_NONE);
	assert_int_equal(frame_owner(end), FRAME_DOM_NONE);
	assert_panics(frame_free(BASE + LARGE_SIZE, 0));

	assert_false(frame_claim(start - PAGE_SIZE, start + PAGE_SIZE, 1));
	assert_false(frame_claim(end - PAGE_SIZE, end + PAGE_SIZE, 1));
	assert_false(frame_claim(BASE, BASE + 6 * LARGE_SIZE, 1));
	assert_false(frame_claim(BASE - PAGE_SIZE, BASE + PAGE_SIZE, 1));
	assert_false(frame_claim(BASE, BASE, 1));
	assert_false(frame_claim(BASE + PAGE_SIZE, BASE, 1));
	assert_false(frame_claim(0, PAGE_SIZE, 1));
	assert_false(frame_claim(-PAGE_SIZE, 0, 1));
	assert_false(frame_claim((MAX_MFN - 1) << PAGE_SHIFT,
				 (MAX_MFN + 1) << PAGE_SHIFT, 1));
	assert_panics(frame_claim(BASE + 1, BASE + PAGE_SIZE, 1));
	assert_int_equal(frame_free_count(), all - size);
	check_lists();

	free_claimed(start, end);
	assert_int_equal(frame_free_count(), all);
	check_lists();
	for (all >>= LARGE_ORDER; all; all--) {
		a = frame_alloc(LARGE_ORDER, 1);
		assert_int_not_equal(a, 0);
	}
}

/* Any ranges, some of them taken: as a model of single frames says. */
static void test_claim_random(void **state)
{
	static u16 holder[FRAMES];
	static struct {
		mpa_t start, end;
	} held[64];
	u64 used = 0, f;
	int step, i;

	srand(815);
	add_all();
	for (step = 0; step < 20000; step++) {
		int n = rand() % ARRAY_SIZE(held);
		u64 first = rand() % FRAMES, last;
		bool free = true;

		if (held[n].end) {
			free_claimed(held[n].start, held[n].end);
			used -= (held[n].end - held[n].start) >> PAGE_SHIFT;
			for (f = 0; f < FRAMES; f++)
				if (holder[f] == n + 1)
					holder[f] = 0;
			held[n].end = 0;
			continue;
		}
		last = first + 1 + rand() % (rand() % 8 ? 16 : 1200);
		last = MIN(last, FRAMES);
		for (f = first; f < last; f++)
			free = free && !holder[f];
		held[n].start = BASE + (first << PAGE_SHIFT);
		held[n].end = BASE + (last << PAGE_SHIFT);
		assert_int_equal(frame_claim(held[n].start, held[n].end, n + 1),
				 free);
		if (!free) {
			held[n].end = 0;
			continue;
		}
		used += last - first;
		for (f = first; f < last; f++)
			holder[f] = n + 1;
		assert_int_equal(frame_free_count(), FRAMES - used);
		if (step % 500 == 0)
			check_lists();
	}
	for (f = 0; f < FRAMES; f++)
		assert_int_equal(frame_owner(BASE + (f << PAGE_SHIFT)),
				 holder[f] ? holder[f] : FRAME_DOM_NONE);
	for (i = 0; i < (int)ARRAY_SIZE(held); i++)
		if (held[i].end)
			free_claimed(held[i].start, held[i].end);
	assert_int_equal(frame_free_count(), FRAMES);
	check_lists();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		F(test_empty),	F(test_add),	      F(test_exhaust),
		F(test_promise),
		F(test_owner),	F(test_wrong_free),   F(test_page),
		F(test_random), F(test_references),   F(test_split),
		F(test_claim),	F(test_claim_random),
	};

	return RUN(tests);
}
