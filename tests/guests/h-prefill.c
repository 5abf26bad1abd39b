// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack on the time that a new root takes: 256 x 512 x 512 level-1 tables,
 * all of them the same page, in which there is nothing. Expected: LOAD_ROOT
 * does not look at all of them.
 */
#include "guest.h"

void test_main(void)
{
	u64 *table[3], root = new_root(), other = root_gpa, start, i, j;

	for (i = 0; i < 3; i++)
		table[i] = alloc_page();
	for (i = 0; i < 2; i++)
		for (j = 0; j < 512; j++)
			table[i][j] = gpa(table[i + 1]) | PTE_USER;
	for (j = 1; j < 256; j++)
		((u64 *)va(root))[j] = gpa(table[0]) | PTE_USER;
	start = now();
	CHECK_EQ(hc(LODGE_HC_LOAD_ROOT, root), 0);
	CHECK(now() - start < 1000000000, "LOAD_ROOT took %lu ms",
	      (now() - start) / 1000000);
	CHECK_EQ(hc(LODGE_HC_LOAD_ROOT, other), 0);
}
