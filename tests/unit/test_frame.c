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

#define assert_panics(expr)                       \
	do {                                      \
		expect_panic = true;              \
		if (!setjmp(panicked)) {          \
			expr;                     \
			fail_msg("no panic");     \
		}                                 \
		frame_lock.owner = frame_lock.next; \
	} while (0)

static int setup(void **state)
{
	void *p = mmap((void *)BASE, FRAMES << PAGE_SHIFT,
		       PROT_READ | PROT_WRITE,
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
				assert_int_equal(frame_owner(BASE +
							     (f << PAGE_SHIFT)),
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		F(test_empty), F(test_add),	   F(test_exhaust),
		F(test_owner), F(test_wrong_free), F(test_page),
		F(test_random),
	};

	return RUN(tests);
}
