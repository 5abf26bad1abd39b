// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors that a guest may choose: four slots of its GDT, and an LDT
 * (R14). Both tables are read-only to the guest; what stands in them was
 * copied from the guest first and checked then, so that it cannot change
 * after the check.
 *
 * v->arch.ldt[] are the pages behind the LDT window of v's entry area. Its
 * tables change while v is current and the processor stands on the
 * hypervisor's own GDT, or while v is offline; the new LDT is loaded on the way
 * into the guest (segs_reload). No locks.
 */
#include "../core/domain.h"
#include "../core/frame.h"
#include "cpu.h"
#include "cpufeat.h"
#include "entry.h"

#define DESC_ACCESSED BIT(40)
#define DESC_WRITABLE BIT(41) /* of data */
#define DESC_CODE BIT(43)
#define DESC_SEGMENT BIT(44) /* not a gate or system descriptor */
#define DESC_DPL (3UL << 45)
#define DESC_PRESENT BIT(47)
#define DESC_LONG BIT(53)
#define DESC_BIG BIT(54)
#define DESC_TYPE_LDT (2UL << 40)

#define LDT_PER_PAGE (PAGE_SIZE / 8)

bool desc_check(u64 *desc, bool allow_absent)
{
	u64 d = *desc;

	if (!d && allow_absent)
		return true;
	if (!(d & DESC_SEGMENT) || (d & DESC_DPL) != DESC_DPL)
		return false;
	if (!(d & DESC_PRESENT))
		return allow_absent;
	if (d & DESC_CODE) {
		/* L with D is reserved. */
		if ((d & DESC_LONG) && (d & DESC_BIG))
			return false;
	} else {
		if (d & DESC_LONG)
			return false;
		/*
		 * A 16-bit stack: IRET to it would leave the upper half of
		 * the kernel's rsp in place.
		 */
		if ((d & DESC_WRITABLE) && !(d & DESC_BIG))
			return false;
	}
	/* The processor must have no reason to write to the table (R5). */
	*desc = d | DESC_ACCESSED;
	return true;
}

s64 do_set_descriptor(struct vcpu *v, u64 slot, u64 value)
{
	if (slot < LODGE_GDT_TLS_MIN || slot > LODGE_GDT_CPUNODE)
		return -LODGE_EINVAL;
	if (value && !desc_check(&value, false))
		return -LODGE_EINVAL;
	WRITE_ONCE(v->arch.area.gdt[slot], value);
	return 0;
}

/* Copies and checks n descriptors from the page at gpa to a new page. */
static int copy_page(struct vcpu *v, gpa_t gpa, u64 n, u64 **page)
{
	u64 *p;

	if (gpa & ~PAGE_MASK)
		return -LODGE_EINVAL;
	p = page_alloc();
	if (!p)
		return -LODGE_ENOMEM;
	*page = p; /* the caller's to free from here on */
	if (copy_from_guest(v->domain, p, gpa, n * 8))
		return -LODGE_EFAULT;
	for (u64 i = 0; i < n; i++)
		if (!desc_check(&p[i], true))
			return -LODGE_EINVAL;
	return 0;
}

static void free_pages(u64 *page[LDT_PAGES])
{
	for (unsigned int i = 0; i < LDT_PAGES; i++) {
		if (page[i])
			page_free(page[i]);
		page[i] = NULL;
	}
}

/* The descriptor of the LDT itself, two slots of the GDT. */
static void describe_ldt(struct vcpu *v, u32 count)
{
	u64 *slot = &v->arch.area.gdt[SEL_LDT / 8];
	const u64 base = AREA_BASE + AREA_LDT_OFF;
	const u64 limit = count * 8UL - 1;

	if (!count) {
		slot[0] = 0;
		slot[1] = 0;
		return;
	}
	slot[0] = (limit & 0xffff) | (base & 0xffffff) << 16 | DESC_TYPE_LDT |
		  DESC_PRESENT | (base >> 24 & 0xff) << 56;
	slot[1] = base >> 32;
}

static void install(struct vcpu *v, u64 *page[LDT_PAGES], u32 count)
{
	struct vcpu_arch *arch = &v->arch;

	for (unsigned int i = 0; i < LDT_PAGES; i++) {
		u64 *old = arch->ldt[i];

		if (old || page[i])
			entry_area_map_ldt(&arch->area, i, page[i]);
		arch->ldt[i] = page[i];
		page[i] = old;
	}
	arch->ldt_count = count;
	describe_ldt(v, count);
	arch->segs_reload = MAX(arch->segs_reload, RELOAD_LDT);
}

s64 do_set_ldt(struct vcpu *v, u64 gpa, u64 count)
{
	u64 *page[LDT_PAGES] = { NULL };
	u64 list[LDT_PAGES];
	u64 pages, n;
	int error;

	if (count > LDT_PAGES * LDT_PER_PAGE)
		return -LODGE_EINVAL;
	pages = (count + LDT_PER_PAGE - 1) / LDT_PER_PAGE;
	if (pages && copy_from_guest(v->domain, list, gpa, pages * 8))
		return -LODGE_EFAULT;
	for (u64 i = 0; i < pages; i++) {
		n = MIN(count - i * LDT_PER_PAGE, LDT_PER_PAGE);
		error = copy_page(v, list[i], n, &page[i]);
		if (error) {
			free_pages(page);
			return error;
		}
	}
	install(v, page, count);
	free_pages(page); /* the old ones; nothing refers to them now */
	return 0;
}

void desc_vcpu_reset(struct vcpu *v)
{
	for (unsigned int i = LODGE_GDT_TLS_MIN; i <= LODGE_GDT_CPUNODE; i++)
		do_set_descriptor(v, i, 0);
	do_set_ldt(v, 0, 0);
}
