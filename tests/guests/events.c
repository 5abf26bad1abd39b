// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: event channels (event.h) and the virtual interrupt flag (vcpu.h): an
 * event sets its bit, a clear bit that is not masked leads to an upcall when
 * virtual interrupts are on, VERSION delivers what is pending, UNMASK sends
 * again, CLOSE frees, and every operation refuses ports, vCPUs and numbers
 * that are not there. How: IPIs to itself through all the states. Channels
 * between two domains are channel.c's; here are their refusals, and one from
 * the domain to itself.
 */
#include "guest.h"

static volatile u64 hits;

static void hit(u64 port)
{
	hits++;
}

static void test_ipi_to_self(void)
{
	u64 port = bind_ipi(0, hit);
	u64 word = port / 64, bit = 1UL << port % 64;
	u64 upcalls = cpus[0].upcalls;

	CHECK_EQ(hc_event(STATUS, port, 0), LODGE_PORT_IPI | 0 << 8);
	/* Off: it waits, and the page says so. */
	irq_off();
	CHECK_EQ(hc_event(SEND, port, 0), 0);
	CHECK(hits == 0, "upcall with virtual interrupts off");
	CHECK(shared.pending[word] & bit, "the pending bit is clear");
	CHECK(vcpu_page->pending, "the pending byte is clear");
	CHECK(vcpu_page->event_sel >> word & 1, "event_sel is %lx",
	      vcpu_page->event_sel);
	/* On, and the call that delivers. */
	vcpu_page->vif = 1;
	CHECK_EQ(hc(LODGE_HC_VERSION) >> 16, LODGE_ABI_MAJOR);
	CHECK(hits == 1, "VERSION did not deliver: %lu", hits);
	CHECK(vcpu_page->vif == 1, "virtual IF lost over an upcall");
	/* On: at once. */
	CHECK_EQ(hc_event(SEND, port, 0), 0);
	CHECK(hits == 2, "SEND with interrupts on: %lu hits", hits);
	CHECK(cpus[0].upcalls == upcalls + 2, "%lu upcalls for two events",
	      cpus[0].upcalls - upcalls);
	/* Two sends before delivery are one event. */
	irq_off();
	hc_event(SEND, port, 0);
	hc_event(SEND, port, 0);
	irq_on();
	CHECK(hits == 3, "two sends gave %lu events", hits - 2);
	irq_off();
	CHECK_EQ(hc_event(CLOSE, port, 0), 0);
	CHECK_EQ(hc_event(STATUS, port, 0), LODGE_PORT_FREE);
	CHECK_ERR(hc_event(SEND, port, 0));
	CHECK_ERR(hc_event(CLOSE, port, 0));
	hits = 0;
}

static void test_mask(void)
{
	u64 port = bind_ipi(0, hit);
	u64 word = port / 64, bit = 1UL << port % 64;

	vcpu_page->vif = 1;
	__atomic_fetch_or(&shared.mask[word], bit, __ATOMIC_SEQ_CST);
	hc_event(SEND, port, 0);
	CHECK(hits == 0, "upcall for a masked port");
	CHECK(shared.pending[word] & bit, "a masked port is not pending");
	CHECK_EQ(hc_event(UNMASK, port, 0), 0);
	CHECK(hits == 1, "UNMASK did not send again: %lu", hits);
	CHECK(!(shared.mask[word] & bit), "UNMASK left the mask bit");
	CHECK_EQ(hc_event(UNMASK, port, 0), 0);
	CHECK(hits == 1, "UNMASK sends what is not pending");
	irq_off();
	hc_event(CLOSE, port, 0);
	hits = 0;
}

/* vif may hold any non-zero byte: the hypervisor must not care. */
static void test_vif_values(void)
{
	u64 port = bind_ipi(0, hit);
	int value;

	for (value = 1; value < 256; value += 51) {
		irq_off();
		hc_event(SEND, port, 0);
		vcpu_page->vif = value;
		hc(LODGE_HC_VERSION);
		CHECK(value != 1 || hits == 1, "no upcall with vif %d", value);
		irq_off();
		vcpu_page->pending = 0;
		vcpu_page->event_sel = 0;
		shared.pending[port / 64] = 0;
		hits = 0;
	}
	hc_event(CLOSE, port, 0);
}

static void test_refusals(void)
{
	static const u64 bad_port[] = { 0,    4095,	      4096,
					4097, 1UL << 16,      1UL << 32,
					-1UL, (1UL << 32) + 1 };
	u64 timer = bind_virq(LODGE_VIRQ_TIMER, 0, hit);
	size_t i;

	CHECK_EQ(hc_event(STATUS, timer, 0), LODGE_PORT_VIRQ);
	CHECK_ERR(hc_event(BIND_VIRQ, LODGE_VIRQ_TIMER, 0)); /* twice */
	CHECK_ERR(hc_event(SEND, timer, 0)); /* of a kind one cannot send */
	CHECK_ERR(hc_event(BIND_VIRQ, LODGE_VIRQ_OUTPUT + 1, 0));
	CHECK_ERR(hc_event(BIND_VIRQ, LODGE_VIRQ_COUNT, 0));
	CHECK_ERR(hc_event(BIND_VIRQ, -1UL, 0));
	CHECK_ERR(hc_event(BIND_VIRQ, 1UL << 32, 0));
	CHECK_ERR(hc_event(BIND_VIRQ, LODGE_VIRQ_TIMER, LODGE_MAX_VCPUS));
	CHECK_ERR(hc_event(BIND_VIRQ, LODGE_VIRQ_TIMER, -1UL));
	CHECK_ERR(hc_event(BIND_IPI, LODGE_MAX_VCPUS, 0));
	CHECK_ERR(hc_event(BIND_IPI, -1UL, 0));
	CHECK_ERR(hc_event(BIND_IPI, 1UL << 32, 0));
	CHECK_ERR(hc_event(BIND_VCPU, timer, LODGE_MAX_VCPUS));
	CHECK_ERR(hc(LODGE_HC_EVENT, 9, timer, 0));
	CHECK_ERR(hc(LODGE_HC_EVENT, -1UL, timer, 0));
	for (i = 0; i < array_size(bad_port); i++) {
		CHECK_ERR(hc_event(CLOSE, bad_port[i], 0));
		CHECK_ERR(hc_event(SEND, bad_port[i], 0));
		CHECK_ERR(hc_event(UNMASK, bad_port[i], 0));
		CHECK_ERR(hc_event(BIND_VCPU, bad_port[i], 0));
		if (bad_port[i] >= LODGE_EVENT_PORTS || !bad_port[i])
			CHECK(hc_event(STATUS, bad_port[i], 0) <= 0,
			      "STATUS of port %lx", bad_port[i]);
	}
	CHECK_EQ(hc_event(CLOSE, timer, 0), 0);
	timer = bind_virq(LODGE_VIRQ_TIMER, 0, hit);
	CHECK_EQ(hc_event(CLOSE, timer, 0), 0);
}

/* What concerns two domains, as far as one can tell alone. */
static void test_channel_refusals(void)
{
	static const u64 bad_domid[] = { 0,	    0x7fff + 2,	     0xffff,
					 1UL << 16, (1UL << 32) + 1, -1UL };
	u64 self = start_info->domid;
	u64 port = hc_event(ALLOC, self, 0), ipi = bind_ipi(0, hit);
	size_t i;

	for (i = 0; i < array_size(bad_domid); i++) {
		CHECK_EQ(hc_event(ALLOC, bad_domid[i], 0), -LODGE_EINVAL);
		CHECK_EQ(hc_event(BIND_REMOTE, bad_domid[i], port),
			 -LODGE_EINVAL);
	}
	CHECK_EQ(hc_event(BIND_REMOTE, self, 0), -LODGE_EINVAL);
	CHECK_EQ(hc_event(BIND_REMOTE, self, 4096), -LODGE_EINVAL);
	CHECK_EQ(hc_event(BIND_REMOTE, self, (1UL << 32) + port),
		 -LODGE_EINVAL);
	CHECK_EQ(hc_event(BIND_REMOTE, self, 4000), -LODGE_ENOENT);
	CHECK_EQ(hc_event(BIND_REMOTE, self, ipi), -LODGE_ENOENT);
	CHECK_EQ(hc_event(BIND_REMOTE, LODGE_DOMID_MAX, port), -LODGE_ENOENT);
	CHECK_EQ(hc_event(SEND, port, 0), -LODGE_EAGAIN);
	CHECK_EQ(hc_event(BIND_VCPU, port, LODGE_MAX_VCPUS), -LODGE_ENOENT);
	/* What only a control domain may have. */
	CHECK_EQ(hc_event(BIND_VIRQ, LODGE_VIRQ_DOMAIN, 0), -LODGE_EPERM);
	CHECK_EQ(hc_event(BIND_VIRQ, LODGE_VIRQ_OUTPUT, 0), -LODGE_EPERM);
	CHECK_EQ(hc_event(CLOSE, port, 0), 0);
	CHECK_EQ(hc_event(CLOSE, ipi, 0), 0);
}

/* A channel to itself. */
static void test_loopback(void)
{
	u64 self = start_info->domid;
	u64 a = hc_event(ALLOC, LODGE_DOMID_SELF, 0);
	u64 b = hc_event(BIND_REMOTE, LODGE_DOMID_SELF, a);

	CHECK_EQ(hc_event(STATUS, a, 0),
		 LODGE_PORT_INTERDOMAIN | self << 32 | b << 48);
	CHECK_EQ(hc_event(STATUS, b, 0),
		 LODGE_PORT_INTERDOMAIN | self << 32 | a << 48);
	irq_on();
	port_handler(a, hit); /* it was told of the binding */
	CHECK(hits == 1, "binding gave %lu events", hits);
	port_handler(b, hit);
	CHECK(hits == 1, "the end that binds got %lu events", hits - 1);
	CHECK_EQ(hc_event(SEND, a, 0), 0);
	CHECK_EQ(hc_event(SEND, b, 0), 0);
	CHECK(hits == 3, "two sends gave %lu events", hits - 1);
	CHECK_EQ(hc_event(CLOSE, b, 0), 0);
	CHECK(hits == 4, "closing gave %lu events", hits - 3);
	CHECK_EQ(hc_event(STATUS, a, 0), LODGE_PORT_UNBOUND | self << 32);
	CHECK_EQ(hc_event(SEND, b, 0), -LODGE_ENOENT);
	CHECK_EQ(hc_event(CLOSE, a, 0), 0);
	irq_off();
	hits = 0;
}

/* The table fills up with an error, and is usable afterwards. */
static void test_all_ports(void)
{
	static u16 ports[LODGE_EVENT_PORTS];
	u64 count = 0;
	s64 port;

	for (;;) {
		port = hc_event(BIND_IPI, 0, 0);
		if (port < 0 || count >= LODGE_EVENT_PORTS - 1)
			break;
		CHECK(port > 0 && port < LODGE_EVENT_PORTS, "port %ld", port);
		ports[count++] = port;
	}
	printf("  %lu ports, then %ld\n", count, port);
	CHECK(is_errno(port), "the full table gives %ld", port);
	irq_on();
	while (count) {
		port = ports[--count];
		if (count % 64 == 0) {
			port_handler(port, hit);
			hits = 0;
			hc_event(SEND, port, 0);
			CHECK(hits == 1, "port %ld gave %lu events", port,
			      hits);
		}
		CHECK_EQ(hc_event(CLOSE, port, 0), 0);
	}
	irq_off();
}

void test_main(void)
{
	CHECK(shared.wall_sec > 1500000000, "wall clock %lu", shared.wall_sec);
	CHECK(shared.mask[0] == -1UL && shared.mask[63] == -1UL,
	      "mask bits clear after SET_SHARED");
	test_ipi_to_self();
	test_mask();
	test_vif_values();
	test_refusals();
	test_channel_refusals();
	test_loopback();
	test_all_ports();
}
