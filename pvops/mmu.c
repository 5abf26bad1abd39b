// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables. They are ours, hold guest-physical addresses and are written
 * natively; what the processor walks is a shadow that the hypervisor keeps.
 *
 * Three promises make that right:
 *   - every flush that Linux means, whether the mm is loaded or not, is made
 *     by hypercall before the flush function returns (mm/tlb.c brings all of
 *     them here). So loading a root never needs one;
 *   - a top-level table whose page was freed is dropped before the page can
 *     be a top-level table again (retire.c);
 *   - an entry that became more permissive is looked at again when it faults.
 *
 * No locks: a hypercall acts on all vCPUs and is atomic against the others.
 * The page flag that marks a root as known to the hypervisor is set before the
 * root is loaded for the first time and cleared when the mm is gone; without
 * it there is nothing to flush.
 */
#include <linux/mm.h>
#include <linux/mm_types.h>
#include <linux/percpu.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>

#include <asm/cpufeature.h>
#include <asm/paravirt.h>
#include <asm/tlb.h>
#include <asm/tlbflush.h>

#include "lodge.h"

/* Behind the hypervisor's slots. */
#define KERNEL_HALF_START (0xffffUL << 48 | (LODGE_SLOT_LAST + 1UL) << 39)
/* The last page is never mapped, and its end is not a number. */
#define KERNEL_HALF_END PAGE_MASK

static DEFINE_PER_CPU(unsigned long, cr3);

static pgd_t boot_pgd[PTRS_PER_PGD] __aligned(PAGE_SIZE) __initdata;

unsigned long lodge_read_cr3(void)
{
	return this_cpu_read(cr3);
}

void lodge_note_root(phys_addr_t root)
{
	this_cpu_write(cr3, root);
}

static bool root_known(pgd_t *pgd)
{
	return PagePinned(virt_to_page(pgd));
}

static void load_new_root(phys_addr_t root)
{
	if (hc_load_root(root))
		panic("Lodge: no memory for page tables");
}

/* Before there are struct pages. */
static void __init lodge_write_cr3_early(unsigned long value)
{
	phys_addr_t root = value & CR3_ADDR_MASK;

	this_cpu_write(cr3, value);
	if (hc_load_known_root(root))
		load_new_root(root);
}

/*
 * The entry stub knows the roots that this vCPU has used lately and costs
 * little more than the instruction; the hypervisor makes new ones.
 */
static void lodge_write_cr3(unsigned long value)
{
	phys_addr_t root = value & CR3_ADDR_MASK;
	struct page *page;

	this_cpu_write(cr3, value & ~CR3_NOFLUSH);
	if (likely(!lodge_root_retired(root) && !hc_load_known_root(root)))
		return;
	/*
	 * Before the load, which reads entries already: whoever clears one of
	 * them from now on must flush it.
	 */
	page = virt_to_page(__va(root));
	if (!PagePinned(page))
		SetPagePinned(page);
	if (lodge_load_and_drop(root))
		panic("Lodge: no memory for page tables");
}

static void lodge_write_cr2(unsigned long address)
{
	vcpu_page()->cr2 = address;
}

static void flush(unsigned int flags, unsigned long start, unsigned long end)
{
	WARN_ON_ONCE(hc_flush(flags, this_cpu_read(cr3) & CR3_ADDR_MASK, start,
			      end));
}

/* The mm that is loaded here. */
static void lodge_flush_tlb_user(void)
{
	flush(LODGE_FLUSH_ALL, 0, 0);
}

static void lodge_flush_tlb_kernel(void)
{
	flush(LODGE_FLUSH_EVERYTHING, 0, 0);
}

static void lodge_flush_tlb_one_user(unsigned long address)
{
	unsigned int flags = 0;

	address &= PAGE_MASK;
	if (address >= KERNEL_HALF_START)
		flags = LODGE_FLUSH_KERNEL;
	flush(flags, address, address + PAGE_SIZE);
}

bool lodge_flush_kernel_range(unsigned long start, unsigned long end)
{
	if (!lodge_guest())
		return false;
	start = max(start, KERNEL_HALF_START);
	end = min(end, KERNEL_HALF_END);
	if (end <= start) {
		start = KERNEL_HALF_START;
		end = KERNEL_HALF_END;
	}
	flush(LODGE_FLUSH_KERNEL, start, end);
	return true;
}

/*
 * The flush of one mm, on all CPUs. Without an mm: reclaim has unmapped pages
 * of several, which it does not name.
 */
static void lodge_flush_tlb_multi(const struct cpumask *cpus,
				  const struct flush_tlb_info *info)
{
	struct mm_struct *mm = info->mm;
	unsigned int flags = 0;

	if (!mm) {
		flush(LODGE_FLUSH_EVERYTHING, 0, 0);
		return;
	}
	/* Nobody will use these addresses any more; the root goes soon. */
	if (!atomic_read(&mm->mm_users))
		return;
	if (!root_known(mm->pgd))
		return;
	if (lodge_fault_covers(mm, info->start, info->end))
		return;
	if (info->end > USER_HALF_END)
		flags = LODGE_FLUSH_ALL;
	WARN_ON_ONCE(hc_flush(flags, __pa(mm->pgd), flags ? 0 : info->start,
			      flags ? 0 : info->end));
}

bool lodge_peek_pte(struct mm_struct *mm, unsigned long address, pte_t *pte)
{
	bool found = false;
	p4d_t p4d;
	pud_t pud;
	pmd_t pmd;

	rcu_read_lock(); /* tables are freed by RCU */
	p4d = p4dp_get(p4d_offset(pgd_offset(mm, address), address));
	if (p4d_none(p4d) || p4d_bad(p4d))
		goto out;
	pud = pudp_get(pud_offset(&p4d, address));
	if (pud_none(pud) || pud_bad(pud))
		goto out;
	pmd = pmdp_get(pmd_offset(&pud, address));
	if (pmd_none(pmd) || pmd_bad(pmd))
		goto out;
	*pte = ptep_get(pte_offset_kernel(&pmd, address));
	found = true;
out:
	rcu_read_unlock();
	return found;
}

static void lodge_pgd_free(struct mm_struct *mm, pgd_t *pgd)
{
	if (!root_known(pgd))
		return;
	ClearPagePinned(virt_to_page(pgd));
	lodge_retire_root(__pa(pgd));
}

/*
 * init_top_pgt maps the start of memory at 0 and, writable and executable, in
 * the direct map: enough to boot on, but not what init_mem_mapping() would
 * build, and it keeps what it finds. So it gets a top level that is empty
 * there, and boot goes on in a copy until it loads swapper_pg_dir.
 */
void __init lodge_leave_boot_page_tables(void)
{
	memcpy(boot_pgd, init_top_pgt, sizeof(boot_pgd));
	boot_pgd[0] = __pgd(0);
	lodge_write_cr3_early(__pa_symbol(boot_pgd));

	init_top_pgt[0] = __pgd(0);
	init_top_pgt[pgd_index(__PAGE_OFFSET)] = __pgd(0);
	hc_drop_root(__pa_symbol(init_top_pgt));
}

/* Page flags exist from here on. */
void __init lodge_init_after_bootmem(void)
{
	pv_ops.mmu.write_cr3 = lodge_write_cr3;
}

void __init lodge_init_mmu_ops(void)
{
	pv_ops.mmu.read_cr2 = __PV_IS_CALLEE_SAVE(lodge_read_cr2);
	pv_ops.mmu.write_cr2 = lodge_write_cr2;
	pv_ops.mmu.read_cr3 = lodge_read_cr3;
	pv_ops.mmu.write_cr3 = lodge_write_cr3_early;
	pv_ops.mmu.flush_tlb_user = lodge_flush_tlb_user;
	pv_ops.mmu.flush_tlb_kernel = lodge_flush_tlb_kernel;
	pv_ops.mmu.flush_tlb_one_user = lodge_flush_tlb_one_user;
	pv_ops.mmu.flush_tlb_multi = lodge_flush_tlb_multi;
	pv_ops.mmu.pgd_free = lodge_pgd_free;

	/* Remote flushes are no interrupts, so freed tables wait for RCU. */
	pv_ops.mmu.tlb_remove_table = tlb_remove_table;

	this_cpu_write(cr3, __pa_symbol(init_top_pgt));
}
