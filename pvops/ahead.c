// SPDX-License-Identifier: GPL-2.0
/*
 * Faults ahead. What a page fault costs is the entry into the hypervisor that
 * ends it. One entry fills a whole neighbourhood, as far as Linux has mapped
 * it; so when a task walks through memory page by page, let Linux map some
 * pages more before the entry is made.
 *
 * A walk is a task whose faults are each on the first unmapped page after the
 * last one's. Only pages without any entry are mapped, within the block that
 * a fill looks at, in plain anonymous or page-cache memory, and only as long
 * as that succeeds without waiting. A task that touches anonymous pages here
 * and there never gets one that it did not ask for.
 *
 * Of files, Linux itself maps around a fault what the page cache has, in
 * windows of 16 pages. Here the window is the block: the same pages, mapped
 * sooner.
 *
 * Runs at the end of a fault, in its context; the state is per CPU, and
 * nothing but the number of pages depends on it.
 */
#include <linux/dax.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/percpu.h>
#include <linux/pgtable.h>
#include <linux/sched.h>
#include <linux/userfaultfd_k.h>

#include <asm/trap_pf.h>

#include "lodge.h"

#define BLOCK_PAGES 64 /* what a fill looks at, aligned */
#define WALK_STEPS 2 /* faults in sequence that make a walk */
#define AHEAD_FAULTS 15 /* further ones that are taken at once */
#define FILE_WINDOW 16 /* what Linux maps around a fault on a file */

struct walk {
	struct task_struct *task;
	unsigned long next; /* a fault on this page goes on with the walk */
	unsigned int steps;
};

static DEFINE_PER_CPU(struct walk, walk);

/* Memory whose pages may be mapped before they are touched. */
static bool may_map_ahead(struct vm_area_struct *vma, bool write)
{
	if (vma->vm_flags & (VM_IO | VM_PFNMAP | VM_MIXEDMAP | VM_HUGETLB |
			     VM_LOCKED | VM_RAND_READ | VM_GROWSDOWN))
		return false;
	if (userfaultfd_armed(vma))
		return false;
	if (!(vma->vm_flags & (write ? VM_WRITE : VM_READ)))
		return false;
	return vma_is_anonymous(vma) ||
	       (!write && vma->vm_ops && vma->vm_ops->map_pages);
}

enum page_state { PAGE_UNMAPPED, PAGE_IN_USE, PAGE_NO_TABLE };

/* What the last-level table says of address. */
static enum page_state page_state(struct mm_struct *mm, unsigned long address)
{
	pte_t pte;

	if (!lodge_peek_pte(mm, address, &pte))
		return PAGE_NO_TABLE;
	return pte_none(pte) ? PAGE_UNMAPPED : PAGE_IN_USE;
}

static bool is_plain_file(struct vm_area_struct *vma)
{
	return vma && vma->vm_file && !vma_is_anonymous(vma) &&
	       !vma_is_dax(vma) && may_map_ahead(vma, false);
}

static bool is_cached(struct vm_area_struct *vma, unsigned long address)
{
	struct folio *folio = filemap_get_folio(vma->vm_file->f_mapping,
						linear_page_index(vma, address));

	if (IS_ERR(folio))
		return false;
	folio_put(folio);
	return true;
}

unsigned long lodge_map_pages(struct vm_area_struct *vma, unsigned long address,
			      unsigned long end, unsigned int most, bool write)
{
	unsigned int flags = FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_RETRY_NOWAIT |
			     (write ? FAULT_FLAG_WRITE : 0);
	bool from_cache = !write && is_plain_file(vma);

	for (end = min(end, vma->vm_end); address < end;
	     address += PAGE_SIZE) {
		enum page_state state = page_state(vma->vm_mm, address);

		if (state == PAGE_IN_USE)
			continue;
		if (state == PAGE_NO_TABLE || !most--)
			break;
		if (from_cache && !is_cached(vma, address)) {
			/* no disk is read for this: go on behind the window */
			address |= (FILE_WINDOW - 1UL) << PAGE_SHIFT;
			continue;
		}
		/* RETRY_NOWAIT: the lock stays the caller's */
		if (handle_mm_fault(vma, address, flags, NULL) &
		    (VM_FAULT_ERROR | VM_FAULT_RETRY))
			break;
	}
	return address;
}

/* Maps what the page cache has of the block that ends at end. */
static void map_block(struct vm_area_struct *vma, unsigned long end)
{
	unsigned long start = end - BLOCK_PAGES * PAGE_SIZE;

	lodge_map_pages(vma, max(start, vma->vm_start), end,
			BLOCK_PAGES / FILE_WINDOW - 1, false);
}

/* Goes on with a walk; returns the first page left. */
static unsigned long map_ahead(struct mm_struct *mm, unsigned long address,
			       unsigned long end, bool write)
{
	struct vm_area_struct *vma = vma_lookup(mm, address);

	if (!vma || !may_map_ahead(vma, write))
		return address;
	return lodge_map_pages(vma, address, end, AHEAD_FAULTS, write);
}

/*
 * Linux has handled a fault of user mode at address. Interrupts are off, and
 * again on return; RCU watches.
 */
void lodge_fault_ahead(unsigned long address, unsigned long error_code)
{
	unsigned long page = address & PAGE_MASK;
	unsigned long end = ALIGN(page + 1, BLOCK_PAGES * PAGE_SIZE);
	bool write = error_code & X86_PF_WRITE;
	struct mm_struct *mm = current->mm;
	struct walk *w = this_cpu_ptr(&walk);
	enum page_state state = PAGE_NO_TABLE;
	struct vm_area_struct *vma;
	unsigned int steps = 0;

	if (!(error_code & X86_PF_USER) || fatal_signal_pending(current))
		return;
	if (!write && mmap_read_trylock(mm)) {
		bool done;

		local_irq_enable();
		vma = vma_lookup(mm, page);
		done = is_plain_file(vma);
		if (done)
			map_block(vma, end);
		mmap_read_unlock(mm);
		local_irq_disable();
		if (done)
			return;
		w = this_cpu_ptr(&walk);
	}
	if (w->task == current && w->next == page)
		steps = w->steps + 1;
	w->task = NULL;

	do {
		page += PAGE_SIZE;
		state = page < end ? page_state(mm, page) : PAGE_NO_TABLE;
	} while (state == PAGE_IN_USE);

	if (steps >= WALK_STEPS && state == PAGE_UNMAPPED &&
	    mmap_read_trylock(mm)) {
		local_irq_enable();
		page = map_ahead(mm, page, end, write);
		mmap_read_unlock(mm);
		local_irq_disable();
		w = this_cpu_ptr(&walk); /* we may have moved */
	}
	w->next = page;
	w->steps = steps;
	w->task = current;
}
