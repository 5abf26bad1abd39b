// SPDX-License-Identifier: GPL-2.0
/*
 * Grace periods: when may a frame that was taken out of a p2m be used again?
 *
 * The p2m is read without a lock, and what a reader found there it may go on
 * using for as long as it stays in the hypervisor without passing the top of
 * the exit loop. So a retired frame waits until every processor was seen
 * there, in a guest or idle. (In a guest it is the shadow that counts; who
 * retires a frame has removed it there before. An interrupt ends idling.)
 *
 * The control domain goes on seeing what it has once mapped of others (p2m.h).
 * So whatever is retired is taken out of its p2m, and before the frames of a
 * period are free its shadows are purged, once for all of them.
 *
 * Owns two lists: `waiting` for the next period to begin, under retire_lock,
 * and `ending` with the period that is under way, which belongs to whoever has
 * set `collecting`. Each processor notes in p->grace the newest period that
 * began before it was last at the top. There is no timer: processors come by
 * often enough, and a domain that waits for memory asks again.
 */
#include "domain.h"
#include "frame.h"
#include "../x86/pcpu.h"

#define FREED_AT_ONCE 64 /* blocks; the rest waits for the next who comes */

static struct spinlock retire_lock = SPINLOCK_INIT(LOCK_RETIRE);
static u32 waiting, ending;
static u64 period; /* number of the one under way */
static bool collecting; /* atomic */
static bool busy; /* either list has something */
/* Shadows of the control domain may have frames of that list. */
static bool waiting_stale, ending_stale;

static void push(mpa_t addr, bool stale)
{
	spin_lock(&retire_lock);
	frame_push(&waiting, addr);
	waiting_stale |= stale;
	WRITE_ONCE(busy, true);
	spin_unlock(&retire_lock);
}

void frame_retire(mpa_t addr, unsigned int order)
{
	struct domain *control = domain_control();

	push(addr, control && p2m_forget(&control->p2m, addr, order));
}

void page_retire(void *page)
{
	push(virt_to_mpa(page), false);
}

bool frame_retired(void)
{
	return READ_ONCE(busy);
}

static bool period_is_over(void)
{
	unsigned int i;

	for (i = 0; i < pcpu_count; i++) {
		const struct pcpu *p = pcpus[i];

		/* Pairs with the exchange on the way in (enter_host, idle). */
		if (__atomic_load_n(&p->mode, __ATOMIC_SEQ_CST) == PCPU_HOST &&
		    READ_ONCE(p->grace) < period)
			return false;
	}
	return true;
}

static void collect(void)
{
	unsigned int n, order;
	struct domain *d;
	mpa_t addr;

	if (ending && !period_is_over())
		return;
	if (ending_stale)
		shadow_purge(domain_control());
	ending_stale = false;
	for (n = 0; n < FREED_AT_ONCE && ending; n++) {
		addr = frame_pop(&ending, &order);
		d = domain_find(frame_owner(addr));
		if (d)
			__atomic_fetch_sub(&d->mem_retired, 1UL << order,
					   __ATOMIC_RELAXED);
		frame_free(addr, order);
	}
	if (ending)
		return;
	spin_lock(&retire_lock);
	ending = waiting;
	waiting = 0;
	ending_stale = waiting_stale;
	waiting_stale = false;
	WRITE_ONCE(period, period + 1);
	WRITE_ONCE(this_pcpu()->grace, period);
	WRITE_ONCE(busy, ending);
	spin_unlock(&retire_lock);
}

void frame_collect(void)
{
	if (likely(!READ_ONCE(busy)))
		return;
	WRITE_ONCE(this_pcpu()->grace, READ_ONCE(period));
	/* One is enough, and nobody shall wait here. */
	if (__atomic_exchange_n(&collecting, true, __ATOMIC_ACQUIRE))
		return;
	collect();
	__atomic_store_n(&collecting, false, __ATOMIC_RELEASE);
}
