// SPDX-License-Identifier: GPL-2.0
/*
 * The processors' structures, and the check of the lock order in debug
 * builds. pcpus[] is filled at boot and constant afterwards; locks_held of a
 * processor is touched by that processor alone.
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
	if (p->locks_held >> l->level)
		panic("lock order: level %u (%p) taken with levels %x held",
		      l->level, l, p->locks_held);
	p->locks_held |= BIT(l->level);
}

void lock_check_release(const struct spinlock *l)
{
	struct pcpu *p = this_pcpu();

	if (panic_started())
		return;
	if (!(p->locks_held & BIT(l->level)))
		panic("level %u (%p) is released but was not taken", l->level,
		      l);
	p->locks_held &= ~BIT(l->level);
}
#endif
