// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: docs/protocols.md, section 4: what the disk back-end makes of requests.
 * One that passes lies on the disk, in whole blocks, was offered, and its
 * segments lie in their pages and add up; others get the error that is said.
 * How: one case per error, then random requests, most of them nearly right,
 * against a second opinion that is written otherwise.
 */
#include "test.h"
#include <core/types.h>
#include "backend_shim.h"
#include "../../hypervisor-stub/backends/block_check.h"

#define ALL LODGE_BLOCK_FEATURES

static struct lodge_block_config disk(void)
{
	return (struct lodge_block_config){
		.sectors = 1 << 20,
		.logical_block = 512,
		.physical_block = 4096,
		.max_length = 1 << 20,
		.max_discard = 1 << 30,
		.max_zeroes = 1 << 29,
	};
}

static struct lodge_block_request request(unsigned int op)
{
	struct lodge_block_request r = {
		.op = op,
		.sector = 8,
		.length = 8192,
		.segments = 2,
	};

	if (op == LODGE_BLOCK_OP_FLUSH)
		r.length = r.sector = 0;
	if (op > LODGE_BLOCK_OP_WRITE)
		r.segments = 0;
	return r;
}

static int check(struct lodge_block_request r)
{
	struct lodge_block_config c = disk();

	return block_check(&c, ALL, &r);
}

static void good_requests(void **state)
{
	unsigned int op;

	for (op = 0; op <= LODGE_BLOCK_OP_WRITE_ZEROES; op++)
		assert_int_equal(check(request(op)), 0);
}

#define EXPECT(op, change, error)                           \
	do {                                                \
		struct lodge_block_request r = request(op); \
		change;                                     \
		assert_int_equal(check(r), error);          \
	} while (0)

static void bad_requests(void **state)
{
	unsigned int op;

	EXPECT(5, (void)r, -EOPNOTSUPP);
	EXPECT(255, (void)r, -EOPNOTSUPP);
	for (op = 0; op <= LODGE_BLOCK_OP_WRITE_ZEROES; op++) {
		EXPECT(op, r.flags |= 1 << 5, -EINVAL);
		EXPECT(op, r.flags |= 1 << 7, -EINVAL);
		EXPECT(op, r.flags |= LODGE_BLOCK_FLAG_KEEP_INDIRECT, -EINVAL);
		EXPECT(op, r.segments = 257, -EINVAL);
		if (op == LODGE_BLOCK_OP_FLUSH)
			continue;
		EXPECT(op, r.length = 0, -EINVAL);
		EXPECT(op, r.length = 8193, -EINVAL);
		EXPECT(op, r.sector = (1 << 20) - 15, -EIO);
		EXPECT(op, r.sector = 1 << 20, -EIO);
		EXPECT(op, r.sector = UINT64_MAX, -EIO);
		EXPECT(op, r.sector = UINT64_MAX - 15, -EIO);
		EXPECT(op, r.sector = (1 << 20) - 16, 0);
	}
	EXPECT(LODGE_BLOCK_OP_READ, r.flags |= LODGE_BLOCK_FLAG_FUA, -EINVAL);
	EXPECT(LODGE_BLOCK_OP_WRITE, r.flags |= LODGE_BLOCK_FLAG_FUA, 0);
	EXPECT(LODGE_BLOCK_OP_WRITE, r.flags |= LODGE_BLOCK_FLAG_NOUNMAP,
	       -EINVAL);
	EXPECT(LODGE_BLOCK_OP_WRITE, r.segments = 0, -EINVAL);
	EXPECT(LODGE_BLOCK_OP_WRITE, r.segments = 13, -EINVAL);
	EXPECT(LODGE_BLOCK_OP_WRITE, r.length = (1 << 20) + 512, -EINVAL);
	EXPECT(LODGE_BLOCK_OP_FLUSH, r.length = 512, -EINVAL);
	EXPECT(LODGE_BLOCK_OP_FLUSH, r.segments = 1, -EINVAL);
	EXPECT(LODGE_BLOCK_OP_DISCARD, r.segments = 1, -EINVAL);
	EXPECT(LODGE_BLOCK_OP_DISCARD, r.flags = LODGE_BLOCK_FLAG_NOUNMAP,
	       -EINVAL);
	EXPECT(LODGE_BLOCK_OP_DISCARD, r.flags = LODGE_BLOCK_FLAG_FUA, -EINVAL);
	EXPECT(LODGE_BLOCK_OP_WRITE_ZEROES, r.flags = LODGE_BLOCK_FLAG_NOUNMAP,
	       0);
	EXPECT(LODGE_BLOCK_OP_WRITE_ZEROES, r.flags = LODGE_BLOCK_FLAG_KEEP,
	       -EINVAL);
}

static void what_was_not_offered(void **state)
{
	struct lodge_block_config c = disk();
	static const struct {
		unsigned int op, flags, feature;
	} needs[] = {
		{ LODGE_BLOCK_OP_FLUSH, 0, LODGE_BLOCK_FLUSH },
		{ LODGE_BLOCK_OP_WRITE, LODGE_BLOCK_FLAG_FUA, LODGE_BLOCK_FUA },
		{ LODGE_BLOCK_OP_DISCARD, 0, LODGE_BLOCK_DISCARD },
		{ LODGE_BLOCK_OP_WRITE_ZEROES, 0, LODGE_BLOCK_WRITE_ZEROES },
		{ LODGE_BLOCK_OP_READ, LODGE_BLOCK_FLAG_KEEP,
		  LODGE_BLOCK_KEEP },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(needs); i++) {
		struct lodge_block_request r = request(needs[i].op);

		r.flags = needs[i].flags;
		assert_int_equal(block_check(&c, ALL, &r), 0);
		assert_int_equal(block_check(&c, ALL & ~needs[i].feature, &r),
				 -EOPNOTSUPP);
	}
}

static void read_only(void **state)
{
	struct lodge_block_config c = disk();
	unsigned int op;

	c.flags = LODGE_BLOCK_READ_ONLY;
	for (op = 0; op <= LODGE_BLOCK_OP_WRITE_ZEROES; op++) {
		struct lodge_block_request r = request(op);
		bool writes = op != LODGE_BLOCK_OP_READ &&
			      op != LODGE_BLOCK_OP_FLUSH;

		assert_int_equal(block_check(&c, ALL, &r), writes ? -EROFS : 0);
	}
}

static void large_blocks(void **state)
{
	struct lodge_block_config c = disk();
	struct lodge_block_request r = request(LODGE_BLOCK_OP_READ);

	c.logical_block = 4096;
	assert_int_equal(block_check(&c, ALL, &r), 0);
	r.sector = 9;
	assert_int_equal(block_check(&c, ALL, &r), -EINVAL);
	r.sector = 8;
	r.length = 4096 + 512;
	assert_int_equal(block_check(&c, ALL, &r), -EINVAL);
}

static void segments(void **state)
{
	struct lodge_block_config c = disk();
	struct lodge_block_request r = request(LODGE_BLOCK_OP_READ);
	struct lodge_block_segment s[2] = { { 1, 0, 4096 }, { 2, 0, 4096 } };
	struct lodge_block_segment t[2];

#define SEGMENTS(change, error)                                           \
	do {                                                              \
		memcpy(t, s, sizeof(t));                                  \
		change;                                                   \
		assert_int_equal(block_check_segments(&c, &r, t), error); \
	} while (0)
	SEGMENTS((void)t, 0);
	SEGMENTS(t[0].length = 0, -EINVAL);
	SEGMENTS(t[0].length = 2048, -EINVAL);
	SEGMENTS(t[0].offset = 512, -EINVAL);
	SEGMENTS(t[0].offset = 65024, -EINVAL);
	SEGMENTS(t[1].length = 65024, -EINVAL);
	SEGMENTS((t[0].length = 4095, t[1].length = 4097), -EINVAL);
	r.length = 4096;
	SEGMENTS((t[0].length = t[1].length = 2048, t[1].offset = 2048), 0);
	SEGMENTS((t[0].length = t[1].length = 2048, t[1].offset = 2056),
		 -EINVAL);
	c.logical_block = 4096;
	SEGMENTS((t[0].length = t[1].length = 2048, t[1].offset = 2048),
		 -EINVAL);
	r.length = 8192;
	SEGMENTS((void)t, 0);
}

/* --- random ones --- */

static uint64_t seed = 88172645463325252ULL;

static uint64_t random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

/* Often something at the edge. */
static uint64_t edge(uint64_t about)
{
	switch (random64() % 6) {
	case 0:
		return random64() >> (random64() % 64);
	case 1:
		return about + random64() % 3 - 1;
	default:
		return about;
	}
}

/* May it pass? Written by hand from the text of the protocol. */
static bool second_opinion(const struct lodge_block_config *c, uint64_t f,
			   const struct lodge_block_request *r)
{
	__uint128_t end = (__uint128_t)r->sector * 512 + r->length;
	bool data = r->op == 0 || r->op == 1, blank = r->op == 3 || r->op == 4;
	bool keeps = r->flags & 0x18;

	if (r->op > 4 || r->flags & 0xe0)
		return false;
	if (!(f & 1) && r->op == 2)
		return false;
	if (r->flags & 1 && (!(f & 2) || r->op != 1))
		return false;
	if ((!(f & 4) && r->op == 3) || (!(f & 8) && r->op == 4))
		return false;
	if (keeps && (!(f & 16) || !data))
		return false;
	if (r->flags & 16 && !(r->flags & 4))
		return false;
	if (r->flags & 4 && !data)
		return false;
	if (r->flags & 2 && r->op != 4)
		return false;
	if (r->op == 2)
		return !r->length && !r->segments;
	if (c->flags & LODGE_BLOCK_READ_ONLY && r->op != 0)
		return false;
	if (!r->length || r->length % c->logical_block ||
	    r->sector * 512 % c->logical_block ||
	    end > (__uint128_t)c->sectors * 512)
		return false;
	if (blank)
		return !r->segments &&
		       r->length <=
			       (r->op == 3 ? c->max_discard : c->max_zeroes);
	return r->length <= c->max_length && r->segments &&
	       r->segments <= (r->flags & 4 ? 256 : 12);
}

static void random_requests(void **state)
{
	unsigned int i, passed = 0;

	for (i = 0; i < 3000000; i++) {
		struct lodge_block_config c = disk();
		uint64_t features = random64() % 3 ? ALL : random64() % 32;
		struct lodge_block_request r =
			request(edge(random64() % 5) % 256);
		bool ours;

		c.logical_block = random64() % 2 ? 512 : 4096;
		c.flags = random64() % 4 == 0;
		c.sectors = edge(1 << 20) & ((1ULL << 54) - 1);
		r.flags = random64() % 3 ? 0 : edge(1 << random64() % 6);
		r.sector = edge(random64() % 2 ? 8 : c.sectors - 16);
		r.length = edge(r.op == 2      ? 0 :
				random64() % 4 ? 8192 :
						 1U << (20 + random64() % 12));
		r.segments = edge(r.segments);
		ours = !block_check(&c, features, &r);
		passed += ours;
		assert_int_equal(ours, second_opinion(&c, features, &r));
	}
	/* Neither of the answers is rare. */
	assert_in_range(passed, 300000, 2700000);
}

static void random_segments(void **state)
{
	unsigned int i, n, passed = 0;

	for (i = 0; i < 500000; i++) {
		struct lodge_block_segment s[256];
		struct lodge_block_request r = { .segments =
							 1 + random64() % 16 };
		struct lodge_block_config c = disk();
		uint64_t sum = 0;
		bool good = true, ours;

		c.logical_block = random64() % 2 ? 512 : 1024;
		for (n = 0; n < r.segments; n++) {
			s[n].offset = random64() % 8 * 512;
			s[n].length = (1 + random64() % 8) * 512;
			if (random64() % 2)
				s[n].length = 4096 - s[n].offset;
			if (random64() % 64 == 0)
				s[n].offset = random64();
			if (random64() % 64 == 0)
				s[n].length = random64();
			good &= s[n].length &&
				s[n].offset % c.logical_block == 0 &&
				s[n].length % c.logical_block == 0 &&
				s[n].offset + s[n].length <= 4096;
			sum += s[n].length;
		}
		r.length = random64() % 8 ? sum : random64();
		ours = !block_check_segments(&c, &r, s);
		passed += ours;
		assert_int_equal(ours, good && r.length == sum);
	}
	assert_in_range(passed, 10000, 490000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(good_requests),   T(bad_requests),	T(what_was_not_offered),
		T(read_only),	    T(large_blocks),	T(segments),
		T(random_requests), T(random_segments),
	};

	return RUN(tests);
}
