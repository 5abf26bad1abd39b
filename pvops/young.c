// SPDX-License-Identifier: GPL-2.0
/*
 * Page ageing. Linux clears accessed bits without a flush, since a hardware
 * TLB forgets soon. A shadow entry stays, and a page in constant use would
 * look idle. So each address is queued, and the queue of a CPU goes to the
 * hypervisor as one batch of flushes when it is full.
 *
 * It is about an estimate only: nobody waits for it, and an entry for an mm
 * that is gone by then does no harm. Each queue is used by its CPU alone, in
 * process context with preemption off.
 */
#include <linux/mm_types.h>
#include <linux/percpu.h>
#include <linux/pgtable.h>

#include "lodge.h"

#define QUEUE_LENGTH 31

struct young_queue {
	struct lodge_batch entry[QUEUE_LENGTH];
	unsigned int count;
} __aligned(2048); /* a batch may not cross a page */

static DEFINE_PER_CPU(struct young_queue, young_queue);

void lodge_cleared_young(struct mm_struct *mm, unsigned long address)
{
	struct young_queue *queue;

	if (!lodge_guest())
		return;

	queue = get_cpu_ptr(&young_queue);
	address &= PAGE_MASK;
	queue->entry[queue->count++] = (struct lodge_batch) {
		.number = LODGE_HC_FLUSH,
		.arg = { 0, __pa(mm->pgd), address, address + PAGE_SIZE },
	};
	if (queue->count == QUEUE_LENGTH) {
		hc_batch(lodge_pa(queue->entry), QUEUE_LENGTH);
		queue->count = 0;
	}
	put_cpu_ptr(&young_queue);
}
