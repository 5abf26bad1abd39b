// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack by noise and by races: every vCPU makes random hypercalls with
 * arguments from a small set of plausible and wild values for some seconds:
 * events to each other, timers in the past, flushes of everything, roots
 * loaded and dropped, vCPUs taken down and brought up, descriptors and LDTs
 * replaced, batches of all that. Expected: errors and nothing else; the
 * witness beside it keeps its share.
 */
#include "guest.h"
#include "user.h"

#define ROOTS 8

static u64 roots[ROOTS];
static u64 end;
static u64 calls[LODGE_HC_COUNT], good[LODGE_HC_COUNT];
static volatile u64 upcalls;

static u64 random(u64 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void hit(u64 port)
{
	upcalls++;
}

static u64 any_value(u64 *seed)
{
	static const u64 wild[] = {
		0,
		1,
		2,
		3,
		7,
		8,
		12,
		63,
		64,
		4095,
		4096,
		4097,
		-1UL,
		-4096UL,
		1UL << 32,
		1UL << 47,
		1UL << 63,
		0xfee00000,
		DIRECT_BASE,
		KERNEL_BASE,
		LODGE_AREA_BASE,
		LODGE_AREA_VCPU,
		0x10000000,
		0x00cff3000000ffff,
		0x7fffffffffff,
	};
	u64 r = random(seed);

	switch (r % 8) {
	case 0:
		return roots[r / 8 % ROOTS];
	case 1:
		return r / 8 % 16;
	case 2:
		return (r >> 8) % ram_end & -8UL;
	case 3:
		return random(seed);
	default:
		return wild[r / 8 % array_size(wild)];
	}
}

/* Numbers whose success would end the test, or write over our memory. */
static bool harmless(u64 number, const u64 *arg, int self)
{
	int i;

	switch (number) {
	case LODGE_HC_SHUTDOWN:
		return arg[0] > 2;
	case LODGE_HC_CONSOLE_READ:
	case LODGE_HC_SET_CALLBACKS:
		return arg[0] >= ram_end;
	case LODGE_HC_CPUID:
		return arg[2] >= ram_end;
	case LODGE_HC_CONSOLE_WRITE:
		return arg[1] == 0 || arg[0] >= ram_end;
	case LODGE_HC_DEBUG:
		return arg[0] != LODGE_DEBUG_COUNTERS || arg[1] >= ram_end;
	case LODGE_HC_MEMORY: /* have tests of their own */
	case LODGE_HC_GRANT:
		return arg[1] >= ram_end;
	case LODGE_HC_BATCH:
		return arg[0] >= ram_end; /* see own_batch() */
	case LODGE_HC_BLOCK:
		return false;
	case LODGE_HC_LOAD_ROOT: /* a root without our kernel is our end */
		for (i = 0; i < ROOTS; i++)
			if (arg[0] == roots[i])
				return true;
		return arg[0] >= ram_end || arg[0] % PAGE_SIZE;
	case LODGE_HC_VCPU:
		if (arg[0] == LODGE_VCPU_TIME_AREA ||
		    arg[0] == LODGE_VCPU_STEAL_AREA ||
		    arg[0] == LODGE_VCPU_INIT)
			return arg[2] >= ram_end || arg[1] > 8;
		if (arg[0] == LODGE_VCPU_UP && arg[1] < LODGE_MAX_VCPUS)
			return false; /* test_main() starts them itself */
		return arg[0] != LODGE_VCPU_DOWN &&
		       (arg[0] != LODGE_VCPU_WAIT || arg[1] != (u64)self);
	default:
		return true;
	}
}

static void one_call(struct cpu *cpu, u64 *seed)
{
	u64 arg[5], number = random(seed) % (LODGE_HC_COUNT + 1);
	s64 result;
	int i;

	for (i = 0; i < 5; i++)
		arg[i] = any_value(seed);
	if (!harmless(number, arg, cpu->id))
		return;
	result = hc(number, arg[0], arg[1], arg[2], arg[3], arg[4]);
	if (number < LODGE_HC_COUNT) {
		calls[number]++;
		good[number] += result >= 0;
	}
	if (result < 0 && !is_errno(result))
		test_fail("hypercall %lu(%lx, %lx, %lx) returned %ld", number,
			  arg[0], arg[1], arg[2], (long)result);
}

static void own_batch(struct cpu *cpu, u64 *seed)
{
	struct lodge_batch *b = cpu->arg;
	int i, n;

	for (i = 0; i < 64; i++) {
		do {
			b[i].number = random(seed) % LODGE_HC_COUNT;
			for (n = 0; n < 5; n++)
				b[i].arg[n] = any_value(seed);
		} while (!harmless(b[i].number, b[i].arg, cpu->id));
	}
	CHECK_EQ(hc(LODGE_HC_BATCH, gpa(b), 64), 0);
}

static void storm(struct cpu *cpu, void *arg)
{
	u64 seed = 0x9e3779b97f4a7c15 * (cpu->id + 1), i;

	irq_on();
	for (i = 0; now() < end; i++) {
		one_call(cpu, &seed);
		if (i % 64 == 0)
			own_batch(cpu, &seed);
		if (i % 256 == 0) {
			irq_off();
			hc(LODGE_HC_SET_DEBUGREG, 7, 0x400);
			load_root(root_gpa);
			set_callbacks();
			if (user_call(u_syscall, 0, 0) != SYSCALL64)
				test_fail("no system call in the storm");
			irq_on();
		}
	}
	irq_off();
	hc(LODGE_HC_SET_DEBUGREG, 7, 0x400);
	hc(LODGE_HC_SET_TIMER, 0);
	load_root(root_gpa);
}

/* The last vCPU goes up and down instead. */
static void quick(struct cpu *cpu, void *arg)
{
	hc(LODGE_HC_YIELD);
}

void test_main(void)
{
	int count = start_info->vcpu_count, id, i;
	u64 rounds = 0;

	for (i = 0; i < ROOTS; i++)
		roots[i] = i ? new_root() : root_gpa;
	for (i = 0; i < 200; i++)
		port_handler(bind_ipi(i % count, hit), hit);
	end = now() + arg_u64("seconds", 4) * 1000000000;
	for (id = 1; id < count - 1; id++)
		cpu_start(id, storm, alloc_page());
	cpus[0].arg = alloc_page();
	while (count > 2 && now() < end - 2000000000) {
		cpu_start(count - 1, quick, NULL);
		cpu_join(count - 1);
		rounds++;
	}
	storm(&cpus[0], NULL);
	for (id = 1; id < count - 1; id++)
		cpu_join(id);
	for (i = 0; i < LODGE_HC_COUNT; i++)
		printf("  hypercall %d: %lu calls, %lu well\n", i, calls[i],
		       good[i]);
	printf("  %lu upcalls, a vCPU up and down %lu times\n", upcalls,
	       rounds);
	CHECK(hc(LODGE_HC_DEBUG, LODGE_DEBUG_AUDIT) <= 0,
	      "the auditor finds differences");
}
