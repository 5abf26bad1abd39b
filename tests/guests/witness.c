// SPDX-License-Identifier: GPL-2.0-only
/*
 * The well-behaved neighbour: runs beside hostile guests and must notice
 * nothing. It counts in user mode and in ring 1 on all its vCPUs, changes and
 * flushes mappings, keeps a pattern in memory and vector registers, and wants
 * a timer tick at least every `gap` seconds, until `seconds` have passed.
 */
#include "guest.h"
#include "user.h"

#define ADDRESS 0x10000000UL
#define PATTERN_PAGES 64

static u64 *pattern[PATTERN_PAGES];
static volatile u64 ticks, last_tick, longest_gap;
static u64 end;
static volatile u64 counted;

static void tick(u64 port)
{
	u64 t = now();

	if (ticks++ && t - last_tick > longest_gap)
		longest_gap = t - last_tick;
	last_tick = t;
	hc(LODGE_HC_SET_TIMER, t + 20000000);
}

static void check_pattern(void)
{
	u64 i, n;

	for (i = 0; i < PATTERN_PAGES; i++)
		for (n = 0; n < 512; n += 37)
			if (pattern[i][n] != (i << 32 | n))
				test_fatal("memory changed: page %lu word %lu "
					   "is %lx",
					   i, n, pattern[i][n]);
}

static void check_maps(struct cpu *cpu, u64 round)
{
	u64 address = ADDRESS + cpu->id * SIZE_2M;

	map_page(root_gpa, address, gpa(pattern[round % PATTERN_PAGES]),
		 PTE_USER);
	flush(root_gpa, address, address + PAGE_SIZE);
	CHECK(*(volatile u64 *)(address + 8) ==
		      (round % PATTERN_PAGES << 32 | 1),
	      "a mapping shows %lx", *(volatile u64 *)(address + 8));
}

static void work(struct cpu *cpu, void *arg)
{
	struct regs r;
	u64 round;

	for (round = 0; now() < end; round++) {
		user_regs(&r, u_fpu);
		r.rdi = 0x77000 * (cpu->id + 1) + round;
		r.rdx = 20000;
		CHECK_EQ(user_run(&r), SYSCALL64);
		CHECK(!r.rax, "vector registers changed");
		check_maps(cpu, round);
		if (cpu->id == 0)
			check_pattern();
		__atomic_fetch_add(&counted, 1, __ATOMIC_RELAXED);
		hc(LODGE_HC_YIELD);
	}
}

void test_main(void)
{
	u64 seconds = arg_u64("seconds", 6);
	int count = start_info->vcpu_count, id;
	u64 i, n;

	for (i = 0; i < PATTERN_PAGES; i++) {
		pattern[i] = alloc_page();
		for (n = 0; n < 512; n++)
			pattern[i][n] = i << 32 | n;
	}
	end = now() + seconds * 1000000000;
	bind_virq(LODGE_VIRQ_TIMER, 0, tick);
	irq_on();
	tick(0);
	for (id = 1; id < count; id++)
		cpu_start(id, work, NULL);
	work(&cpus[0], NULL);
	irq_off();
	for (id = 1; id < count; id++)
		cpu_join(id);
	printf("  witness: %lu rounds, %lu ticks, longest gap %lu ms\n",
	       counted, ticks, longest_gap / 1000000);
	CHECK(ticks > seconds, "only %lu ticks in %lu s", ticks, seconds);
	CHECK(longest_gap < arg_u64("gap", 8) * 1000000000,
	      "stopped for %lu ms", longest_gap / 1000000);
	CHECK(counted > 10, "only %lu rounds", counted);
}
