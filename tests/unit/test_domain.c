// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: a domain has a number of its own that comes back late; it is found
 * from its start until it dies; nothing of it goes before every processor has
 * been in domain_reap() since it began to die and none has it loaded; then
 * all goes but what a reference keeps, and that with the last reference. One
 * that is held for the control domain rests in between.
 * Checked step by step, then with threads that use what they find.
 */
#include "test.h"
#include <pthread.h>
#define X86_PCPU_H /* our own processors instead */
#define MAX_CPUS 64
#include "core/types.h"

struct vcpu;

struct pcpu {
	unsigned int id;
	struct vcpu *current;
};

static struct pcpu cpus[MAX_CPUS];
struct pcpu *pcpus[MAX_CPUS];
unsigned int pcpu_count;
static __thread struct pcpu *here = &cpus[0];

static struct pcpu *this_pcpu(void)
{
	return here;
}

#include "../../hypervisor-stub/core/domain.c"

#define CPUS 4
#define RACERS 3
#define ROUNDS 2000

static int frames, parts; /* in use: blocks of frames; vCPUs and shadows */
static int kicked[CPUS];

mpa_t frame_alloc(unsigned int order, u16 owner)
{
	__atomic_fetch_add(&frames, 1, __ATOMIC_SEQ_CST);
	return (mpa_t)aligned_alloc(PAGE_SIZE << order, PAGE_SIZE << order);
}

void frame_free(mpa_t addr, unsigned int order)
{
	__atomic_fetch_sub(&frames, 1, __ATOMIC_SEQ_CST);
	free((void *)addr);
}

bool frame_retired(void)
{
	return false; /* there is no memory in these domains */
}

void frame_collect(void)
{
}

void page_retire(void *page)
{
	page_free(page);
}

void grant_init(struct domain *d)
{
}

void grant_take_down(struct domain *d)
{
}

bool memory_set_max(struct domain *d, u64 max)
{
	d->mem_max = max;
	return true;
}

int shadow_init(struct domain *d)
{
	__atomic_fetch_add(&parts, 1, __ATOMIC_SEQ_CST);
	return 0;
}

void shadow_destroy(struct domain *d)
{
	__atomic_fetch_sub(&parts, 1, __ATOMIC_SEQ_CST);
}

struct vcpu *vcpu_create(struct domain *d, u32 id)
{
	struct vcpu *v = calloc(1, sizeof(*v));

	v->domain = d;
	v->id = id;
	__atomic_fetch_add(&parts, 1, __ATOMIC_SEQ_CST);
	return v;
}

void vcpu_destroy(struct vcpu *v)
{
	__atomic_fetch_sub(&parts, 1, __ATOMIC_SEQ_CST);
	free(v);
}

void smp_kick(unsigned int cpu)
{
	__atomic_fetch_add(&kicked[cpu], 1, __ATOMIC_SEQ_CST);
}

void sched_vcpu_online(struct vcpu *v)
{
}

void sched_vcpu_stop(struct vcpu *v)
{
}

void sched_domain_init(struct domain *d)
{
}

void sched_domain_stop(struct domain *d)
{
}

u64 time_now(void)
{
	return 0;
}

void timer_stop(struct timer *t)
{
}

void vcpu_dump(struct vcpu *v)
{
}

void console_domain_flush(struct domain *d)
{
}

int console_domain_keep(struct domain *d)
{
	__atomic_fetch_add(&parts, 1, __ATOMIC_SEQ_CST);
	return 0;
}

void console_domain_destroy(struct domain *d)
{
	if (d->held)
		__atomic_fetch_sub(&parts, 1, __ATOMIC_SEQ_CST);
}

void machine_poweroff(void)
{
	abort(); /* the start of the machine never ends here */
}

void machine_reboot(void)
{
	abort();
}

void machine_fail(void)
{
	abort();
}

static int setup(void **state)
{
	unsigned int i;

	for (i = 0; i < CPUS; i++) {
		cpus[i] = (struct pcpu){ .id = i };
		pcpus[i] = &cpus[i];
		kicked[i] = 0;
	}
	pcpu_count = CPUS;
	here = &cpus[0];
	next_id = 1;
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(frames, 0);
	assert_int_equal(parts, 0);
	assert_int_equal(domain_count, 1);
	assert_true(list_empty(&domain_list));
	return 0;
}

static struct domain *make(void)
{
	struct domain *d = domain_create("test", 2, 0, false);

	assert_non_null(d);
	return d;
}

static void pass(unsigned int cpu)
{
	here = &cpus[cpu];
	domain_reap();
	here = &cpus[0];
}

static void pass_all(void)
{
	unsigned int i;

	for (i = 0; i < CPUS; i++)
		pass(i);
}

static void end(struct domain *d)
{
	domain_shutdown(d, LODGE_SHUTDOWN_POWEROFF);
	pass_all();
}

static void test_ids(void **state)
{
	struct domain *a = make(), *b = make(), *c, *e;

	assert_int_equal(a->id, 1);
	assert_int_equal(b->id, 2);
	end(a);
	c = make(); /* not 1 again */
	assert_int_equal(c->id, 3);
	next_id = LODGE_DOMID_MAX;
	a = make();
	assert_int_equal(a->id, LODGE_DOMID_MAX);
	e = make(); /* round, and over those in use */
	assert_int_equal(e->id, 1);
	end(e);
	e = make();
	assert_int_equal(e->id, 4);
	end(a);
	end(b);
	end(c);
	end(e);
}

static void test_find(void **state)
{
	struct domain *d[3];
	int i;

	/* All in one chain. */
	for (i = 0; i < 3; i++) {
		next_id = 5 + i * ID_BUCKETS;
		d[i] = make();
		assert_null(domain_find(d[i]->id)); /* still being built */
		domain_start(d[i]);
	}
	for (i = 0; i < 3; i++)
		assert_ptr_equal(domain_find(5 + i * ID_BUCKETS), d[i]);
	assert_null(domain_find(0));
	assert_null(domain_find(6));
	assert_null(domain_find(5 + 3 * ID_BUCKETS));
	assert_null(domain_find(~0U));
	domain_shutdown(d[1], 0);
	assert_null(domain_find(d[1]->id)); /* at once */
	pass_all();
	assert_null(domain_find(5 + ID_BUCKETS));
	assert_ptr_equal(domain_find(5), d[0]);
	assert_ptr_equal(domain_find(5 + 2 * ID_BUCKETS), d[2]);
	end(d[2]);
	assert_ptr_equal(domain_find(5), d[0]);
	end(d[0]);
	assert_null(domain_find(5));
}

static void test_passing(void **state)
{
	struct domain *d = make(), *other = make();
	int i;

	domain_start(d);
	domain_start(other);
	cpus[2].current = d->vcpu[1];
	pass_all();
	domain_shutdown(d, LODGE_SHUTDOWN_POWEROFF);
	for (i = 0; i < CPUS; i++)
		assert_int_equal(kicked[i], i != 0);
	/* In any order; often by one counts once. */
	pass(3);
	pass(3);
	pass(0);
	pass(2);
	assert_int_equal(parts, 6);
	pass(1); /* all have passed now, but one has it loaded */
	assert_int_equal(parts, 6);
	assert_int_equal(domain_count, 3);
	cpus[2].current = other->vcpu[0];
	pass(2);
	assert_int_equal(parts, 3);
	assert_int_equal(domain_count, 2);
	assert_int_equal(frames, 2);
	cpus[2].current = NULL;
	end(other);
}

static void test_references(void **state)
{
	struct domain *d = make();
	u32 id = d->id;

	assert_null(domain_get(0));
	assert_null(domain_get(id + 1));
	assert_ptr_equal(domain_get(id), d); /* while it is being built */
	domain_start(d);
	assert_ptr_equal(domain_get(id), d);
	domain_shutdown(d, LODGE_SHUTDOWN_POWEROFF);
	assert_ptr_equal(domain_get(id), d); /* while it dies */
	pass_all();
	/* Its end has waited for nobody. */
	assert_null(domain_get(id));
	assert_int_equal(parts, 0);
	assert_int_equal(domain_count, 1);
	/* What is left is ours to read. */
	assert_int_equal(frames, 2);
	assert_true(domain_is_dying(d));
	assert_int_equal(d->ports[LODGE_EVENT_PORTS - 1].kind, 0);
	domain_put(d);
	domain_put(d);
	assert_int_equal(frames, 2);
	domain_put(d);
	assert_int_equal(frames, 0);
}

static void test_unstarted(void **state)
{
	struct domain *d = make();

	/* Discarded: nobody has seen it. */
	domain_discard(d);
	assert_int_equal(frames, 0);
	/* Ended by somebody else before its start: it does not come back. */
	d = make();
	domain_shutdown(d, LODGE_SHUTDOWN_POWEROFF);
	pass(1);
	domain_start(d);
	assert_true(domain_is_dying(d));
	assert_null(domain_find(d->id));
	pass_all();
}

/* Its channels do not rest with it: the other ends wait again at once. */
static void test_held_channel(void **state)
{
	static struct lodge_shared shared[2];
	struct domain *d = domain_create("held", 1, 0, true), *peer = make();
	s64 waiting, end;

	domain_start(d);
	domain_start(peer);
	memset(shared, 0xff, sizeof(shared)); /* all is masked */
	d->shared = &shared[0];
	peer->shared = &shared[1];
	waiting = channel_alloc(peer, d->id);
	assert_true(waiting > 0);
	end = channel_bind(d, peer->id, waiting);
	assert_true(end > 0);
	domain_shutdown(d, LODGE_SHUTDOWN_POWEROFF);
	pass_all();
	assert_int_equal(d->state, DOMAIN_ENDED);
	assert_int_equal(port_read(peer, waiting).kind, LODGE_PORT_UNBOUND);
	d->shared = peer->shared = NULL;
	domain_destroy(d);
	domain_destroy(peer);
	pass_all();
	assert_int_equal(parts, 0);
}

static void test_held(void **state)
{
	struct domain *d = domain_create("held", 2, 0, true);
	u32 id = d->id;

	domain_start(d);
	assert_int_equal(parts, 4);
	domain_shutdown(d, LODGE_SHUTDOWN_REBOOT);
	pass_all();
	assert_int_equal(d->state, DOMAIN_ENDED);
	assert_int_equal(parts, 4); /* all is there */
	assert_null(domain_find(id));
	pass_all();
	domain_crash(d, NULL, "too late");
	assert_int_equal(d->shutdown_reason, LODGE_SHUTDOWN_REBOOT);
	pass_all();
	assert_int_equal(d->state, DOMAIN_ENDED);
	/* Once more through all processors, for those that look at it. */
	assert_int_equal(domain_destroy(d), 0);
	assert_int_equal(domain_destroy(d), -LODGE_EAGAIN);
	pass(0);
	pass(1);
	pass(2);
	assert_int_equal(parts, 4);
	pass(3);
	assert_int_equal(parts, 0);
	assert_null(domain_get(id));

	/* Destroyed while it runs, or dies: it does not rest. */
	d = domain_create("held", 2, 0, true);
	domain_start(d);
	domain_destroy(d);
	pass_all();
	assert_int_equal(parts, 0);
	d = domain_create("held", 2, 0, true);
	domain_start(d);
	domain_shutdown(d, LODGE_SHUTDOWN_REBOOT);
	pass(0);
	assert_int_equal(domain_destroy(d), 0);
	pass_all();
	assert_int_equal(parts, 0);
	/* Never started. */
	d = domain_create("held", 2, 0, true);
	domain_destroy(d);
	pass_all();
}

/* --- races --- */

static bool stop;
static u64 found, kept;

/* A processor: finds, uses and lets go of domains; holds some for longer. */
static void *processor(void *arg)
{
	unsigned int seed = (unsigned long)arg;
	struct domain *held = NULL, *d;

	here = &cpus[(unsigned long)arg];
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		u32 id = READ_ONCE(next_id) - 1 - rand_r(&seed) % 3;

		d = domain_find(id);
		if (d) {
			/* until domain_reap() all of it is there */
			__atomic_fetch_add(&d->vcpu[1]->steal_gpa, 1,
					   __ATOMIC_RELAXED);
			__atomic_fetch_add(&found, 1, __ATOMIC_RELAXED);
		}
		if (!held && rand_r(&seed) % 4 == 0)
			held = domain_get(id);
		if (held) {
			kept += held->ports[1].kind == 0;
			if (!domain_is_dying(held))
				__atomic_fetch_add(&held->vcpu[0]->time_gpa, 1,
						   __ATOMIC_RELAXED);
			if (rand_r(&seed) % 8 == 0) {
				domain_put(held);
				held = NULL;
			}
		}
		domain_reap();
		if (rand_r(&seed) % 16 == 0)
			cpu_relax();
	}
	if (held)
		domain_put(held);
	return NULL;
}

static void test_races(void **state)
{
	pthread_t t[RACERS];
	unsigned long i;

	for (i = 0; i < RACERS; i++)
		pthread_create(&t[i], NULL, processor, (void *)(i + 1));
	for (i = 0; i < ROUNDS; i++) {
		struct domain *d = make(), *e = make();

		domain_start(d);
		domain_start(e);
		while (READ_ONCE(found) < i)
			cpu_relax();
		domain_shutdown(d, LODGE_SHUTDOWN_POWEROFF);
		domain_shutdown(e, LODGE_SHUTDOWN_POWEROFF);
		while (READ_ONCE(domain_count) > 1) {
			domain_reap();
			cpu_relax();
		}
	}
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	for (i = 0; i < RACERS; i++)
		pthread_join(t[i], NULL);
	assert_true(kept > ROUNDS);
}

#define E(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		E(test_ids),	      E(test_find),	 E(test_passing),
		E(test_references),   E(test_unstarted), E(test_held),
		E(test_held_channel), E(test_races),
	};

	return RUN(tests);
}
