/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A machine for the scheduler to run on: processors, vCPUs with tasks, and the
 * rules that must hold at any time. Part of test_sched.c.
 */
#ifndef SCHED_SIM_H
#define SCHED_SIM_H

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
#include "test_clock.h"

#define SECOND (1000 * MS)
#define MAX_VCPUS 32

static u64 kicks;

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
		assert_int_equal(run_queues[j].lock.owner,
				 run_queues[j].lock.next);
	}
	if (settled && waiting && idle) {
		for (j = 0; j < pcpu_count; j++)
			print_message("cpu%u: %s, %u wait, resched %u, "
				      "kicked %u, idle bit %lu\n",
				      j, pcpus[j]->current ? "busy" : "idle",
				      run_queues[j].queued,
				      pcpus[j]->need_resched, pcpus[j]->kicked,
				      idle_mask >> j & 1);
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

#endif
