// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: LOAD_ROOT switches address spaces as MOV CR3 would, by the hypercall
 * and by the stub's vector (which answers 1 for a miss and never loads what it
 * does not know); a root that was flushed properly is never stale; DROP_ROOT
 * forgets one, -EBUSY while some vCPU uses it, -ENOENT if it is unknown. How:
 * switches between many roots that map one address to different frames,
 * changes roots that are not loaded, drops and reuses their pages.
 */
#include "guest.h"
#include "user.h"

#define ADDRESS 0x10000000UL
#define ROOTS 24

static u64 roots[ROOTS];
static u8 *frames[ROOTS];

static s64 quick_load(u64 root)
{
	s64 result;

	asm volatile("int %1"
		     : "=a"(result)
		     : "i"(LODGE_VEC_LOAD_ROOT), "D"(root)
		     : "memory", "cc");
	return result;
}

static u64 do_read(u64 address, u64 b, u64 c)
{
	return peek(address);
}

static void test_switch(void)
{
	u64 i, n;

	for (i = 0; i < ROOTS; i++) {
		roots[i] = new_root();
		frames[i] = alloc_page();
		frames[i][0] = i;
		map_page(roots[i], ADDRESS, gpa(frames[i]), PTE_USER);
	}
	for (n = 0; n < 400; n++) {
		i = n * 7 % ROOTS;
		CHECK_EQ(load_root(roots[i]), 0);
		CHECK(peek(ADDRESS) == i, "root %lu shows %u", i,
		      peek(ADDRESS));
		if (n % 16 == 0) {
			CHECK_EQ(user_call(u_read, ADDRESS, 0), SYSCALL64);
			CHECK(this_cpu()->fault.rax == i, "user: root %lu", i);
		}
	}
	/* A change to a root that is not loaded, then a flush of it. */
	load_root(roots[0]);
	for (i = 1; i < ROOTS; i++) {
		map_page(roots[i], ADDRESS, gpa(frames[ROOTS - i]), PTE_USER);
		flush(roots[i], ADDRESS, ADDRESS + PAGE_SIZE);
	}
	for (i = 1; i < ROOTS; i++) {
		load_root(roots[i]);
		CHECK(peek(ADDRESS) == ROOTS - i, "stale root %lu: %u", i,
		      peek(ADDRESS));
	}
	/* The kernel half is shared: one new entry shows everywhere. */
	map_page(root_gpa, KMAP_BASE, gpa(frames[5]), PTE_KERNEL);
	for (i = 0; i < ROOTS; i++) {
		load_root(roots[i]);
		CHECK(peek(KMAP_BASE) == 5, "kernel half of root %lu", i);
	}
	map_page(root_gpa, KMAP_BASE, gpa(frames[6]), PTE_KERNEL);
	flush_kernel(KMAP_BASE, KMAP_BASE + PAGE_SIZE);
	for (i = 0; i < ROOTS; i++) {
		load_root(roots[i]);
		CHECK(peek(KMAP_BASE) == 6, "stale kernel half of root %lu", i);
	}
	load_root(root_gpa);
}

static void test_errors(void)
{
	static const u64 unknown[] = { 0,	  1,	  -1UL,
				       1UL << 63, 0x1000, LODGE_AREA_BASE,
				       1UL << 46 };
	size_t i;

	CHECK_EQ(hc(LODGE_HC_LOAD_ROOT, root_gpa + 8), -LODGE_EINVAL);
	CHECK_EQ(hc(LODGE_HC_LOAD_ROOT, root_gpa + 1), -LODGE_EINVAL);
	CHECK_EQ(hc(LODGE_HC_LOAD_ROOT, -4096UL), -LODGE_EFAULT);
	CHECK_EQ(hc(LODGE_HC_LOAD_ROOT, 0xfee00000), -LODGE_EFAULT);
	CHECK_EQ(hc(LODGE_HC_LOAD_ROOT, 1UL << 45), -LODGE_EFAULT);
	/* The vector: a miss for everything that no root ever was. */
	for (i = 0; i < array_size(unknown); i++)
		CHECK_EQ(quick_load(unknown[i]), 1);
	CHECK_EQ(quick_load(gpa(alloc_page())), 1);
	CHECK_EQ(quick_load(root_gpa + 1), 1);
	CHECK_EQ(hc(LODGE_HC_DROP_ROOT, 1UL << 45), -LODGE_ENOENT);
	CHECK_EQ(hc(LODGE_HC_DROP_ROOT, gpa(alloc_page())), -LODGE_ENOENT);
}

static void test_drop(void)
{
	u64 i;

	load_root(roots[0]);
	CHECK_EQ(hc(LODGE_HC_DROP_ROOT, roots[0]), -LODGE_EBUSY);
	CHECK(peek(ADDRESS) == 0, "a refused drop lost the root");
	load_root(root_gpa);
	for (i = 0; i < ROOTS; i++) {
		CHECK_EQ(hc(LODGE_HC_DROP_ROOT, roots[i]), 0);
		CHECK_EQ(hc(LODGE_HC_DROP_ROOT, roots[i]), -LODGE_ENOENT);
		CHECK_EQ(quick_load(roots[i]), 1);
	}
	/* The page as data, then as another root. */
	memset(va(roots[3]), 0xff, PAGE_SIZE);
	memset(va(roots[3]), 0, PAGE_SIZE);
	for (i = 256; i < 512; i++)
		((u64 *)va(roots[3]))[i] = boot_root[i];
	map_user(roots[3]);
	map_page(roots[3], ADDRESS, gpa(frames[20]), PTE_USER);
	CHECK_EQ(load_root(roots[3]), 0);
	CHECK(peek(ADDRESS) == 20, "a reused root shows %u", peek(ADDRESS));
	load_root(root_gpa);
	CHECK_EQ(probe(do_read, ADDRESS, 0, 0), PF);
	CHECK_EQ(hc(LODGE_HC_DROP_ROOT, roots[3]), 0);
	/* Make and drop without end: nothing may leak. */
	for (i = 0; i < 300; i++) {
		u64 root = roots[i % ROOTS];
		u64 utext = *pte_of(root_gpa, USER_TEXT, 1, false) & PTE_ADDR;

		CHECK_EQ(load_root(root), 0);
		CHECK(peek(USER_TEXT) == *(u8 *)va(utext), "user text is gone");
		load_root(root_gpa);
		CHECK_EQ(hc(LODGE_HC_DROP_ROOT, root), 0);
	}
}

static void hold(struct cpu *cpu, void *arg)
{
	volatile u64 *state = arg;

	load_root(roots[1]);
	*state = 1;
	while (*state == 1)
		hc(LODGE_HC_YIELD);
	load_root(root_gpa);
	*state = 3;
}

static void test_busy_elsewhere(void)
{
	static volatile u64 state;

	if (start_info->vcpu_count < 2)
		return;
	cpu_start(1, hold, (void *)&state);
	while (!state)
		hc(LODGE_HC_YIELD);
	CHECK_EQ(hc(LODGE_HC_DROP_ROOT, roots[1]), -LODGE_EBUSY);
	state = 2;
	while (state == 2)
		hc(LODGE_HC_YIELD);
	CHECK_EQ(hc(LODGE_HC_DROP_ROOT, roots[1]), 0);
	cpu_join(1);
}

void test_main(void)
{
	test_errors();
	test_switch();
	test_drop();
	test_busy_elsewhere();
	CHECK(hc(LODGE_HC_DEBUG, LODGE_DEBUG_AUDIT) <= 0,
	      "the auditor finds differences");
}
