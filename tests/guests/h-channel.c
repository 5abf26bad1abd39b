// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack on event channels, from all vCPUs at once.
 * role=storm: binds what domain `to` offers, and sends, closes and binds again
 * as fast as it can. role=victim: is that domain, and must keep its latency;
 * what it masks must be quiet. role=race: domains 1 and 2 do everything to few
 * ports of their own and of each other. Expected: errors or the documented
 * effect, no port lost or left over, and a witness that notices nothing.
 */
#include "guest.h"

#define OFFERS 8
#define SPAN 16 /* ports that are played with */

static u64 end, quarter, peer; /* ns */
static volatile u64 hits, ticks, last_tick, longest_gap;
static u64 calls[9], good[9];

static u64 random(u64 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void hit(u64 port)
{
	hits++;
}

/* Nothing but a result or an error of the list comes back. */
static s64 event(u64 op, u64 a, u64 b)
{
	s64 ret = hc(LODGE_HC_EVENT, op, a, b);

	CHECK(ret >= 0 || is_errno(ret), "operation %lu(%lx, %lx) gives %ld",
	      op, a, b, ret);
	__atomic_fetch_add(&calls[op], 1, __ATOMIC_RELAXED);
	if (ret >= 0)
		__atomic_fetch_add(&good[op], 1, __ATOMIC_RELAXED);
	return ret;
}

static void show_calls(void)
{
	size_t i;

	for (i = 0; i < array_size(calls); i++)
		if (calls[i])
			printf("  operation %lu: %lu calls, %lu well\n", i,
			       calls[i], good[i]);
}

/* --- storm --- */

static void storm(struct cpu *cpu, void *arg)
{
	u64 seed = 77 + cpu->id, i;

	while (now() < end) {
		u64 offer = random(&seed) % OFFERS + 1;
		s64 port = event(LODGE_EVENT_BIND_REMOTE, peer, offer);

		if (port < 0)
			continue;
		for (i = 0; i < (cpu->id % 2 ? 1 : 500); i++)
			event(LODGE_EVENT_SEND, port, 0);
		/* It is ours, even if the victim has closed its end. */
		CHECK_EQ(event(LODGE_EVENT_CLOSE, port, 0), 0);
	}
}

/* --- victim --- */

static void tick(u64 port)
{
	u64 t = now();

	if (ticks++ && t - last_tick > longest_gap)
		longest_gap = t - last_tick;
	last_tick = t;
	hc(LODGE_HC_SET_TIMER, t + 20000000);
}

static void victim(void)
{
	u64 ports[OFFERS], i, before, timer, seen;

	for (i = 0; i < OFFERS; i++) {
		ports[i] = hc_event(ALLOC, peer, 0);
		CHECK_EQ(ports[i], i + 1); /* where the other looks */
		port_handler(ports[i], hit);
	}
	timer = bind_virq(LODGE_VIRQ_TIMER, 0, tick);
	irq_on();
	tick(timer);
	/* For half of the time as it comes. */
	while (now() < end - 2 * quarter)
		hc(LODGE_HC_BLOCK);
	seen = hits;
	/* Then close and offer one again and again. */
	while (now() < end - quarter) {
		CHECK_EQ(hc_event(CLOSE, OFFERS, 0), 0);
		CHECK_EQ(hc_event(ALLOC, peer, 0), OFFERS);
		hc_event(UNMASK, OFFERS, 0);
	}
	/* And masked it is quiet. */
	irq_off();
	for (i = 0; i < OFFERS; i++)
		__atomic_fetch_or(&shared.mask[0], 1UL << ports[i],
				  __ATOMIC_SEQ_CST);
	irq_on(); /* what has come before comes now */
	before = hits;
	while (now() < end)
		hc(LODGE_HC_BLOCK);
	irq_off();
	printf("  victim: %lu events, %lu ticks, longest gap %lu ms\n", hits,
	       ticks, longest_gap / 1000000);
	CHECK(seen > 20, "only %lu events", seen);
	CHECK(hits == before, "%lu events on masked ports", hits - before);
	CHECK(longest_gap < arg_u64("gap", 4) * 1000000000,
	      "stopped for %lu ms", longest_gap / 1000000);
	for (i = 0; i < OFFERS; i++)
		CHECK_EQ(hc_event(CLOSE, ports[i], 0), 0);
}

/* --- race --- */

static void check_status(u64 port)
{
	s64 s = event(LODGE_EVENT_STATUS, port, 0);
	u64 kind = LODGE_STATUS_KIND(s), whom = LODGE_STATUS_DOMID(s);

	if (kind == LODGE_PORT_FREE)
		CHECK_EQ(s, 0);
	else
		CHECK((kind == LODGE_PORT_UNBOUND ||
		       kind == LODGE_PORT_INTERDOMAIN) &&
			      (whom == peer || whom == start_info->domid) &&
			      LODGE_STATUS_VCPU(s) < start_info->vcpu_count,
		      "STATUS of port %lu is %lx", port, s);
}

static void race(struct cpu *cpu, void *arg)
{
	u64 seed = 0x9e3779b97f4a7c15 * (cpu->id + 3 * start_info->domid);

	irq_on();
	while (now() < end) {
		u64 r = random(&seed), port = r >> 8 & (SPAN - 1);
		u64 whom = r >> 16 & 3 ? peer : LODGE_DOMID_SELF;
		s64 ret = 0;

		switch (r % 16) {
		case 0 ... 1:
			ret = event(LODGE_EVENT_ALLOC, whom, 0);
			break;
		case 2 ... 6:
			ret = event(LODGE_EVENT_BIND_REMOTE, whom, port);
			break;
		case 7 ... 9:
			event(LODGE_EVENT_SEND, port, 0);
			break;
		case 10 ... 12:
			event(LODGE_EVENT_CLOSE, port, 0);
			break;
		case 13:
			event(LODGE_EVENT_BIND_VCPU, port, r >> 20 & 3);
			break;
		case 14:
			event(LODGE_EVENT_UNMASK, port, 0);
			break;
		case 15:
			if (port)
				check_status(port);
		}
		if (ret >= SPAN) /* so that ports are few */
			CHECK_EQ(event(LODGE_EVENT_CLOSE, ret, 0), 0);
		CHECK(!ret || ret < 0 || ret < LODGE_EVENT_PORTS, "port %ld",
		      ret);
	}
	irq_off();
}

/* After all of it every port is there, once. */
static void count_ports(void)
{
	s64 i;

	for (i = 1; i < SPAN; i++)
		hc_event(CLOSE, i, 0);
	for (i = 1; i < LODGE_EVENT_PORTS; i++)
		CHECK_EQ(hc_event(ALLOC, LODGE_DOMID_SELF, 0), i);
	CHECK_EQ(hc_event(ALLOC, peer, 0), -LODGE_ENOSPC);
}

void test_main(void)
{
	bool racing = arg_is("role", "race");
	int count = start_info->vcpu_count, id;

	quarter = arg_u64("seconds", 4) * 250000000;
	end = now() + 4 * quarter;
	peer = arg_u64("peer", 3 - start_info->domid);
	if (arg_is("role", "victim")) {
		victim();
		return;
	}
	for (id = 1; racing && id < SPAN; id++)
		port_handler(id, hit);
	for (id = 1; id < count; id++)
		cpu_start(id, racing ? race : storm, NULL);
	(racing ? race : storm)(&cpus[0], NULL);
	for (id = 1; id < count; id++)
		cpu_join(id);
	show_calls();
	CHECK(good[LODGE_EVENT_BIND_REMOTE] > 20, "too little has happened");
	CHECK(good[LODGE_EVENT_SEND] > 20, "too little was sent");
	if (racing)
		count_ports();
	CHECK(hc(LODGE_HC_DEBUG, LODGE_DEBUG_AUDIT) <= 0,
	      "the auditor finds differences");
}
