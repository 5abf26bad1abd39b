// SPDX-License-Identifier: GPL-2.0
/*
 * The first writes after a fork. Parent and child both go on by writing to
 * their stack and to their thread's control block, on pages that have just
 * become read-only for both: two faults each, and an entry into the
 * hypervisor for each fault. So these pages are unshared while the fork still
 * holds the locks. The child gets the copies; the parent has its pages to
 * itself again, and what the fork's own flush and the first load of the
 * child's root tell the hypervisor covers all of it.
 *
 * Runs at the end of dup_mmap(), with both mmap locks held for writing.
 * Whatever fails here happens later, at the fault that this saves.
 */
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/task_stack.h>
#include <linux/userfaultfd_k.h>

#include <asm/fsgsbase.h>
#include <asm/paravirt.h>
#include <asm/processor.h>
#include <asm/ptrace.h>

#include "lodge.h"

/* Is a page mapped at address that a write would have to unshare? */
static bool write_protected(struct mm_struct *mm, unsigned long address)
{
	pte_t pte;

	return lodge_peek_pte(mm, address, &pte) && pte_present(pte) &&
	       !pte_write(pte);
}

static void unshare_page(struct mm_struct *mm, unsigned long address)
{
	unsigned int flags = FAULT_FLAG_WRITE | FAULT_FLAG_ALLOW_RETRY |
			     FAULT_FLAG_RETRY_NOWAIT;
	struct vm_area_struct *vma = vma_lookup(mm, address);

	if (!vma || !vma->anon_vma || userfaultfd_armed(vma) ||
	    (vma->vm_flags & (VM_WRITE | VM_SHARED | VM_PFNMAP)) != VM_WRITE)
		return;
	if (mm != current->mm)
		flags |= FAULT_FLAG_REMOTE;
	if (write_protected(mm, address))
		handle_mm_fault(vma, address, flags, NULL);
}

/*
 * The child is in no cgroup yet, but its mm's owner says whom to charge: as
 * for the pages that fork itself copies, the parent.
 */
static void unshare_page_of_child(struct mm_struct *child,
				  unsigned long address)
{
#ifdef CONFIG_MEMCG
	struct task_struct *owner = rcu_access_pointer(child->owner);

	rcu_assign_pointer(child->owner, current);
#endif
	unshare_page(child, address);
#ifdef CONFIG_MEMCG
	rcu_assign_pointer(child->owner, owner);
#endif
}

/* The child first: then the parent's page is its own, and nothing moves. */
static void unshare(struct mm_struct *child, struct mm_struct *parent,
		    unsigned long address)
{
	address &= PAGE_MASK;
	unshare_page_of_child(child, address);
	unshare_page(parent, address);
}

/* Also called for other new mms; those have no parent, or are in use. */
static void lodge_enter_mmap(struct mm_struct *mm)
{
	struct pt_regs *regs = task_pt_regs(current);
	struct mm_struct *parent = current->mm;

	if (!parent || mm == parent || (current->flags & PF_KTHREAD))
		return;
	mmap_assert_write_locked(mm);
	mmap_assert_write_locked(parent);
	unshare(mm, parent, user_stack_pointer(regs) - sizeof(long));
	unshare(mm, parent, rdfsbase());
}

void __init lodge_init_fork_ops(void)
{
	pv_ops.mmu.enter_mmap = lodge_enter_mmap;
}
