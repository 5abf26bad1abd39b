// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: the control domain may map as much as grant.h says; what it has mapped
 * of a domain and unmapped again may stay within its reach, but only as long
 * as that is the domain's: it never sees or touches a frame that has another
 * owner, or none. How: a child grants pages that it has marked; they are
 * mapped, unmapped and mapped again, the child releases some and ends. All the
 * time the control domain keeps entries for them in its tables, looks through
 * them, and finds the marks or faults, and in the end faults alone.
 */
#include <lodge/grant.h>
#include <lodge/memory.h>
#include "child.h"

#define PAGES 64UL /* that are granted ... */
#define FIRST_REF (LODGE_GRANT_REFS - PAGES) /* ... by the last references */
#define RELEASED 32UL /* of them, the first ones */
#define MAPPED 16UL /* the next, that are mapped when the child ends */
#define FRAMES 1024UL
#define CONTROL 1 /* number of the control domain */
#define MARK 0x6c696e6765720000UL
#define SEEN (KMAP_BASE + SIZE_2M) /* where the pages are seen */
#define ROUNDS 200
#define PATIENCE 20000000000UL

struct mail {
	volatile u64 ready, order, released;
};

static u64 list[512] __attribute__((aligned(4096)));
static struct lodge_grant_map op[PAGES] __attribute__((aligned(4096)));
static struct lodge_grant_unmap undo[512] __attribute__((aligned(4096)));
static struct hand hand;
static u64 address[PAGES]; /* of the pages in the control domain */

#define hc_grant(op, gpa, count) \
	hc(LODGE_HC_GRANT, LODGE_GRANT_##op, gpa, count)

/* ----------------------------------------------------------------- child */

static void child(void)
{
	struct mail *mail = va(CHILD_MAIL);
	u64 i, *page[PAGES];
	struct lodge_grant *table;

	for (i = 0; i < LODGE_GRANT_PAGES; i++) {
		table = alloc_page();
		list[i] = gpa(table);
	}
	table += 256 - PAGES;
	CHECK_EQ(hc_grant(SETUP, gpa(list), LODGE_GRANT_PAGES), 0);
	for (i = 0; i < PAGES; i++) {
		page[i] = alloc_page();
		page[i][0] = MARK + i;
		table[i].page = gpa(page[i]);
		table[i].access = LODGE_GRANT_READ | LODGE_GRANT_WRITE |
				  (u64)CONTROL << 32;
	}
	mail->ready = 1;
	while (!mail->order)
		hc(LODGE_HC_YIELD);
	for (i = 0; i < RELEASED; i++) {
		table[i].access = 0;
		list[i] = gpa(page[i]);
	}
	mail->released =
		hc(LODGE_HC_MEMORY, LODGE_MEMORY_RELEASE, gpa(list), RELEASED);
	for (;;)
		hc(LODGE_HC_YIELD);
}

/* -------------------------------------------------------- control domain */

/* What its neighbours and successors are made of: no marks. */
static s64 new_child(const char *name, u64 frames)
{
	s64 d = child_create(&hand, name, 1, frames);

	if (d <= 0)
		test_error("no domain: %ld", (long)d);
	CHECK_EQ(hc_control(&hand, POPULATE, d, 0, frames), frames);
	return d;
}

static struct mail *mail_of(u32 d)
{
	struct mail *mail = child_hold(&hand, d, CHILD_MAIL, 1);

	if (!mail)
		test_error("there is no mail");
	return mail;
}

static void map_all(u32 d, u64 first, u64 count)
{
	u64 i;

	for (i = 0; i < count; i++)
		op[i] = (struct lodge_grant_map){
			.domid = d,
			.ref = FIRST_REF + first + i,
			.flags = LODGE_GRANT_READ | LODGE_GRANT_WRITE,
			.status = 1,
		};
	CHECK_EQ(hc_grant(MAP, gpa(op), count), 0);
	for (i = 0; i < count; i++) {
		CHECK_EQ(op[i].status, 0);
		undo[i].handle = op[i].handle;
	}
}

static void unmap_all(u64 count)
{
	u64 i;

	CHECK_EQ(hc_grant(UNMAP, gpa(undo), count), 0);
	for (i = 0; i < count; i++)
		CHECK_EQ(undo[i].status, 0);
}

static u64 do_read(u64 where, u64 b, u64 c)
{
	return *(volatile u64 *)where;
}

/* Does the control domain reach page i? Then it is what it was. */
static bool reaches(u64 i)
{
	u64 vector = probe(do_read, SEEN + i * PAGE_SIZE, 0, 0);

	if (vector == PF)
		return false;
	CHECK(vector == NO_FAULT && this_cpu()->fault.rax == MARK + i,
	      "page %lu: exception %lx, content %lx", i, vector,
	      this_cpu()->fault.rax);
	return true;
}

static void wait_unreachable(u64 first, u64 end)
{
	u64 limit = now() + PATIENCE, i;

	for (i = first; i < end; i++)
		while (reaches(i)) {
			if (now() > limit)
				test_error("page %lu is still there", i);
			hc(LODGE_HC_YIELD);
		}
}

static void test_again(u32 d)
{
	u64 i, n, begin, mapping = 0, unmapping = 0, touching = 0;

	for (n = 0; n < ROUNDS; n++) {
		begin = now();
		map_all(d, 0, PAGES);
		mapping += now() - begin;
		for (i = 0; i < PAGES; i++) {
			CHECK(!n || address[i] == op[i].gpa, "it moves");
			address[i] = op[i].gpa;
			if (!n)
				map_page(root_gpa, SEEN + i * PAGE_SIZE,
					 op[i].gpa, PTE_KERNEL);
		}
		begin = now();
		for (i = 0; i < PAGES; i++)
			CHECK(reaches(i), "page %lu is not there", i);
		touching += now() - begin;
		begin = now();
		unmap_all(PAGES);
		unmapping += now() - begin;
	}
	printf("ns for each of %lu pages: map %lu, touch %lu, unmap %lu\n",
	       PAGES, mapping / (PAGES * ROUNDS), touching / (PAGES * ROUNDS),
	       unmapping / (PAGES * ROUNDS));
}

/* As many as it may, but not one more. */
static void test_many(u32 d)
{
	u64 i, n = 0;

	CHECK_EQ(child_info(&hand, start_info->domid)->maps, 0);
	for (i = 0; i < LODGE_GRANT_CONTROL_MAPS; i += PAGES)
		map_all(d, 0, PAGES);
	CHECK_EQ(child_info(&hand, start_info->domid)->maps,
		 LODGE_GRANT_CONTROL_MAPS);
	op[0].status = 1;
	CHECK_EQ(hc_grant(MAP, gpa(op), 1), 0);
	CHECK_EQ(op[0].status, -LODGE_ENOSPC);
	undo[0].handle = LODGE_GRANT_CONTROL_MAPS - 1;
	unmap_all(1);
	op[0].ref = LODGE_GRANT_REFS;
	CHECK_EQ(hc_grant(MAP, gpa(op), 1), 0);
	CHECK_EQ(op[0].status, -LODGE_ENOENT);
	map_all(d, 0, 1);
	/* handles are numbers from 0 on, each once */
	for (i = 0; i < LODGE_GRANT_CONTROL_MAPS; i += PAGES) {
		for (n = 0; n < PAGES; n++)
			undo[n].handle = i + n;
		unmap_all(PAGES);
	}
	CHECK_EQ(child_info(&hand, start_info->domid)->maps, 0);
	undo[0].handle = LODGE_GRANT_CONTROL_MAPS;
	CHECK_EQ(hc_grant(UNMAP, gpa(undo), 1), 0);
	CHECK_EQ(undo[0].status, -LODGE_ENOENT);
}

/* The child gives back what was mapped, and others get it. */
static void test_release(u32 d)
{
	struct mail *mail = mail_of(d);
	u64 limit = now() + PATIENCE, i;
	s64 other;

	mail->order = 1;
	while (!mail->released) {
		for (i = 0; i < PAGES; i++)
			reaches(i);
		if (now() > limit)
			test_error("nothing is released");
	}
	CHECK_EQ(mail->released, RELEASED);
	child_let_go(&hand);
	other = new_child("other", FRAMES);
	wait_unreachable(0, RELEASED);
	map_all(d, RELEASED, PAGES - RELEASED);
	for (i = RELEASED; i < PAGES; i++) {
		CHECK_EQ(op[i - RELEASED].gpa, address[i]);
		CHECK(reaches(i), "page %lu is not there", i);
	}
	unmap_all(PAGES - RELEASED);
	CHECK_EQ(hc_control(&hand, DESTROY, other), 0);
}

/* It ends, with some of its pages mapped. */
static void test_end(u32 d)
{
	u64 i;

	map_all(d, RELEASED, MAPPED);
	CHECK_EQ(hc_control(&hand, DESTROY, d), 0);
	wait_unreachable(RELEASED + MAPPED, PAGES);
	new_child("next", FRAMES);
	for (i = RELEASED; i < RELEASED + MAPPED; i++)
		CHECK(reaches(i), "page %lu is not there", i);
	unmap_all(MAPPED);
	for (i = RELEASED; i < RELEASED + MAPPED; i++)
		CHECK(!reaches(i), "page %lu is there, and nobody's", i);
}

static void wait_gone(void)
{
	u64 limit = now() + PATIENCE, d;

	for (d = CONTROL + 1; d < CONTROL + 4; d++) {
		hc_control(&hand, DESTROY, d);
		while (child_info(&hand, d)) {
			if (now() > limit)
				test_error("domain %lu is still there", d);
			hc(LODGE_HC_YIELD);
		}
	}
}

void test_main(void)
{
	u64 before, limit;
	s64 d;

	if (!(start_info->flags & LODGE_START_CONTROL)) {
		child();
		return;
	}
	child_init();
	hand_init(&hand, KMAP_BASE);
	before = child_free_frames(&hand);
	d = new_child("child", FRAMES);
	if (!child_load(&hand, d, FRAMES, 1, "test=linger"))
		test_error("no memory");
	CHECK_EQ(child_start(&hand, d), 0);
	for (limit = now() + PATIENCE; !mail_of(d)->ready; child_let_go(&hand))
		if (now() > limit)
			test_error("the child does not run");
	child_let_go(&hand);
	test_again(d);
	test_many(d);
	test_release(d);
	test_end(d);
	wait_gone();
	for (limit = now() + PATIENCE; child_free_frames(&hand) < before;)
		if (now() > limit)
			break;
	CHECK_EQ(child_free_frames(&hand), before);
}
