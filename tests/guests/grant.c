// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: a grant lets the domain that it names, and no other, map or copy just
 * that page, for just that; while it is in use the entry says so and the page
 * cannot be released; unmapping takes it from every table; either domain may
 * end at any time. role=owner (domain 1) grants, role=peer (domain 2) uses.
 * They talk through the first page that is granted.
 */
#include <lodge/grant.h>
#include <lodge/memory.h>
#include "guest.h"

enum {
	REF_TALK = 1,
	REF_READ,
	REF_NONE,
	REF_OTHER,
	REF_ODD,
	REF_FAR,
	REF_PASS,
	REF_LAST
};

#define OWNER 1
#define PEER 2
#define MARKER 0x6772616e74UL
#define FIRST_FREE (ram_end) /* where the peer maps */

struct talk {
	volatile u64 step; /* what is done: odd by the peer, even by the owner */
	volatile u64 word;
};

static struct lodge_grant table[256] __attribute__((aligned(4096)));
static u64 list[16] __attribute__((aligned(4096)));
static struct lodge_grant_map map_op[64] __attribute__((aligned(4096)));
static struct lodge_grant_unmap unmap_op[64] __attribute__((aligned(4096)));
static struct lodge_grant_copy copy_op[64] __attribute__((aligned(4096)));

#define hc_grant(op, gpa, count) \
	hc(LODGE_HC_GRANT, LODGE_GRANT_##op, gpa, count)

static void wait_for(struct talk *talk, u64 step)
{
	u64 limit = now() + 20000000000UL;

	while (talk->step < step) {
		if (now() > limit)
			test_fatal("step %lu does not come", step);
		hc(LODGE_HC_YIELD);
	}
}

/* ----------------------------------------------------------------- owner */

static void grant(u32 ref, u32 domid, u32 flags, u64 page)
{
	table[ref].page = page;
	barrier();
	table[ref].access = flags | (u64)domid << 32;
}

static void test_setup_errors(void)
{
	list[0] = gpa(table);
	CHECK_EQ(hc(LODGE_HC_GRANT, 5, gpa(list), 1), -LODGE_ENOSYS);
	CHECK_EQ(hc_grant(SETUP, gpa(list), 0), -LODGE_EINVAL);
	CHECK_EQ(hc_grant(SETUP, gpa(list), LODGE_GRANT_PAGES + 1),
		 -LODGE_EINVAL);
	CHECK_EQ(hc_grant(SETUP, ram_end, 1), -LODGE_EFAULT);
	list[1] = gpa(table) + 8;
	CHECK_EQ(hc_grant(SETUP, gpa(list), 2), -LODGE_EINVAL);
	list[1] = ram_end;
	CHECK_EQ(hc_grant(SETUP, gpa(list), 2), -LODGE_EFAULT);
	CHECK_EQ(hc_grant(SETUP, gpa(list), 1), 0);
	CHECK_EQ(hc_grant(SETUP, gpa(list), 1), -LODGE_EEXIST);
	/* the table is pinned */
	CHECK_EQ(hc(LODGE_HC_MEMORY, LODGE_MEMORY_RELEASE, gpa(list), 1),
		 -LODGE_EBUSY);
}

static s64 release(void *page)
{
	list[0] = gpa(page);
	return hc(LODGE_HC_MEMORY, LODGE_MEMORY_RELEASE, gpa(list), 1);
}

static void owner(void)
{
	const u32 rw = LODGE_GRANT_READ | LODGE_GRANT_WRITE;
	struct talk *talk = alloc_page();
	u64 *page = alloc_page(), limit;
	s64 result;

	test_setup_errors();
	page[0] = MARKER;
	page[511] = ~MARKER;
	grant(REF_READ, PEER, LODGE_GRANT_READ, gpa(page));
	grant(REF_OTHER, 99, rw, gpa(page));
	grant(REF_ODD, PEER, rw, gpa(page) + 8);
	grant(REF_FAR, PEER, rw, ram_end);
	grant(REF_PASS, PEER, rw | LODGE_GRANT_PASS_ON, gpa(page));
	grant(REF_TALK, PEER, rw, gpa(talk));

	wait_for(talk, 1); /* mapped by the peer */
	CHECK(table[REF_TALK].access & LODGE_GRANT_IN_USE, "not in use");
	CHECK(table[REF_READ].access & LODGE_GRANT_IN_USE, "not in use");
	CHECK_EQ(release(page), -LODGE_EBUSY);
	CHECK_EQ(talk->word, MARKER + 1);
	CHECK_EQ(page[0], MARKER);
	CHECK_EQ(table[REF_PASS].access, rw | LODGE_GRANT_PASS_ON | 77UL << 32);
	/* what is taken back meanwhile stays mapped, and can be unmapped */
	table[REF_READ].access = 0;
	talk->step = 2;
	wait_for(talk, 3); /* unmapped: REF_READ */
	CHECK_EQ(table[REF_READ].access, 0);
	CHECK_EQ(release(page), 1);
	talk->step = 4;
	if (arg_is("end", "owner")) {
		wait_for(talk, 5);
		return; /* with talk mapped over there */
	}
	/* the peer goes without a word */
	for (limit = now() + 20000000000UL;
	     table[REF_TALK].access & LODGE_GRANT_IN_USE;) {
		if (now() > limit)
			test_fatal("in use for ever");
		hc(LODGE_HC_YIELD);
	}
	/* Its maps end first, then its memory gives the frames back. */
	while ((result = release(talk)) == -LODGE_EBUSY && now() < limit)
		hc(LODGE_HC_YIELD);
	CHECK_EQ(result, 1);
}

/* ------------------------------------------------------------------ peer */

static s64 map(u32 domid, u32 ref, u32 flags, u64 where)
{
	s64 result;

	do {
		map_op[0] = (struct lodge_grant_map){
			.domid = domid, .ref = ref, .flags = flags, .gpa = where
		};
		result = hc_grant(MAP, gpa(map_op), 1);
		if (!result)
			result = map_op[0].status;
	} while (result == -LODGE_EAGAIN);
	return result;
}

static s64 unmap(u32 handle)
{
	unmap_op[0].handle = handle;
	unmap_op[0].status = 1;
	CHECK_EQ(hc_grant(UNMAP, gpa(unmap_op), 1), 0);
	return unmap_op[0].status;
}

static s64 transfer(u32 ref, u32 to)
{
	struct lodge_grant_transfer *op = (void *)list;

	*op = (struct lodge_grant_transfer){
		.domid = OWNER, .ref = ref, .to = to, .status = 1
	};
	CHECK_EQ(hc_grant(TRANSFER, gpa(op), 1), 0);
	return op->status;
}

static void test_transfer(u64 where)
{
	CHECK_EQ(transfer(REF_READ, 77), -LODGE_EPERM);
	CHECK_EQ(transfer(REF_OTHER, 77), -LODGE_EPERM);
	CHECK_EQ(transfer(REF_NONE, 77), -LODGE_EPERM);
	CHECK_EQ(transfer(256, 77), -LODGE_ENOENT);
	CHECK_EQ(transfer(REF_PASS, 0), -LODGE_EINVAL);
	CHECK_EQ(transfer(REF_PASS, LODGE_DOMID_MAX + 1), -LODGE_EINVAL);
	CHECK_EQ(map(OWNER, REF_PASS, LODGE_GRANT_READ, where), 0);
	CHECK_EQ(transfer(REF_PASS, 77), -LODGE_EBUSY);
	CHECK_EQ(unmap(map_op[0].handle), 0);
	CHECK_EQ(transfer(REF_PASS, 77), 0);
	CHECK_EQ(transfer(REF_PASS, PEER), -LODGE_EPERM);
	CHECK_EQ(map(OWNER, REF_PASS, LODGE_GRANT_READ, where), -LODGE_EPERM);
}

static s64 copy(u32 from, u32 to, u64 page, u32 offset, u32 length)
{
	copy_op[0] = (struct lodge_grant_copy){
		.from = { .domid = from ? OWNER : 0,
			  .ref = from,
			  .gpa = page,
			  .offset = offset },
		.to = { .domid = to ? OWNER : 0,
			.ref = to,
			.gpa = page,
			.offset = offset },
		.length = length,
	};
	CHECK_EQ(hc_grant(COPY, gpa(copy_op), 1), 0);
	return copy_op[0].status;
}

static u64 do_read(u64 address, u64 b, u64 c)
{
	return *(volatile u64 *)address;
}

static u64 do_write(u64 address, u64 b, u64 c)
{
	*(volatile u64 *)address = ~0UL;
	return 0;
}

static void test_map_errors(u64 where)
{
	const u32 r = LODGE_GRANT_READ, rw = r | LODGE_GRANT_WRITE;

	CHECK_EQ(map(OWNER, REF_READ, rw, where), -LODGE_EPERM);
	CHECK_EQ(map(OWNER, REF_NONE, r, where), -LODGE_EPERM);
	CHECK_EQ(map(OWNER, REF_OTHER, r, where), -LODGE_EPERM);
	CHECK_EQ(map(OWNER, REF_ODD, r, where), -LODGE_EFAULT);
	CHECK_EQ(map(OWNER, REF_FAR, r, where), -LODGE_EFAULT);
	CHECK_EQ(map(OWNER, 256, r, where), -LODGE_ENOENT);
	CHECK_EQ(map(OWNER, ~0U, r, where), -LODGE_ENOENT);
	CHECK_EQ(map(PEER, 1, r, where), -LODGE_ENOENT); /* no table */
	CHECK_EQ(map(0, 1, r, where), -LODGE_ENOENT);
	CHECK_EQ(map(77, 1, r, where), -LODGE_ENOENT);
	CHECK_EQ(map(~0U, 1, r, where), -LODGE_ENOENT);
	CHECK_EQ(map(OWNER, REF_READ, 0, where), -LODGE_EINVAL);
	CHECK_EQ(map(OWNER, REF_READ, 2, where), -LODGE_EINVAL);
	CHECK_EQ(map(OWNER, REF_READ, r | 4, where), -LODGE_EINVAL);
	CHECK_EQ(map(OWNER, REF_READ, r, where + 8), -LODGE_EINVAL);
	CHECK_EQ(map(OWNER, REF_READ, r, 1UL << 47), -LODGE_EINVAL);
	CHECK_EQ(map(OWNER, REF_READ, r, gpa(table)), -LODGE_EEXIST);
	CHECK_EQ(hc_grant(MAP, gpa(map_op), 0), -LODGE_EINVAL);
	CHECK_EQ(hc_grant(MAP, gpa(map_op), 65), -LODGE_EINVAL);
	CHECK_EQ(hc_grant(MAP, gpa(map_op) + 4, 1), -LODGE_EINVAL);
	CHECK_EQ(hc_grant(MAP, gpa(map_op) + 4072, 1), -LODGE_EINVAL);
	CHECK_EQ(hc_grant(MAP, ram_end + SIZE_2M, 1), -LODGE_EFAULT);
	CHECK_EQ(unmap(2047), -LODGE_ENOENT);
	CHECK_EQ(unmap(~0U), -LODGE_ENOENT);
}

static void test_copies(void)
{
	u64 *page = alloc_page();

	CHECK_EQ(copy(REF_READ, 0, gpa(page), 0, 4096), 0);
	CHECK_EQ(page[0], MARKER);
	CHECK_EQ(page[511], ~MARKER);
	page[1] = MARKER + 1; /* word of struct talk */
	CHECK_EQ(copy(0, REF_TALK, gpa(page), 8, 8), 0);
	CHECK_EQ(copy(0, REF_READ, gpa(page), 0, 8), -LODGE_EPERM);
	CHECK_EQ(copy(REF_NONE, 0, gpa(page), 0, 8), -LODGE_EPERM);
	CHECK_EQ(copy(REF_READ, 0, gpa(page), 4090, 8), -LODGE_EINVAL);
	CHECK_EQ(copy(REF_READ, 0, gpa(page), 0, ~0U), -LODGE_EINVAL);
	CHECK_EQ(copy(REF_READ, 0, gpa(page) + 8, 0, 8), -LODGE_EFAULT);
	CHECK_EQ(copy(REF_READ, 0, ram_end + SIZE_2M, 0, 8), -LODGE_EFAULT);
	CHECK_EQ(copy(REF_READ, 0, gpa(page), 4096, 0), 0);
	CHECK_EQ(copy(REF_TALK, REF_TALK, 0, 0, 8), -LODGE_EINVAL);
}

static void peer(void)
{
	const u32 rw = LODGE_GRANT_READ | LODGE_GRANT_WRITE;
	volatile u64 *seen = (u64 *)(KMAP_BASE + PAGE_SIZE);
	u64 limit = now() + 20000000000UL, where = FIRST_FREE;
	struct talk *talk = (void *)KMAP_BASE;
	u32 handle, talk_handle;
	s64 result;

	while ((result = map(OWNER, REF_TALK, rw, where))) {
		if (now() > limit)
			test_fatal("nothing is granted: %ld", (long)result);
		hc(LODGE_HC_YIELD);
	}
	talk_handle = map_op[0].handle;
	map_page(root_gpa, KMAP_BASE, where, PTE_KERNEL);
	where += PAGE_SIZE;
	test_map_errors(where);
	test_copies();
	test_transfer(where);
	CHECK_EQ(map(OWNER, REF_READ, LODGE_GRANT_READ, where), 0);
	handle = map_op[0].handle;
	map_page(root_gpa, (u64)seen, where, PTE_KERNEL);
	CHECK_EQ(seen[0], MARKER);
	CHECK_EQ(probe(do_write, (u64)seen, 0, 0), PF);
	CHECK_EQ(seen[0], MARKER);
	/* it is no memory of ours */
	CHECK_EQ(hc(LODGE_HC_CONSOLE_WRITE, where, 1), -LODGE_EFAULT);
	CHECK_EQ(hc(LODGE_HC_LOAD_ROOT, where), -LODGE_EFAULT);
	list[0] = where;
	CHECK_EQ(hc(LODGE_HC_MEMORY, LODGE_MEMORY_RELEASE, gpa(list), 1),
		 -LODGE_EINVAL);
	CHECK_EQ(hc(LODGE_HC_MEMORY, LODGE_MEMORY_POPULATE, gpa(list), 1),
		 -LODGE_EEXIST);
	CHECK_EQ(seen[511], ~MARKER);
	talk->step = 1;
	wait_for(talk, 2);
	CHECK_EQ(seen[0], MARKER);
	CHECK_EQ(map(OWNER, REF_READ, LODGE_GRANT_READ, where + PAGE_SIZE),
		 -LODGE_EPERM);
	CHECK_EQ(unmap(handle), 0);
	CHECK_EQ(probe(do_read, (u64)seen, 0, 0), PF);
	CHECK_EQ(unmap(handle), -LODGE_ENOENT);
	talk->step = 3;
	wait_for(talk, 4);
	if (!arg_is("end", "owner"))
		return; /* with talk mapped */
	talk->word = MARKER;
	talk->step = 5;
	/* the owner ends; what is mapped is there until it is unmapped */
	while (map(OWNER, 0, LODGE_GRANT_READ, where) != -LODGE_ENOENT) {
		if (now() > limit)
			test_fatal("the owner does not end");
		hc(LODGE_HC_YIELD);
	}
	CHECK_EQ(talk->word, MARKER);
	CHECK_EQ(probe(do_write, (u64)&talk->step, 0, 0), NO_FAULT);
	CHECK_EQ(unmap(talk_handle), 0);
	CHECK_EQ(probe(do_read, (u64)talk, 0, 0), PF);
	CHECK(hc(LODGE_HC_DEBUG, LODGE_DEBUG_AUDIT) <= 0,
	      "the auditor found something");
}

void test_main(void)
{
	if (arg_is("role", "owner"))
		owner();
	else
		peer();
}
