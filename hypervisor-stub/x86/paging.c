// SPDX-License-Identifier: GPL-2.0
/*
 * The hypervisor's own page tables: all RAM at its own address, in 2 MiB
 * pages where the whole of one has the same rights, plus a few pages of MMIO.
 * boot_pml4's lower half is the master; the top-level table of each processor
 * copies it, so that all share everything below. Filled at boot by the boot
 * processor before the copies are made, and only ever added to; no lock, and
 * nothing to flush.
 *
 * Invariants: no page is writable and executable; page 0 is absent; slots 256
 * and up of boot_pml4 are empty.
 */
#include "cpu.h"
#include "platform.h"
#include "../core/frame.h"
#include "../core/printk.h"
#include "../core/string.h"

#define SLOTS 512
#define LOWER_SLOTS 256
#define ENTRY_AREA_SLOT 256

#define RIGHTS_DATA (PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX)
#define RIGHTS_RODATA (PTE_P | PTE_A | PTE_NX)
#define RIGHTS_TEXT (PTE_P | PTE_A)
#define RIGHTS_MMIO (RIGHTS_DATA | PTE_PCD | PTE_PWT)
#define RIGHTS_TABLE (PTE_P | PTE_W | PTE_A)

extern u64 boot_pml4[SLOTS];
extern char boot_l3[], boot_l2_end[];
extern char __text_start[], __text_end[], __data_start[], _end[];

static u64 *new_table(void)
{
	u64 *t = page_alloc();

	if (!t)
		panic("no memory for page tables");
	return t;
}

/* The table that entry e points to, made if it is not there. */
static u64 *table_below(u64 *e)
{
	if (!(*e & PTE_P))
		*e = virt_to_mpa(new_table()) | RIGHTS_TABLE;
	BUG_ON(*e & PTE_PS);
	return pte_table(*e);
}

static u64 ram_rights(mpa_t a)
{
	if (a < PAGE_SIZE)
		return 0;
	if (a < virt_to_mpa(__text_start) || a >= virt_to_mpa(__data_start))
		return RIGHTS_DATA;
	return a < virt_to_mpa(__text_end) ? RIGHTS_TEXT : RIGHTS_RODATA;
}

/* Do the 2 MiB from a hold anything that has rights of its own? */
static bool is_mixed(mpa_t a)
{
	return a < PAGE_SIZE || (a < virt_to_mpa(__data_start) &&
				 a + LARGE_SIZE > virt_to_mpa(__text_start));
}

/* Maps [start, end), whole pages; rights 0: those of RAM. */
static void map(u64 *pml4, mpa_t start, mpa_t end, u64 rights)
{
	u64 *l3, *l2, *l1;
	mpa_t a = start;

	while (a < end) {
		l3 = table_below(&pml4[a >> 39]);
		l2 = table_below(&l3[a >> 30 & 511]) + (a >> LARGE_SHIFT & 511);
		if (!(a & (LARGE_SIZE - 1)) && end - a >= LARGE_SIZE &&
		    !is_mixed(a) && !(*l2 & PTE_P)) {
			*l2 = a | PTE_PS | (rights ?: RIGHTS_DATA);
			a += LARGE_SIZE;
			continue;
		}
		l1 = table_below(l2) + (a >> PAGE_SHIFT & 511);
		if (rights || ram_rights(a))
			*l1 = a | (rights ?: ram_rights(a));
		a += PAGE_SIZE;
	}
}

static void map_mmio(mpa_t page)
{
	map(boot_pml4, page, page + PAGE_SIZE, RIGHTS_MMIO);
}

void paging_init(void)
{
	const struct boot_region *r = boot_info.region;
	u64 *pml4 = new_table();

	for (unsigned int i = 0; i < boot_info.region_count; i++, r++)
		if (r->end <= 1UL << 47)
			map(pml4, ALIGN_UP(r->start, PAGE_SIZE),
			    ALIGN_DOWN(r->end, PAGE_SIZE), 0);
	memcpy(boot_pml4, pml4, PAGE_SIZE);
	page_free(pml4);
	write_cr3(read_cr3());
	frame_add(virt_to_mpa(boot_l3), virt_to_mpa(boot_l2_end));

	map_mmio(rdmsr(MSR_APIC_BASE) & PTE_ADDR);
	if (acpi_info.ioapic)
		map_mmio(acpi_info.ioapic & PAGE_MASK);
}

u64 *paging_new_pml4(u64 *area_l3)
{
	u64 *pml4 = page_alloc();

	if (!pml4)
		return NULL;
	memcpy(pml4, boot_pml4, LOWER_SLOTS * sizeof(u64));
	if (area_l3)
		pml4[ENTRY_AREA_SLOT] = virt_to_mpa(area_l3) | RIGHTS_TABLE;
	return pml4;
}
