// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: system time is the same on every vCPU and never runs backwards; the
 * record's version is even when it is not being written; TIME_AREA and
 * STEAL_AREA refuse what is not one page of RAM and stop on 0; steal time
 * grows while a vCPU waits for a processor. How: all vCPUs compare their
 * clock with the latest that any has read, then compete for the processors.
 */
#include "guest.h"

static volatile int lock;
static volatile u64 latest;
static volatile u64 backwards, worst;
static struct lodge_steal steal[LODGE_MAX_VCPUS] __attribute__((aligned(64)));

static void compare(struct cpu *cpu, void *arg)
{
	u64 end = (u64)arg, t;

	do {
		while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
			pause();
		t = now();
		if (t < latest) {
			backwards++;
			if (latest - t > worst)
				worst = latest - t;
		} else {
			latest = t;
		}
		__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
	} while (t < end);
}

static void test_monotonic(int count)
{
	u64 end = now() + 1500000000;
	int id;

	for (id = 1; id < count; id++)
		cpu_start(id, compare, (void *)end);
	compare(&cpus[0], (void *)end);
	for (id = 1; id < count; id++)
		cpu_join(id);
	/* Rounding may differ by some nanoseconds between records. */
	CHECK(worst < 1000, "time ran back %lu times, by up to %lu ns",
	      backwards, worst);
	printf("  %lu steps back, the worst of %lu ns\n", backwards, worst);
}

static void spin(struct cpu *cpu, void *arg)
{
	u64 end = (u64)arg;

	CHECK_EQ(hc_vcpu(STEAL_AREA, cpu->id, gpa(&steal[cpu->id])), 0);
	while (now() < end)
		pause();
	hc(LODGE_HC_YIELD);
	CHECK_EQ(hc_vcpu(STEAL_AREA, cpu->id, 0), 0);
}

static void test_steal(int count)
{
	u64 start = now(), length = 2000000000, sum = 0;
	int id;

	for (id = 1; id < count; id++)
		cpu_start(id, spin, (void *)(start + length));
	spin(&cpus[0], (void *)(start + length));
	for (id = 0; id < count; id++) {
		if (id)
			cpu_join(id);
		CHECK(!(steal[id].version & 1), "version %u",
		      steal[id].version);
		CHECK(steal[id].steal < 3 * length, "vCPU %d lost %lu ns", id,
		      steal[id].steal);
		sum += steal[id].steal;
	}
	printf("  %d vCPUs lost %lu ms together\n", count, sum / 1000000);
	if (arg_u64("crowded", 0))
		CHECK(sum > length / 4, "steal is only %lu ms", sum / 1000000);
}

static void test_errors(void)
{
	CHECK_EQ(hc_vcpu(TIME_AREA, LODGE_MAX_VCPUS, gpa(&steal)),
		 -LODGE_ENOENT);
	CHECK_EQ(hc_vcpu(STEAL_AREA, -1UL, gpa(&steal)), -LODGE_ENOENT);
	CHECK_EQ(hc_vcpu(TIME_AREA, 0, -4096UL), -LODGE_EFAULT);
	CHECK_EQ(hc_vcpu(STEAL_AREA, 0, -4096UL), -LODGE_EFAULT);
	CHECK_ERR(hc_vcpu(TIME_AREA, 0, -16UL));
	CHECK_ERR(hc_vcpu(STEAL_AREA, 0, -32UL));
	/* In one page. */
	CHECK_ERR(hc_vcpu(TIME_AREA, 0, root_gpa + PAGE_SIZE - 16));
	CHECK_ERR(hc_vcpu(STEAL_AREA, 0, root_gpa + PAGE_SIZE - 32));
	CHECK_EQ(hc_vcpu(TIME_AREA, 0, gpa(&time_record[0])), 0);
}

static void test_removed(void)
{
	static struct lodge_time record __attribute__((aligned(64)));
	volatile struct lodge_time *r = &record;
	u64 i;

	CHECK_EQ(hc_vcpu(TIME_AREA, 0, gpa(r)), 0);
	CHECK(r->tsc_to_system_mul && !(r->version & 1),
	      "the record is not filled in");
	CHECK_EQ(hc_vcpu(TIME_AREA, 0, gpa(&time_record[0])), 0);
	memset(&record, 0x5a, sizeof(record));
	for (i = 0; i < 200; i++)
		hc(LODGE_HC_YIELD);
	CHECK(r->system_time == 0x5a5a5a5a5a5a5a5a,
	      "a record that was replaced is still written");
}

void test_main(void)
{
	int count = start_info->vcpu_count;

	test_errors();
	test_removed();
	test_monotonic(count);
	test_steal(count);
}
