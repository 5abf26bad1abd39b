// SPDX-License-Identifier: GPL-2.0
/*
 * The processors' structures, and the check of the lock order in debug
 * builds. pcpus[] is filled at boot and constant afterwards; lock_held[] of a
 * processor, which lists the levels it holds in the order of taking, is
 * touched by that processor alone.
 */
#include "pcpu.h"
#include "platform.h"
#include "../core/lock.h"
#include "../core/printk.h"

_Static_assert(ARRAY_SIZE(acpi_info.apic_id) == MAX_CPUS, "smp_start()");
_Static_assert(STACK_SIZE == 16384, "boot.S knows this");
_Static_assert(sizeof(struct pcpu) <= PAGE_SIZE, "smp.c allocates a page");

struct pcpu boot_pcpu = { .online = true };
struct pcpu *pcpus[MAX_CPUS] = { &boot_pcpu };
unsigned int pcpu_count = 1;

#ifdef LODGE_DEBUG
void lock_check_acquire(const struct spinlock *l)
{
	struct pcpu *p = this_pcpu();

	if (panic_started())
		return;
	if (p->lock_depth && p->lock_held[p->lock_depth - 1] >= l->level)
		panic("lock order: level %u (%p) taken inside level %u",
		      l->level, l, p->lock_held[p->lock_depth - 1]);
	BUG_ON(p->lock_depth == ARRAY_SIZE(p->lock_held));
	p->lock_held[p->lock_depth++] = l->level;
}

/* Any order of release will do. */
void lock_check_release(const struct spinlock *l)
{
	struct pcpu *p = this_pcpu();
	unsigned int i = p->lock_depth;

	if (panic_started())
		return;
	while (i && p->lock_held[i - 1] != l->level)
		i--;
	if (!i)
		panic("level %u (%p) is released but was not taken", l->level,
		      l);
	for (; i < p->lock_depth; i++)
		p->lock_held[i - 1] = p->lock_held[i];
	p->lock_depth--;
}
#endif
