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
#define X86_PCPU_H /* our own processors instead */
#define MAX_CPUS 64
#include "core/types.h"

struct vcpu;

struct pcpu {
	unsigned int id;
	struct vcpu *current;
	bool need_resched;
	u64 idle_ns;
	/* simulation */
	bool kicked;
	u64 alarm; /* when the timer interrupt comes */
};

static struct pcpu cpu_data[MAX_CPUS];
struct pcpu *pcpus[MAX_CPUS];
unsigned int pcpu_count;
static __thread struct pcpu *here = &cpu_data[0];

static struct pcpu *this_pcpu(void)
{
	return here;
}

/* The real timers too. */
#include "../../hypervisor-stub/core/timer.c"
#include "../../hypervisor-stub/core/run_queue.c"
#include "../../hypervisor-stub/core/sched.c"

#define SECOND (1000 * MS)
#define MAX_VCPUS 32

static u64 clock_ns;
static bool real_time;
static u64 kicks;

u64 time_now(void)
{
	struct timespec ts;

	if (!real_time)
		return clock_ns;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000UL + ts.tv_nsec;
}

void apic_timer_set_ns(u64 delta)
{
	here->alarm = delta == ~0UL ? ~0UL : time_now() + delta;
}

void smp_kick(unsigned int cpu)
{
	kicks++;
	__atomic_store_n(&pcpus[cpu]->kicked, true, __ATOMIC_SEQ_CST);
}

static struct lodge_steal records[MAX_VCPUS];

void *guest_ptr(struct domain *d, gpa_t gpa, size_t n)
{
	return &records[gpa - 1];
}

/* What a vCPU does when it runs; times in ns. */
struct task {
	struct vcpu vcpu;
	bool work; /* vcpu_has_work() */
	u64 burst, sleep; /* burst 0: for ever */
	u64 left; /* of the burst */
	u64 wake_at; /* ~0: not by the clock */
	u64 woken; /* when it was woken; 0: not waiting to run */
	u64 latency; /* the longest from wake-up to running */
	u64 used; /* by our own count */
	u64 ready; /* when it began to wait for a processor; 0: it does not */
	u64 longest_wait;
	bool yields;
};

static struct task tasks[MAX_VCPUS];
static unsigned int task_count;
static struct domain dom;

static struct task *task_of(struct vcpu *v)
{
	return container_of(v, struct task, vcpu);
}

bool vcpu_has_work(const struct vcpu *v)
{
	return __atomic_load_n(&task_of((struct vcpu *)v)->work,
			       __ATOMIC_SEQ_CST);
}

static void machine(unsigned int cpus, u64 seed)
{
	unsigned int i;

	memset(run_queues, 0, sizeof(run_queues));
	memset(cpu_data, 0, sizeof(cpu_data));
	memset(tasks, 0, sizeof(tasks));
	memset(records, 0, sizeof(records));
	online_mask = idle_mask = online_count = 0;
	cmdline.seed = seed;
	pcpu_count = cpus;
	task_count = 0;
	clock_ns = SECOND;
	real_time = false;
	kicks = 0;
	here = &cpu_data[0];
	for (i = 0; i < cpus; i++) {
		pcpus[i] = &cpu_data[i];
		pcpus[i]->id = i;
		pcpus[i]->alarm = ~0UL;
		pcpus[i]->need_resched = pcpus[i]->kicked = true;
		timer_cpu_init(i);
		sched_cpu_init(i);
	}
}

static struct task *new_task(u64 burst, u64 sleep)
{
	struct task *t = &tasks[task_count];

	t->vcpu.domain = &dom;
	t->vcpu.id = task_count++;
	t->vcpu.steal_gpa = task_count;
	t->burst = t->left = burst;
	t->sleep = sleep;
	t->wake_at = ~0UL;
	sched_vcpu_init(&t->vcpu);
	sched_vcpu_online(&t->vcpu);
	here->kicked = true;
	return t;
}

static void wake(struct task *t)
{
	t->work = true;
	t->wake_at = ~0UL;
	if (t->vcpu.sched.state == VCPU_BLOCKED)
		t->woken = clock_ns;
	sched_wake(&t->vcpu);
	here->kicked = true; /* an interrupt: it looks around afterwards */
}

/* --- simulation --- */

/* What the exit loop of a processor does. */
static void exit_loop(struct pcpu *p)
{
	struct vcpu *v;

	here = p;
	p->kicked = false;
	if (p->alarm <= clock_ns) {
		p->alarm = ~0UL;
		timer_interrupt();
	}
	if (p->current && !sched_need_resched())
		return;
	if (!p->current && !sched_need_resched())
		return; /* still halted */
	v = sched_pick(p->current);
	p->current = v;
	if (v) {
		struct task *t = task_of(v);

		sched_update_steal(v);
		if (t->woken) {
			t->latency = MAX(t->latency, clock_ns - t->woken);
			t->woken = 0;
		}
	}
}

/* The guest of p runs for dt. */
static void run_guest(struct pcpu *p, u64 dt)
{
	struct task *t;

	if (!p->current)
		return;
	here = p;
	t = task_of(p->current);
	t->used += dt;
	if (t->yields && rand() % 4 == 0)
		sched_self_wants(&t->vcpu, SCHED_WANT_YIELD);
	if (!t->burst)
		return;
	t->left -= MIN(t->left, dt);
	if (t->left)
		return;
	t->left = t->burst;
	t->work = false;
	if (t->sleep)
		t->wake_at = clock_ns + t->sleep;
	sched_self_wants(&t->vcpu, SCHED_WANT_BLOCK);
}

static bool needs_attention(struct pcpu *p)
{
	return p->kicked || p->alarm <= clock_ns ||
	       (p->current && p->need_resched);
}

/* All processors see to what is there, until nobody has anything to do. */
static void settle(void)
{
	unsigned int i, rounds = 0;
	bool again = true;

	while (again) {
		unsigned int first = rand() % pcpu_count;

		again = false;
		assert_true(rounds++ < 1000);
		for (i = 0; i < pcpu_count; i++) {
			struct pcpu *p = pcpus[(i + first) % pcpu_count];

			if (needs_attention(p)) {
				exit_loop(p);
				again = true;
			}
		}
	}
}

/* Every rule that must hold at any time. */
static void check(bool settled)
{
	unsigned int i, j, waiting = 0, idle = 0;
	struct vcpu *v;

	for (i = 0; i < task_count; i++) {
		struct sched_vcpu *s = &tasks[i].vcpu.sched;
		unsigned int running = 0, queued = 0;

		assert_false(s->moving);
		for (j = 0; j < pcpu_count; j++) {
			running += pcpus[j]->current == &tasks[i].vcpu;
			list_for_each(v, &run_queues[j].queue, sched.link)
				queued += v == &tasks[i].vcpu;
		}
		assert_int_equal(running, s->state == VCPU_RUNNING);
		assert_int_equal(queued, s->state == VCPU_RUNNABLE);
		if (s->state == VCPU_BLOCKED)
			assert_false(tasks[i].work);
		if (s->state == VCPU_RUNNING)
			assert_ptr_equal(pcpus[s->cpu]->current,
					 &tasks[i].vcpu);
		if (s->state == VCPU_RUNNABLE || s->state == VCPU_RUNNING)
			assert_int_equal(records[i].preempted,
					 s->state == VCPU_RUNNABLE);
	}
	for (j = 0; j < pcpu_count; j++) {
		unsigned int n = 0;
		u64 last = 0;

		list_for_each(v, &run_queues[j].queue, sched.link) {
			assert_true(!n || !before(v->sched.vtime, last));
			last = v->sched.vtime;
			n++;
		}
		assert_int_equal(n, run_queues[j].queued);
		waiting += n;
		idle += !pcpus[j]->current;
		assert_int_equal(run_queues[j].lock.owner, run_queues[j].lock.next);
	}
	if (settled && waiting && idle) {
		for (j = 0; j < pcpu_count; j++)
			print_message("cpu%u: %s, %u wait, resched %u, "
				      "kicked %u, idle bit %lu\n", j,
				      pcpus[j]->current ? "busy" : "idle",
				      run_queues[j].queued, pcpus[j]->need_resched,
				      pcpus[j]->kicked, idle_mask >> j & 1);
		fail_msg("somebody waits, somebody idles");
	}
}

static void note_wait(struct task *t)
{
	if (t->vcpu.sched.state != VCPU_RUNNABLE) {
		t->ready = 0;
		return;
	}
	if (!t->ready)
		t->ready = clock_ns;
	t->longest_wait = MAX(t->longest_wait, clock_ns - t->ready);
}

static void simulate(u64 duration, u64 step)
{
	u64 end = clock_ns + duration;
	unsigned int i;

	settle();
	while (clock_ns < end) {
		u64 dt = 1 + rand() % step;

		clock_ns += dt;
		for (i = 0; i < pcpu_count; i++)
			run_guest(pcpus[i], dt);
		for (i = 0; i < task_count; i++) {
			if (tasks[i].wake_at <= clock_ns) {
				here = pcpus[rand() % pcpu_count];
				wake(&tasks[i]);
			}
		}
		settle();
		check(true);
		for (i = 0; i < task_count; i++)
			note_wait(&tasks[i]);
	}
}

static void assert_share(struct task *t, u64 duration, double share)
{
	double got = (double)t->used / duration;
	u64 ran, stolen;

	if (got < share * 0.9 || got > share * 1.1)
		fail_msg("vCPU %u got %.3f, not %.3f", t->vcpu.id, got, share);
	sched_times(&t->vcpu, &ran, &stolen);
	assert_true(ran >= t->used - MS && ran <= t->used + MS);
	assert_true(ran + stolen <= duration + MS);
}

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
		tasks[i].vcpu.sched.pause = false;
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

/* Everything at random, with every seed another placement. */
static void random_step(void)
{
	struct task *t = &tasks[rand() % task_count];
	struct sched_vcpu *s = &t->vcpu.sched;

	here = pcpus[rand() % pcpu_count];
	switch (rand() % 8) {
	case 0:
		if (s->state != VCPU_RUNNING) {
			sched_vcpu_stop(&t->vcpu);
			assert_int_equal(s->state, VCPU_OFFLINE);
			wake(t);
			sched_vcpu_online(&t->vcpu);
			assert_int_equal(s->state, VCPU_OFFLINE);
			s->pause = false; /* it may come back here */
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
		machine(1 + seed % 7, seed);
		for (i = 0; i < 1 + seed % 13; i++)
			new_task(rand() % 3 ? rand() % (5 * MS) + 1 : 0,
				 rand() % 2 ? rand() % (5 * MS) + 1 : 0);
		settle();
		for (i = 0; i < 3000; i++) {
			if (rand() % 3)
				random_step();
			else
				simulate(rand() % MS, MS / 3);
		}
		simulate(100 * MS, MS);
	}
}

/* --- threads --- */

/*
 * Tokens go round: a vCPU that runs takes a token from its box and puts it
 * into another's. One lost wake-up and a token lies still for ever.
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

static void *processor(void *arg)
{
	unsigned int seed = (unsigned long)arg + 1;
	struct pcpu *p = pcpus[(unsigned long)arg];

	here = p;
	WRITE_ONCE(p->need_resched, true);
	while (!__atomic_load_n(&stop_threads, __ATOMIC_RELAXED)) {
		if (p->alarm <= time_now()) {
			p->alarm = ~0UL;
			timer_interrupt();
		}
		if (sched_need_resched())
			p->current = sched_pick(p->current);
		if (p->current)
			pass_token(p->current->id, &seed);
		else
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
	for (i = 0; i < RUNNERS; i++) {
		new_task(0, 0);
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
	__atomic_store_n(&stop_threads, true, __ATOMIC_RELAXED);
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
		T(test_fair),  T(test_starvation), T(test_latecomer), T(test_latency),
		T(test_credit), T(test_yield),	  T(test_steal),
		T(test_no_tick), T(test_wake_race), T(test_random),
		T(test_threads),
	};

	return RUN(tests);
}
