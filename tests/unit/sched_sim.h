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
	bool polling; /* idle, and half of them are then */
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
#include "../../hypervisor-stub/core/vtime.c"
#include "../../hypervisor-stub/core/run_queue.c"
#include "../../hypervisor-stub/core/budget.c"
#include "../../hypervisor-stub/core/sched.c"
#include "../../hypervisor-stub/core/sched_domain.c"
#include "test_clock.h"

#define SECOND (1000 * MS)
#define MAX_VCPUS 32
#define MAX_DOMAINS 8

static u64 kicks;

void apic_timer_set_ns(u64 delta)
{
	here->alarm = delta == ~0UL ? ~0UL : time_now() + delta;
}

void physdev_pause(void)
{
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
	bool forgotten; /* `used` is since then only */
};

static struct task tasks[MAX_VCPUS];
static unsigned int task_count;
static struct domain doms[MAX_DOMAINS];
static unsigned int dom_count;

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
	memset(doms, 0, sizeof(doms));
	online_mask = idle_mask = vclock = 0;
	dom_count = 0;
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

static struct domain *new_domain(u32 weight, u32 cap)
{
	struct domain *d = &doms[dom_count++];

	assert_true(dom_count <= MAX_DOMAINS);
	sched_domain_init(d);
	assert_int_equal(sched_domain_set(d, weight, cap), 0);
	return d;
}

/* A vCPU of d; in the order of tasks, `id` counts all of them. */
static struct task *task_in(struct domain *d, u64 burst, u64 sleep)
{
	struct task *t = &tasks[task_count];

	assert_true(task_count < MAX_VCPUS);
	t->vcpu.domain = d;
	d->vcpu[d->vcpu_count++] = &t->vcpu;
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

/* One of a domain that all these share. */
static struct task *new_task(u64 burst, u64 sleep)
{
	if (!dom_count)
		new_domain(SCHED_WEIGHT, 0);
	return task_in(&doms[0], burst, sleep);
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

/* What an operator does, from `here`, which looks around afterwards. */
static int set(struct domain *d, u32 weight, u32 cap)
{
	here->kicked = true;
	return sched_domain_set(d, weight, cap);
}

static int pin(struct vcpu *v, u64 mask)
{
	here->kicked = true;
	return sched_vcpu_pin(v, mask);
}

/* All but the waiting, which needs other processors to go on meanwhile. */
static void pause_begin(struct domain *d)
{
	here->kicked = true;
	WRITE_ONCE(d->sched.paused, true);
	sched_review_all(d, true);
}

static void unpause(struct domain *d)
{
	here->kicked = true;
	sched_domain_unpause(d);
}

/* --- simulation --- */

/* What the exit loop of a processor does. */
static void exit_loop(struct pcpu *p)
{
	struct vcpu *v;

	here = p;
	p->kicked = false;
	p->polling = false;
	if (p->alarm <= clock_ns) {
		p->alarm = ~0UL;
		timer_interrupt();
	}
	if (p->current && !sched_need_resched())
		return;
	v = p->current || sched_need_resched() ? sched_pick(p->current) : NULL;
	p->current = v;
	p->polling = !v && rand() % 2;
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
	       ((p->current || p->polling) && p->need_resched);
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

/*
 * Nobody of a domain that is paused or throttled is queued, nor runs once all
 * processors have seen it; and nobody is kept from running for nothing.
 */
static void check_limits(struct vcpu *v, bool settled)
{
	enum vcpu_state verdict = run_queue_verdict(v->domain);
	enum vcpu_state state = v->sched.state;

	if (state == VCPU_PARKED || state == VCPU_PAUSED)
		assert_int_equal(state, verdict);
	if (state == VCPU_RUNNABLE || (settled && state == VCPU_RUNNING)) {
		assert_int_equal(verdict, VCPU_RUNNABLE);
		assert_true(run_queue_allows(v, v->sched.cpu));
	}
}

static void check_domain(struct domain *d)
{
	unsigned int active = 0;
	u32 i;

	for (i = 0; i < d->vcpu_count; i++)
		active += is_active(d->vcpu[i]->sched.state);
	assert_int_equal(active, d->sched.active);
	if (d->sched.throttled)
		assert_true(d->sched.refill.armed);
	assert_int_equal(d->sched.lock.owner, d->sched.lock.next);
}

/* Every rule that must hold at any time. */
static void check(bool settled)
{
	unsigned int i, j, waiting = 0;
	u64 idle = 0;
	struct vcpu *v;

	for (i = 0; i < dom_count; i++)
		check_domain(&doms[i]);
	for (i = 0; i < task_count; i++) {
		struct sched_vcpu *s = &tasks[i].vcpu.sched;
		unsigned int running = 0, queued = 0;

		check_limits(&tasks[i].vcpu, settled);

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
		if (!pcpus[j]->current)
			idle |= BIT(j);
		assert_int_equal(run_queues[j].lock.owner,
				 run_queues[j].lock.next);
	}
	for (i = 0; i < task_count; i++)
		waiting += tasks[i].vcpu.sched.state == VCPU_RUNNABLE &&
			   (tasks[i].vcpu.sched.mask & idle);
	if (settled && waiting) {
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
	struct sched_info info;

	if (got < share * 0.96 || got > share * 1.04)
		fail_msg("vCPU %u got %.3f, not %.3f", t->vcpu.id, got, share);
	if (t->forgotten)
		return;
	sched_info(&t->vcpu, &info);
	assert_true(info.ran >= t->used - MS && info.ran <= t->used + MS);
	assert_true(info.ran + info.stolen <= duration + MS);
}

static u64 domain_used(struct domain *d)
{
	u64 used = 0;
	u32 i;

	for (i = 0; i < d->vcpu_count; i++)
		used += task_of(d->vcpu[i])->used;
	return used;
}

/* In processors, with part of it for tolerance. */
static void assert_domain(struct domain *d, u64 duration, double share,
			  double part)
{
	double got = (double)domain_used(d) / duration;

	if (got < share * (1 - part) || got > share * (1 + part))
		fail_msg("domain %lu of weight %u, cap %u got %.3f, not %.3f",
			 (unsigned long)(d - doms), d->sched.weight,
			 d->sched.cap, got, share);
}

static void forget_used(void)
{
	unsigned int i;

	for (i = 0; i < task_count; i++) {
		tasks[i].forgotten = true;
		tasks[i].used = 0;
	}
}

#endif
