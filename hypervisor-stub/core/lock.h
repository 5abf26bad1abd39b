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
	LOCK_CONTROL = 1, /* operations of the control domain */
	LOCK_DOMAINS, /* the list of domains */
	LOCK_DOMAIN, /* one domain: life cycle */
	LOCK_PORTS, /* one domain's event ports; or two domains', by id */
	LOCK_GRANT_MAPS, /* what one domain has mapped of others */
	LOCK_GRANT_TABLE, /* one domain's grants to others */
	LOCK_ROOTS, /* one domain's set of roots */
	LOCK_ROOT, /* one root's shadow, user half */
	LOCK_KERNEL, /* one domain's shared kernel half */
	LOCK_P2M, /* one domain's p2m */
	LOCK_SCHED, /* one processor's run queue */
	LOCK_BUDGET, /* one domain's weight, cap and budget */
	LOCK_TIMER, /* one processor's timers */
	LOCK_RETIRE, /* frames that wait for a grace period */
	LOCK_FRAMES, /* the frame allocator */
	LOCK_PCI, /* configuration space */
	LOCK_CONSOLE, /* the serial console */
};

struct spinlock {
	u16 next; /* ticket to draw */
	u16 owner; /* ticket that is served */
	u8 level;
	u8 pad[3];
};

#define SPINLOCK_INIT(l)     \
	{                    \
		.level = (l) \
	}

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

static inline void lock_take(struct spinlock *l)
{
	u16 ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != ticket)
		__builtin_ia32_pause();
}

static inline void lock_give(struct spinlock *l)
{
	__atomic_store_n(&l->owner, l->owner + 1, __ATOMIC_RELEASE);
}

static inline void spin_lock(struct spinlock *l)
{
	lock_check_acquire(l);
	lock_take(l);
}

static inline void spin_unlock(struct spinlock *l)
{
	lock_check_release(l);
	lock_give(l);
}

/*
 * Two locks of one level, which need an order of their own among them: all
 * who take two agree on which is the first.
 */
static inline void spin_lock_pair(struct spinlock *first,
				  struct spinlock *second)
{
	spin_lock(first);
	lock_take(second);
}

static inline void spin_unlock_pair(struct spinlock *first,
				    struct spinlock *second)
{
	lock_give(second);
	spin_unlock(first);
}

#endif
