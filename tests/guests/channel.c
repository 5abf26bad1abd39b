// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: a channel joins two domains (event.h, ALLOC and BIND_REMOTE): each
 * event on one end reaches the other; when an end is closed, or its domain
 * ends in good order or badly (how=crash), the other waits for the same
 * domain again and gets an event. How: domains 1 and 2 play ping-pong, close
 * and bind again from either side, until domain `dies` goes. They have no
 * memory in common, so a second channel says whose turn it is; no event is
 * ever sent before the last one was counted, so each of them counts. A third
 * appears when both have been looked at: until then nobody binds to them.
 */
#include "guest.h"

#define GAME 500
#define FIRST 1 /* what ALLOC gives to a domain that has no port */
#define SECOND 2
#define READY 3

static volatile u64 hits, turns, replies;
static u64 peer, port, turn_port;

static void hit(u64 p)
{
	hits++;
	if (!replies)
		return;
	replies--;
	CHECK_EQ(hc_event(SEND, p, 0), 0);
}

static void turn(u64 p)
{
	turns++;
}

static void wait_count(volatile u64 *count, u64 want)
{
	irq_off();
	while (*count < want) {
		hc(LODGE_HC_BLOCK);
		irq_off();
	}
	CHECK(*count == want, "%lu events instead of %lu", *count, want);
	*count = 0;
}

static void give_turn(void)
{
	CHECK_EQ(hc_event(SEND, turn_port, 0), 0);
}

static void wait_turn(void)
{
	wait_count(&turns, 1);
}

static s64 unbound(void)
{
	return LODGE_PORT_UNBOUND | (s64)peer << 32;
}

static u64 other_end(void)
{
	s64 status = hc_event(STATUS, port, 0);

	CHECK(LODGE_STATUS_KIND(status) == LODGE_PORT_INTERDOMAIN &&
		      LODGE_STATUS_DOMID(status) == (s64)peer,
	      "STATUS is %lx", status);
	return LODGE_STATUS_NUMBER(status);
}

static void play(void)
{
	replies = GAME - 1;
	CHECK_EQ(hc_event(SEND, port, 0), 0);
	wait_count(&hits, GAME);
}

static void answer(void)
{
	wait_count(&hits, GAME);
}

static u64 offer(u64 expected)
{
	u64 p = hc_event(ALLOC, peer, 0);

	CHECK_EQ(p, expected);
	CHECK_EQ(hc_event(STATUS, p, 0), unbound());
	CHECK_EQ(hc_event(SEND, p, 0), -LODGE_EAGAIN);
	return p;
}

/* The other domain may not have come so far. Ready to answer a game. */
static u64 bind(u64 remote)
{
	s64 p;

	replies = GAME;
	do {
		p = hc_event(BIND_REMOTE, peer, remote);
		CHECK(p > 0 || p == -LODGE_ENOENT, "BIND_REMOTE: %ld", p);
		hc(LODGE_HC_YIELD);
	} while (p <= 0);
	return p;
}

static void wait_bound(void)
{
	wait_count(&hits, 1);
	CHECK(other_end(), "bound to port 0");
}

static void wait_closed(void)
{
	wait_count(&hits, 1);
	CHECK_EQ(hc_event(STATUS, port, 0), unbound());
	CHECK_EQ(hc_event(SEND, port, 0), -LODGE_EAGAIN);
}

static void first(void)
{
	u64 remote;

	port = offer(FIRST);
	turn_port = offer(SECOND);
	port_handler(port, hit);
	port_handler(turn_port, turn);
	CHECK_EQ(hc_event(ALLOC, peer, 0), READY);
	wait_bound();
	wait_turn(); /* that is bound, too */
	play();
	/* The other closes its end, and comes back to the same port. */
	give_turn();
	wait_closed();
	give_turn();
	wait_bound();
	play();
	/* Now this end is closed, and made anew. */
	remote = other_end();
	give_turn();
	wait_turn();
	CHECK_EQ(hc_event(CLOSE, port, 0), 0);
	wait_turn();
	port = bind(remote);
	port_handler(port, hit);
	answer();
}

static void second(void)
{
	bind(READY);
	port = bind(FIRST);
	port_handler(port, hit);
	turn_port = bind(SECOND);
	port_handler(turn_port, turn);
	answer();
	wait_turn();
	CHECK_EQ(hc_event(CLOSE, port, 0), 0);
	CHECK_EQ(hc_event(STATUS, port, 0), LODGE_PORT_FREE);
	wait_turn();
	port = bind(FIRST);
	port_handler(port, hit);
	answer();
	wait_turn();
	give_turn();
	wait_closed();
	give_turn();
	wait_bound();
	play();
}

static void survive(void)
{
	u64 remote = other_end();

	give_turn();
	wait_closed();
	CHECK_EQ(hc_event(BIND_REMOTE, peer, remote), -LODGE_ENOENT);
	CHECK_EQ(hc_event(CLOSE, port, 0), 0);
}

void test_main(void)
{
	peer = 3 - start_info->domid;
	CHECK(start_info->features & LODGE_FEATURE_CHANNELS, "no feature bit");
	if (peer == 2)
		first();
	else
		second();
	if (arg_u64("dies", 2) == peer) {
		survive();
		return;
	}
	wait_turn();
	if (arg_is("how", "crash"))
		asm volatile("hlt"); /* with interrupts off */
}
