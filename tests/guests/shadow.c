// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: after FLUSH returns no vCPU sees the old entries (hypercall.h), the
 * guest's accessed and dirty bits are set as a processor would (design: a
 * shadow entry exists only with A set and is writable only with D set), pages
 * of all sizes work, and permissions are those of the guest's tables. How:
 * maps, changes and removes entries in the user half and in the kernel half,
 * and reads, writes and executes through them from both rings.
 */
#include "guest.h"
#include "user.h"

#define USER_VA 0x10000000UL
#define BIG_VA 0x40000000UL

static u64 do_read(u64 address, u64 b, u64 c)
{
	return peek(address);
}

static u64 do_write(u64 address, u64 value, u64 c)
{
	poke(address, value);
	return 0;
}

static bool can_read(u64 address)
{
	return probe(do_read, address, 0, 0) == NO_FAULT;
}

static bool can_write(u64 address, u8 value)
{
	return probe(do_write, address, value, 0) == NO_FAULT;
}

static void test_map_unmap(u64 address, u64 flags)
{
	u8 *a = alloc_page(), *b = alloc_page();
	volatile u64 *pte = pte_of(root_gpa, address, 1, true);
	u64 i;

	a[5] = 0xa1;
	b[5] = 0xb2;
	CHECK(!can_read(address + 5), "an empty entry can be read");
	CHECK(this_cpu()->fault.vector == PF && !(this_cpu()->fault.error & 1),
	      "%s %lx for an empty entry",
	      vector_name(this_cpu()->fault.vector), this_cpu()->fault.error);
	CHECK(this_cpu()->fault_cr2 == address + 5, "cr2 is %lx",
	      this_cpu()->fault_cr2);
	/* A new entry needs no flush. */
	for (i = 0; i < 4; i++) {
		*pte = gpa(a) | flags;
		CHECK(peek(address + 5) == 0xa1, "first frame reads %x",
		      peek(address + 5));
		*pte = gpa(b) | flags;
		CHECK_EQ(flush(i & 1 ? 0 : root_gpa, address, address + 1),
			 i & 1 ? 0 : 0);
		if (i & 1)
			hc(LODGE_HC_FLUSH, LODGE_FLUSH_EVERYTHING);
		CHECK(peek(address + 5) == 0xb2, "second frame reads %x",
		      peek(address + 5));
		*pte = 0;
		if ((s64)address < 0)
			flush_kernel(address, address + PAGE_SIZE);
		else
			flush_all(root_gpa);
		CHECK(!can_read(address + 5), "a removed entry can be read");
	}
}

static void test_kernel_map(void)
{
	u64 address = KMAP_BASE + 0x7000;
	u8 *a = alloc_page(), *b = alloc_page();
	volatile u64 *pte = pte_of(root_gpa, address, 1, true);

	a[0] = 1;
	b[0] = 2;
	*pte = gpa(a) | PTE_KERNEL;
	CHECK(peek(address) == 1, "kernel half, first frame");
	*pte = gpa(b) | PTE_KERNEL;
	CHECK_EQ(flush_kernel(address, address + PAGE_SIZE), 0);
	CHECK(peek(address) == 2, "kernel half, second frame");
	*pte = 0;
	CHECK_EQ(flush_kernel(address, address + PAGE_SIZE), 0);
	CHECK(!can_read(address), "kernel half, removed");
}

static void test_permissions(void)
{
	u64 address = USER_VA + 0x100000;
	u64 frame = gpa(alloc_page());
	volatile u64 *pte = pte_of(root_gpa, address, 1, true);

	/* Read-only becomes writable with and without a flush. */
	*pte = frame | (PTE_USER & ~PTE_W);
	CHECK(can_read(address), "read-only page cannot be read");
	CHECK(!can_write(address, 1), "read-only page written in ring 1");
	CHECK((this_cpu()->fault.error & 7) == 3, "error code %lx",
	      this_cpu()->fault.error);
	CHECK_EQ(user_call(u_write, address, 7), PF);
	CHECK((this_cpu()->fault.error & 7) == 7, "error code %lx",
	      this_cpu()->fault.error);
	*pte = frame | PTE_USER;
	CHECK_EQ(user_call(u_write, address, 7), SYSCALL64);
	CHECK(peek(address) == 7, "user write lost");
	/* Writable becomes read-only: after the flush. */
	*pte = frame | (PTE_USER & ~PTE_W);
	flush(root_gpa, address, address + PAGE_SIZE);
	CHECK(!can_write(address, 2), "stale write permission in ring 1");
	CHECK_EQ(user_call(u_write, address, 8), PF);
	/* Supervisor page: not for ring 3. */
	*pte = frame | (PTE_USER & ~PTE_U);
	flush(root_gpa, address, address + PAGE_SIZE);
	CHECK_EQ(user_call(u_read, address, 0), PF);
	CHECK((this_cpu()->fault.error & 5) == 5, "error code %lx",
	      this_cpu()->fault.error);
	CHECK(can_write(address, 3), "supervisor page refused to ring 1");
	/* No execute. */
	poke(address, 0x0f); /* syscall */
	poke(address + 1, 0x05);
	*pte = frame | PTE_USER | PTE_NX;
	flush(root_gpa, address, address + PAGE_SIZE);
	CHECK_EQ(user_call((void (*)(void))address, 0, 0), PF);
	CHECK(this_cpu()->fault.error & 0x10, "error code %lx",
	      this_cpu()->fault.error);
	*pte = frame | PTE_USER;
	flush(root_gpa, address, address + PAGE_SIZE);
	CHECK_EQ(user_call((void (*)(void))address, 0, 0), SYSCALL64);
	*pte = 0;
	flush(root_gpa, address, address + PAGE_SIZE);
}

/* Upper levels: their bits count as on the processor. */
static void test_upper_levels(void)
{
	u64 address = USER_VA + SIZE_1G * 3;
	u64 frame = gpa(alloc_page());
	volatile u64 *level2;

	map_page(root_gpa, address, frame, PTE_USER);
	level2 = pte_of(root_gpa, address, 2, false);
	CHECK(can_write(address, 1), "plain page");
	*level2 &= ~PTE_W;
	flush(root_gpa, address, address + PAGE_SIZE);
	CHECK(!can_write(address, 1), "level 2 without W does not protect");
	*level2 |= PTE_W;
	*level2 &= ~PTE_U;
	flush(root_gpa, address, address + PAGE_SIZE);
	CHECK_EQ(user_call(u_read, address, 0), PF);
	*level2 |= PTE_U | PTE_NX;
	flush(root_gpa, address, address + PAGE_SIZE);
	CHECK_EQ(user_call((void (*)(void))address, 0, 0), PF);
	*level2 = 0;
	flush(root_gpa, address, address + PAGE_SIZE);
	CHECK(!can_read(address), "a removed table can be read through");
}

static void test_accessed_dirty(void)
{
	u64 address = USER_VA + 0x200000;
	u64 frame = gpa(alloc_page());
	volatile u64 *pte = pte_of(root_gpa, address, 1, true);

	*pte = frame | PTE_P | PTE_W | PTE_U;
	CHECK(can_read(address), "page without A");
	CHECK(*pte & PTE_A, "A is not set by a read");
	CHECK(!(*pte & PTE_D), "D is set by a read");
	CHECK(can_write(address, 1), "page without D");
	CHECK(*pte & PTE_D, "D is not set by a write");
	*pte &= ~(PTE_A | PTE_D);
	flush(root_gpa, address, address + PAGE_SIZE);
	CHECK_EQ(user_call(u_read, address, 0), SYSCALL64);
	CHECK((*pte & (PTE_A | PTE_D)) == PTE_A, "entry %lx after user read",
	      *pte);
	CHECK_EQ(user_call(u_write, address, 0), SYSCALL64);
	CHECK(*pte & PTE_D, "entry %lx after user write", *pte);
	/* Software bits and NX are nobody else's business. */
	*pte = frame | PTE_USER | PTE_NX | 1UL << 52 | 1UL << 9 | 1UL << 11;
	flush(root_gpa, address, address + PAGE_SIZE);
	CHECK(can_write(address, 1), "software bits are in the way");
	CHECK(*pte >> 52 & 1 && *pte & 1UL << 9 && *pte & 1UL << 11,
	      "software bits changed: %lx", *pte);
	*pte = frame | PTE_USER | PTE_G;
	flush(root_gpa, address, address + PAGE_SIZE);
	CHECK(can_write(address, 1), "a global page does not work");
}

/* Global entries: a flush takes them as well (R15). */
static void test_global(u64 address)
{
	u8 *a = alloc_page(), *b = alloc_page();
	volatile u64 *pte = pte_of(root_gpa, address, 1, true);
	u64 flags = (s64)address < 0 ? PTE_KERNEL | PTE_G : PTE_USER | PTE_G;

	a[0] = 0xa1;
	b[0] = 0xb2;
	*pte = gpa(a) | flags;
	CHECK(peek(address) == 0xa1, "global page reads %x", peek(address));
	*pte = gpa(b) | flags;
	if ((s64)address < 0)
		flush_kernel(address, address + PAGE_SIZE);
	else
		flush(root_gpa, address, address + PAGE_SIZE);
	CHECK(peek(address) == 0xb2, "a stale global page at %lx", address);
	*pte = 0;
	hc(LODGE_HC_FLUSH, LODGE_FLUSH_EVERYTHING);
	CHECK(!can_read(address), "a removed global page at %lx", address);
}

static void test_large(void)
{
	u8 *memory = alloc_pages(512, SIZE_2M);
	volatile u64 *level2 = pte_of(root_gpa, BIG_VA, 2, true);
	volatile u64 *level3;
	u64 i;

	for (i = 0; i < 512; i++)
		memory[i * PAGE_SIZE + 1] = i;
	*level2 = gpa(memory) | PTE_USER | PTE_PS;
	for (i = 0; i < 512; i += 7)
		CHECK(peek(BIG_VA + i * PAGE_SIZE + 1) == (u8)i,
		      "2 MiB page, piece %lu", i);
	CHECK_EQ(user_call(u_write, BIG_VA + 0x1ff000, 9), SYSCALL64);
	CHECK(memory[0x1ff000] == 9, "user write into a 2 MiB page");
	/* Split into 4 KiB pages, with one left out. */
	*level2 = 0;
	for (i = 0; i < 512; i++)
		if (i != 100)
			map_page(root_gpa, BIG_VA + i * PAGE_SIZE,
				 gpa(memory) + i * PAGE_SIZE, PTE_USER);
	flush(root_gpa, BIG_VA, BIG_VA + SIZE_2M);
	CHECK(peek(BIG_VA + 99 * PAGE_SIZE + 1) == 99, "after the split");
	CHECK(!can_read(BIG_VA + 100 * PAGE_SIZE), "the hole is readable");
	/* And back. */
	*level2 = gpa(memory) | PTE_USER | PTE_PS;
	flush(root_gpa, BIG_VA, BIG_VA + SIZE_2M);
	CHECK(peek(BIG_VA + 100 * PAGE_SIZE + 1) == 100, "after the join");
	/* A and D of a large entry. */
	*level2 = gpa(memory) | PTE_P | PTE_W | PTE_U | PTE_PS;
	flush(root_gpa, BIG_VA, BIG_VA + SIZE_2M);
	CHECK(can_read(BIG_VA) && *level2 & PTE_A && !(*level2 & PTE_D),
	      "2 MiB entry after a read: %lx", *level2);
	CHECK(can_write(BIG_VA, 1) && *level2 & PTE_D,
	      "2 MiB entry after a write: %lx", *level2);
	*level2 = 0;
	flush_all(root_gpa);
	/* 1 GiB: the whole of low memory. */
	level3 = pte_of(root_gpa, BIG_VA, 3, true);
	*level3 = 0 | PTE_USER | PTE_PS;
	flush_all(root_gpa);
	CHECK(peek(BIG_VA + gpa(memory) + 0x1ff000) == 9, "1 GiB page");
	CHECK_EQ(user_call(u_read, BIG_VA + gpa(memory) + 0x1ff000, 0),
		 SYSCALL64);
	CHECK(this_cpu()->fault.rax == 9, "user read of a 1 GiB page: %lx",
	      this_cpu()->fault.rax);
	*level3 = 0;
	flush_all(root_gpa);
	CHECK(!can_read(BIG_VA), "a removed 1 GiB page");
}

static void test_flush_errors(void)
{
	static const u64 slots = 0xffff800000000000;

	CHECK_EQ(hc(LODGE_HC_FLUSH, 8, root_gpa, 0, 4096), -LODGE_EINVAL);
	CHECK_EQ(hc(LODGE_HC_FLUSH, -1UL, root_gpa, 0, 4096), -LODGE_EINVAL);
	CHECK_EQ(hc(LODGE_HC_FLUSH, 1UL << 32, root_gpa, 0, 0), -LODGE_EINVAL);
	CHECK_EQ(flush(root_gpa, 8192, 4096), -LODGE_EINVAL);
	CHECK_EQ(flush(root_gpa, 0, 1UL << 63), -LODGE_EINVAL);
	CHECK_EQ(flush(root_gpa, 0, (1UL << 47) + 1), -LODGE_EINVAL);
	CHECK_EQ(flush(root_gpa, DIRECT_BASE, DIRECT_BASE + 1), -LODGE_EINVAL);
	CHECK_EQ(flush_kernel(0, 4096), -LODGE_EINVAL);
	CHECK_EQ(flush_kernel(DIRECT_BASE + 4096, DIRECT_BASE), -LODGE_EINVAL);
	/* The hypervisor's slots: refused or without effect. */
	flush_kernel(slots, slots + 0x10000);
	CHECK_EQ(flush_kernel(DIRECT_BASE, -1UL), 0);
	CHECK_EQ(flush(root_gpa, 0, 1UL << 47), 0);
	CHECK_EQ(flush(root_gpa, 0, 0), 0);
	CHECK_EQ(flush(0x12345000, 0, 4096), 0); /* not known: no error */
	CHECK_EQ(flush(-4096UL, 0, 4096), 0);
	CHECK_EQ(hc(LODGE_HC_FLUSH, LODGE_FLUSH_EVERYTHING), 0);
}

static void test_fill(void)
{
	u64 address = USER_VA + 0x300000;
	u64 frame = gpa(alloc_page());

	map_page(root_gpa, address, frame, PTE_USER & ~PTE_W);
	CHECK_EQ(hc(LODGE_HC_FILL, address, 4), 0);
	CHECK_EQ(hc(LODGE_HC_FILL, address, 0), 0);
	CHECK_EQ(hc(LODGE_HC_FILL, address, 6), 1);
	CHECK_EQ(hc(LODGE_HC_FILL, address + PAGE_SIZE, 4), 1);
	CHECK_EQ(hc(LODGE_HC_FILL, 1UL << 47, 4), -LODGE_EINVAL);
	CHECK_EQ(hc(LODGE_HC_FILL, 1UL << 63, 4), -LODGE_EINVAL);
	CHECK_EQ(hc(LODGE_HC_FILL, LODGE_AREA_BASE, 0), -LODGE_EINVAL);
	CHECK_EQ(hc(LODGE_HC_FILL, LODGE_AREA_VCPU, 2), -LODGE_EINVAL);
	CHECK_EQ(hc(LODGE_HC_FILL, (u64)va(0) - 4096, 0), -LODGE_EINVAL);
	CHECK_EQ(hc(LODGE_HC_FILL, address, -1UL), 1);
}

void test_main(void)
{
	u64 flags = PTE_USER;

	test_map_unmap(USER_VA, flags);
	test_kernel_map();
	test_permissions();
	test_upper_levels();
	test_accessed_dirty();
	test_global(USER_VA + 0x400000);
	test_global(KMAP_BASE + 0x9000);
	test_large();
	test_flush_errors();
	test_fill();
	CHECK(hc(LODGE_HC_DEBUG, LODGE_DEBUG_AUDIT) <= 0,
	      "the auditor finds differences");
}
