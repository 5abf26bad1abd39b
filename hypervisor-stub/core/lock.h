/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ticket spinlocks with a level each. A processor may take a lock only if its
 * level is higher than that of every lock it holds; debug builds check this.
 * All code of the hypervisor runs with interrupts off except the idle loop,
 * so a lock never needs to disable them.
 */
#ifndef CORE_LOCK_H
#define CORE_LOCK_H

#include "types.h"

/* The lock order, outermost first. */
enum lock_level {
	LOCK_DOMAINS = 1, /* the list of domains */
	LOCK_DOMAIN, /* one domain: life cycle, events */
	LOCK_ROOTS, /* one domain's set of roots */
	LOCK_ROOT, /* one root's shadow, user half */
	LOCK_KERNEL, /* one domain's shared kernel half */
	LOCK_P2M, /* one domain's p2m */
	LOCK_SCHED, /* one processor's run queue */
	LOCK_TIMER, /* one processor's timers */
	LOCK_FRAMES, /* the frame allocator */
	LOCK_CONSOLE, /* the serial console */
};

struct spinlock {
	u16 next; /* ticket to draw */
	u16 owner; /* ticket that is served */
	u8 level;
	u8 pad[3];
};

#define SPINLOCK_INIT(l) { .level = (l) }

static inline void spin_init(struct spinlock *l, enum lock_level level)
{
	*l = (struct spinlock)SPINLOCK_INIT(level);
}

#if defined(LODGE_DEBUG) && !defined(LODGE_HOST_TEST)
/* x86/pcpu.c; these panic on a violation of the order. */
void lock_check_acquire(const struct spinlock *l);
void lock_check_release(const struct spinlock *l);
#else
static inline void lock_check_acquire(const struct spinlock *l)
{
	(void)l;
}
static inline void lock_check_release(const struct spinlock *l)
{
	(void)l;
}
#endif

static inline void spin_lock(struct spinlock *l)
{
	u16 ticket;

	lock_check_acquire(l);
	ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != ticket)
		__builtin_ia32_pause();
}

static inline void spin_unlock(struct spinlock *l)
{
	lock_check_release(l);
	__atomic_store_n(&l->owner, l->owner + 1, __ATOMIC_RELEASE);
}

#endif
