// SPDX-License-Identifier: GPL-2.0
/*
 * A program's data. The first thing that a program does is to write to its
 * data and bss, here and there, mostly to all of these few pages; each costs
 * a fault and an entry into the hypervisor. When both are small, the first
 * write brings in the rest of the mapping, and one entry tells of all.
 *
 * Only what the loader mapped for the program itself counts, as the mm says,
 * and only pages that are not there: nothing is unshared that a fork shared.
 *
 * Runs at the end of a write fault of user mode, in its context. No state.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/userfaultfd_k.h>

#include <asm/trap_pf.h>

#include "lodge.h"

#define SMALL_PAGES 16

static bool is_small_data(struct vm_area_struct *vma)
{
	unsigned long flags = vma->vm_flags;

	return (flags & (VM_WRITE | VM_SHARED | VM_PFNMAP)) == VM_WRITE &&
	       vma_pages(vma) <= SMALL_PAGES && !userfaultfd_armed(vma);
}

/*
 * Linux has handled a fault of user mode at address, which is mapped now.
 * Interrupts are off, and again on return.
 */
void lodge_fault_data(unsigned long address, unsigned long error_code)
{
	unsigned int wanted = X86_PF_USER | X86_PF_WRITE;
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;

	if ((error_code & (wanted | X86_PF_PROT)) != wanted ||
	    address < (mm->start_data & PAGE_MASK) ||
	    address >= mm->start_brk || fatal_signal_pending(current))
		return;
	if (!mmap_read_trylock(mm))
		return;
	local_irq_enable();
	vma = vma_lookup(mm, address);
	if (vma && is_small_data(vma))
		lodge_map_pages(vma, vma->vm_start, vma->vm_end, SMALL_PAGES,
				true);
	mmap_read_unlock(mm);
	local_irq_disable();
}
