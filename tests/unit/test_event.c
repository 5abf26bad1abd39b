// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: the operations of LODGE_HC_EVENT do what lodge/event.h says and fail
 * as documented; an event that is sent reaches its vCPU however send, mask,
 * unmask, close and the guest's own upcall race; nothing that the guest
 * writes into its shared page makes the hypervisor touch anything else.
 */
#include "test.h"
#include <pthread.h>
#include "../../hypervisor-stub/core/event.c"

#define VCPUS 4

static struct domain dom;
static struct vcpu vcpus[VCPUS];
static struct lodge_vcpu_page pages[VCPUS];
static struct lodge_shared *shared;
static u64 notified[VCPUS];
static u64 guest_size; /* bytes of guest memory */

void vcpu_notify(struct vcpu *v)
{
	__atomic_fetch_add(&notified[v->id], 1, __ATOMIC_SEQ_CST);
}

mpa_t p2m_pin(const struct p2m *p, gpa_t gpa)
{
	return gpa < guest_size && PAGE_SIZE <= guest_size - gpa ?
		       (mpa_t)shared + gpa :
		       INVALID_MPA;
}

void frame_unref(mpa_t addr)
{
}

u64 time_wall_start(void)
{
	return 1234;
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
	return id == dom.id && !domain_is_dying(&dom) ? &dom : NULL;
}

static int setup(void **state)
{
	unsigned int i;

	memset(&dom, 0, sizeof(dom));
	memset(vcpus, 0, sizeof(vcpus));
	memset(pages, 0, sizeof(pages));
	memset(notified, 0, sizeof(notified));
	dom.id = 1;
	dom.state = DOMAIN_RUNNING;
	dom.vcpu_count = VCPUS;
	for (i = 0; i < VCPUS; i++) {
		vcpus[i].domain = &dom;
		vcpus[i].id = i;
		vcpus[i].page = &pages[i];
		dom.vcpu[i] = &vcpus[i];
	}
	shared = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	memset(shared, 0x5a, PAGE_SIZE);
	guest_size = PAGE_SIZE;
	return event_init(&dom);
}

static int teardown(void **state)
{
	event_destroy(&dom);
	event_destroy(&dom); /* twice does no harm */
	free(shared);
	return 0;
}

static s64 op(u64 o, u64 a, u64 b)
{
	return do_event(&vcpus[0], o, a, b);
}

static bool is_set(const u64 *map, u64 port)
{
	return map[port / 64] >> port % 64 & 1;
}

static void start(void)
{
	assert_int_equal(do_set_shared(&vcpus[0], 0), 0);
}

static void test_shared(void **state)
{
	unsigned int i;

	assert_int_equal(op(LODGE_EVENT_BIND_IPI, 0, 0), -LODGE_EINVAL);
	event_send_vcpu_virq(&vcpus[0], LODGE_VIRQ_TIMER); /* nothing */
	assert_int_equal(do_set_shared(&vcpus[0], 8), -LODGE_EINVAL);
	assert_int_equal(do_set_shared(&vcpus[0], 4096), -LODGE_EFAULT);
	assert_int_equal(do_set_shared(&vcpus[0], ~0UL << 12), -LODGE_EFAULT);
	assert_int_equal(do_set_shared(&vcpus[0], 0), 0);
	assert_int_equal(do_set_shared(&vcpus[1], 0), -LODGE_EEXIST);
	for (i = 0; i < LODGE_EVENT_WORDS; i++) {
		assert_true(shared->pending[i] == 0);
		assert_true(shared->mask[i] == ~0UL);
	}
	assert_int_equal(shared->wall_sec, 1234);
}

/* What was wanted before the page was there is seen when it comes. */
static void test_devices(void **state)
{
	const u64 word = 3UL << 32 | 7;

	request_send_devices(&dom, word);
	request_send(&dom, LODGE_REQUEST_REBOOT, 10, 0);
	assert_int_equal(do_set_shared(&vcpus[0], 0), 0);
	assert_int_equal(shared->request.devices, word);
	assert_int_equal(shared->request.bits, LODGE_REQUEST_REBOOT);
	assert_int_equal(shared->request.mem_target, 10);
	shared->request.bits = 0;
	shared->request.devices = 9; /* nobody believes that */
	request_send(&dom, 0, 11, 0);
	assert_int_equal(shared->request.devices, word);
	request_send_devices(&dom, 0);
	assert_int_equal(shared->request.devices, 0);
	assert_int_equal(shared->request.mem_target, 11);
	assert_int_equal(shared->request.bits, 0);
}

static void test_errors(void **state)
{
	s64 timer, ipi;

	start();
	assert_int_equal(op(9, 0, 0), -LODGE_ENOSYS);
	assert_int_equal(op(~0UL, 0, 0), -LODGE_ENOSYS);
	assert_int_equal(op(LODGE_EVENT_BIND_VIRQ, 5, 0), -LODGE_EINVAL);
	assert_int_equal(op(LODGE_EVENT_BIND_VIRQ, ~0UL, 0), -LODGE_EINVAL);
	assert_int_equal(op(LODGE_EVENT_BIND_VIRQ, 0, VCPUS), -LODGE_ENOENT);
	assert_int_equal(op(LODGE_EVENT_BIND_VIRQ, 0, ~0UL), -LODGE_ENOENT);
	assert_int_equal(op(LODGE_EVENT_BIND_IPI, VCPUS, 0), -LODGE_ENOENT);
	timer = op(LODGE_EVENT_BIND_VIRQ, LODGE_VIRQ_TIMER, 1);
	assert_true(timer > 0);
	assert_int_equal(op(LODGE_EVENT_BIND_VIRQ, LODGE_VIRQ_TIMER, 1),
			 -LODGE_EEXIST);
	assert_true(op(LODGE_EVENT_BIND_VIRQ, LODGE_VIRQ_TIMER, 2) > 0);
	assert_true(op(LODGE_EVENT_BIND_VIRQ, LODGE_VIRQ_CONSOLE, 2) > 0);
	assert_int_equal(op(LODGE_EVENT_BIND_VIRQ, LODGE_VIRQ_CONSOLE, 0),
			 -LODGE_EEXIST);
	ipi = op(LODGE_EVENT_BIND_IPI, 3, 0);
	assert_int_equal(op(LODGE_EVENT_SEND, timer, 0), -LODGE_EINVAL);
	assert_int_equal(op(LODGE_EVENT_BIND_VCPU, timer, 0), -LODGE_EINVAL);
	assert_int_equal(op(LODGE_EVENT_BIND_VCPU, ipi, 0), -LODGE_EINVAL);
	assert_int_equal(op(LODGE_EVENT_BIND_VCPU, ipi, VCPUS), -LODGE_ENOENT);
	assert_int_equal(op(LODGE_EVENT_STATUS, timer, 0),
			 LODGE_PORT_VIRQ | 1 << 8);
	assert_int_equal(op(LODGE_EVENT_STATUS, ipi, 0),
			 LODGE_PORT_IPI | 3 << 8);
	assert_int_equal(op(LODGE_EVENT_STATUS, 100, 0), LODGE_PORT_FREE);
	for (u64 o = LODGE_EVENT_CLOSE; o <= LODGE_EVENT_STATUS; o++) {
		assert_int_equal(op(o, 0, 0), -LODGE_EINVAL);
		assert_int_equal(op(o, LODGE_EVENT_PORTS, 0), -LODGE_EINVAL);
		assert_int_equal(op(o, ~0UL, 0), -LODGE_EINVAL);
		assert_int_equal(op(o, 1UL << 32 | 1, 0), -LODGE_EINVAL);
		if (o != LODGE_EVENT_STATUS)
			assert_int_equal(op(o, 100, 0), -LODGE_ENOENT);
	}
}

static void test_full(void **state)
{
	u64 i;

	start();
	for (i = 1; i < LODGE_EVENT_PORTS; i++)
		assert_int_equal(op(LODGE_EVENT_BIND_IPI, i % VCPUS, 0), i);
	assert_int_equal(op(LODGE_EVENT_BIND_IPI, 0, 0), -LODGE_ENOSPC);
	assert_int_equal(op(LODGE_EVENT_BIND_VIRQ, 0, 0), -LODGE_ENOSPC);
	assert_int_equal(op(LODGE_EVENT_CLOSE, 777, 0), 0);
	assert_int_equal(op(LODGE_EVENT_BIND_VIRQ, 0, 0), 777);
	assert_int_equal(op(LODGE_EVENT_SEND, 4095, 0), 0);
	assert_true(is_set(shared->pending, 4095));
}

static void test_delivery(void **state)
{
	u64 port;

	start();
	port = op(LODGE_EVENT_BIND_IPI, 2, 0);
	/* masked: only the bit */
	assert_int_equal(op(LODGE_EVENT_SEND, port, 0), 0);
	assert_true(is_set(shared->pending, port));
	assert_int_equal(pages[2].pending, 0);
	assert_int_equal(notified[2], 0);
	/* UNMASK sends again */
	assert_int_equal(op(LODGE_EVENT_UNMASK, port, 0), 0);
	assert_false(is_set(shared->mask, port));
	assert_int_equal(pages[2].pending, 1);
	assert_true(pages[2].event_sel == 1UL << port / 64);
	assert_int_equal(notified[2], 1);
	/* pending already: no second upcall */
	assert_int_equal(op(LODGE_EVENT_SEND, port, 0), 0);
	assert_int_equal(notified[2], 1);
	shared->pending[0] = 0;
	assert_int_equal(op(LODGE_EVENT_UNMASK, port, 0), 0);
	assert_int_equal(notified[2], 1);
	assert_int_equal(op(LODGE_EVENT_SEND, port, 0), 0);
	assert_int_equal(notified[2], 2);
	/* CLOSE leaves a clean port, masked */
	assert_int_equal(op(LODGE_EVENT_CLOSE, port, 0), 0);
	assert_false(is_set(shared->pending, port));
	assert_true(is_set(shared->mask, port));
	assert_int_equal(op(LODGE_EVENT_SEND, port, 0), -LODGE_ENOENT);
	assert_int_equal(notified[0] + notified[1] + notified[3], 0);
}

static void test_virq(void **state)
{
	u64 timer, console;

	start();
	timer = op(LODGE_EVENT_BIND_VIRQ, LODGE_VIRQ_TIMER, 3);
	console = op(LODGE_EVENT_BIND_VIRQ, LODGE_VIRQ_CONSOLE, 1);
	memset(shared->mask, 0, sizeof(shared->mask));
	event_send_vcpu_virq(&vcpus[3], LODGE_VIRQ_TIMER);
	assert_int_equal(notified[3], 1);
	assert_true(is_set(shared->pending, timer));
	event_send_vcpu_virq(&vcpus[2], LODGE_VIRQ_TIMER);
	assert_int_equal(notified[2], 0);
	event_send_domain_virq(&dom, LODGE_VIRQ_CONSOLE);
	assert_int_equal(notified[1], 1);
	/* moved while pending: the new vCPU hears of it */
	assert_int_equal(op(LODGE_EVENT_BIND_VCPU, console, 2), 0);
	assert_int_equal(notified[2], 1);
	shared->pending[0] = 0;
	event_send_domain_virq(&dom, LODGE_VIRQ_CONSOLE);
	assert_int_equal(notified[2], 2);
	assert_int_equal(op(LODGE_EVENT_CLOSE, console, 0), 0);
	event_send_domain_virq(&dom, LODGE_VIRQ_CONSOLE);
	assert_int_equal(notified[2], 2);
	assert_int_equal(op(LODGE_EVENT_BIND_VIRQ, LODGE_VIRQ_CONSOLE, 0),
			 console);
	assert_int_equal(op(LODGE_EVENT_CLOSE, timer, 0), 0);
	event_send_vcpu_virq(&vcpus[3], LODGE_VIRQ_TIMER);
	assert_int_equal(notified[3], 1);
	/* a domain that dies hears nothing */
	dom.state = DOMAIN_DYING;
	event_send_domain_virq(&dom, LODGE_VIRQ_CONSOLE);
	assert_int_equal(notified[0], 0);
}

/* Those of the control domain, and physical interrupts. */
static void test_privileged(void **state)
{
	s64 control, pirq, ipi;

	assert_int_equal(event_bind_pirq(&dom, 9, 0), -LODGE_EPERM);
	dom.privileged = true;
	assert_int_equal(event_bind_pirq(&dom, 9, 0), -LODGE_EINVAL);
	dom.privileged = false;
	start();
	memset(shared->mask, 0, sizeof(shared->mask));
	/* Everybody's: once in the domain, and it can be moved. */
	control = op(LODGE_EVENT_BIND_VIRQ, LODGE_VIRQ_CONTROL, 1);
	assert_true(control > 0);
	assert_int_equal(op(LODGE_EVENT_BIND_VIRQ, LODGE_VIRQ_CONTROL, 2),
			 -LODGE_EEXIST);
	assert_int_equal(op(LODGE_EVENT_BIND_VCPU, control, 2), 0);
	event_send_domain_virq(&dom, LODGE_VIRQ_CONTROL);
	assert_int_equal(notified[2], 1);
	assert_int_equal(op(LODGE_EVENT_BIND_VIRQ, LODGE_VIRQ_DOMAIN, 0),
			 -LODGE_EPERM);
	assert_int_equal(op(LODGE_EVENT_BIND_VIRQ, LODGE_VIRQ_OUTPUT, 0),
			 -LODGE_EPERM);
	event_send_domain_virq(&dom, LODGE_VIRQ_DOMAIN); /* to nobody */
	dom.privileged = true;
	assert_true(op(LODGE_EVENT_BIND_VIRQ, LODGE_VIRQ_DOMAIN, 0) > 0);
	assert_true(op(LODGE_EVENT_BIND_VIRQ, LODGE_VIRQ_OUTPUT, 3) > 0);
	event_send_domain_virq(&dom, LODGE_VIRQ_OUTPUT);
	assert_int_equal(notified[3], 1);

	assert_int_equal(event_bind_pirq(&dom, 9, VCPUS), -LODGE_ENOENT);
	pirq = event_bind_pirq(&dom, 9, 1);
	assert_true(pirq > 0);
	assert_int_equal(op(LODGE_EVENT_STATUS, pirq, 0),
			 LODGE_PORT_PIRQ | 1 << 8 | 9L << 48);
	assert_int_equal(op(LODGE_EVENT_SEND, pirq, 0), -LODGE_EINVAL);
	assert_true(event_send_pirq(&dom, pirq, 9));
	assert_int_equal(notified[1], 1);
	/* Masked it waits, unmasked it comes; it can be moved. */
	shared->pending[pirq / 64] = 0;
	shared->mask[pirq / 64] |= BIT(pirq % 64);
	assert_true(event_send_pirq(&dom, pirq, 9));
	assert_int_equal(notified[1], 1);
	assert_int_equal(op(LODGE_EVENT_BIND_VCPU, pirq, 3), 0);
	assert_int_equal(op(LODGE_EVENT_UNMASK, pirq, 0), 0);
	assert_int_equal(notified[3], 2);
	/* The sender hears that nobody listens. */
	assert_false(event_send_pirq(&dom, pirq, 8));
	assert_false(event_send_pirq(&dom, control, LODGE_VIRQ_CONTROL));
	assert_false(event_send_pirq(&dom, 0, 0));
	assert_int_equal(op(LODGE_EVENT_CLOSE, pirq, 0), 0);
	assert_false(event_send_pirq(&dom, pirq, 9));
	ipi = op(LODGE_EVENT_BIND_IPI, 0, 0);
	assert_int_equal(ipi, pirq);
	assert_false(event_send_pirq(&dom, pirq, 9));
	assert_false(is_set(shared->pending, ipi));
}

/* --- races --- */

#define ROUNDS 100000
static u64 ports[VCPUS];
static u64 sent[VCPUS], seen[VCPUS]; /* data that goes with the event */
static bool stop;

/* Other vCPUs: write data, then send. */
static void *sender(void *arg)
{
	unsigned int i, seed = (unsigned long)arg;

	for (i = 0; i < ROUNDS; i++) {
		unsigned int to = rand_r(&seed) % VCPUS;

		__atomic_fetch_add(&sent[to], 1, __ATOMIC_SEQ_CST);
		if (do_event(&vcpus[0], LODGE_EVENT_SEND, ports[to], 0))
			abort();
	}
	return NULL;
}

/* The guest's upcall on one vCPU, as lodge/event.h describes it. */
static void upcall(unsigned int n)
{
	u64 sel, word, bits;

	if (!__atomic_exchange_n(&pages[n].pending, 0, __ATOMIC_SEQ_CST))
		return;
	sel = __atomic_exchange_n(&pages[n].event_sel, 0, __ATOMIC_SEQ_CST);
	for (word = 0; word < 64; word++) {
		if (!(sel >> word & 1))
			continue;
		bits = __atomic_load_n(&shared->pending[word],
				       __ATOMIC_SEQ_CST) &
		       ~__atomic_load_n(&shared->mask[word], __ATOMIC_SEQ_CST);
		if (!(bits >> ports[n] % 64 & 1) || word != ports[n] / 64)
			continue;
		__atomic_fetch_and(&shared->pending[word],
				   ~(1UL << ports[n] % 64), __ATOMIC_SEQ_CST);
		seen[n] = __atomic_load_n(&sent[n], __ATOMIC_SEQ_CST);
	}
}

static void *receiver(void *arg)
{
	unsigned int n = (unsigned long)arg, seed = n;

	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		upcall(n);
		if (rand_r(&seed) % 8)
			continue;
		/* mask it for a while, like a level interrupt */
		__atomic_fetch_or(&shared->mask[ports[n] / 64],
				  1UL << ports[n] % 64, __ATOMIC_SEQ_CST);
		upcall(n);
		if (do_event(&vcpus[n], LODGE_EVENT_UNMASK, ports[n], 0))
			abort();
	}
	upcall(n);
	return NULL;
}

/* Closes and binds other ports all the time, and sends to what it closed. */
static void *churner(void *arg)
{
	u64 n = (unsigned long)arg;

	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		s64 port = do_event(&vcpus[n], LODGE_EVENT_BIND_IPI, n, 0);
		s64 virq = do_event(&vcpus[n], LODGE_EVENT_BIND_VIRQ,
				    LODGE_VIRQ_TIMER, n);

		if (port < 0 || virq < 0)
			abort();
		event_send_vcpu_virq(&vcpus[n], LODGE_VIRQ_TIMER);
		event_send_vcpu_virq(&vcpus[!n], LODGE_VIRQ_TIMER);
		if (do_event(&vcpus[n], LODGE_EVENT_SEND, port, 0) ||
		    do_event(&vcpus[n], LODGE_EVENT_CLOSE, port, 0) ||
		    do_event(&vcpus[n], LODGE_EVENT_CLOSE, virq, 0))
			abort();
	}
	return NULL;
}

static void test_races(void **state)
{
	pthread_t send[2], receive[VCPUS], churn[2];
	unsigned long i;

	start();
	for (i = 0; i < VCPUS; i++) {
		/* different words, and one shared by two */
		while ((ports[i] = op(LODGE_EVENT_BIND_IPI, i, 0)) < i * 70)
			;
		op(LODGE_EVENT_UNMASK, ports[i], 0);
	}
	for (i = 0; i < VCPUS; i++)
		pthread_create(&receive[i], NULL, receiver, (void *)i);
	for (i = 0; i < 2; i++) {
		pthread_create(&churn[i], NULL, churner, (void *)i);
		pthread_create(&send[i], NULL, sender, (void *)i);
	}
	for (i = 0; i < 2; i++)
		pthread_join(send[i], NULL);
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	for (i = 0; i < 2; i++)
		pthread_join(churn[i], NULL);
	for (i = 0; i < VCPUS; i++)
		pthread_join(receive[i], NULL);
	for (i = 0; i < VCPUS; i++) {
		/* the last event was not lost, nor its notice */
		assert_int_equal(seen[i], sent[i]);
		assert_true(sent[i] > ROUNDS / VCPUS);
	}
}

/* The whole page is garbage while everything is called at random. */
static void test_hostile_page(void **state)
{
	int step;

	start();
	srand(5);
	for (step = 0; step < 200000; step++) {
		((u8 *)shared)[rand() % 4096] = rand();
		((u8 *)pages)[rand() % sizeof(pages)] = rand();
		op(rand() % 10, rand() % 40, rand() % (VCPUS + 1));
		event_send_vcpu_virq(&vcpus[rand() % VCPUS], rand() % 8);
	}
}

#define E(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		E(test_shared),	    E(test_devices),  E(test_errors),
		E(test_full),	    E(test_delivery), E(test_virq),
		E(test_privileged), E(test_races),    E(test_hostile_page),
	};

	return RUN(tests);
}
