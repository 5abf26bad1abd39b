// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack with tables as wide as they can be: all 256 user slots of a root lead
 * to one level 3 table, all of its entries to one level 2 table, all of those
 * to one level 1 table; a walk over all of it takes 2^35 steps. kind=empty
 * leaves level 1 empty, kind=foreign fills it with frames that are no RAM,
 * kind=full with one good frame, kind=self makes the root its own tables.
 * Expected: nothing that the hypervisor does for this root (loading, filling,
 * flushing, auditing, dropping) takes longer than what is there to be found;
 * each call returns within a second and the witness is not stopped.
 */
#include "guest.h"
#include "user.h"

static u64 *level1, *level2, *level3, *root;
static u64 worst;
static const char *worst_name = "none";

static void fill_table(u64 *table, u64 count, u64 entry)
{
	u64 i;

	for (i = 0; i < count; i++)
		table[i] = entry;
}

static void make_tables(void)
{
	u64 flags = arg_u64("accessed", 1) ? PTE_USER : PTE_P | PTE_W | PTE_U;

	root = alloc_page();
	level3 = alloc_page();
	level2 = alloc_page();
	level1 = alloc_page();
	memcpy(root + 256, boot_root + 256, 2048);
	fill_table(root, 256, gpa(level3) | flags);
	fill_table(level3, 512, gpa(level2) | flags);
	fill_table(level2, 512, gpa(level1) | flags);
	if (arg_is("kind", "foreign"))
		fill_table(level1, 512, ram_end | PTE_USER);
	else if (arg_is("kind", "full"))
		fill_table(level1, 512, gpa(alloc_page()) | PTE_USER);
	else if (arg_is("kind", "self"))
		fill_table(root, 256, gpa(root) | flags);
}

static void timed(const char *name, u64 start)
{
	u64 took = now() - start;

	printf("  %s: %lu us\n", name, took / 1000);
	if (took > worst) {
		worst = took;
		worst_name = name;
	}
}

#define TIMED(call)                   \
	do {                          \
		u64 start_ = now();   \
                                      \
		(void)(call);         \
		timed(#call, start_); \
	} while (0)

static u64 touch(u64 step, u64 b, u64 c)
{
	u64 address;

	for (address = 0; address < 1UL << 47; address += step)
		*(volatile u8 *)address;
	return 0;
}

void test_main(void)
{
	make_tables();
	TIMED(hc(LODGE_HC_LOAD_ROOT, gpa(root)));
	TIMED(hc(LODGE_HC_FILL, 0x1234567000, 4));
	TIMED(probe(touch, 1UL << 39, 0, 0));
	TIMED(flush_all(gpa(root)));
	TIMED(probe(touch, 1UL << 38, 0, 0));
	TIMED(hc(LODGE_HC_FLUSH, LODGE_FLUSH_EVERYTHING));
	TIMED(hc(LODGE_HC_DEBUG, LODGE_DEBUG_AUDIT));
	TIMED(hc(LODGE_HC_LOAD_ROOT, root_gpa));
	TIMED(flush_all(gpa(root)));
	TIMED(hc(LODGE_HC_DROP_ROOT, gpa(root)));
	CHECK(worst < 1000000000, "%s took %lu ms", worst_name,
	      worst / 1000000);
}
