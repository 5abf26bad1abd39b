// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack on everybody's latency: the longest single hypercalls that the ABI
 * allows. Fills as many shadow tables as the domain gets, then makes batches
 * of 64 flushes of everything and of 64 LDTs of 8192 descriptors. Expected: a
 * processor that is busy for one domain is given to another in time, however
 * long the batch: the witness wants a tick at least every few seconds.
 */
#include "guest.h"

#define BASE 0x100000000000UL /* slot 32 */

static u64 *ldt_list, *ldt;

static void fill_batch(struct lodge_batch *batch, u64 number, u64 a, u64 b)
{
	u64 i;

	memset(batch, 0, PAGE_SIZE);
	for (i = 0; i < 64; i++) {
		batch[i].number = number;
		batch[i].arg[0] = a;
		batch[i].arg[1] = b;
	}
}

static void timed(struct lodge_batch *batch, const char *name)
{
	u64 start = now(), took;

	CHECK_EQ(hc(LODGE_HC_BATCH, gpa(batch), 64), 0);
	took = now() - start;
	printf("  64 times %s: %lu ms\n", name, took / 1000000);
}

/* One level 1 table, mapped at many places: shadows are made for each. */
static void fill_shadows(void)
{
	u64 frame = gpa(alloc_page()), n, i, count = arg_u64("tables", 2000);
	volatile u64 *level2;

	for (i = 0; i < 512; i++)
		map_page(root_gpa, BASE + i * PAGE_SIZE, frame, PTE_USER);
	level2 = pte_of(root_gpa, BASE, 2, false);
	for (n = 1; n < count; n++)
		*pte_of(root_gpa, BASE + n * SIZE_2M, 2, true) = *level2;
	for (n = 0; n < count; n++)
		for (i = 0; i < 512; i += 64)
			peek(BASE + n * SIZE_2M + i * PAGE_SIZE);
}

/* All vCPUs at once: they also wait for each other's locks. */
static void work(struct cpu *cpu, void *arg)
{
	struct lodge_batch *batch = arg;
	u64 i;

	fill_batch(batch, LODGE_HC_FLUSH, LODGE_FLUSH_EVERYTHING, 0);
	for (i = 0; i < 2; i++)
		timed(batch, "FLUSH everything");
	fill_batch(batch, LODGE_HC_SET_LDT, gpa(ldt_list), 8192);
	timed(batch, "SET_LDT");
	fill_batch(batch, LODGE_HC_LOAD_ROOT, root_gpa, 0);
	timed(batch, "LOAD_ROOT");
}

void test_main(void)
{
	int count = start_info->vcpu_count, id;
	u64 i;

	ldt = alloc_page();
	ldt_list = alloc_page();
	for (i = 0; i < 512; i++)
		ldt[i] = 0x00cff3000000ffff;
	for (i = 0; i < 16; i++)
		ldt_list[i] = gpa(ldt);
	fill_shadows();
	for (id = 1; id < count; id++)
		cpu_start(id, work, alloc_page());
	work(&cpus[0], alloc_page());
	for (id = 1; id < count; id++)
		cpu_join(id);
}
