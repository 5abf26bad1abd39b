// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack on grants: two domains (1 and 2) that change their tables without
 * end, with entries of every kind, while they release and populate the pages
 * that they grant, and map, use, unmap and copy each other's by any reference,
 * at any address, twice and backwards. Expected: an error or success for each,
 * what a read-only map shows cannot be written, nobody else's memory is ever
 * seen, and the witness goes on.
 */
#include <lodge/grant.h>
#include <lodge/memory.h>
#include "guest.h"

#define PAGES 32
#define PLACES 16 /* where the other's pages are mapped */
#define MARKER 0x4752414e54000000UL
#define MINE (MARKER | start_info->domid)
#define THEIRS (3 - start_info->domid)

static struct lodge_grant table[2][256] __attribute__((aligned(4096)));
static u64 lists[3][512] __attribute__((aligned(4096)));
static u64 ops[3][512] __attribute__((aligned(4096)));
static u64 *pool;
static u64 end;
static volatile u64 maps, copies, faults;

static u64 random(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Ours, the other's, or a page that was never written. */
static bool is_known(u64 word)
{
	return !word || word == MINE || word == (MARKER | THEIRS);
}

static u64 some_page(u64 r)
{
	switch (r & 15) {
	case 0:
		return gpa(table[0]);
	case 1:
		return ram_end + (r >> 20 << 12);
	case 2:
		return r;
	case 3: /* what was mapped of the other's */
		return ram_end + (r >> 8) % PLACES * PAGE_SIZE;
	default:
		return gpa(pool) + (r >> 8) % PAGES * PAGE_SIZE;
	}
}

static void changer(struct cpu *cpu, void *arg)
{
	u64 r, seed = rdtsc() | 1, i;

	while (now() < end) {
		struct lodge_grant *e;

		r = random(&seed);
		e = &table[r >> 8 & 1][(r >> 9) % 64];
		switch (r & 7) {
		case 0:
			e->access = random(&seed);
			break;
		case 1:
			e->access = 0;
			break;
		case 2: /* as it should be done, for a page that then goes */
			if (e->access & LODGE_GRANT_IN_USE)
				break;
			/* fall through */
		case 3:
			lists[0][0] = gpa(pool) + (r >> 16) % PAGES * PAGE_SIZE;
			if (hc(LODGE_HC_MEMORY, LODGE_MEMORY_RELEASE,
			       gpa(lists[0]), 1) != 1)
				break;
			do
				i = hc(LODGE_HC_MEMORY, LODGE_MEMORY_POPULATE,
				       gpa(lists[0]), 1);
			while (i == (u64)-LODGE_EAGAIN);
			CHECK_EQ(i, 1);
			for (i = 0; i < 512; i++)
				((u64 *)va(lists[0][0]))[i] = MINE;
			break;
		default:
			e->page = some_page(random(&seed));
			e->access = (r >> 32 & 3) | 1 |
				    (u64)(r & 8 ? THEIRS : r >> 40 & 3) << 32;
		}
	}
}

/* 0: neither; else what stands there at the moment, or a fault. */
static u64 look(u64 address, u64 write, u64 c)
{
	u64 word = *(volatile u64 *)(address + 8);

	if (write)
		*(volatile u64 *)address = MINE;
	return word;
}

static void mapper(struct cpu *cpu, void *arg)
{
	struct lodge_grant_map *m = (void *)ops[1];
	struct lodge_grant_unmap *u = (void *)ops[1];
	u64 r, seed = rdtsc() | 1, place, vector, i;
	u32 handle[PLACES] = { 0 };

	for (i = 0; i < PLACES; i++)
		map_page(root_gpa, KMAP_BASE + i * PAGE_SIZE,
			 ram_end + i * PAGE_SIZE, PTE_KERNEL);
	while (now() < end) {
		r = random(&seed);
		place = r % PLACES;
		m[0] = (struct lodge_grant_map){
			.domid = r & 0x10 ? THEIRS : r >> 8 & 3,
			.ref = (r >> 12) % 64 + (r & 0x20 ? 256 : 0),
			.flags = (r >> 24 & 3) | 1,
			.gpa = ram_end + place * PAGE_SIZE,
		};
		hc(LODGE_HC_GRANT, LODGE_GRANT_MAP, gpa(m), 1);
		if (!m[0].status) {
			handle[place] = m[0].handle;
			maps++;
		}
		vector = probe(look, KMAP_BASE + place * PAGE_SIZE, r >> 60 & 1,
			       0);
		faults += vector == PF;
		CHECK(vector == PF || vector == NO_FAULT, "vector %lu", vector);
		/* two, the same, one that is none, and one by chance */
		u[0].handle = handle[place];
		u[1].handle = handle[(place + 5) % PLACES];
		u[2].handle = handle[place];
		u[3].handle = r >> 32;
		hc(LODGE_HC_GRANT, LODGE_GRANT_UNMAP, gpa(u), r >> 50 & 3);
	}
}

static void copier(struct cpu *cpu, void *arg)
{
	struct lodge_grant_copy *c = (void *)ops[2];
	u64 r, seed = rdtsc() | 1, *own = alloc_page();

	while (now() < end) {
		r = random(&seed);
		c[0] = (struct lodge_grant_copy){
			.from = { .domid = THEIRS,
				  .ref = (r >> 8) % 64,
				  .offset = r >> 52 },
			.to = { .gpa = gpa(own), .offset = r >> 52 },
			.length = r & 1 ? 8 : r >> 40 & 0x1fff,
		};
		if (r & 2) { /* the other way */
			own[0] = MINE;
			c[0].to = (struct lodge_grant_side){
				.domid = r & 4 ? THEIRS : start_info->domid,
				.ref = (r >> 16) % 64
			};
			c[0].from.offset = 0;
			c[0].from.domid = r & 8 ? THEIRS : 0;
			c[0].from.gpa = gpa(own);
		}
		hc(LODGE_HC_GRANT, LODGE_GRANT_COPY, gpa(c), 1);
		copies += !c[0].status;
		hc(LODGE_HC_GRANT, LODGE_GRANT_COPY, some_page(r), r >> 20 & 3);
	}
}

void test_main(void)
{
	u64 i, *page;

	pool = alloc_pages(PAGES, PAGE_SIZE);
	for (i = 0; i < PAGES * 512; i++)
		pool[i] = MINE;
	page = alloc_page();
	CHECK(is_known(page[1]), "new memory has %lx", page[1]);
	lists[0][0] = gpa(table[0]);
	lists[0][1] = gpa(table[1]);
	CHECK_EQ(hc(LODGE_HC_GRANT, LODGE_GRANT_SETUP, gpa(lists[0]), 2), 0);
	end = now() + arg_u64("seconds", 5) * 1000000000;
	cpu_start(1, mapper, NULL);
	cpu_start(2, copier, NULL);
	changer(this_cpu(), NULL);
	cpu_join(1);
	cpu_join(2);
	printf("%lu maps, %lu copies, %lu faults\n", maps, copies, faults);
	CHECK(maps > 10 && copies > 10 && faults > 10, "too little happened");
	CHECK(hc(LODGE_HC_DEBUG, LODGE_DEBUG_AUDIT) <= 0,
	      "the auditor found something");
}
