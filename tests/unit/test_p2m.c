// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: p2m_lookup() gives exactly what p2m_map() was told and nothing for
 * any other 64-bit value; a failed map changes nothing; readers may run while
 * a writer maps; destroy frees every table. Checked against a flat array.
 */
#include "test.h"
#include <pthread.h>
#include <lodge/errno.h>
#include "../../hypervisor-stub/core/p2m.c"

static int pages_left = -1; /* -1: no limit */
static int pages_out;

void *page_alloc(void)
{
	void *p;

	if (pages_left == 0)
		return NULL;
	if (pages_left > 0)
		pages_left--;
	p = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	pages_out++;
	return memset(p, 0, PAGE_SIZE);
}

void page_free(void *p)
{
	pages_out--;
	free(p);
}

static void test_errors(void **state)
{
	struct p2m p;

	assert_int_equal(p2m_init(&p), 0);
	assert_int_equal(p2m_map(&p, 0, 0x1000, 1), -LODGE_EINVAL);
	assert_int_equal(p2m_map(&p, 0x800, 0x1000, 0), -LODGE_EINVAL);
	assert_int_equal(p2m_map(&p, 0x1000, 0x1001, 0), -LODGE_EINVAL);
	assert_int_equal(p2m_map(&p, 0x1000, 0x200000, 9), -LODGE_EINVAL);
	assert_int_equal(p2m_map(&p, 0x200000, 0x1000, 9), -LODGE_EINVAL);
	assert_int_equal(p2m_map(&p, 1UL << 47, 0x1000, 0), -LODGE_EINVAL);
	assert_int_equal(p2m_map(&p, ~0UL << 12, 0x1000, 0), -LODGE_EINVAL);
	assert_int_equal(p2m_map(&p, 0, 1UL << 52, 0), -LODGE_EINVAL);
	assert_int_equal(p.end, 0);
	assert_int_equal(p2m_map(&p, 0, 0x1000, 0), 0);
	assert_int_equal(p2m_map(&p, 0, 0x1000, 0), -LODGE_EEXIST);
	assert_int_equal(p2m_map(&p, 0, 0, 9), -LODGE_EEXIST);
	assert_int_equal(p2m_map(&p, 0x200000, 0x400000, 9), 0);
	assert_int_equal(p2m_map(&p, 0x201000, 0x1000, 0), -LODGE_EEXIST);
	assert_int_equal(p2m_map(&p, (1UL << 47) - PAGE_SIZE, 0x3000, 0), 0);
	assert_int_equal(p.end, 1UL << 47);
	assert_int_equal(p.table_count, pages_out);
	p2m_destroy(&p);
	assert_int_equal(pages_out, 0);
	assert_true(p2m_lookup(&p, 0) == INVALID_MPA);
}

static void test_lookup(void **state)
{
	static const gpa_t absent[] = { 0x2000, 0x3fffff000, 1UL << 47,
					1UL << 48, 1UL << 63, ~0UL };
	struct p2m p;
	unsigned int order, i;

	assert_int_equal(p2m_init(&p), 0);
	assert_int_equal(p2m_map(&p, 0x1000, 0xabc000, 0), 0);
	assert_int_equal(p2m_map(&p, 0x400000, 0x40000000, 9), 0);
	assert_int_equal(p2m_lookup_order(&p, 0x1fff, &order), 0xabcfff);
	assert_int_equal(order, 0);
	assert_int_equal(p2m_lookup_order(&p, 0x5fffff, &order), 0x401fffff);
	assert_int_equal(order, LARGE_ORDER);
	for (i = 0; i < ARRAY_SIZE(absent); i++)
		assert_true(p2m_lookup(&p, absent[i]) == INVALID_MPA);
	/* an alias by bits above 47 must not be found */
	assert_true(p2m_lookup(&p, 0x1000 | 1UL << 48) == INVALID_MPA);
	p2m_destroy(&p);
}

/* Each number of pages that may be there before they run out. */
static void test_no_memory(void **state)
{
	struct p2m p;
	int n;

	for (n = 0; n < 5; n++) {
		pages_left = n;
		if (p2m_init(&p)) {
			assert_int_equal(n, 0);
		} else {
			assert_int_equal(p2m_map(&p, 0x1000, 0x1000, 0),
					 n < 4 ? -LODGE_ENOMEM : 0);
			pages_left = -1;
			assert_int_equal(p2m_map(&p, 0x1000, 0x1000, 0),
					 n < 4 ? 0 : -LODGE_EEXIST);
			assert_int_equal(p.table_count, 4);
		}
		pages_left = -1;
		p2m_destroy(&p);
		assert_int_equal(pages_out, 0);
	}
}

#define SPAN 4096 /* pages of the model, in three places */
static const gpa_t places[] = { 0, 0x7f8000000UL, 0x7fffff000000UL };
static mpa_t model[3][SPAN];
static int visited;
static gpa_t last_gpa;

static void visit_model(gpa_t gpa, mpa_t mpa, unsigned int order)
{
	int at = 2;
	u64 i;

	while (gpa < places[at])
		at--;
	if (visited)
		assert_true(gpa > last_gpa);
	last_gpa = gpa;
	for (i = 0; i < 1UL << order; i++)
		assert_int_equal(model[at][((gpa - places[at]) >> 12) + i],
				 mpa + (i << 12));
	visited += 1 << order;
}

static void test_random(void **state)
{
	struct p2m p;
	int step, mapped = 0;

	srand(42);
	assert_int_equal(p2m_init(&p), 0);
	for (step = 0; step < 20000; step++) {
		int at = rand() % 3, order = rand() % 20 ? 0 : 9, err, i;
		int page = rand() % SPAN & ~((1 << order) - 1);
		mpa_t mpa = ((mpa_t)rand() << 21) + (order ? 0 : page << 12);
		bool free = true;

		for (i = 0; i < 1 << order; i++)
			free = free && !model[at][page + i];
		err = p2m_map(&p, places[at] + ((u64)page << 12), mpa, order);
		/* A large one also fails where a small one has its table. */
		if (!free)
			assert_int_equal(err, -LODGE_EEXIST);
		else if (order == 0)
			assert_int_equal(err, 0);
		if (err)
			continue;
		for (i = 0; i < 1 << order; i++)
			model[at][page + i] = mpa + ((u64)i << 12);
		mapped += 1 << order;
	}
	for (step = 0; step < 3 * SPAN; step++) {
		gpa_t gpa = places[step / SPAN] + ((u64)(step % SPAN) << 12);
		mpa_t want = model[step / SPAN][step % SPAN];

		assert_true(p2m_lookup(&p, gpa + 5) ==
			    (want ? want + 5 : INVALID_MPA));
	}
	p2m_for_each(&p, visit_model);
	assert_int_equal(visited, mapped);
	p2m_destroy(&p);
	assert_int_equal(pages_out, 0);
}

static struct p2m shared;
static bool done;

static void *reader(void *arg)
{
	u64 found = 0;

	while (!__atomic_load_n(&done, __ATOMIC_RELAXED)) {
		gpa_t gpa = (u64)(found * 7919 % 30000) << 14;
		mpa_t mpa = p2m_lookup(&shared, gpa);

		if (mpa != INVALID_MPA && mpa != gpa + 0x1000)
			abort();
		found++;
	}
	return NULL;
}

static void test_readers(void **state)
{
	pthread_t t[3];
	gpa_t i;

	assert_int_equal(p2m_init(&shared), 0);
	for (i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, reader, NULL);
	for (i = 0; i < 30000; i++)
		assert_int_equal(p2m_map(&shared, i << 14, (i << 14) + 0x1000,
					 0), 0);
	__atomic_store_n(&done, true, __ATOMIC_RELAXED);
	for (i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	p2m_destroy(&shared);
	assert_int_equal(pages_out, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_errors), T(test_lookup),	 T(test_no_memory),
		T(test_random), T(test_readers),
	};

	return RUN(tests);
}
