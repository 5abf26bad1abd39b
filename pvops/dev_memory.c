// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/lodge: memory of other domains in the address space of a program.
 *
 * mmap() asks the hypervisor for each page. A page that it maps has an address
 * here that is no RAM of ours, so there is no struct page, and nothing but
 * what stands below knows of it: a mapping, with the addresses that are to be
 * given back. All its entries in page tables are made by mmap() at once.
 *
 * The order that matters: an address is given back when no entry names it any
 * more, for it may then become something else. The kernel calls ->close() when
 * it has cleared the entries of a VMA and flushed the TLBs; where mmap() fails
 * they are cleared here. A VMA exists for all of a mapping or not at all: it
 * is not copied by fork() nor split. mremap() has two of them for a moment
 * before it learns that it must not, therefore the count.
 *
 * mmap_lock protects a mapping while it is made, later on it does not change.
 */
#include <linux/mm.h>
#include <linux/refcount.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "dev.h"

/* A page, and in it the buffer of a hypercall. */
struct batch {
	struct batch *next;
	u64 count;
	u64 address[PAGE_SIZE / sizeof(u64) - 2];
};

static_assert(sizeof(struct batch) == PAGE_SIZE);

struct mapping {
	refcount_t users; /* VMAs */
	struct batch *first; /* in the order of addresses in the VMA */
};

long lodge_dev_target(struct dev_file *f, unsigned long domid)
{
	if (!domid || domid > LODGE_DOMID_MAX)
		return -EINVAL;
	return cmpxchg(&f->target, 0, domid) ? -EBUSY : 0;
}

/* --- the hypervisor's side --- */

static void unmap_batch(const struct batch *b)
{
	u64 done = 0;
	long ret;

	while (done < b->count) {
		ret = hc_control(LODGE_CONTROL_UNMAP, 0,
				 lodge_pa(&b->address[done]), b->count - done,
				 0);
		if (ret <= 0) {
			pr_warn("Lodge: unmapping foreign page %llx: %ld\n",
				b->address[done], ret);
			ret = 1;
		}
		done += ret;
	}
}

/* No entry of a page table names any of it. */
static void unmap_all(struct mapping *m)
{
	struct batch *b, *next;

	for (b = m->first; b; b = next) {
		next = b->next;
		unmap_batch(b);
		free_page((unsigned long)b);
		cond_resched();
	}
	kfree(m);
}

/* Pages from gpa on. What is done is counted, whether or not it is all. */
static int map_batch(struct batch *b, unsigned int domid, u64 gpa, u64 pages)
{
	long ret;
	u64 i;

	for (i = 0; i < pages; i++)
		b->address[i] = gpa + i * PAGE_SIZE;
	while (b->count < pages) {
		ret = hc_control(LODGE_CONTROL_MAP, domid,
				 lodge_pa(&b->address[b->count]),
				 pages - b->count, 0);
		if (ret == -EFAULT)
			return -ENXIO;
		if (ret <= 0)
			return ret ?: -EIO;
		b->count += ret;
	}
	return 0;
}

static int map_all(struct mapping *m, unsigned int domid, u64 gpa, u64 pages)
{
	struct batch *b, **end = &m->first;
	u64 some;
	int err;

	for (; pages; pages -= some, gpa += some * PAGE_SIZE) {
		if (fatal_signal_pending(current))
			return -EINTR;
		b = (struct batch *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
		if (!b)
			return -ENOMEM;
		*end = b;
		end = &b->next;
		some = min_t(u64, pages, ARRAY_SIZE(b->address));
		err = map_batch(b, domid, gpa, some);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

/* --- page tables --- */

/*
 * Pages may be written to from the start: what is written is no concern of
 * this kernel, and an entry that has D need not fault for it.
 */
static pgprot_t entry_prot(const struct vm_area_struct *vma)
{
	unsigned long prot = pgprot_val(vma->vm_page_prot);

	return __pgprot(vma->vm_flags & VM_WRITE ? prot | _PAGE_DIRTY : prot);
}

/*
 * Without the PAT's bookkeeping, which would take what is no RAM of ours for a
 * device.
 */
static int insert_batch(struct vm_area_struct *vma, unsigned long address,
			const struct batch *b)
{
	u64 i, run;
	int err;

	for (i = 0; i < b->count; i += run) {
		for (run = 1; i + run < b->count; run++)
			if (b->address[i + run] !=
			    b->address[i] + run * PAGE_SIZE)
				break;
		err = remap_pfn_range_notrack(vma, address + i * PAGE_SIZE,
					      PHYS_PFN(b->address[i]),
					      run * PAGE_SIZE, entry_prot(vma));
		if (err)
			return err;
	}
	return 0;
}

static int insert_all(struct vm_area_struct *vma, const struct mapping *m)
{
	unsigned long address = vma->vm_start;
	const struct batch *b;
	int err = 0;

	for (b = m->first; b && !err; b = b->next) {
		if (fatal_signal_pending(current))
			err = -EINTR;
		else
			err = insert_batch(vma, address, b);
		address += b->count * PAGE_SIZE;
		cond_resched();
	}
	if (err)
		zap_vma_ptes(vma, vma->vm_start, vma->vm_end - vma->vm_start);
	return err;
}

/* --- VMAs --- */

static void mapping_open(struct vm_area_struct *vma)
{
	struct mapping *m = vma->vm_private_data;

	refcount_inc(&m->users);
}

static void mapping_close(struct vm_area_struct *vma)
{
	struct mapping *m = vma->vm_private_data;

	if (refcount_dec_and_test(&m->users))
		unmap_all(m);
}

static int mapping_may_split(struct vm_area_struct *vma, unsigned long address)
{
	return -EINVAL;
}

static int mapping_mremap(struct vm_area_struct *vma)
{
	return -EINVAL;
}

static const struct vm_operations_struct mapping_operations = {
	.open = mapping_open,
	.close = mapping_close,
	.may_split = mapping_may_split,
	.mremap = mapping_mremap,
};

static int check_vma(struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & VM_MAYSHARE) || vma->vm_flags & VM_EXEC)
		return -EINVAL;
	if (vma->vm_pgoff > PHYS_PFN(ULONG_MAX) - vma_pages(vma))
		return -ENXIO;
	return 0;
}

int lodge_dev_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct dev_file *f = file->private_data;
	unsigned int domid = READ_ONCE(f->target);
	struct mapping *m;
	int err = check_vma(vma);

	if (!domid || err)
		return err ?: -EINVAL;
	m = kzalloc(sizeof(*m), GFP_KERNEL_ACCOUNT);
	if (!m)
		return -ENOMEM;
	refcount_set(&m->users, 1);

	vm_flags_clear(vma, VM_MAYEXEC);
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTCOPY | VM_DONTEXPAND |
				  VM_DONTDUMP);
	err = map_all(m, domid, PFN_PHYS(vma->vm_pgoff), vma_pages(vma)) ?:
		      insert_all(vma, m);
	if (err) {
		unmap_all(m);
		return err;
	}
	vma->vm_private_data = m;
	vma->vm_ops = &mapping_operations;
	return 0;
}
