// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: VCPU INIT, UP, DOWN and IS_UP with their errors; IPIs reach the vCPU
 * that they are bound to; WAIT sleeps until KICK, and a KICK that comes first
 * is not lost; each vCPU has its own vCPU page. How: brings up every vCPU of
 * the domain, sends IPIs both ways, plays wait and kick, takes them down and
 * up again.
 */
#include "guest.h"

static volatile u64 ipis[LODGE_MAX_VCPUS];
static u64 port_of[LODGE_MAX_VCPUS];
static volatile u64 waited;

static void ipi(u64 port)
{
	ipis[this_cpu()->id]++;
}

static void count_ipis(struct cpu *cpu, void *arg)
{
	u64 want = (u64)arg;

	CHECK(rdgsbase() == (u64)cpu, "GS base starts as %lx", rdgsbase());
	CHECK(this_cpu() == cpu, "the vCPU page is another vCPU's");
	irq_on();
	while (ipis[cpu->id] < want)
		hc(LODGE_HC_BLOCK);
	irq_off();
}

static void test_errors(void)
{
	static struct lodge_vcpu_init init __attribute__((aligned(64)));
	u32 count = start_info->vcpu_count;

	init.rip = (u64)cpu_entry;
	init.rsp = (u64)cpus[0].stack;
	init.root = root_gpa;
	CHECK_EQ(hc_vcpu(INIT, 0, gpa(&init)), -LODGE_EEXIST);
	CHECK_EQ(hc_vcpu(INIT, count, gpa(&init)), -LODGE_ENOENT);
	CHECK_EQ(hc_vcpu(UP, count, 0), -LODGE_ENOENT);
	CHECK_EQ(hc_vcpu(DOWN, count, 0), -LODGE_ENOENT);
	CHECK_EQ(hc_vcpu(KICK, count, 0), -LODGE_ENOENT);
	CHECK_EQ(hc_vcpu(UP, 1, 0), -LODGE_EINVAL); /* not initialised */
	CHECK_EQ(hc_vcpu(IS_UP, 1, 0), 0);
	CHECK_EQ(hc_vcpu(INIT, 1, -4096UL), -LODGE_EFAULT);
	init.root = root_gpa + 8;
	CHECK_ERR(hc_vcpu(INIT, 1, gpa(&init)));
	init.root = -4096UL;
	CHECK_ERR(hc_vcpu(INIT, 1, gpa(&init)));
	init.root = root_gpa;
	init.rip = 1UL << 63;
	CHECK_ERR(hc_vcpu(INIT, 1, gpa(&init)));
	init.rip = (u64)cpu_entry;
	init.gs_base = 1UL << 63;
	CHECK_ERR(hc_vcpu(INIT, 1, gpa(&init)));
	CHECK_EQ(hc_vcpu(IS_UP, 1, 0), 0);
}

static void test_ipi(int count)
{
	u64 rounds = 50, i;
	int id;

	for (id = 1; id < count; id++) {
		ipis[id] = 0;
		port_of[id] = bind_ipi(id, ipi);
		CHECK_EQ(hc_event(STATUS, port_of[id], 0),
			 LODGE_PORT_IPI | id << 8);
		cpu_start(id, count_ipis, (void *)rounds);
	}
	for (i = 0; i < rounds; i++)
		for (id = 1; id < count; id++) {
			CHECK_EQ(hc_event(SEND, port_of[id], 0), 0);
			while (ipis[id] <= i)
				hc(LODGE_HC_YIELD);
		}
	for (id = 1; id < count; id++) {
		cpu_join(id);
		while (hc_vcpu(IS_UP, id, 0) == 1)
			hc(LODGE_HC_YIELD);
		CHECK_EQ(hc_vcpu(IS_UP, id, 0), 0);
		hc_event(CLOSE, port_of[id], 0);
	}
}

static void waiter(struct cpu *cpu, void *arg)
{
	u64 i;

	for (i = 0; i < 100; i++) {
		CHECK_EQ(hc_vcpu(WAIT, cpu->id, 0), 0);
		waited++;
	}
}

static void test_wait(void)
{
	u64 i, t0;

	CHECK_EQ(hc_vcpu(KICK, 0, 0), 0); /* not lost: */
	CHECK_EQ(hc_vcpu(WAIT, 0, 0), 0);
	CHECK_ERR(hc_vcpu(WAIT, 1, 0)); /* of itself only */
	waited = 0;
	cpu_start(1, waiter, NULL);
	for (i = 0; i < 100; i++) {
		t0 = now();
		CHECK(waited <= i, "WAIT returned without KICK");
		CHECK_EQ(hc_vcpu(KICK, 1, 0), 0);
		while (waited <= i && now() < t0 + 2000000000)
			hc(LODGE_HC_YIELD);
		if (waited <= i) {
			test_fail("KICK %lu did not end the WAIT", i);
			return;
		}
	}
	cpu_join(1);
}

static void quick(struct cpu *cpu, void *arg)
{
	(*(volatile u64 *)arg)++;
}

static void test_up_down(void)
{
	u64 runs = 0;
	int i;

	for (i = 0; i < 100; i++) {
		cpu_start(1, quick, &runs);
		CHECK_EQ(hc_vcpu(UP, 1, 0) == -LODGE_EFAULT, 0);
		cpu_join(1);
	}
	CHECK_EQ(runs, 100);
}

void test_main(void)
{
	int count = start_info->vcpu_count;

	if (count < 2)
		test_skip("needs two vCPUs");
	test_errors();
	test_ipi(count);
	test_wait();
	test_up_down();
}
