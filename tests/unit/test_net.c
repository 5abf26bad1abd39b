// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: what passes the checks of a back-end of networks (docs/protocols.md,
 * section 5) can be copied and described without leaving a page, a packet or
 * what the front-end chose. How: each bound from both sides, then entries of
 * random bits against the same rules in another form.
 */
#include "test.h"
#include <core/types.h>
#include "../../hypervisor-stub/backends/net_check.h"

#define ALL (LODGE_NET_SEND_CSUM | LODGE_NET_SEND_TSO)

static uint64_t seed = 88172645463325252ULL;

static uint64_t random_bits(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void entries(void **state)
{
	struct lodge_net_request r = { .length = 1 };

	assert_true(net_check_entry(&r));
	r.length = 0;
	assert_false(net_check_entry(&r));
	r.length = 4096;
	assert_true(net_check_entry(&r));
	r.offset = 1;
	assert_false(net_check_entry(&r));
	r.length = 4095;
	assert_true(net_check_entry(&r));
	r.offset = 0xffff;
	r.length = 0xffff;
	assert_false(net_check_entry(&r));
	r.length = 1;
	assert_false(net_check_entry(&r));
	r.offset = 4095;
	assert_true(net_check_entry(&r));
}

static void lengths(void **state)
{
	struct lodge_net_request r = { 0 };

	assert_false(net_check_packet(&r, ALL, 0));
	assert_false(net_check_packet(&r, ALL, 13));
	assert_true(net_check_packet(&r, ALL, 14));
	assert_true(net_check_packet(&r, 0, LODGE_NET_PACKET));
	assert_false(net_check_packet(&r, ALL, LODGE_NET_PACKET + 1));
	assert_false(net_check_packet(&r, ALL, 0xffffffff));
}

static void checksums(void **state)
{
	struct lodge_net_request r = { .flags = LODGE_NET_CSUM,
				       .csum_start = 34,
				       .csum_offset = 16 };

	assert_true(net_check_packet(&r, ALL, 54));
	assert_true(net_check_packet(&r, ALL, 52));
	assert_false(net_check_packet(&r, ALL, 51));
	assert_false(net_check_packet(&r, LODGE_NET_SEND_TSO, 54));
	r.csum_start = 0xffff;
	r.csum_offset = 0xffff;
	assert_false(net_check_packet(&r, ALL, LODGE_NET_PACKET));
	r.csum_start = 0xffff;
	r.csum_offset = 1;
	assert_false(net_check_packet(&r, ALL, LODGE_NET_PACKET));
}

static void segments(void **state)
{
	struct lodge_net_request r = { .flags = LODGE_NET_CSUM,
				       .csum_start = 34,
				       .csum_offset = 16,
				       .gso_type = LODGE_NET_GSO_TCP4,
				       .gso_size = 1448,
				       .header = 66 };

	assert_true(net_check_packet(&r, ALL, 30000));
	assert_false(net_check_packet(&r, LODGE_NET_SEND_CSUM, 30000));
	assert_false(net_check_packet(&r, ALL, 66));
	r.gso_type = LODGE_NET_GSO_TCP6;
	assert_true(net_check_packet(&r, ALL, 30000));
	r.gso_type = 3;
	assert_false(net_check_packet(&r, ALL, 30000));
	r.gso_type = LODGE_NET_GSO_TCP4;
	r.gso_size = 0;
	assert_false(net_check_packet(&r, ALL, 30000));
	r.gso_size = 1;
	r.flags = 0;
	assert_false(net_check_packet(&r, ALL, 30000));
}

/* The same said with places instead of sums. */
static bool fits(const struct lodge_net_request *r, uint64_t features,
		 uint32_t length)
{
	bool csum = r->flags & LODGE_NET_CSUM;
	int64_t left = (int64_t)length - r->csum_start;

	if (length < 14 || length > 65535)
		return false;
	if (csum &&
	    (!(features & LODGE_NET_SEND_CSUM) || left - r->csum_offset < 2))
		return false;
	if (!r->gso_type)
		return true;
	return r->gso_type < 3 && csum && features & LODGE_NET_SEND_TSO &&
	       r->gso_size && r->header < length;
}

static void random_entries(void **state)
{
	uint64_t bits[4], good = 0, bad = 0;
	struct lodge_net_request r;
	uint32_t length;
	uint64_t features;
	unsigned int n, i;

	for (n = 0; n < 3000000; n++) {
		for (i = 0; i < 4; i++)
			bits[i] = random_bits();
		memcpy(&r, bits, sizeof(r));
		/* Often something near to what is sensible. */
		if (n & 1) {
			r.offset &= 4095;
			r.length &= 8191;
			r.csum_start &= 255;
			r.csum_offset &= 31;
			r.gso_type &= 3;
			r.header &= 127;
		}
		assert_int_equal(net_check_entry(&r),
				 r.length && r.offset < 4096 &&
					 r.length <= 4096 - r.offset);
		length = random_bits() >> (32 + random_bits() % 32);
		features = random_bits() & ALL;
		assert_int_equal(net_check_packet(&r, features, length),
				 fits(&r, features, length));
		if (fits(&r, features, length))
			good++;
		else
			bad++;
	}
	assert_true(good > 10000 && bad > 10000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(entries),  T(lengths),	T(checksums),
		T(segments), T(random_entries),
	};

	return RUN(tests);
}
