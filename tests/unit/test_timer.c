// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: a timer fires once, on the processor that armed it last, not before
 * its deadline and no later than the interrupt that was programmed for it;
 * after timer_stop() returns it neither runs nor will. Checked with simulated
 * processors against a table of deadlines, then with threads.
 */
#include "test.h"
#include <pthread.h>
#include <time.h>
#define X86_PCPU_H /* our own processors instead */
#define MAX_CPUS 64
#include "core/types.h"

struct pcpu {
	unsigned int id;
};

static struct pcpu cpus[MAX_CPUS];
static __thread struct pcpu *here = &cpus[0];

static struct pcpu *this_pcpu(void)
{
	return here;
}

#include "../../hypervisor-stub/core/timer.c"
#include "test_clock.h"

#define CPUS 4
#define TIMERS 32
#define UNSET ~0UL

static u64 programmed[MAX_CPUS]; /* system time of the interrupt */

void apic_timer_set_ns(u64 delta)
{
	programmed[here->id] = delta == ~0UL ? UNSET : time_now() + delta;
}

static int setup(void **state)
{
	unsigned int i;

	for (i = 0; i < MAX_CPUS; i++) {
		cpus[i].id = i;
		timer_cpu_init(i);
		programmed[i] = UNSET;
	}
	here = &cpus[0];
	clock_ns = 1000;
	return 0;
}

/* --- simulation --- */

static struct timer timers[TIMERS];
static u64 due[TIMERS]; /* UNSET: not armed */
static unsigned int due_cpu[TIMERS];
static u64 last_fired;
static u64 rearm;

static void fired(void *arg)
{
	unsigned long n = (unsigned long)arg;

	assert_true(due[n] != UNSET && due[n] <= clock_ns);
	assert_int_equal(due_cpu[n], here->id);
	assert_true(due[n] >= last_fired);
	last_fired = due[n];
	due[n] = UNSET;
	if (rearm && rand() % 4 == 0) {
		due[n] = clock_ns + 1 + rand() % 500;
		timer_set(&timers[n], due[n]);
	} else if (rearm && rand() % 4 == 0) {
		timer_stop(&timers[n]);
	}
}

static void interrupts(void)
{
	unsigned int cpu;

	for (cpu = 0; cpu < CPUS; cpu++) {
		if (programmed[cpu] > clock_ns)
			continue;
		here = &cpus[cpu];
		last_fired = 0;
		timer_interrupt();
	}
}

static void test_simulation(void **state)
{
	unsigned long n;
	int step;

	srand(99);
	for (n = 0; n < TIMERS; n++) {
		timer_init(&timers[n], fired, (void *)n);
		due[n] = UNSET;
	}
	rearm = 1;
	for (step = 0; step < 300000; step++) {
		here = &cpus[rand() % CPUS];
		n = rand() % TIMERS;
		switch (rand() % 4) {
		case 0:
			due[n] = clock_ns + rand() % 1000;
			due_cpu[n] = here->id;
			timer_set(&timers[n], due[n]);
			break;
		case 1:
			timer_stop(&timers[n]);
			due[n] = UNSET;
			break;
		default:
			clock_ns += rand() % 50;
			interrupts();
			/* whatever is due has fired */
			for (n = 0; n < TIMERS; n++)
				assert_true(due[n] > clock_ns);
		}
	}
}

/* An empty queue leaves the interrupt off. */
static void test_quiet(void **state)
{
	rearm = 0;
	timer_init(&timers[0], fired, (void *)0);
	timer_stop(&timers[0]);
	due[0] = 2000;
	due_cpu[0] = 0;
	timer_set(&timers[0], 2000);
	assert_int_equal(programmed[0], 2000);
	clock_ns = 2000;
	interrupts();
	assert_true(programmed[0] == UNSET);
	/* in the past: at once, but from the interrupt */
	due[0] = 5;
	timer_set(&timers[0], 5);
	assert_int_equal(programmed[0], clock_ns);
	interrupts();
	assert_true(due[0] == UNSET);
}

/* --- threads --- */

static struct shared_timer {
	struct timer timer;
	int running; /* calls of fn at the moment */
	int allowed; /* may fn run? */
	u64 runs;
	pthread_mutex_t owner; /* who may set and stop it */
} shared[8];
static bool done;

static void shared_fn(void *arg)
{
	struct shared_timer *s = arg;

	if (__atomic_fetch_add(&s->running, 1, __ATOMIC_SEQ_CST))
		abort(); /* runs twice at once */
	if (!__atomic_load_n(&s->allowed, __ATOMIC_SEQ_CST))
		abort(); /* runs after it was stopped */
	s->runs++;
	__atomic_fetch_sub(&s->running, 1, __ATOMIC_SEQ_CST);
}

static void *processor(void *arg)
{
	unsigned int seed = (unsigned long)arg * 77 + 1;

	here = &cpus[(unsigned long)arg];
	while (!__atomic_load_n(&done, __ATOMIC_RELAXED)) {
		struct shared_timer *s = &shared[rand_r(&seed) % 8];

		if (programmed[here->id] <= time_now())
			timer_interrupt();
		if (pthread_mutex_trylock(&s->owner))
			continue;
		if (rand_r(&seed) % 3) {
			__atomic_store_n(&s->allowed, 1, __ATOMIC_SEQ_CST);
			timer_set(&s->timer,
				  time_now() + rand_r(&seed) % 20000);
		} else {
			timer_stop(&s->timer);
			if (__atomic_load_n(&s->running, __ATOMIC_SEQ_CST))
				abort();
			__atomic_store_n(&s->allowed, 0, __ATOMIC_SEQ_CST);
		}
		pthread_mutex_unlock(&s->owner);
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t t[CPUS];
	unsigned long i;
	u64 runs = 0;

	real_time = true;
	for (i = 0; i < 8; i++) {
		timer_init(&shared[i].timer, shared_fn, &shared[i]);
		pthread_mutex_init(&shared[i].owner, NULL);
	}
	for (i = 0; i < CPUS; i++)
		pthread_create(&t[i], NULL, processor, (void *)i);
	nanosleep(&(struct timespec){ 1, 500000000 }, NULL);
	__atomic_store_n(&done, true, __ATOMIC_RELAXED);
	for (i = 0; i < CPUS; i++)
		pthread_join(t[i], NULL);
	for (i = 0; i < 8; i++)
		runs += shared[i].runs;
	assert_true(runs > 100);
	real_time = false;
}

#define S(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		S(test_simulation),
		S(test_quiet),
		S(test_threads),
	};

	return RUN(tests);
}
