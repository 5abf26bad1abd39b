// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: processors are shared out in proportion, a vCPU that wakes runs soon,
 * no processor is idle while somebody waits, a vCPU is current on one
 * processor at most, and no wake-up is ever lost.
 *
 * First with simulated processors and a simulated clock, where every step is
 * checked; then with threads for processors, where the locks are real.
 */
#include "test.h"
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>

#include "sched_sim.h"
#include "sched_limits.h"

/* Hogs in any number get equal parts of any number of processors. */
static void test_fair(void **state)
{
	static const struct {
		unsigned int cpus, vcpus;
	} cases[] = { { 1, 1 }, { 1, 2 }, { 1, 5 }, { 2, 2 },  { 2, 3 },
		      { 2, 5 }, { 4, 4 }, { 4, 5 }, { 4, 10 }, { 3, 32 } };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		machine(cases[i].cpus, 0);
		for (j = 0; j < cases[i].vcpus; j++)
			new_task(0, 0);
		simulate(10 * SECOND, MS);
		for (j = 0; j < cases[i].vcpus; j++)
			assert_share(&tasks[j], 10 * SECOND,
				     (double)cases[i].cpus / cases[i].vcpus);
	}
}

/*
 * Nobody waits for much longer than a round of slices takes, also not for a
 * crowd that sleeps and wakes all the time.
 */
static void test_starvation(void **state)
{
	unsigned int i, round;
	u64 seed;

	for (seed = 0; seed < 8; seed++) {
		srand(seed);
		machine(2, 0);
		for (i = 0; i < 4 + seed; i++)
			new_task(0, 0);
		for (; i < 13 + 2 * seed; i++)
			new_task(rand() % (4 * MS) + MS / 5,
				 rand() % (10 * MS) + 1);
		simulate(10 * SECOND, MS / 2);
		round = (task_count + 1) / 2;
		for (i = 0; i < task_count; i++)
			if (tasks[i].longest_wait > 3 * round * SLICE)
				fail_msg("vCPU %u of %u waited %lu ms", i,
					 task_count,
					 tasks[i].longest_wait / MS);
	}
}

/* A vCPU that came late gets its part from then on, and no more. */
static void test_latecomer(void **state)
{
	unsigned int i;

	machine(1, 0);
	new_task(0, 0);
	simulate(5 * SECOND, MS);
	new_task(0, 0);
	for (i = 0; i < 2; i++)
		tasks[i].used = 0;
	simulate(2 * SECOND, MS);
	for (i = 0; i < 2; i++)
		assert_true(tasks[i].used > 900 * MS &&
			    tasks[i].used < 1100 * MS);
}

/* Sleepers that use little run at once, whatever the load; nobody starves. */
static void test_latency(void **state)
{
	unsigned int i;

	machine(2, 0);
	for (i = 0; i < 6; i++)
		new_task(0, 0);
	for (i = 0; i < 4; i++)
		new_task(MS / 10, 20 * MS + i * MS);
	simulate(5 * SECOND, MS / 20);
	for (i = 6; i < 10; i++) {
		if (tasks[i].latency > MS)
			fail_msg("a sleeper waited %lu us",
				 tasks[i].latency / 1000);
		assert_true(tasks[i].used > 15 * MS);
	}
	for (i = 0; i < 6; i++)
		assert_true(tasks[i].used > 5 * SECOND * 2 / 6 * 8 / 10);
}

/* Waking up often is no way to get more than one's part. */
static void test_credit(void **state)
{
	machine(1, 0);
	new_task(0, 0);
	new_task(6 * MS, MS / 100); /* nearly a hog, wakes all the time */
	simulate(10 * SECOND, MS / 5);
	assert_share(&tasks[0], 10 * SECOND, 0.5);
}

static void test_yield(void **state)
{
	machine(1, 0);
	new_task(0, 0);
	new_task(0, 0)->yields = true;
	simulate(2 * SECOND, MS / 5);
	/* it runs, but gives most of it away */
	assert_true(tasks[0].used > SECOND);
	assert_true(tasks[1].used > SECOND / 20);
}

/* One processor has all the work, the others come and take it. */
static void test_steal(void **state)
{
	unsigned int i;

	machine(4, 0);
	for (i = 0; i < 4; i++) {
		new_task(0, 0);
		/* as if all had been left on processor 0 */
		sched_vcpu_stop(&tasks[i].vcpu);
		tasks[i].vcpu.sched.stop = false;
		tasks[i].vcpu.sched.cpu = 0;
		tasks[i].vcpu.sched.vtime = 0;
	}
	settle();
	idle_mask = 0; /* nobody is known to be idle */
	for (i = 0; i < 4; i++)
		sched_vcpu_online(&tasks[i].vcpu);
	for (i = 0; i < 4; i++) {
		pcpus[i]->need_resched = true;
		pcpus[i]->kicked = true;
	}
	settle();
	for (i = 0; i < 4; i++)
		assert_non_null(pcpus[i]->current);
	check(true);
}

/* No timer while nobody waits: a vCPU alone is not interrupted. */
static void test_no_tick(void **state)
{
	machine(2, 0);
	new_task(0, 0);
	new_task(0, 0);
	simulate(MS, MS / 10);
	assert_true(pcpus[0]->alarm == ~0UL && pcpus[1]->alarm == ~0UL);
	kicks = 0;
	simulate(SECOND, MS);
	assert_int_equal(kicks, 0);
	new_task(0, 0);
	simulate(MS, MS / 10);
	assert_true(pcpus[0]->alarm != ~0UL || pcpus[1]->alarm != ~0UL);
}

/* A wake-up at each point of going to sleep. */
static void test_wake_race(void **state)
{
	struct task *t;

	machine(2, 0);
	t = new_task(0, 0);
	settle();
	here = pcpus[t->vcpu.sched.cpu];
	assert_ptr_equal(here->current, &t->vcpu);
	/* before it asks */
	wake(t);
	sched_self_wants(&t->vcpu, SCHED_WANT_BLOCK);
	assert_ptr_equal(sched_pick(&t->vcpu), &t->vcpu);
	/* after it asks */
	t->work = false;
	sched_self_wants(&t->vcpu, SCHED_WANT_BLOCK);
	wake(t);
	assert_ptr_equal(sched_pick(&t->vcpu), &t->vcpu);
	/* after it sleeps */
	t->work = false;
	sched_self_wants(&t->vcpu, SCHED_WANT_BLOCK);
	assert_null(sched_pick(&t->vcpu));
	here->current = NULL;
	assert_int_equal(t->vcpu.sched.state, VCPU_BLOCKED);
	sched_wake(&t->vcpu); /* for nothing that it waits for */
	assert_int_equal(t->vcpu.sched.state, VCPU_BLOCKED);
	wake(t);
	assert_int_equal(t->vcpu.sched.state, VCPU_RUNNABLE);
	settle();
	check(true);
	/* down, and up again before it is down, and after */
	here = pcpus[t->vcpu.sched.cpu];
	sched_self_wants(&t->vcpu, SCHED_WANT_OFFLINE);
	sched_vcpu_online(&t->vcpu);
	assert_ptr_equal(sched_pick(&t->vcpu), &t->vcpu);
	sched_self_wants(&t->vcpu, SCHED_WANT_OFFLINE);
	assert_null(sched_pick(&t->vcpu));
	here->current = NULL;
	wake(t);
	assert_int_equal(t->vcpu.sched.state, VCPU_OFFLINE);
	sched_vcpu_online(&t->vcpu);
	settle();
	assert_int_equal(t->vcpu.sched.state, VCPU_RUNNING);
}

/* An operator does something, on whatever processor. */
static void random_operation(void)
{
	struct domain *d = &doms[rand() % dom_count];
	struct vcpu *v = &tasks[rand() % task_count].vcpu;

	switch (rand() % 6) {
	case 0:
		set(d, 1 + rand() % 1000, rand() % 2 * 300);
		break;
	case 1:
		set(d, d->sched.weight, 1 + rand() % 150);
		break;
	case 2: /* the waiting half of a pause needs threads */
		pause_begin(d);
		break;
	case 3:
		unpause(d);
		break;
	default:
		if (!(v->sched.mask & run_queue_online()))
			fail_msg("a mask without processors");
		pin(v, rand() % 4 ? (u64)rand() : ~0UL);
	}
}

/* Everything at random, with every seed another placement. */
static void random_step(void)
{
	struct task *t = &tasks[rand() % task_count];
	struct sched_vcpu *s = &t->vcpu.sched;

	here = pcpus[rand() % pcpu_count];
	switch (rand() % 11) {
	case 8:
	case 9:
	case 10:
		random_operation();
		break;
	case 0:
		if (s->state != VCPU_RUNNING) {
			sched_vcpu_stop(&t->vcpu);
			assert_int_equal(s->state, VCPU_OFFLINE);
			wake(t);
			sched_vcpu_online(&t->vcpu);
			assert_int_equal(s->state, VCPU_OFFLINE);
			s->stop = false; /* it may come back here */
		}
		break;
	case 1:
		if (s->state == VCPU_RUNNING) {
			here = pcpus[s->cpu];
			sched_self_wants(&t->vcpu, SCHED_WANT_OFFLINE);
		}
		break;
	case 2:
	case 3:
		sched_vcpu_online(&t->vcpu);
		break;
	default:
		wake(t);
	}
	here->kicked = true;
	if (rand() % 2)
		check(false);
}

static void test_random(void **state)
{
	u64 seed, i;

	for (seed = 0; seed < 40; seed++) {
		srand(seed);
		machine(1 + seed % 7, seed % 3 ? seed : 0);
		for (i = 0; i < 3; i++)
			new_domain(1 + rand() % 1000, 0);
		for (i = 0; i < 1 + seed % 13; i++)
			task_in(&doms[rand() % 3],
				rand() % 3 ? rand() % (5 * MS) + 1 : 0,
				rand() % 2 ? rand() % (5 * MS) + 1 : 0);
		settle();
		for (i = 0; i < 3000; i++) {
			if (rand() % 3)
				random_step();
			else
				simulate(rand() % MS, MS / 3);
		}
		simulate(100 * MS, MS);
		/* Without limits everybody who has something to do runs. */
		for (i = 0; i < dom_count; i++) {
			unpause(&doms[i]);
			set(&doms[i], 256, 0);
		}
		for (i = 0; i < task_count; i++)
			pin(&tasks[i].vcpu, ~0UL);
		forget_used();
		simulate(SECOND, MS);
		for (i = 0; i < task_count; i++)
			if (!tasks[i].burst &&
			    tasks[i].vcpu.sched.state != VCPU_OFFLINE)
				assert_true(tasks[i].used > 10 * MS);
	}
}

/* --- threads --- */

/*
 * Tokens go round: a vCPU that runs takes a token from its box and puts it
 * into another's. One lost wake-up and a token lies still for ever. Meanwhile
 * each sets weights, caps and pins, and those of the first domain pause others.
 */
#define THREADS 4
#define TOKENS 6
#define RUNNERS 10
static struct {
	int tokens;
	int running;
	u64 passed;
} box[RUNNERS];
static bool stop_threads;
static int operating; /* processors that may wait for others */

static void pass_token(unsigned int n, unsigned int *seed)
{
	unsigned int to = rand_r(seed) % RUNNERS;

	if (__atomic_fetch_add(&box[n].running, 1, __ATOMIC_SEQ_CST))
		abort(); /* on two processors at once */
	if (__atomic_load_n(&box[n].tokens, __ATOMIC_SEQ_CST)) {
		__atomic_fetch_sub(&box[n].tokens, 1, __ATOMIC_SEQ_CST);
		box[n].passed++;
		__atomic_fetch_add(&box[to].tokens, 1, __ATOMIC_SEQ_CST);
		__atomic_store_n(&tasks[to].work, true, __ATOMIC_SEQ_CST);
		sched_wake(&tasks[to].vcpu);
	}
	if (rand_r(seed) % 16 == 0)
		sched_self_wants(&tasks[n].vcpu, SCHED_WANT_YIELD);
	/* As a guest clears `pending` before it looks at its events. */
	__atomic_store_n(&tasks[n].work, false, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&box[n].tokens, __ATOMIC_SEQ_CST))
		sched_self_wants(&tasks[n].vcpu, SCHED_WANT_BLOCK);
	__atomic_fetch_sub(&box[n].running, 1, __ATOMIC_SEQ_CST);
}

/* One at a time, as under the control_lock; nobody pauses who does this. */
static void pause_other(struct domain *d)
{
	static bool busy;
	u32 i;

	if (__atomic_exchange_n(&busy, true, __ATOMIC_SEQ_CST))
		return;
	sched_domain_pause(d);
	for (i = 0; i < d->vcpu_count; i++)
		if (__atomic_load_n(&box[d->vcpu[i]->id].running,
				    __ATOMIC_SEQ_CST))
			abort(); /* it runs although it is paused */
	sched_domain_unpause(d);
	__atomic_store_n(&busy, false, __ATOMIC_SEQ_CST);
}

static void operate(struct domain *own, unsigned int *seed)
{
	struct domain *d = &doms[rand_r(seed) % dom_count];

	__atomic_fetch_add(&operating, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&stop_threads, __ATOMIC_SEQ_CST))
		; /* the others may be gone */
	else if (rand_r(seed) % 2)
		sched_vcpu_pin(&tasks[rand_r(seed) % RUNNERS].vcpu,
			       1 + rand_r(seed) % (BIT(THREADS) - 1));
	else if (rand_r(seed) % 2)
		sched_domain_set(d, 1 + rand_r(seed) % 1000,
				 rand_r(seed) % 3 * 60);
	else if (own == &doms[0] && d != own)
		pause_other(d);
	__atomic_fetch_sub(&operating, 1, __ATOMIC_SEQ_CST);
}

static bool goes_on(void)
{
	return !__atomic_load_n(&stop_threads, __ATOMIC_SEQ_CST) ||
	       __atomic_load_n(&operating, __ATOMIC_SEQ_CST);
}

static void *processor(void *arg)
{
	unsigned int seed = (unsigned long)arg + 1;
	struct pcpu *p = pcpus[(unsigned long)arg];

	here = p;
	WRITE_ONCE(p->need_resched, true);
	while (goes_on()) {
		if (p->alarm <= time_now()) {
			p->alarm = ~0UL;
			timer_interrupt();
		}
		if (sched_need_resched())
			p->current = sched_pick(p->current);
		if (p->current)
			pass_token(p->current->id, &seed);
		if (p->current && rand_r(&seed) % 64 == 0)
			operate(p->current->domain, &seed);
		if (!p->current)
			sched_yield(); /* halted: only need_resched helps */
	}
	return NULL;
}

static void run_threads(u64 seed)
{
	pthread_t t[THREADS];
	unsigned long i;
	u64 before_wait, passed = 0;
	int tokens = 0, tries, progress;

	machine(THREADS, seed);
	real_time = true;
	stop_threads = false;
	memset(box, 0, sizeof(box));
	for (i = 0; i < TOKENS; i++)
		box[i].tokens = 1;
	for (i = 0; i < 3; i++)
		new_domain(256, 0);
	for (i = 0; i < RUNNERS; i++) {
		task_in(&doms[i % 3], 0, 0);
		tasks[i].vcpu.steal_gpa = 0;
	}
	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, processor, (void *)i);
	/* Ticket locks and a busy host make for long pauses, but not for ever. */
	for (tries = progress = 0; progress < 8; tries++) {
		before_wait = passed;
		nanosleep(&(struct timespec){ 0, 100000000 }, NULL);
		for (passed = i = 0; i < RUNNERS; i++)
			passed += READ_ONCE(box[i].passed);
		progress += passed != before_wait;
		if (passed != before_wait)
			tries = 0;
		else if (tries > 100)
			fail_msg("everybody sleeps after %lu tokens", passed);
	}
	__atomic_store_n(&stop_threads, true, __ATOMIC_SEQ_CST);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	for (i = 0; i < RUNNERS; i++) {
		tokens += box[i].tokens;
		/* who has a token does not sleep */
		if (box[i].tokens)
			assert_int_not_equal(tasks[i].vcpu.sched.state,
					     VCPU_BLOCKED);
	}
	assert_int_equal(tokens, TOKENS);
	for (i = 0; i < RUNNERS; i++) {
		here = &cpu_data[THREADS]; /* none of them */
		if (tasks[i].vcpu.sched.state != VCPU_RUNNING)
			sched_vcpu_stop(&tasks[i].vcpu);
	}
}

static void test_threads(void **state)
{
	run_threads(0);
	run_threads(12345);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_fair),		T(test_starvation),  T(test_latecomer),
		T(test_latency),	T(test_credit),	     T(test_yield),
		T(test_steal),		T(test_no_tick),     T(test_wake_race),
		T(test_weights),	T(test_new_weight),  T(test_cap),
		T(test_cap_sleepers),	T(test_cap_overrun), T(test_pins),
		T(test_pinned_weights), T(test_pin_moves),   T(test_pause),
		T(test_random),		T(test_threads),
	};

	return RUN(tests);
}
