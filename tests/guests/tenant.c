// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest for tests that make and end many domains: `lodge create` starts it
 * in no time, and it holds some of all that a domain can hold. It grants pages
 * and offers ports to its neighbours (domains with numbers next to its own)
 * and to the control domain, maps what they grant and binds what they offer,
 * lets go of some of that, gives memory back and takes it again as the operator
 * wants it, and keeps a second vCPU busy if it has one. Not a test by itself.
 *
 * end=poweroff, reboot, report (a crash, said by itself), crash (found by the
 * hypervisor); otherwise it goes on until it is destroyed. after=MS. deaf=1: it
 * heeds no wishes of the operator's.
 */
#include <lodge/grant.h>
#include <lodge/memory.h>
#include "guest.h"

#define CONTROL 1 /* its number */
#define NEAR 4 /* numbers on either side that are neighbours */
#define SIDES (2 * NEAR + 1)
#define MAGIC 0x74656e616e740000UL
#define POOL 256 /* pages that may be given back */
#define ROUND_NS 20000000UL

/* The page that a neighbour may map: the port that it may bind. */
struct offer {
	u64 magic;
	u64 port;
};

static struct lodge_grant table[4][256] __attribute__((aligned(4096)));
static u64 list[512] __attribute__((aligned(4096)));
static struct lodge_grant_map map_op __attribute__((aligned(64)));
static struct lodge_grant_unmap unmap_op __attribute__((aligned(64)));
static struct {
	struct lodge_grant_copy op;
	u64 pad[9]; /* so that it is in one page */
} copy __attribute__((aligned(128)));
static struct {
	u32 domid;
	u32 handle;
	s64 port;
} held[SIDES];
static u64 mapped, bound, copied, moved;
static char *pool;
static u64 pool_out; /* of its pages are given back, the first ones */

#define hc_grant(op, gpa, count) \
	hc(LODGE_HC_GRANT, LODGE_GRANT_##op, gpa, count)

static bool is_neighbour(u64 domid)
{
	return domid > CONTROL && domid <= LODGE_DOMID_MAX &&
	       domid != start_info->domid;
}

/* The entry for a domain is found by its number. */
static u32 ref_for(u32 domid)
{
	return domid % (sizeof(table) / sizeof(table[0][0]));
}

static void offer_to(u64 domid)
{
	struct lodge_grant *e = &table[0][0] + ref_for(domid);
	struct offer *o = alloc_page();
	s64 port = hc_event(ALLOC, domid, 0);

	if (port < 0)
		test_error("a port for domain %lu: %ld", domid, port);
	*o = (struct offer){ MAGIC | start_info->domid, port };
	e->page = gpa(o);
	barrier();
	e->access = LODGE_GRANT_READ | LODGE_GRANT_WRITE | domid << 32;
	if (domid == CONTROL)
		printf("tenant %s: port %ld\n", start_info->name, port);
}

/* --- what the neighbours offer --- */

static u64 place(int side)
{
	return ram_end + side * PAGE_SIZE;
}

static s64 map_offer(u32 domid, int side)
{
	map_op = (struct lodge_grant_map){
		.domid = domid,
		.ref = ref_for(start_info->domid),
		.flags = LODGE_GRANT_READ,
		.gpa = place(side),
	};
	return hc_grant(MAP, gpa(&map_op), 1) ?: map_op.status;
}

static void take_offer(u32 domid, int side)
{
	struct offer *o = (void *)(KMAP_BASE + side * PAGE_SIZE);

	if (map_offer(domid, side))
		return;
	mapped++;
	held[side].domid = domid;
	held[side].handle = map_op.handle;
	map_page(root_gpa, (u64)o, place(side), PTE_P | PTE_A | PTE_NX);
	flush_kernel((u64)o, (u64)o + PAGE_SIZE);
	CHECK(o->magic == (MAGIC | domid), "domain %u shows %lx", domid,
	      o->magic);
	held[side].port = hc_event(BIND_REMOTE, domid, o->port);
	bound += held[side].port > 0;
}

static void let_go(int side)
{
	u64 address = KMAP_BASE + side * PAGE_SIZE;

	map_page(root_gpa, address, 0, 0);
	flush_kernel(address, address + PAGE_SIZE);
	unmap_op = (struct lodge_grant_unmap){ .handle = held[side].handle };
	CHECK_EQ(hc_grant(UNMAP, gpa(&unmap_op), 1) ?: unmap_op.status, 0);
	if (held[side].port > 0)
		CHECK_EQ(hc_event(CLOSE, held[side].port, 0), 0);
	held[side].domid = 0;
}

/* Every other time all, so that most ends find something held. */
static void visit(u64 round)
{
	int side;

	for (side = 0; side < SIDES; side++) {
		u64 domid = start_info->domid + side - NEAR;

		if (!is_neighbour(domid))
			continue;
		if (!held[side].domid)
			take_offer(domid, side);
		else if (round % 8 == (u64)side % 8)
			let_go(side);
		else if (held[side].port > 0)
			hc_event(SEND, held[side].port, 0);
	}
}

/* Copies from neighbours' pages, on the second vCPU, for ever. */
static void copier(struct cpu *cpu, void *arg)
{
	u64 *page = alloc_page(), side = 0;

	for (;;) {
		copy.op = (struct lodge_grant_copy){
			.from = { .domid = start_info->domid + side - NEAR,
				  .ref = ref_for(start_info->domid) },
			.to = { .gpa = gpa(page) },
			.length = PAGE_SIZE,
		};
		if (is_neighbour(copy.op.from.domid) &&
		    !hc_grant(COPY, gpa(&copy.op), 1) && !copy.op.status)
			copied++;
		side = (side + 1) % SIDES;
		hc(LODGE_HC_YIELD);
	}
}

/* --- memory --- */

static void move_memory(void)
{
	volatile struct lodge_request *r = &shared.request;
	u64 all = ram_end / PAGE_SIZE, want = r->mem_target;
	u64 have, out, i, n;

	out = want < all ? all - want : 0;
	out = out < POOL ? out : POOL;
	have = pool_out;
	if (out == have)
		return;
	n = out > have ? out - have : have - out;
	for (i = 0; i < n; i++)
		list[i] =
			gpa(pool) + ((out > have ? have : out) + i) * PAGE_SIZE;
	i = hc(LODGE_HC_MEMORY,
	       out > have ? LODGE_MEMORY_RELEASE : LODGE_MEMORY_POPULATE,
	       gpa(list), n);
	if ((s64)i <= 0)
		return;
	/* What is populated in part is left for the next time, from the end. */
	if (out > have)
		pool_out += i;
	else if (i == n)
		pool_out -= i;
	moved += i;
}

/* --- life --- */

static void nothing(u64 port)
{
}

static void end(void)
{
	printf("tenant %s: ends: %lu mapped, %lu bound, %lu copied, %lu moved\n",
	       start_info->name, mapped, bound, copied, moved);
	if (arg_is("end", "reboot"))
		hc(LODGE_HC_SHUTDOWN, LODGE_SHUTDOWN_REBOOT);
	if (arg_is("end", "report"))
		hc(LODGE_HC_SHUTDOWN, LODGE_SHUTDOWN_CRASH);
	if (arg_is("end", "crash"))
		asm volatile("hlt"); /* with interrupts off */
	test_done();
}

void test_main(void)
{
	u64 ends = *arg_word("end") ? now() + arg_u64("after", 0) * 1000000 :
				      UINT64_MAX;
	bool deaf = arg_u64("deaf", 0);
	u64 round, timer, side;

	pool = alloc_pages(POOL, PAGE_SIZE);
	for (side = 0; side < array_size(table); side++)
		list[side] = gpa(table[side]);
	CHECK_EQ(hc_grant(SETUP, gpa(list), array_size(table)), 0);
	offer_to(CONTROL);
	for (side = 0; side < SIDES; side++)
		if (is_neighbour(start_info->domid + side - NEAR))
			offer_to(start_info->domid + side - NEAR);
	timer = bind_virq(LODGE_VIRQ_TIMER, 0, nothing);
	port_handler(timer, nothing);
	bind_virq(LODGE_VIRQ_CONTROL, 0, nothing);
	if (!deaf)
		shared.request.heeds = LODGE_HEEDS_MEMORY;
	if (start_info->vcpu_count > 1)
		cpu_start(1, copier, NULL);
	for (round = 0; now() < ends; round++) {
		visit(round);
		if (!deaf)
			move_memory();
		hc(LODGE_HC_SET_TIMER, now() + ROUND_NS);
		/* Not open before: an upcall in between would be the last. */
		hc(LODGE_HC_BLOCK);
		irq_off();
	}
	end();
}
