// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack on the way of frames from one domain to the next: two such domains
 * release and populate, or report, as fast as they can, on three vCPUs each,
 * while other vCPUs of theirs write to the very pages that go, use them as page
 * tables, as lists and results of batches, and as targets of hypercalls.
 * Expected: no page ever shows what the other domain wrote, nor what the
 * hypervisor did; the witness goes on. (Zeroes are not expected: a domain's own
 * writer may have found the page first.)
 */
#include <lodge/memory.h>
#include "guest.h"

#define PAGES 63 /* a third for each changer */
#define MARKER 0x4d41524b00000000UL
#define MINE (MARKER | start_info->domid)
#define POISON 0xc5c5c5c5c5c5c5c5UL /* debug builds fill free frames with it */

static u64 *pool; /* PAGES pages, and all may be gone */
static u64 lists[4][512] __attribute__((aligned(4096)));
static u64 end;
static volatile u64 changes, writes;

static s64 memory(struct cpu *cpu, u64 op, u64 entry)
{
	s64 result;

	do {
		lists[cpu->id][0] = entry;
		result = hc(LODGE_HC_MEMORY, op, gpa(lists[cpu->id]), 1);
	} while (result == -LODGE_EAGAIN && now() < end);
	return result;
}

static void check_page(volatile u64 *page)
{
	u64 i, word;

	for (i = 0; i < 512; i++) {
		word = page[i] & ~(PTE_A | PTE_D); /* it was a page table, too */
		CHECK(word >> 32 != MARKER >> 32 || word == MINE,
		      "word %lu is another's: %lx", i, word);
		CHECK(word != POISON, "word %lu is of the hypervisor", i);
	}
}

static void cycle(struct cpu *cpu, u64 n)
{
	volatile u64 *page = pool + n * 512;
	u64 i;

	if (changes & 1) {
		memory(cpu, LODGE_MEMORY_REPORT, gpa(page));
	} else if (memory(cpu, LODGE_MEMORY_RELEASE, gpa(page)) != 1) {
		return;
	} else if (memory(cpu, LODGE_MEMORY_POPULATE, gpa(page)) != 1) {
		if (now() < end)
			test_fail("page %lu does not come back", n);
		return;
	}
	check_page(page);
	for (i = 0; i < 512; i++)
		page[i] = MINE;
	check_page(page);
	changes++;
}

static void changer(struct cpu *cpu, void *arg)
{
	u64 n = cpu->id;

	while (now() < end)
		cycle(cpu, n = (n + 3) % PAGES);
}

/* Word 0 of any page, at any time, until it has gone. */
static u64 scribble(u64 n, u64 b, u64 c)
{
	volatile u64 *page = pool + n * 512;
	int i;

	for (i = 0; i < 20000; i++)
		*page = MINE;
	writes += i;
	return 0;
}

static void writer(struct cpu *cpu, void *arg)
{
	u64 n = 0, page;

	while (now() < end) {
		n = (n + 1) % PAGES;
		page = gpa(pool + n * 512);
		switch (n % 5) {
		case 0:
			hc(LODGE_HC_LOAD_ROOT, page);
			load_root(root_gpa);
			hc(LODGE_HC_DROP_ROOT, page);
			break;
		case 1: /* its own list, and its own results */
			hc(LODGE_HC_BATCH, page, 64);
			hc(LODGE_HC_MEMORY, LODGE_MEMORY_INFO, page, 0);
			break;
		case 2:
			hc(LODGE_HC_MEMORY, LODGE_MEMORY_POPULATE, page, 3);
			break;
		case 3:
			hc_vcpu(STEAL_AREA, cpu->id, page);
			hc(LODGE_HC_YIELD);
			break;
		default:
			probe(scribble, n, 0, 0);
		}
	}
}

void test_main(void)
{
	pool = alloc_pages(PAGES, PAGE_SIZE);
	end = now() + arg_u64("seconds", 5) * 1000000000;
	cpu_start(1, changer, NULL);
	cpu_start(2, changer, NULL);
	cpu_start(3, writer, NULL);
	changer(this_cpu(), NULL);
	cpu_join(1);
	cpu_join(2);
	cpu_join(3);
	CHECK(changes > 10, "only %lu changes", changes);
	printf("%lu changes, %lu writes\n", changes, writes);
}
