// SPDX-License-Identifier: GPL-2.0
/*
 * One-shot timers.
 *
 * Owns one queue per processor: a list of armed timers in order of their
 * deadlines, behind a lock of level LOCK_TIMER. Fields of a timer are
 * protected by the lock of the queue of timer->cpu; so is timer->cpu itself,
 * and lock_queue_of() looks again after it has the lock.
 *
 * A processor programs its own interrupt only. Taking a timer out of another
 * processor's queue leaves that one with an interrupt too early, which finds
 * nothing to do.
 *
 * While a function runs, queue->running names its timer. timer_set() and
 * timer_stop() on another processor wait for it; their callers may therefore
 * hold no lock that the function takes.
 */
#include "lock.h"
#include "time.h"
#include "timer.h"
#include "../x86/pcpu.h"
#include "../x86/platform.h"

struct timer_queue {
	struct spinlock lock;
	struct list timers;
	struct timer *running;
} __aligned(64);

static struct timer_queue queues[MAX_CPUS];

void timer_cpu_init(unsigned int cpu)
{
	spin_init(&queues[cpu].lock, LOCK_TIMER);
	list_init(&queues[cpu].timers);
	queues[cpu].running = NULL;
}

void timer_init(struct timer *t, void (*fn)(void *arg), void *arg)
{
	*t = (struct timer){ .fn = fn, .arg = arg };
	list_init(&t->link);
}

/* Locks the queue that t belongs to; its function runs nowhere else then. */
static struct timer_queue *lock_queue_of(struct timer *t)
{
	for (;;) {
		unsigned int cpu = READ_ONCE(t->cpu);
		struct timer_queue *q = &queues[cpu];

		spin_lock(&q->lock);
		if (t->cpu == cpu &&
		    (q->running != t || cpu == this_pcpu()->id))
			return q;
		spin_unlock(&q->lock);
		__builtin_ia32_pause();
	}
}

static void unlink_timer(struct timer *t)
{
	if (t->armed)
		list_del(&t->link);
	t->armed = false;
}

static void program(struct timer_queue *q)
{
	struct timer *t;
	u64 now;

	if (list_empty(&q->timers)) {
		apic_timer_set_ns(~0UL);
		return;
	}
	t = list_first(&q->timers, struct timer, link);
	now = time_now();
	apic_timer_set_ns(t->deadline > now ? t->deadline - now : 0);
}

static void insert_timer(struct timer_queue *q, struct timer *t, u64 deadline)
{
	struct list *at;

	for (at = q->timers.next; at != &q->timers; at = at->next)
		if (list_entry(at, struct timer, link)->deadline > deadline)
			break;
	t->deadline = deadline;
	t->armed = true;
	list_add_tail(at, &t->link);
}

void timer_set(struct timer *t, u64 deadline)
{
	unsigned int cpu = this_pcpu()->id;
	struct timer_queue *q;

	while ((q = lock_queue_of(t)) != &queues[cpu]) {
		/* Move it here; another processor may do so meanwhile. */
		unlink_timer(t);
		WRITE_ONCE(t->cpu, cpu);
		spin_unlock(&q->lock);
	}
	unlink_timer(t);
	insert_timer(q, t, deadline);
	/* timer_interrupt() programs when it is through. */
	if (q->timers.next == &t->link && !q->running)
		program(q);
	spin_unlock(&q->lock);
}

void timer_stop(struct timer *t)
{
	struct timer_queue *q = lock_queue_of(t);

	unlink_timer(t);
	spin_unlock(&q->lock);
}

void timer_interrupt(void)
{
	struct timer_queue *q = &queues[this_pcpu()->id];
	u64 now = time_now();

	spin_lock(&q->lock);
	while (!list_empty(&q->timers)) {
		struct timer *t = list_first(&q->timers, struct timer, link);

		if (t->deadline > now)
			break;
		unlink_timer(t);
		q->running = t;
		spin_unlock(&q->lock);
		t->fn(t->arg);
		spin_lock(&q->lock);
		/* t may be gone, if its function freed it. */
		q->running = NULL;
	}
	program(q);
	spin_unlock(&q->lock);
}
