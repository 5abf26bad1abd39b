// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: when FLUSH returns, no vCPU of the domain sees the old entry (and the
 * guest sends no IPI for it). How: other vCPUs read one page without end, in
 * ring 1 and in ring 3, while vCPU 0 points it to one frame after another;
 * each frame holds its number, and a number read must not be older than the
 * last flush that had returned before the read. Likewise for taking away the
 * right to write and for removing the page.
 */
#include "guest.h"
#include "user.h"

#define ADDRESS 0x10000000UL
#define FRAMES 16

static u64 *frame[FRAMES];
static volatile u64 flushed; /* number whose flush has returned */
static volatile bool stop;
static volatile u64 reads[LODGE_MAX_VCPUS];

static void read_kernel(struct cpu *cpu, void *arg)
{
	u64 before, seen;

	while (!stop) {
		before = flushed;
		seen = *(volatile u64 *)ADDRESS;
		if (seen < before) {
			test_fail("vCPU %d reads %lu after the flush of %lu",
				  cpu->id, seen, before);
			return;
		}
		reads[cpu->id]++;
	}
}

/* User mode spins on the page until the byte differs from sil. */
static void read_user(struct cpu *cpu, void *arg)
{
	u64 before;
	struct regs r;

	while (!stop) {
		before = flushed;
		user_regs(&r, u_spin);
		r.rdi = ADDRESS;
		r.rsi = (before - 1) & 0xff; /* a stale value spins on */
		CHECK_EQ(user_run(&r), SYSCALL64);
		reads[cpu->id]++;
	}
}

static void test_remap(int readers, void (*fn)(struct cpu *, void *))
{
	volatile u64 *pte = pte_of(root_gpa, ADDRESS, 1, true);
	u64 end, number = flushed;
	int id;

	stop = false;
	for (id = 1; id <= readers; id++) {
		reads[id] = 0;
		cpu_start(id, fn, NULL);
	}
	end = now() + 1000000000;
	while (now() < end) {
		number++;
		*frame[number % FRAMES] = number;
		*pte = gpa(frame[number % FRAMES]) | PTE_USER;
		CHECK_EQ(flush(root_gpa, ADDRESS, ADDRESS + PAGE_SIZE), 0);
		flushed = number;
	}
	stop = true;
	for (id = 1; id <= readers; id++) {
		/* A user reader that is stuck would hang here. */
		u64 limit = now() + 5000000000;

		while (!cpus[id].done && now() < limit)
			hc(LODGE_HC_YIELD);
		if (!cpus[id].done)
			test_fatal("vCPU %d still spins on a stale page", id);
		cpu_join(id);
		printf("  vCPU %d: %lu reads\n", id, reads[id]);
	}
	printf("  %lu flushes in all\n", number);
}

static u64 store(u64 address, u64 value, u64 c)
{
	*(volatile u64 *)address = value;
	return 0;
}

static void write_kernel(struct cpu *cpu, void *arg)
{
	u64 value = 1;

	while (!stop) {
		probe(store, ADDRESS, value++, 0);
		reads[cpu->id]++;
	}
}

/* remove: the page goes away; otherwise it becomes read-only. */
static void test_protect(int writers, bool remove)
{
	volatile u64 *pte = pte_of(root_gpa, ADDRESS, 1, true);
	u64 end, rounds = 0, i;
	int id;

	stop = false;
	*pte = gpa(frame[0]) | PTE_USER;
	for (id = 1; id <= writers; id++)
		cpu_start(id, write_kernel, NULL);
	end = now() + 1000000000;
	while (now() < end) {
		u64 *f = frame[rounds++ % FRAMES];

		*pte = gpa(f) | PTE_USER;
		for (i = 0; i < 2000; i++)
			pause();
		*pte = remove ? 0 : gpa(f) | (PTE_USER & ~PTE_W);
		flush(root_gpa, ADDRESS, ADDRESS + PAGE_SIZE);
		*(volatile u64 *)f = -1UL;
		for (i = 0; i < 2000; i++) {
			if (*(volatile u64 *)f != -1UL) {
				test_fail("a write after the flush, round %lu",
					  rounds);
				end = 0;
				break;
			}
		}
	}
	stop = true;
	for (id = 1; id <= writers; id++)
		cpu_join(id);
	printf("  %lu rounds\n", rounds);
}

void test_main(void)
{
	int others = start_info->vcpu_count - 1;
	u64 i;

	if (others < 1)
		test_skip("needs two vCPUs");
	for (i = 0; i < FRAMES; i++)
		frame[i] = alloc_page();
	*frame[1] = flushed = 1;
	map_page(root_gpa, ADDRESS, gpa(frame[1]), PTE_USER);
	test_remap(others, read_kernel);
	test_remap(others, read_user);
	test_protect(others, false);
	test_protect(others, true);
	CHECK(hc(LODGE_HC_DEBUG, LODGE_DEBUG_AUDIT) <= 0,
	      "the auditor finds differences");
}
