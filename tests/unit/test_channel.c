// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: a channel joins two ports that name each other; only the domain that
 * a port waits for can bind it; an event sent on one end reaches the other;
 * when an end is closed or its domain dies the other waits for the same
 * domain again and hears of it; nothing is lost or touched after its end,
 * however binding, sending, closing and dying race.
 */
#include "test.h"
#include <pthread.h>
#include "../../hypervisor-stub/core/event.c"
#include "../../hypervisor-stub/core/channel.c"

#define DOMAINS 3
#define VCPUS 2

struct guest {
	struct domain d;
	struct vcpu vcpu[VCPUS];
	struct lodge_vcpu_page page[VCPUS];
	struct lodge_shared shared;
	u64 notified[VCPUS];
};

static struct guest *guest[DOMAINS]; /* by id - 1 */

void vcpu_notify(struct vcpu *v)
{
	struct guest *g = container_of(v->domain, struct guest, d);

	__atomic_fetch_add(&g->notified[v->id], 1, __ATOMIC_SEQ_CST);
}

mpa_t p2m_pin(const struct p2m *p, gpa_t gpa)
{
	return (mpa_t)&container_of((struct p2m *)p, struct guest, d.p2m)
		->shared;
}

void frame_unref(mpa_t addr)
{
}

u64 time_wall_start(void)
{
	return 1;
}

mpa_t frame_alloc(unsigned int order, u16 owner)
{
	return (mpa_t)aligned_alloc(PAGE_SIZE, PAGE_SIZE << order);
}

void frame_free(mpa_t addr, unsigned int order)
{
	free((void *)addr);
}

struct domain *domain_find(u32 id)
{
	struct guest *g = NULL;

	if (id && id <= DOMAINS)
		g = __atomic_load_n(&guest[id - 1], __ATOMIC_ACQUIRE);
	return g && !domain_is_dying(&g->d) ? &g->d : NULL;
}

static struct guest *guest_create(u32 id)
{
	struct guest *g = calloc(1, sizeof(*g));
	unsigned int i;

	g->d.id = id;
	g->d.state = DOMAIN_RUNNING;
	g->d.vcpu_count = VCPUS;
	for (i = 0; i < VCPUS; i++) {
		g->vcpu[i].domain = &g->d;
		g->vcpu[i].id = i;
		g->vcpu[i].page = &g->page[i];
		g->d.vcpu[i] = &g->vcpu[i];
	}
	assert_int_equal(event_init(&g->d), 0);
	assert_int_equal(do_set_shared(&g->vcpu[0], 0), 0);
	memset(g->shared.mask, 0, sizeof(g->shared.mask));
	__atomic_store_n(&guest[id - 1], g, __ATOMIC_RELEASE);
	return g;
}

static void guest_free(struct guest *g)
{
	event_destroy(&g->d);
	free(g);
}

static int setup(void **state)
{
	u32 id;

	for (id = 1; id <= DOMAINS; id++)
		guest_create(id);
	return 0;
}

static int teardown(void **state)
{
	u32 id;

	for (id = 1; id <= DOMAINS; id++) {
		guest_free(guest[id - 1]);
		guest[id - 1] = NULL;
	}
	return 0;
}

static s64 op(u32 id, u64 o, u64 a, u64 b)
{
	return do_event(&guest[id - 1]->vcpu[0], o, a, b);
}

#define ALLOC(id, whom) op(id, LODGE_EVENT_ALLOC, whom, 0)
#define BIND(id, whom, port) op(id, LODGE_EVENT_BIND_REMOTE, whom, port)
#define CLOSE(id, port) op(id, LODGE_EVENT_CLOSE, port, 0)
#define SEND(id, port) op(id, LODGE_EVENT_SEND, port, 0)
#define STATUS(id, port) op(id, LODGE_EVENT_STATUS, port, 0)

static s64 unbound(u64 domid)
{
	return LODGE_PORT_UNBOUND | domid << 32;
}

static s64 bound(u64 domid, u64 port)
{
	return LODGE_PORT_INTERDOMAIN | domid << 32 | port << 48;
}

/* Was port pending? It is not, then. */
static bool took(u32 id, u64 port)
{
	u64 bit = BIT(port % 64);

	return __atomic_fetch_and(&guest[id - 1]->shared.pending[port / 64],
				  ~bit, __ATOMIC_SEQ_CST) &
	       bit;
}

/* Entries of all ports name each other, and the bits of free ones are right. */
static void check_tables(void)
{
	for (u32 id = 1; id <= DOMAINS; id++) {
		struct domain *d = &guest[id - 1]->d;

		for (u64 port = 1; port < LODGE_EVENT_PORTS; port++) {
			struct event_port p = port_read(d, port);

			assert_int_equal(!!(d->port_used[port / 64] &
					    BIT(port % 64)),
					 p.kind != LODGE_PORT_FREE);
			if (p.kind == LODGE_PORT_INTERDOMAIN)
				assert_true(is_other_end(
					port_read(&guest[p.domid - 1]->d,
						  p.index),
					d, port));
			else if (p.kind == LODGE_PORT_UNBOUND)
				assert_true(p.domid && !p.index);
		}
	}
}

static void die(u32 id)
{
	guest[id - 1]->d.state = DOMAIN_DYING;
	event_end(&guest[id - 1]->d);
}

static void test_channel(void **state)
{
	s64 a = ALLOC(1, 2), b;

	assert_true(a > 0);
	assert_int_equal(STATUS(1, a), unbound(2));
	assert_int_equal(SEND(1, a), -LODGE_EAGAIN);
	assert_false(took(1, a));
	b = BIND(2, 1, a);
	assert_true(b > 0);
	assert_true(took(1, a)); /* it notices */
	assert_int_equal(guest[0]->notified[0], 1);
	assert_false(took(2, b));
	assert_int_equal(STATUS(1, a), bound(2, b));
	assert_int_equal(STATUS(2, b), bound(1, a));
	assert_int_equal(SEND(1, a), 0);
	assert_true(took(2, b) && !took(1, a));
	assert_int_equal(SEND(2, b), 0);
	assert_true(took(1, a) && !took(2, b));
	/* Delivery moves like that of others, and the channel stays. */
	assert_int_equal(op(2, LODGE_EVENT_BIND_VCPU, b, 1), 0);
	assert_int_equal(STATUS(2, b), bound(1, a) | 1 << 8);
	assert_int_equal(SEND(1, a), 0);
	assert_int_equal(guest[1]->notified[1], 1);
	/* Masking works on either side. */
	guest[0]->shared.mask[a / 64] |= BIT(a % 64);
	assert_int_equal(SEND(2, b), 0);
	assert_int_equal(guest[0]->notified[0], 2);
	assert_int_equal(op(1, LODGE_EVENT_UNMASK, a, 0), 0);
	assert_int_equal(guest[0]->notified[0], 3);
	check_tables();
}

static void test_refusals(void **state)
{
	static const u64 bad[] = {
		0,	   LODGE_DOMID_MAX + 2, 0xffff,
		1UL << 16, (1UL << 32) + 1,	(1UL << 16) + 2,
		~0UL
	};
	s64 for2 = ALLOC(1, 2), ipi = op(1, LODGE_EVENT_BIND_IPI, 0, 0), i;

	for (i = 0; i < (s64)ARRAY_SIZE(bad); i++) {
		assert_int_equal(ALLOC(1, bad[i]), -LODGE_EINVAL);
		assert_int_equal(BIND(2, bad[i], for2), -LODGE_EINVAL);
	}
	assert_int_equal(BIND(2, 1, 0), -LODGE_EINVAL);
	assert_int_equal(BIND(2, 1, LODGE_EVENT_PORTS), -LODGE_EINVAL);
	assert_int_equal(BIND(2, 1, 1UL << 32 | for2), -LODGE_EINVAL);
	assert_int_equal(BIND(2, LODGE_DOMID_MAX, for2), -LODGE_ENOENT);
	assert_int_equal(BIND(2, DOMAINS + 1, for2), -LODGE_ENOENT);
	assert_int_equal(BIND(2, 1, ipi), -LODGE_ENOENT); /* other kinds */
	assert_int_equal(BIND(2, 1, 99), -LODGE_ENOENT); /* free */
	assert_int_equal(BIND(3, 1, for2), -LODGE_ENOENT); /* not for 3 */
	assert_int_equal(BIND(1, 1, for2), -LODGE_ENOENT);
	assert_int_equal(STATUS(1, for2), unbound(2));
	assert_false(took(1, for2));
	assert_true(BIND(2, 1, for2) > 0);
	assert_int_equal(BIND(2, 1, for2), -LODGE_ENOENT); /* twice */
	/* Who may come need not be there yet. */
	assert_true(ALLOC(1, LODGE_DOMID_MAX) > 0);
	/* A dying domain cannot be bound to. */
	for2 = ALLOC(1, 2);
	guest[0]->d.state = DOMAIN_DYING;
	assert_int_equal(BIND(2, 1, for2), -LODGE_ENOENT);
	guest[0]->d.state = DOMAIN_RUNNING;
	check_tables();
}

static void test_loopback(void **state)
{
	s64 a = ALLOC(1, LODGE_DOMID_SELF), b = ALLOC(1, 1), c;

	assert_int_equal(STATUS(1, a), unbound(1));
	assert_int_equal(STATUS(1, b), unbound(1));
	c = BIND(1, LODGE_DOMID_SELF, a);
	assert_int_equal(STATUS(1, a), bound(1, c));
	assert_int_equal(STATUS(1, c), bound(1, a));
	assert_true(took(1, a));
	assert_int_equal(SEND(1, a), 0);
	assert_true(took(1, c) && !took(1, a));
	assert_int_equal(CLOSE(1, c), 0);
	assert_true(took(1, a) && !took(1, c));
	assert_int_equal(STATUS(1, a), unbound(1));
	c = BIND(1, 1, b);
	assert_int_equal(CLOSE(1, b), 0); /* and the end that was bound */
	assert_int_equal(STATUS(1, c), unbound(1));
	check_tables();
	c = BIND(1, 1, a);
	assert_true(c > 0);
	die(1); /* with a channel to itself */
}

static void test_close(void **state)
{
	s64 a = ALLOC(1, 2), b = BIND(2, 1, a), c;

	took(1, a);
	/* The end that was bound: 1 waits for 2 again. */
	assert_int_equal(CLOSE(2, b), 0);
	assert_int_equal(STATUS(1, a), unbound(2));
	assert_int_equal(STATUS(2, b), LODGE_PORT_FREE);
	assert_true(took(1, a));
	assert_int_equal(SEND(1, a), -LODGE_EAGAIN);
	assert_int_equal(SEND(2, b), -LODGE_ENOENT);
	assert_int_equal(BIND(3, 1, a), -LODGE_ENOENT);
	b = BIND(2, 1, a);
	assert_true(b > 0 && took(1, a));
	/* The end that was waiting: now 2 waits for 1, which binds. */
	assert_int_equal(op(2, LODGE_EVENT_BIND_VCPU, b, 1), 0);
	assert_int_equal(CLOSE(1, a), 0);
	assert_true(took(2, b));
	assert_int_equal(STATUS(2, b), unbound(1) | 1 << 8);
	c = BIND(1, 2, b);
	assert_int_equal(STATUS(2, b), bound(1, c) | 1 << 8);
	/* An old end of the same number is no end of a new channel. */
	assert_int_equal(CLOSE(2, b), 0);
	assert_int_equal(ALLOC(2, 1), b);
	assert_int_equal(SEND(1, c), -LODGE_EAGAIN);
	assert_int_equal(STATUS(1, c), unbound(2));
	assert_int_equal(CLOSE(1, c), 0);
	assert_int_equal(STATUS(2, b), unbound(1));
	assert_int_equal(CLOSE(1, c), -LODGE_ENOENT);
	check_tables();
}

static void test_death(void **state)
{
	s64 a = ALLOC(1, 2), b = BIND(2, 1, a), c = ALLOC(3, 2);
	s64 d = BIND(2, 3, c), e = ALLOC(1, 2), f = ALLOC(2, 1);

	assert_true(b > 0 && d > 0 && f > 0);
	took(1, a);
	took(3, c);
	guest[1]->d.state = DOMAIN_DYING;
	/* Between its mark and its end nobody is at the other end. */
	assert_int_equal(SEND(1, a), -LODGE_EAGAIN);
	assert_false(took(2, b));
	assert_int_equal(STATUS(1, a), bound(2, b));
	die(2);
	assert_true(took(1, a) && took(3, c));
	assert_false(took(1, e)); /* as it was */
	assert_int_equal(STATUS(1, a), unbound(2));
	assert_int_equal(STATUS(3, c), unbound(2));
	assert_int_equal(STATUS(1, e), unbound(2));
	assert_int_equal(BIND(1, 2, f), -LODGE_ENOENT);
	/* It comes back, and binds again. */
	guest_free(guest[1]);
	guest_create(2);
	b = BIND(2, 1, a);
	assert_true(b > 0 && took(1, a));
	assert_int_equal(SEND(2, b), 0);
	assert_true(took(1, a));
	/* Closed while the other dies: nobody is left to tell. */
	guest[1]->d.state = DOMAIN_DYING;
	assert_int_equal(CLOSE(1, a), 0);
	die(2);
	assert_int_equal(STATUS(1, a), LODGE_PORT_FREE);
	assert_false(took(1, a));
	/* Both at once. */
	a = ALLOC(1, 3);
	b = BIND(3, 1, a);
	guest[0]->d.state = DOMAIN_DYING;
	die(3);
	die(1);
}

static void test_exhaustion(void **state)
{
	s64 a = ALLOC(1, 2), b, i;

	for (i = 1; i < LODGE_EVENT_PORTS; i++)
		assert_int_equal(ALLOC(2, i % DOMAINS + 1), i);
	assert_int_equal(ALLOC(2, 1), -LODGE_ENOSPC);
	assert_int_equal(BIND(2, 1, a), -LODGE_ENOSPC);
	assert_int_equal(STATUS(1, a), unbound(2)); /* nothing has happened */
	assert_false(took(1, a));
	/* Others are not concerned. */
	assert_true(ALLOC(3, 1) > 0);
	assert_true(BIND(3, 2, 2) > 0); /* 2 % 3 + 1 */
	assert_int_equal(CLOSE(2, 3000), 0);
	b = BIND(2, 1, a);
	assert_int_equal(b, 3000);
	check_tables();
	die(2); /* with all of its ports */
	assert_int_equal(STATUS(1, a), unbound(2));
}

/* --- races --- */

#define ROUNDS 60000
#define SPAN 12 /* ports in use by test_storm() */

static u64 sent[2], seen[2];
static u64 end_port[2];
static bool stop;

static void *pinger(void *arg)
{
	u64 me = (u64)arg, i;

	for (i = 0; i < ROUNDS; i++) {
		__atomic_fetch_add(&sent[me], 1, __ATOMIC_SEQ_CST);
		if (SEND(me + 1, end_port[me]))
			abort();
	}
	return NULL;
}

/* The upcall of domain me: what the other has sent by then. */
static void *ponger(void *arg)
{
	u64 me = (u64)arg;
	bool last;

	do {
		last = __atomic_load_n(&stop, __ATOMIC_SEQ_CST);
		if (__atomic_exchange_n(&guest[me]->page[0].pending, 0,
					__ATOMIC_SEQ_CST) &&
		    took(me + 1, end_port[me]))
			seen[me] =
				__atomic_load_n(&sent[!me], __ATOMIC_SEQ_CST);
	} while (!last);
	return NULL;
}

static void test_ping(void **state)
{
	pthread_t ping[2], pong[2];
	u64 i;

	end_port[0] = ALLOC(1, 2);
	end_port[1] = BIND(2, 1, end_port[0]);
	for (i = 0; i < 2; i++) {
		pthread_create(&pong[i], NULL, ponger, (void *)i);
		pthread_create(&ping[i], NULL, pinger, (void *)i);
	}
	for (i = 0; i < 2; i++)
		pthread_join(ping[i], NULL);
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	for (i = 0; i < 2; i++) {
		pthread_join(pong[i], NULL);
		assert_int_equal(sent[i], ROUNDS);
		assert_int_equal(seen[i], ROUNDS);
	}
}

/* Two vCPUs of each domain do everything to few ports. */
static void *stormer(void *arg)
{
	u32 id = (u64)arg % DOMAINS + 1;
	unsigned int seed = (u64)arg, i;
	u64 good = 0;

	for (i = 0; i < ROUNDS; i++) {
		u64 port = rand_r(&seed) % SPAN + 1;
		u64 whom = rand_r(&seed) % DOMAINS + 1;
		s64 ret = -1;

		switch (rand_r(&seed) % 8) {
		case 0:
			ret = ALLOC(id, whom);
			break;
		case 1 ... 3:
			ret = BIND(id, whom, port);
			break;
		case 4:
			ret = SEND(id, port);
			break;
		case 5:
			ret = op(id, LODGE_EVENT_BIND_VCPU, port, i % VCPUS);
			break;
		default:
			ret = CLOSE(id, port);
		}
		/* Those above SPAN would pile up. */
		if (ret > SPAN && CLOSE(id, ret))
			abort();
		good += ret >= 0;
	}
	return (void *)good;
}

static void test_storm(void **state)
{
	pthread_t t[2 * DOMAINS];
	void *good;
	u64 i;

	for (i = 0; i < 2 * DOMAINS; i++)
		pthread_create(&t[i], NULL, stormer, (void *)i);
	for (i = 0; i < 2 * DOMAINS; i++) {
		pthread_join(t[i], &good);
		assert_true((u64)good > ROUNDS / 20);
	}
	check_tables();
}

/* Domain 2 dies and comes back while the others bind to it and send. */
static u64 entries[2]; /* each a sender's times between two entries */

static void *neighbour(void *arg)
{
	u64 me = (u64)arg, bound_count = 0;
	u32 id = me ? 3 : 1;
	s64 port = -1;

	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		if (port < 0)
			port = BIND(id, 2, me + 1);
		if (port > 0) {
			bound_count++;
			SEND(id, port);
			if (bound_count % 8 == 0) {
				CLOSE(id, port);
				port = -1;
			} else if (LODGE_STATUS_KIND(STATUS(id, port)) ==
				   LODGE_PORT_UNBOUND) {
				CLOSE(id, port);
				port = -1;
			}
		}
		__atomic_fetch_add(&entries[me], 1, __ATOMIC_SEQ_CST);
	}
	if (port > 0)
		CLOSE(id, port);
	return (void *)bound_count;
}

static void wait_for_entries(void)
{
	for (u64 i = 0; i < 2; i++) {
		u64 n = __atomic_load_n(&entries[i], __ATOMIC_SEQ_CST);

		while (__atomic_load_n(&entries[i], __ATOMIC_SEQ_CST) == n)
			cpu_relax();
	}
}

static void test_dying(void **state)
{
	pthread_t t[2];
	void *count;
	u64 i;

	stop = false;
	assert_int_equal(ALLOC(2, 1), 1);
	assert_int_equal(ALLOC(2, 3), 2);
	for (i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, neighbour, (void *)i);
	for (i = 0; i < 300; i++) {
		struct guest *old = guest[1];

		wait_for_entries();
		__atomic_store_n(&old->d.state, DOMAIN_DYING, __ATOMIC_SEQ_CST);
		__atomic_store_n(&guest[1], NULL, __ATOMIC_SEQ_CST);
		wait_for_entries(); /* what domain_reap() waits for */
		event_end(&old->d);
		guest_free(old); /* the sanitizer sees who comes late */
		guest_create(2);
		assert_int_equal(ALLOC(2, 1), 1);
		assert_int_equal(ALLOC(2, 3), 2);
	}
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	for (i = 0; i < 2; i++) {
		pthread_join(t[i], &count);
		assert_true((u64)count > 300);
	}
	assert_int_equal(STATUS(2, 1), unbound(1));
	assert_int_equal(STATUS(2, 2), unbound(3));
	check_tables();
}

#define E(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		E(test_channel), E(test_refusals), E(test_loopback),
		E(test_close),	 E(test_death),	   E(test_exhaustion),
		E(test_ping),	 E(test_storm),	   E(test_dying),
	};

	return RUN(tests);
}
