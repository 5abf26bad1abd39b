// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack on the machine's memory by way of addresses: each page that the domain
 * has in turn goes to a GiB of its own, which needs two tables in the p2m that
 * stay. Expected: -ENOMEM after a number of tables that its maximum allows,
 * and what it had works on.
 */
#include <lodge/memory.h>
#include "guest.h"

#define TABLES_MAX (1024 + ram_end / PAGE_SIZE / 64)

static u64 list[1] __attribute__((aligned(4096)));

static s64 one(u64 op, u64 address)
{
	s64 result;

	do {
		list[0] = address;
		result = hc(LODGE_HC_MEMORY, op, gpa(list), 1);
	} while (result == -LODGE_EAGAIN);
	return result;
}

void test_main(void)
{
	u64 *page = alloc_page(), n = 0, from = gpa(page), to;
	s64 result = 1;

	page[0] = 1;
	while (result == 1) {
		CHECK_EQ(one(LODGE_MEMORY_RELEASE, from), 1);
		n++;
		to = n << 30;
		result = one(LODGE_MEMORY_POPULATE, to);
		from = to;
		CHECK(n < TABLES_MAX, "%lu pages far apart", n);
	}
	CHECK_EQ(result, -LODGE_ENOMEM);
	CHECK(n > 100, "no more than %lu pages", n);
	CHECK_EQ(one(LODGE_MEMORY_POPULATE, gpa(page)), 1);
	CHECK_EQ(page[0], 0);
	printf("%lu pages far apart\n", n);
}
