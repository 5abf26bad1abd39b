/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rules of what an operator sets: weights and caps of domains, pins of vCPUs,
 * pausing; on simulated processors. Part of test_sched.c.
 */
#ifndef SCHED_LIMITS_H
#define SCHED_LIMITS_H

#include "sched_sim.h"

#define WEIGHTS 4 /* domains in a case of test_weights, at most */

/*
 * Domains get processors by weight, whatever number of vCPUs they use and of
 * processors there are; none gets more than its vCPUs can use, and what it
 * leaves goes to the others.
 */
static void test_weights(void **state)
{
	static const struct {
		unsigned int cpus, vcpus[WEIGHTS], weight[WEIGHTS];
		double share[WEIGHTS]; /* processors */
	} cases[] = {
		{ 1, { 1, 1, 1 }, { 1, 2, 4 }, { 1 / 7., 2 / 7., 4 / 7. } },
		{ 2, { 1, 1, 1 }, { 1, 2, 4 }, { 1 / 3., 2 / 3., 1 } },
		{ 4, { 1, 1, 1 }, { 1, 2, 4 }, { 1, 1, 1 } },
		{ 1, { 2, 3, 4 }, { 1, 2, 4 }, { 1 / 7., 2 / 7., 4 / 7. } },
		{ 2, { 2, 2, 2 }, { 1, 2, 4 }, { 2 / 7., 4 / 7., 8 / 7. } },
		{ 2, { 4, 4, 4 }, { 1, 2, 4 }, { 2 / 7., 4 / 7., 8 / 7. } },
		{ 4, { 4, 4, 4 }, { 1, 2, 4 }, { 4 / 7., 8 / 7., 16 / 7. } },
		{ 4, { 2, 3, 4 }, { 1, 2, 4 }, { 4 / 7., 8 / 7., 16 / 7. } },
		{ 4, { 1, 4, 4 }, { 1, 1, 2 }, { 1, 1, 2 } },
		{ 1, { 4, 1 }, { 1, 1 }, { 1 / 2., 1 / 2. } },
		{ 2, { 4, 1 }, { 1, 1 }, { 1, 1 } },
		{ 2, { 4, 2, 1 }, { 2, 1, 1 }, { 1, 1 / 2., 1 / 2. } },
		{ 2, { 1, 1, 1 }, { 1, 1, 1 }, { 2 / 3., 2 / 3., 2 / 3. } },
		{ 3,
		  { 1, 1, 1, 1 },
		  { 1, 1, 1, 1 },
		  { 3 / 4., 3 / 4., 3 / 4., 3 / 4. } },
	};
	static const u32 units[] = { 1, 64, 256, SCHED_WEIGHT_MAX / 4 };
	unsigned int i, j, k, n;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		for (k = 0; k < ARRAY_SIZE(units); k++) {
			machine(cases[i].cpus, 0);
			srand(i);
			for (j = 0; j < WEIGHTS && cases[i].weight[j]; j++) {
				new_domain(cases[i].weight[j] * units[k], 0);
				for (n = 0; n < cases[i].vcpus[j]; n++)
					task_in(&doms[j], 0, 0);
			}
			simulate(SECOND, MS); /* until it has settled */
			forget_used();
			simulate(10 * SECOND, MS);
			for (j = 0; j < dom_count; j++)
				assert_domain(&doms[j], 10 * SECOND,
					      cases[i].share[j], 0.04);
		}
	}
}

/* A new weight counts from now on, however long the old one was in force. */
static void test_new_weight(void **state)
{
	unsigned int cpus, i;

	for (cpus = 1; cpus <= 2; cpus++) {
		machine(cpus, 0);
		for (i = 0; i < 2 * cpus; i++)
			task_in(new_domain(i % 2 ? 1024 : 256, 0), 0, 0);
		simulate(10 * SECOND, MS);
		for (i = 0; i < dom_count; i++)
			assert_int_equal(set(&doms[i], i % 2 ? 256 : 768, 0),
					 0);
		forget_used();
		simulate(10 * SECOND, MS);
		for (i = 0; i < dom_count; i++)
			assert_domain(&doms[i], 10 * SECOND,
				      i % 2 ? 1 / 4. : 3 / 4., 0.04);
	}
	assert_int_equal(set(doms, 0, 0), -LODGE_EINVAL);
	assert_int_equal(set(doms, 65536, 0), -LODGE_EINVAL);
	assert_int_equal(set(doms, 1, SCHED_CAP_MAX + 1), -LODGE_EINVAL);
	assert_int_equal(doms->sched.weight, 768);
}

/*
 * Nobody uses more than the cap, and who wants more gets that; with and
 * without others, who get the rest. (They are as many as the processors, for
 * all vCPUs of the domain stop at the same time.) Being out of budget counts
 * as stolen.
 */
static void test_cap(void **state)
{
	static const struct {
		unsigned int cap, cpus, vcpus, others;
	} cases[] = {
		{ 10, 1, 1, 0 },  { 50, 1, 1, 0 },  { 10, 1, 1, 2 },
		{ 10, 2, 4, 0 },  { 50, 2, 4, 2 },  { 150, 2, 2, 0 },
		{ 150, 4, 4, 4 }, { 250, 4, 3, 0 }, { 250, 4, 4, 4 },
		{ 250, 4, 8, 5 }, { 100, 4, 1, 3 }, { 1, 2, 2, 0 },
	};
	struct sched_info info;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		double left = cases[i].cpus - cases[i].cap / 100.;
		u64 ran = 0, all = 0;

		machine(cases[i].cpus, 0);
		new_domain(65535, cases[i].cap);
		for (j = 0; j < cases[i].vcpus; j++)
			task_in(&doms[0], 0, 0);
		for (j = 0; j < cases[i].others; j++)
			task_in(new_domain(256, 0), 0, 0);
		simulate(10 * SECOND, MS / 5);
		assert_domain(&doms[0], 10 * SECOND, cases[i].cap / 100., 0.03);
		for (j = 1; j < dom_count; j++)
			assert_domain(&doms[j], 10 * SECOND,
				      MIN(left / cases[i].others, 1), 0.04);
		for (j = 0; j < cases[i].vcpus; j++) {
			sched_info(doms[0].vcpu[j], &info);
			ran += info.ran;
			all += info.ran + info.stolen;
		}
		assert_in_range(all, cases[i].vcpus * 10 * SECOND - 2 * MS,
				cases[i].vcpus * 10 * SECOND + 2 * MS);
		/* lifted: it runs at once */
		assert_int_equal(set(&doms[0], 65535, 0), 0);
		simulate(MS, MS / 5);
		assert_int_equal(doms[0].sched.throttled, false);
		forget_used();
		simulate(SECOND, MS);
		assert_true(domain_used(&doms[0]) >
			    MIN(cases[i].vcpus, cases[i].cpus) * SECOND * 9 /
				    10);
	}
}

/*
 * Sleepers: below the cap they run at once and as much as they like; above it
 * they get what it allows, and no wake-up is lost.
 */
static void test_cap_sleepers(void **state)
{
	unsigned int i;

	machine(2, 0);
	new_domain(256, 30);
	new_domain(256, 20);
	new_domain(256, 0);
	for (i = 0; i < 4; i++)
		task_in(&doms[0], MS / 2, 10 * MS); /* about a fifth in all */
	for (i = 0; i < 4; i++)
		task_in(&doms[1], MS * 2, 5 * MS); /* could use all */
	for (i = 0; i < 3; i++)
		task_in(&doms[2], 0, 0);
	simulate(SECOND, MS / 10); /* who has used what is known then */
	forget_used();
	for (i = 0; i < 4; i++)
		tasks[i].latency = tasks[i].longest_wait = 0;
	simulate(10 * SECOND, MS / 10);
	for (i = 0; i < 4; i++) {
		if (tasks[i].latency > 3 * MS)
			fail_msg("a sleeper waited %lu us",
				 tasks[i].latency / 1000);
		assert_true(tasks[i].used > 10 * SECOND * 45 / 1000);
		/* others who wake up may get between, but no throttling */
		if (tasks[i].longest_wait > 6 * MS)
			fail_msg("a sleeper was kept waiting for %lu us",
				 tasks[i].longest_wait / 1000);
	}
	assert_domain(&doms[1], 10 * SECOND, 0.2, 0.03);
	for (i = 4; i < 8; i++)
		assert_true(tasks[i].used > 10 * SECOND / 5 / 4 * 8 / 10);
}

/* A hog of a capped domain is stopped in the midst of a slice, alone or not. */
static void test_cap_overrun(void **state)
{
	u64 last, used, worst = 0, i;

	machine(1, 0);
	task_in(new_domain(256, 10), 0, 0);
	simulate(SECOND, MS / 10);
	last = tasks[0].used;
	for (i = 0; i < 200; i++) { /* what it uses in 20 ms */
		simulate(20 * MS, MS / 10);
		used = tasks[0].used - last;
		last = tasks[0].used;
		worst = MAX(worst, used);
	}
	/* 2 ms are its part; savings and a slice are on top. */
	if (worst > 5 * MS)
		fail_msg("%lu us of 20 ms with a cap of 10", worst / 1000);
	/* The cap falls while it runs; budget and timer take over. */
	assert_int_equal(set(doms, 256, 0), 0);
	simulate(SECOND, MS);
	assert_int_equal(set(doms, 256, 50), 0);
	forget_used();
	simulate(10 * SECOND, MS / 10);
	assert_domain(doms, 10 * SECOND, 0.5, 0.03);
}

/* vCPUs stay where they may be; what may go anywhere makes room for them. */
static void test_pins(void **state)
{
	unsigned int i;

	machine(4, 0);
	assert_int_equal(pin(&new_task(0, 0)->vcpu, 0), -LODGE_EINVAL);
	assert_int_equal(pin(&tasks[0].vcpu, 0xf0), -LODGE_EINVAL);
	assert_int_equal(tasks[0].vcpu.sched.mask, ~0UL);
	/* two on processor 0 alone, three anywhere: these use 1 to 3 */
	for (i = 1; i < 5; i++)
		new_task(0, 0);
	for (i = 0; i < 2; i++)
		assert_int_equal(pin(&tasks[i].vcpu, 1), 0);
	simulate(SECOND, MS);
	forget_used();
	kicks = 0;
	simulate(10 * SECOND, MS);
	for (i = 0; i < 5; i++)
		assert_share(&tasks[i], 10 * SECOND, i < 2 ? 0.5 : 1);
	/* Of those that idle nobody is woken for what it may not run. */
	for (i = 2; i < 5; i++)
		pin(&tasks[i].vcpu, 1);
	simulate(100 * MS, MS);
	kicks = 0;
	simulate(SECOND, MS);
	assert_int_equal(kicks, 0);
	for (i = 1; i < 4; i++)
		assert_null(pcpus[i]->current);
	/* Free again, they spread. */
	for (i = 0; i < 5; i++)
		pin(&tasks[i].vcpu, ~0UL);
	settle();
	for (i = 0; i < 4; i++)
		assert_non_null(pcpus[i]->current);
	check(true);
}

/* Weights among those that are pinned to one processor, others elsewhere. */
static void test_pinned_weights(void **state)
{
	unsigned int i;

	machine(2, 0);
	for (i = 0; i < 3; i++) {
		task_in(new_domain(256 << i, 0), 0, 0);
		pin(&tasks[i].vcpu, 1);
	}
	/* nearly a hog, which competes for processor 1 with a real one */
	task_in(new_domain(256, 0), 5 * MS, MS / 100);
	task_in(new_domain(1024, 0), 0, 0);
	pin(&tasks[3].vcpu, 2);
	pin(&tasks[4].vcpu, 2);
	simulate(SECOND, MS / 5);
	forget_used();
	simulate(10 * SECOND, MS / 5);
	for (i = 0; i < 3; i++)
		assert_domain(&doms[i], 10 * SECOND, (1 << i) / 7., 0.04);
	assert_domain(&doms[3], 10 * SECOND, 1 / 5., 0.04);
	assert_domain(&doms[4], 10 * SECOND, 4 / 5., 0.04);
}

/* A mask changed in each state, seen from another processor. */
static void test_pin_moves(void **state)
{
	struct task *t;
	unsigned int i, cpu;

	machine(3, 0);
	t = new_task(0, 0);
	settle();
	for (i = 0; i < 6; i++) { /* it runs */
		here = pcpus[i % 2];
		pin(&t->vcpu, BIT(i % 3));
		settle();
		assert_ptr_equal(pcpus[i % 3]->current, &t->vcpu);
	}
	cpu = t->vcpu.sched.cpu; /* it sleeps */
	here = pcpus[cpu];
	t->work = false;
	sched_self_wants(&t->vcpu, SCHED_WANT_BLOCK);
	settle();
	assert_int_equal(t->vcpu.sched.state, VCPU_BLOCKED);
	pin(&t->vcpu, BIT((cpu + 1) % 3));
	wake(t);
	settle();
	assert_ptr_equal(pcpus[(cpu + 1) % 3]->current, &t->vcpu);
	/* it waits, with others, all for one */
	pin(&t->vcpu, 1);
	for (i = 0; i < 3; i++)
		pin(&new_task(0, 0)->vcpu, 1);
	settle();
	for (i = 0; i < 4; i++) {
		if (tasks[i].vcpu.sched.state != VCPU_RUNNABLE)
			continue;
		pin(&tasks[i].vcpu, 4);
		assert_int_equal(tasks[i].vcpu.sched.cpu, 2);
		break;
	}
	settle();
	check(true);
	assert_non_null(pcpus[2]->current);
}

/* Lets the others see to what sched_domain_pause() waits for. */
static void pause_domain(struct domain *d)
{
	u32 i;

	/* On one thread it must find them stopped: the other half before. */
	pause_begin(d);
	settle();
	check(true);
	for (i = 0; i < d->vcpu_count; i++)
		assert_int_not_equal(d->vcpu[i]->sched.state, VCPU_RUNNING);
	here = &cpu_data[MAX_CPUS - 1]; /* nobody's */
	here->id = MAX_CPUS - 1;
	sched_domain_pause(d);
}

/* Nobody of a paused domain runs, all wake-ups are there later. */
static void test_pause(void **state)
{
	struct sched_info was, info;
	unsigned int i;

	machine(2, 0);
	new_domain(256, 0);
	new_domain(256, 0);
	for (i = 0; i < 3; i++)
		task_in(&doms[0], 0, 0);
	task_in(&doms[0], MS, 3 * MS);
	task_in(&doms[0], MS, 0);
	task_in(&doms[1], 0, 0);
	simulate(50 * MS, MS);
	assert_int_equal(tasks[4].vcpu.sched.state, VCPU_BLOCKED);
	pause_domain(&doms[0]);
	sched_info(&tasks[0].vcpu, &was);
	assert_int_equal(was.state, VCPU_PAUSED);
	forget_used();
	wake(&tasks[4]);
	assert_int_equal(tasks[4].vcpu.sched.state, VCPU_PAUSED);
	simulate(SECOND, MS);
	assert_int_equal(domain_used(&doms[0]), 0);
	assert_share(&tasks[5], SECOND, 1);
	sched_info(&tasks[0].vcpu, &info);
	assert_int_equal(info.stolen, was.stolen);
	/* Once more is no more. */
	pause_domain(&doms[0]);
	unpause(&doms[0]);
	unpause(&doms[0]);
	simulate(SECOND, MS);
	for (i = 0; i < 5; i++)
		assert_true(tasks[i].used >= MS / 2);
}

#endif
