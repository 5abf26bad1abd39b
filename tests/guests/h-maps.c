// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack on the shadow tables (R15, R17): entries of every level that point at
 * frames the domain does not own: low machine addresses where the hypervisor
 * is, the local APIC, memory beyond the domain's, beyond the machine's, with
 * reserved bits, tables that contain themselves. Expected: an exception for
 * each access, never a byte of anybody else's; recursive tables show the
 * guest's own entries, never the shadow's. Another vCPU rewrites entries of
 * three levels meanwhile.
 */
#include "guest.h"
#include "user.h"

#define ADDRESS 0x200000000000UL /* slot 64, nothing else there */
#define MAGIC 0x6d61676963UL

static u64 do_read(u64 address, u64 b, u64 c)
{
	return *(volatile u64 *)address;
}

static u64 do_write(u64 address, u64 b, u64 c)
{
	*(volatile u64 *)address = 0x6f776e6564;
	return 0;
}

static u64 bad_frames[64];
static int bad_count;

static void make_bad_frames(void)
{
	static const u64 fixed[] = {
		0xfee00000,	    0xfec00000, 0xfed00000, 0xe0000000,
		0xb0000000,	    0x80000000, 0xfffff000, 1UL << 32,
		1UL << 33,	    1UL << 36,	1UL << 39,  1UL << 40,
		1UL << 45,	    1UL << 46,	1UL << 51,  0x000ffffffffff000,
		0x000fffffffe00000,
	};
	size_t i;

	bad_frames[bad_count++] = ram_end;
	bad_frames[bad_count++] = ram_end + PAGE_SIZE;
	bad_frames[bad_count++] = (ram_end + SIZE_2M) & -SIZE_2M;
	bad_frames[bad_count++] = ram_end + (16 << 20);
	for (i = 0; i < array_size(fixed); i++)
		if (fixed[i] >= ram_end)
			bad_frames[bad_count++] = fixed[i];
}

static void expect_fault(u64 address, const char *what, u64 frame)
{
	u64 vector = probe(do_read, address, 0, 0);

	CHECK(vector == PF || vector == GP,
	      "%s with frame %lx: read gives %s %lx", what, frame,
	      vector_name(vector), this_cpu()->fault.rax);
	vector = probe(do_write, address, 0, 0);
	CHECK(vector == PF || vector == GP, "%s with frame %lx: write gives %s",
	      what, frame, vector_name(vector));
	vector = user_call(u_read, address, 0);
	CHECK(vector == PF || vector == GP, "%s with frame %lx: ring 3 gets %s",
	      what, frame, vector_name(vector));
	hc(LODGE_HC_FILL, address, 0);
	hc(LODGE_HC_FILL, address, 6);
}

/* One level at a time names the bad frame; the rest is in order. */
static void test_bad_frames(void)
{
	u64 good = gpa(alloc_page());
	int i, level;

	for (i = 0; i < bad_count; i++)
		for (level = 1; level <= 4; level++) {
			volatile u64 *entry;
			u64 saved, flags = PTE_USER;

			map_page(root_gpa, ADDRESS, good, PTE_USER);
			entry = pte_of(root_gpa, ADDRESS, level, true);
			saved = *entry;
			*entry = bad_frames[i] | flags;
			flush_all(root_gpa);
			expect_fault(ADDRESS, level == 1 ? "a page" : "a table",
				     bad_frames[i]);
			if (level == 2 || level == 3) {
				*entry = (bad_frames[i] & -SIZE_2M) | flags |
					 PTE_PS;
				if (level == 3)
					*entry &= -SIZE_1G | 0xfff;
				flush_all(root_gpa);
				if ((*entry & PTE_ADDR) >= ram_end)
					expect_fault(ADDRESS, "a large page",
						     *entry);
			}
			*entry = saved;
			flush_all(root_gpa);
			CHECK_EQ(probe(do_read, ADDRESS, 0, 0), NO_FAULT);
		}
}

/* Large pages that begin in RAM and end outside. */
static void test_overhang(void)
{
	volatile u64 *level3 = pte_of(root_gpa, ADDRESS + SIZE_1G, 3, true);
	volatile u64 *level2;
	u64 offset;

	*level3 = 0 | PTE_USER | PTE_PS;
	flush_all(root_gpa);
	CHECK_EQ(probe(do_read, ADDRESS + SIZE_1G + 0x200000, 0, 0), NO_FAULT);
	for (offset = ram_end; offset < SIZE_1G; offset += 7 * SIZE_2M + 4096)
		expect_fault(ADDRESS + SIZE_1G + offset, "a 1 GiB page",
			     offset);
	*level3 = 0;
	flush_all(root_gpa);
	if (ram_end % SIZE_2M == 0)
		return;
	level2 = pte_of(root_gpa, ADDRESS + SIZE_1G, 2, true);
	*level2 = (ram_end & -SIZE_2M) | PTE_USER | PTE_PS;
	flush_all(root_gpa);
	offset = ram_end % SIZE_2M;
	CHECK_EQ(probe(do_read, ADDRESS + SIZE_1G + offset - 8, 0, 0),
		 NO_FAULT);
	expect_fault(ADDRESS + SIZE_1G + offset, "a 2 MiB page", ram_end);
	*level2 = 0;
	flush_all(root_gpa);
}

static void test_reserved(void)
{
	u64 good = gpa(alloc_page());
	volatile u64 *level4, *level3, *level2;

	map_page(root_gpa, ADDRESS, good, PTE_USER);
	level4 = pte_of(root_gpa, ADDRESS, 4, true);
	level3 = pte_of(root_gpa, ADDRESS, 3, true);
	level2 = pte_of(root_gpa, ADDRESS, 2, true);
	*level4 |= PTE_PS; /* reserved in the top level */
	flush_all(root_gpa);
	expect_fault(ADDRESS, "PS in level 4", *level4);
	*level4 &= ~PTE_PS;
	flush_all(root_gpa);
	*level2 = 0x202000 | PTE_USER | PTE_PS; /* not aligned: reserved */
	flush_all(root_gpa);
	probe(do_read, ADDRESS, 0, 0); /* a fault, or bits ignored: */
	*level2 = 0;
	*level3 = 0x600000 | PTE_USER | PTE_PS;
	flush_all(root_gpa);
	probe(do_read, ADDRESS, 0, 0);
	*level3 = 0;
	*level4 = 0;
	flush_all(root_gpa);
}

/* Recursive top level: the guest's tables are seen, not the shadow's. */
static void test_recursive(void)
{
	u64 slot = 65, base = slot << 39 | slot << 30 | slot << 21 | slot << 12;
	volatile u64 *top = (u64 *)base;
	u64 page = ADDRESS + 0x5000, good = gpa(alloc_page());
	u64 alias = slot << 39 | (page >> 9 & 0x7fffffffffUL & ~7UL);
	int i;

	*(u64 *)va(good) = MAGIC;
	boot_root[slot] = root_gpa | PTE_USER;
	map_page(root_gpa, page, 0, 0);
	for (i = 0; i < 512; i++)
		CHECK((top[i] & ~0x60UL) == (boot_root[i] & ~0x60UL),
		      "recursive slot %d shows %lx, not %lx", i, top[i],
		      boot_root[i]);
	CHECK_EQ(user_call(u_read, base, 0), SYSCALL64);
	/* Write an entry through the recursive mapping and use it. */
	*(volatile u64 *)alias = good | PTE_USER;
	CHECK(*pte_of(root_gpa, page, 1, false) == (good | PTE_USER),
	      "the recursive write went elsewhere");
	CHECK(*(volatile u64 *)page == MAGIC, "the new entry shows %lx",
	      *(volatile u64 *)page);
	/* Tables that contain themselves at every level. */
	for (i = 3; i >= 1; i--) {
		volatile u64 *entry;
		u64 table;

		map_page(root_gpa, ADDRESS, good, PTE_USER);
		entry = pte_of(root_gpa, ADDRESS, i, true);
		table = gpa((void *)((u64)entry & -PAGE_SIZE));
		*entry = table | PTE_USER;
		flush_all(root_gpa);
		probe(do_read, ADDRESS, 0, 0);
		probe(do_read, ADDRESS + 8, 0, 0);
		*entry = 0;
		flush_all(root_gpa);
	}
	boot_root[slot] = 0;
	flush_all(root_gpa);
}

/* ------------------------------------------------------------------ race */

static volatile bool stop;

static void rewrite(struct cpu *cpu, void *arg)
{
	volatile u64 *entry[3];
	u64 saved[3], n = 0;
	int i;

	for (i = 0; i < 3; i++) {
		entry[i] = pte_of(root_gpa, ADDRESS, i + 1, false);
		saved[i] = *entry[i];
	}
	while (!stop) {
		i = n % 3;
		*entry[i] = bad_frames[n / 3 % bad_count] | PTE_USER;
		pause();
		*entry[i] = saved[i];
		if (n++ % 64 == 0)
			flush_all(root_gpa);
	}
	for (i = 0; i < 3; i++)
		*entry[i] = saved[i];
}

static void test_race(void)
{
	u64 *good = alloc_page(), end, reads = 0, faults = 0;

	if (start_info->vcpu_count < 2)
		return;
	*good = MAGIC;
	map_page(root_gpa, ADDRESS, gpa(good), PTE_USER);
	cpu_start(1, rewrite, NULL);
	end = now() + 1500000000;
	while (now() < end) {
		u64 vector = probe(do_read, ADDRESS, 0, 0);

		if (vector == NO_FAULT) {
			u64 value = this_cpu()->fault.rax;

			if (value != MAGIC) {
				test_fail("read %lx of a foreign frame", value);
				break;
			}
			reads++;
		} else {
			faults++;
		}
		if (reads % 8 == 0)
			flush(root_gpa, ADDRESS, ADDRESS + 1);
		hc(LODGE_HC_FILL, ADDRESS, 2);
	}
	stop = true;
	cpu_join(1);
	printf("  %lu reads, %lu faults under the race\n", reads, faults);
}

void test_main(void)
{
	make_bad_frames();
	test_bad_frames();
	test_overhang();
	test_reserved();
	test_recursive();
	test_race();
	CHECK(hc(LODGE_HC_DEBUG, LODGE_DEBUG_AUDIT) <= 0,
	      "the auditor finds differences");
}
