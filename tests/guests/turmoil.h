/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The children of turmoil.c. vCPU 0 releases and populates, or reports, pages
 * that are its domain's alone: they are empty when they come, and then hold
 * what it wrote. vCPU 1 grants pages to others, takes them back and replaces
 * them, and maps, copies and passes on what others grant to it: that is always
 * something which a child has written. A child that finds something else says
 * so on its console, and is otherwise silent.
 */
#ifndef TURMOIL_H
#define TURMOIL_H

#include <lodge/grant.h>
#include <lodge/memory.h>
#include "lib/child.h"

#define CHILD_FRAMES 2048UL
#define SMALL_GPA 0x400000UL /* 512 pages that come and go one by one */
#define LARGE_GPA 0x600000UL /* 2 MiB that come and go together */
#define SHARED 32 /* pages that it grants: page i by reference i */
#define PLACES 16 /* where pages of others are mapped */
#define PEERS 10 /* as many children, and the control domain */
#define MARKER 0x5455524d00000000UL
#define MINE (MARKER | (u64)start_info->domid << 16)

enum {
	SMALL_CHANGES,
	LARGE_CHANGES,
	REPORTED,
	NO_MEMORY,
	MAPS,
	COPIES,
	TRANSFERS,
	REVOKED,
	COUNTS
};

static const char *const count_names[COUNTS] = {
	"pages", "pieces of 2 MiB", "pages reported",	"times without memory",
	"maps",	 "copies",	    "grants passed on", "grants revoked",
};

struct mail {
	volatile u64 order; /* 0: go on; n: SHUTDOWN(n - 1) */
	volatile u64 magic; /* its domid, when it runs */
	volatile u64 count[COUNTS];
	volatile u32 peer[PEERS]; /* domids, some of them gone, some 0 */
};

static struct mail *const mail = (void *)(DIRECT_BASE + CHILD_MAIL);

static inline u64 next_random(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static inline bool is_known(u64 word)
{
	return !word || word >> 32 == MARKER >> 32;
}

/* Of an operation on a grant: others may have changed or ended anything. */
static inline bool may_fail(s64 status)
{
	return status == -LODGE_ENOENT || status == -LODGE_EPERM ||
	       status == -LODGE_EFAULT || status == -LODGE_EAGAIN ||
	       status == -LODGE_EBUSY || status == -LODGE_ENOMEM;
}

/* --- what both vCPUs of a child use --- */

static u64 lists[2][512] __attribute__((aligned(4096)));

static void obey(void)
{
	if (mail->order)
		hc(LODGE_HC_SHUTDOWN, mail->order - 1);
}

static bool no_memory(s64 result)
{
	if (result != -LODGE_ENOMEM && result != -LODGE_EAGAIN &&
	    result != -LODGE_ENOSPC)
		return false;
	mail->count[NO_MEMORY]++;
	return true;
}

static s64 memory(u64 *list, u64 op, u64 count)
{
	return hc(LODGE_HC_MEMORY, op, gpa(list), count);
}

/* All of it is one word. */
static void check_filled(u64 where, u64 size, u64 word)
{
	volatile u64 *p = va(where);
	u64 i;

	for (i = 0; i < size / 8; i++)
		if (p[i] != word) {
			test_fail("%lx has %lx, not %lx", where + i * 8, p[i],
				  word);
			return;
		}
}

static void fill_with(u64 where, u64 size, u64 word)
{
	u64 *p = va(where), i;

	for (i = 0; i < size / 8; i++)
		p[i] = word;
}

/* --- vCPU 0: memory of its own --- */

static enum { PRESENT, ABSENT, LENT } pages[512];
static bool no_large; /* at the moment */

static u64 small_gpa(u64 n)
{
	return SMALL_GPA + n * PAGE_SIZE;
}

static void came(u64 n)
{
	check_filled(small_gpa(n), PAGE_SIZE, 0);
	fill_with(small_gpa(n), PAGE_SIZE, MINE | n);
	pages[n] = PRESENT;
}

/* A list of some of them; what is reported is used again instead. */
static u64 list_pages(u64 r, u64 op)
{
	u64 n = (r >> 8) % 512, want = 1 + (r >> 20) % 64, count = 0;

	for (; n < 512 && count < want; n++) {
		if (pages[n] == LENT)
			came(n);
		if (pages[n] !=
		    (op == LODGE_MEMORY_POPULATE ? ABSENT : PRESENT))
			continue;
		if (op != LODGE_MEMORY_POPULATE)
			check_filled(small_gpa(n), PAGE_SIZE, MINE | n);
		lists[0][count++] = small_gpa(n);
	}
	return count;
}

static void change_small(u64 r)
{
	static const u64 ops[] = { LODGE_MEMORY_RELEASE, LODGE_MEMORY_POPULATE,
				   LODGE_MEMORY_POPULATE, LODGE_MEMORY_REPORT };
	u64 op = ops[r & 3], count = list_pages(r, op), n;
	s64 i, done;

	if (!count)
		return;
	done = memory(lists[0], op, count);
	/* EBUSY: the control domain looks at it. */
	if (done < 0 && !no_memory(done))
		CHECK(op != LODGE_MEMORY_POPULATE && done == -LODGE_EBUSY,
		      "memory operation %lu: %ld", op, done);
	for (i = 0; i < done; i++) {
		n = (lists[0][i] - SMALL_GPA) / PAGE_SIZE;
		if (op == LODGE_MEMORY_POPULATE)
			came(n);
		else
			pages[n] = op == LODGE_MEMORY_REPORT ? LENT : ABSENT;
		mail->count[op == LODGE_MEMORY_REPORT ? REPORTED :
							SMALL_CHANGES]++;
	}
}

static void change_large(void)
{
	s64 done;

	lists[0][0] = LARGE_GPA | LODGE_MEMORY_LARGE;
	if (!no_large) {
		check_filled(LARGE_GPA, SIZE_2M, MINE | 512);
		done = memory(lists[0], LODGE_MEMORY_RELEASE, 1);
		/* EINVAL: it was never one piece. */
		CHECK(done == 1 || done == -LODGE_EINVAL, "large: %ld", done);
		no_large = done == 1;
		return;
	}
	done = memory(lists[0], LODGE_MEMORY_POPULATE, 1);
	if (no_memory(done))
		return;
	CHECK_EQ(done, 1);
	check_filled(LARGE_GPA, SIZE_2M, 0);
	fill_with(LARGE_GPA, SIZE_2M, MINE | 512);
	no_large = false;
	mail->count[LARGE_CHANGES]++;
}

static void balloon(void)
{
	u64 seed = rdtsc() | 1, n;

	for (n = 0; n < 512; n++)
		came(n);
	check_filled(LARGE_GPA, SIZE_2M, 0);
	fill_with(LARGE_GPA, SIZE_2M, MINE | 512);
	for (;;) {
		obey();
		if (next_random(&seed) % 16)
			change_small(seed);
		else
			change_large();
	}
}

/* --- vCPU 1: memory of others --- */

static struct lodge_grant table[256] __attribute__((aligned(4096)));
static u64 shared_gpa; /* of SHARED pages */
static bool lost[SHARED]; /* there was no memory for another in its place */
static bool is_mapped[PLACES], is_writable[PLACES];
static u32 handles[PLACES];

static u32 some_peer(u64 r)
{
	return mail->peer[r % PEERS];
}

static s64 grant_op(u64 op)
{
	s64 err = hc(LODGE_HC_GRANT, op, gpa(lists[1]), 1);

	CHECK_EQ(err, 0);
	return err;
}

/* Gives page i back and gets another, if nobody uses it. */
static void replace(u64 i)
{
	struct lodge_grant *e = &table[i];
	u64 access = e->access, where = shared_gpa + i * PAGE_SIZE;
	s64 done;

	if ((!access && !lost[i]) || access & LODGE_GRANT_IN_USE ||
	    !__atomic_compare_exchange_n(&e->access, &access, 0, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		return;
	mail->count[REVOKED] += !!access;
	lists[1][0] = where;
	while (!lost[i]) {
		done = memory(lists[1], LODGE_MEMORY_RELEASE, 1);
		lost[i] = done == 1;
		if (!lost[i] && no_memory(done))
			return;
		/* EBUSY: one that had it mapped is about to be gone. */
		CHECK(lost[i] || done == -LODGE_EBUSY, "release: %ld", done);
		obey();
	}
	done = memory(lists[1], LODGE_MEMORY_POPULATE, 1);
	if (no_memory(done))
		return;
	CHECK_EQ(done, 1);
	check_filled(where, PAGE_SIZE, 0);
	fill_with(where, PAGE_SIZE, MINE | 0x8000 | i);
	lost[i] = false;
}

static void grant(u64 i, u64 r)
{
	u64 access = LODGE_GRANT_READ | (r & LODGE_GRANT_WRITE) |
		     (r & LODGE_GRANT_PASS_ON) | (u64)some_peer(r >> 8) << 32;

	if (table[i].access || lost[i])
		return;
	table[i].page = shared_gpa + i * PAGE_SIZE;
	__atomic_store_n(&table[i].access, access, __ATOMIC_RELEASE);
}

static u64 touch(u64 address, u64 write, u64 c)
{
	if (write)
		*(volatile u64 *)address = MINE;
	return *(volatile u64 *)address;
}

/* What is mapped stays there, even if its owner ends. */
static void use(u64 n, u64 r)
{
	u64 address = KMAP_BASE + n * PAGE_SIZE + (r & 0xff8), vector;
	bool write = r >> 32 & 1;

	vector = probe(touch, address, write, 0);
	CHECK(vector == (write && !is_writable[n] ? PF : NO_FAULT),
	      "access %d to page that is writable %d: %s", write,
	      is_writable[n], vector_name(vector));
	if (vector == NO_FAULT)
		CHECK(is_known(this_cpu()->fault.rax), "a page shows %lx",
		      this_cpu()->fault.rax);
}

static void unmap(u64 n)
{
	struct lodge_grant_unmap *u = (void *)lists[1];

	u->handle = handles[n];
	grant_op(LODGE_GRANT_UNMAP);
	CHECK_EQ(u->status, 0);
	is_mapped[n] = false;
	CHECK_EQ(probe(touch, KMAP_BASE + n * PAGE_SIZE, 0, 0), PF);
}

static void map(u64 n, u64 r)
{
	struct lodge_grant_map *m = (void *)lists[1];

	*m = (struct lodge_grant_map){
		.domid = some_peer(r >> 8),
		.ref = (r >> 16) % SHARED,
		.flags = LODGE_GRANT_READ | (r & LODGE_GRANT_WRITE),
		.gpa = CHILD_FRAMES * PAGE_SIZE + n * PAGE_SIZE,
	};
	grant_op(LODGE_GRANT_MAP);
	if (m->status) {
		CHECK(may_fail(m->status), "map: %d", m->status);
		return;
	}
	handles[n] = m->handle;
	is_mapped[n] = true;
	is_writable[n] = r & LODGE_GRANT_WRITE;
	mail->count[MAPS]++;
}

static void copy(u64 *own, u64 r)
{
	struct lodge_grant_copy *c = (void *)lists[1];
	struct lodge_grant_side other = { .domid = some_peer(r >> 8),
					  .ref = (r >> 16) % SHARED };
	struct lodge_grant_side mine = { .gpa = gpa(own) };
	u64 i;

	*c = (struct lodge_grant_copy){ .from = r & 1 ? mine : other,
					.to = r & 1 ? other : mine,
					.length = r & 2 ? PAGE_SIZE : 64 };
	if (!other.domid)
		return;
	grant_op(LODGE_GRANT_COPY);
	if (c->status) {
		CHECK(may_fail(c->status), "copy: %d", c->status);
		return;
	}
	for (i = 0; i < 512; i++)
		CHECK(is_known(own[i]), "a copy has %lx", own[i]);
	mail->count[COPIES]++;
}

static void pass_on(u64 r)
{
	struct lodge_grant_transfer *t = (void *)lists[1];
	u32 to = some_peer(r >> 24);

	if (!to)
		return;
	*t = (struct lodge_grant_transfer){ .domid = some_peer(r >> 8),
					    .ref = (r >> 16) % SHARED,
					    .to = to };
	grant_op(LODGE_GRANT_TRANSFER);
	CHECK(!t->status || may_fail(t->status), "transfer: %d", t->status);
	mail->count[TRANSFERS] += !t->status;
}

static void trade(struct cpu *cpu, void *arg)
{
	u64 seed = rdtsc() | 1, r, n, *own = alloc_page();

	for (;;) {
		obey();
		r = next_random(&seed);
		n = (r >> 40) % PLACES;
		switch (r >> 56 & 7) {
		case 0:
			replace((r >> 16) % SHARED);
			break;
		case 1:
		case 2:
			grant((r >> 16) % SHARED, r);
			break;
		case 3:
			copy(own, r);
			break;
		case 4:
			pass_on(r);
			break;
		default:
			if (!is_mapped[n])
				map(n, r);
			else if (r & 3)
				use(n, r);
			else
				unmap(n);
		}
	}
}

static void run_child(void)
{
	u64 i;

	shared_gpa = gpa(alloc_pages(SHARED, PAGE_SIZE));
	fill_with(shared_gpa, SHARED * PAGE_SIZE, MINE | 0x8000);
	for (i = 0; i < PLACES; i++)
		map_page(root_gpa, KMAP_BASE + i * PAGE_SIZE,
			 (CHILD_FRAMES + i) * PAGE_SIZE, PTE_KERNEL);
	lists[1][0] = gpa(table);
	CHECK_EQ(hc(LODGE_HC_GRANT, LODGE_GRANT_SETUP, gpa(lists[1]), 1), 0);
	mail->magic = start_info->domid;
	cpu_start(1, trade, NULL);
	balloon();
}

#endif /* TURMOIL_H */
