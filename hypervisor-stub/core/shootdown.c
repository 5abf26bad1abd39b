// SPDX-License-Identifier: GPL-2.0
/*
 * Shootdown: make sure that no processor still uses old translations.
 *
 * No translation of a guest survives its processor's stay in the hypervisor,
 * because each crossing loads CR3 and there are no global entries (R15, R16).
 * So it is enough that each processor in guest mode has come out once. Those
 * in the hypervisor need nothing, whatever they are doing; that is why this
 * may be called with locks held, even ones that they are waiting for.
 */
#include "../x86/cpu.h"
#include "../x86/pcpu.h"
#include "../x86/platform.h"
#include "domain.h"

void __hot shootdown(struct domain *d)
{
	struct pcpu *self = this_pcpu();
	u64 count[MAX_CPUS];
	u64 waiting = 0;
	unsigned int i;

	/* Pairs with enter_guest(). */
	smp_mb();
	for (i = 0; i < pcpu_count; i++) {
		struct pcpu *p = pcpus[i];

		if (p == self)
			continue;
		count[i] = __atomic_load_n(&p->entry_count, __ATOMIC_ACQUIRE);
		if (READ_ONCE(p->mode) != PCPU_GUEST ||
		    READ_ONCE(p->domain) != d)
			continue;
		waiting |= BIT(i);
		smp_kick(i);
	}
	if (!waiting)
		return;
	if (self->current && self->current->domain == d)
		self->current->counters.shootdowns++;
	for (i = 0; i < pcpu_count; i++) {
		struct pcpu *p = pcpus[i];

		if (!(waiting & BIT(i)))
			continue;
		while (__atomic_load_n(&p->mode, __ATOMIC_ACQUIRE) ==
			       PCPU_GUEST &&
		       __atomic_load_n(&p->entry_count, __ATOMIC_ACQUIRE) ==
			       count[i])
			cpu_relax();
	}
}
