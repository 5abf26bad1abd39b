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

void page_retire(void *page)
{
	pages_out--;
	free(page);
}

static mpa_t pinned, was_split;

void frame_ref(mpa_t mpa)
{
	pinned = mpa;
}

void frame_unref(mpa_t mpa)
{
	assert_int_equal(mpa, pinned);
	pinned = 0;
}

bool frame_refs(mpa_t mpa, unsigned int order)
{
	return pinned >= mpa && pinned < mpa + (PAGE_SIZE << order);
}

void frame_split(mpa_t mpa, unsigned int order)
{
	was_split = mpa;
}

static u32 maps;

u32 *frame_maps(mpa_t mpa)
{
	return &maps;
}

/* What was shared stays until its owner has it no more, and is unshared. */
static void test_share(void **state)
{
	const mpa_t mpa = 0x5000;
	struct p2m_entry e;
	bool stale = false;
	struct p2m p;

	assert_int_equal(p2m_init(&p), 0);
	assert_int_equal(p2m_unshare(&p, mpa, &stale), -LODGE_ENOENT);
	assert_int_equal(p2m_share(&p, mpa), 0);
	assert_int_equal(p2m_share(&p, mpa), 0);
	assert_int_equal(p2m_unshare(&p, mpa, &stale), 0);
	assert_int_equal(p2m_unshare(&p, mpa, &stale), 0);
	assert_int_equal(p2m_unshare(&p, mpa, &stale), -LODGE_ENOENT);
	assert_true(p2m_get(&p, mpa, &e) && e.flags == P2M_FOREIGN);
	assert_true(p2m_lookup(&p, mpa) == INVALID_MPA);
	assert_int_equal(p2m_share(&p, mpa), 0);
	assert_false(p2m_forget(&p, mpa, 0)); /* it is mapped */
	assert_true(p2m_get(&p, mpa, &e));
	assert_false(stale);
	assert_int_equal(p2m_unshare(&p, mpa, &stale), 0);
	assert_true(stale);
	assert_false(p2m_get(&p, mpa, &e));

	maps = 0; /* a new owner */
	assert_int_equal(p2m_share(&p, mpa), 0);
	assert_int_equal(p2m_unshare(&p, mpa, &stale), 0);
	assert_true(p2m_forget(&p, mpa, 0));
	assert_false(p2m_forget(&p, mpa, 0));
	assert_false(p2m_get(&p, mpa, &e));
	/* pinned before its owner lost it, mapped afterwards */
	assert_int_equal(p2m_share(&p, mpa), 0);
	stale = false;
	assert_int_equal(p2m_unshare(&p, mpa, &stale), 0);
	assert_true(stale && !p2m_get(&p, mpa, &e));

	maps = 0;
	assert_int_equal(p2m_map(&p, mpa, mpa, 0, 0), 0);
	assert_int_equal(p2m_share(&p, mpa), -LODGE_EEXIST);
	assert_int_equal(p2m_unshare(&p, mpa, &stale), -LODGE_ENOENT);
	maps = FRAME_MAPS;
	assert_int_equal(p2m_share(&p, mpa), -LODGE_ENOMEM);
	maps = 0;
	p2m_destroy(&p);
	assert_int_equal(pages_out, 0);
}

static void test_errors(void **state)
{
	struct p2m p;

	assert_int_equal(p2m_init(&p), 0);
	assert_int_equal(p2m_map(&p, 0, 0x1000, 1, 0), -LODGE_EINVAL);
	assert_int_equal(p2m_map(&p, 0x800, 0x1000, 0, 0), -LODGE_EINVAL);
	assert_int_equal(p2m_map(&p, 0x1000, 0x1001, 0, 0), -LODGE_EINVAL);
	assert_int_equal(p2m_map(&p, 0x1000, 0x200000, 9, 0), -LODGE_EINVAL);
	assert_int_equal(p2m_map(&p, 0x200000, 0x1000, 9, 0), -LODGE_EINVAL);
	assert_int_equal(p2m_map(&p, 1UL << 47, 0x1000, 0, 0), -LODGE_EINVAL);
	assert_int_equal(p2m_map(&p, ~0UL << 12, 0x1000, 0, 0), -LODGE_EINVAL);
	assert_int_equal(p2m_map(&p, 0, 1UL << 52, 0, 0), -LODGE_EINVAL);
	assert_int_equal(p2m_map(&p, 0, 0x1000, 0, 0), 0);
	assert_int_equal(p2m_map(&p, 0, 0x1000, 0, 0), -LODGE_EEXIST);
	assert_int_equal(p2m_map(&p, 0, 0, 9, 0), -LODGE_EEXIST);
	assert_int_equal(p2m_map(&p, 0x200000, 0x400000, 9, 0), 0);
	assert_int_equal(p2m_map(&p, 0x201000, 0x1000, 0, 0), -LODGE_EEXIST);
	assert_int_equal(p2m_map(&p, (1UL << 47) - PAGE_SIZE, 0x3000, 0, 0), 0);
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
	struct p2m_entry e;
	unsigned int i;

	assert_int_equal(p2m_init(&p), 0);
	assert_int_equal(p2m_map(&p, 0x1000, 0xabc000, 0, 0), 0);
	assert_int_equal(p2m_map(&p, 0x400000, 0x40000000, 9, 0), 0);
	assert_true(p2m_get(&p, 0x1fff, &e));
	assert_int_equal(e.mpa, 0xabcfff);
	assert_int_equal(e.order, 0);
	assert_true(p2m_get(&p, 0x5fffff, &e));
	assert_int_equal(e.mpa, 0x401fffff);
	assert_int_equal(e.order, LARGE_ORDER);
	for (i = 0; i < ARRAY_SIZE(absent); i++)
		assert_true(p2m_lookup(&p, absent[i]) == INVALID_MPA);
	/* an alias by bits above 47 must not be found */
	assert_true(p2m_lookup(&p, 0x1000 | 1UL << 48) == INVALID_MPA);
	p2m_destroy(&p);
}

static void test_unmap(void **state)
{
	struct p2m_entry e;
	struct p2m p;
	mpa_t mpa;
	u64 i;

	assert_int_equal(p2m_init(&p), 0);
	assert_int_equal(p2m_map(&p, 0x200000, 0x40000000, 9, 0), 0);
	assert_int_equal(p2m_map(&p, 0x1000, 0x9000, 0, P2M_FOREIGN), 0);
	assert_int_equal(p2m_map(&p, 0x2000, 0x8000, 0,
				 P2M_DEVICE | P2M_READ_ONLY), 0);
	/* only the domain's own RAM is looked up and pinned */
	assert_true(p2m_lookup(&p, 0x1000) == INVALID_MPA);
	assert_true(p2m_pin(&p, 0x2000) == INVALID_MPA);
	assert_true(p2m_get(&p, 0x2000, &e));
	assert_int_equal(e.flags, P2M_DEVICE | P2M_READ_ONLY);

	assert_int_equal(p2m_unmap(&p, 0x3000, 0, 0, &mpa), -LODGE_ENOENT);
	assert_int_equal(p2m_unmap(&p, 0x1800, 0, 0, &mpa), -LODGE_EINVAL);
	assert_int_equal(p2m_unmap(&p, 0x201000, 9, 0, &mpa), -LODGE_EINVAL);
	assert_int_equal(p2m_unmap(&p, ~0UL << 12, 0, 0, &mpa), -LODGE_EINVAL);
	assert_int_equal(p2m_unmap(&p, 0x1000, 0, 0, &mpa), -LODGE_EINVAL);
	assert_int_equal(p2m_unmap(&p, 0x200000, 9, P2M_FOREIGN, &mpa),
			 -LODGE_EINVAL);
	assert_int_equal(p2m_unmap(&p, 0x1000, 0, P2M_FOREIGN, &mpa), 0);
	assert_int_equal(mpa, 0x9000);
	assert_int_equal(p2m_unmap(&p, 0x1000, 0, P2M_FOREIGN, &mpa),
			 -LODGE_ENOENT);

	/* what is pinned stays, as part of a large mapping, too */
	assert_int_equal(p2m_pin(&p, 0x203000), 0x40003000);
	assert_int_equal(p2m_unmap(&p, 0x200000, 9, 0, &mpa), -LODGE_EBUSY);
	assert_int_equal(p2m_lookup(&p, 0x2fffff), 0x400fffff);
	assert_int_equal(p2m_unmap(&p, 0x203000, 0, 0, &mpa), -LODGE_EBUSY);
	assert_int_equal(was_split, 0x40000000);
	assert_int_equal(p2m_unmap(&p, 0x204000, 0, 0, &mpa), 0);
	assert_int_equal(mpa, 0x40004000);
	for (i = 0; i < 512; i++)
		assert_true(p2m_lookup(&p, 0x200000 + (i << 12)) ==
			    (i == 4 ? INVALID_MPA : 0x40000000 + (i << 12)));
	assert_int_equal(p2m_unmap(&p, 0x200000, 9, 0, &mpa), -LODGE_EINVAL);
	frame_unref(0x40003000);
	assert_int_equal(p2m_unmap(&p, 0x203000, 0, 0, &mpa), 0);
	assert_int_equal(p2m_map(&p, 0x203000, 0x5000, 0, 0), 0);
	assert_int_equal(p2m_lookup(&p, 0x203001), 0x5001);

	/* no memory for the table that splits: nothing changes */
	assert_int_equal(p2m_map(&p, 0x400000, 0x50000000, 9, 0), 0);
	pages_left = 0;
	assert_int_equal(p2m_unmap(&p, 0x401000, 0, 0, &mpa), -LODGE_ENOMEM);
	assert_int_equal(p2m_lookup(&p, 0x401000), 0x50001000);
	assert_int_equal(p2m_unmap(&p, 0x400000, 9, 0, &mpa), 0);
	pages_left = -1;
	assert_true(p2m_lookup(&p, 0x401000) == INVALID_MPA);
	assert_int_equal(p.table_count, pages_out);
	p2m_destroy(&p);
	assert_int_equal(pages_out, 0);
}

static void test_reported(void **state)
{
	const u64 gone = P2M_REPORTED;
	struct p2m_entry e;
	struct p2m p;
	mpa_t mpa;
	gpa_t at = 0;

	assert_int_equal(p2m_init(&p), 0);
	assert_int_equal(p2m_reported(&p, 0), 0);
	assert_int_equal(p2m_map(&p, 0x400000, 0x50000000, 9, 0), 0);
	assert_int_equal(p2m_unmap(&p, 0x400000, 9, gone, &mpa), 0);
	assert_int_equal(mpa, 0x50000000);
	assert_int_equal(p2m_reported(&p, 0x5fffff), 0x200000);
	assert_int_equal(p2m_reported(&p, 0x600000), 0);
	assert_int_equal(p2m_reported(&p, ~0UL), 0);
	assert_false(p2m_get(&p, 0x400000, &e));
	assert_int_equal(p2m_next_ram(&p, &at), 0);
	/* once more, and nothing but its return may come there */
	assert_int_equal(p2m_unmap(&p, 0x400000, 9, gone, &mpa), 0);
	assert_true(mpa == INVALID_MPA);
	assert_int_equal(p2m_map(&p, 0x400000, 0x1000, 0, 0), -LODGE_EEXIST);
	assert_int_equal(p2m_map(&p, 0x400000, 0x600000, 9, 0), -LODGE_EEXIST);
	assert_int_equal(p2m_map(&p, 0x600000, 0x600000, 9, gone),
			 -LODGE_EEXIST);
	/* in small pieces: one returns, one goes for good */
	assert_int_equal(p2m_map(&p, 0x401000, 0x9000, 0, gone), 0);
	assert_int_equal(p2m_lookup(&p, 0x401234), 0x9234);
	assert_int_equal(p2m_reported(&p, 0x401000), 0);
	assert_int_equal(p2m_reported(&p, 0x402000), 0x1000);
	assert_int_equal(p2m_map(&p, 0x400000, 0x600000, 9, gone),
			 -LODGE_EEXIST);
	assert_int_equal(p2m_unmap(&p, 0x402000, 0, 0, &mpa), 0);
	assert_true(mpa == INVALID_MPA);
	assert_int_equal(p2m_unmap(&p, 0x402000, 0, gone, &mpa),
			 -LODGE_ENOENT);
	assert_int_equal(p2m_map(&p, 0x402000, 0x8000, 0, 0), 0);
	/* tables are limited */
	p.table_max = p.table_count;
	assert_int_equal(p2m_map(&p, 1UL << 40, 0x7000, 0, 0), -LODGE_ENOMEM);
	p2m_destroy(&p);
	assert_int_equal(pages_out, 0);
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
			assert_int_equal(p2m_map(&p, 0x1000, 0x1000, 0, 0),
					 n < 4 ? -LODGE_ENOMEM : 0);
			pages_left = -1;
			assert_int_equal(p2m_map(&p, 0x1000, 0x1000, 0, 0),
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

static void visit_model(gpa_t gpa, const struct p2m_entry *e)
{
	int at = 2;
	u64 i;

	while (gpa < places[at])
		at--;
	if (visited)
		assert_true(gpa > last_gpa);
	last_gpa = gpa;
	for (i = 0; i < 1UL << e->order; i++)
		assert_int_equal(model[at][((gpa - places[at]) >> 12) + i],
				 e->mpa + (i << 12));
	visited += 1 << e->order;
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
		err = p2m_map(&p, places[at] + ((u64)page << 12), mpa, order,
			      0);
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
					 0, 0), 0);
	__atomic_store_n(&done, true, __ATOMIC_RELAXED);
	for (i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	p2m_destroy(&shared);
	assert_int_equal(pages_out, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_share), T(test_errors), T(test_lookup),	 T(test_no_memory),
		T(test_reported),
		T(test_random), T(test_readers), T(test_unmap),
	};

	return RUN(tests);
}
