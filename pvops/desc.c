// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors. The GDT belongs to the hypervisor and has Linux's numbers; we
 * may write four slots of it, three for thread-local storage and one with the
 * CPU number, and have an LDT copied.
 *
 * The GDT page that Linux keeps for each CPU stays, as a record of what the
 * hypervisor was told: a slot that does not change costs nothing. Everything
 * here runs on the CPU it concerns, with preemption off.
 */
#include <linux/bug.h>
#include <linux/mm.h>

#include <asm/desc.h>
#include <asm/paravirt.h>
#include <asm/processor.h>
#include <asm/tlbflush.h>

#include "lodge.h"

#define LDT_PER_PAGE (PAGE_SIZE / LDT_ENTRY_SIZE)
#define LDT_PAGES (LDT_ENTRIES / LDT_PER_PAGE)

struct ldt_pages {
	phys_addr_t page[LDT_PAGES];
} __aligned(LDT_PAGES * sizeof(phys_addr_t));

static DEFINE_PER_CPU(struct ldt_pages, ldt_pages);
static DEFINE_PER_CPU(bool, ldt_loaded);

/*
 * A context switch changes the LDT before it saves FS and GS of the task that
 * leaves. Should the vCPU lose the processor in between, the hypervisor would
 * have to load these selectors again, from an LDT that is gone, and they would
 * be null then. So a task that has an mm gets the LDT of only that mm at once.
 * That of another waits for load_tls, which comes after the save, unless the
 * task's own comes first. Whose LDT it is says loaded_mm:
 *
 *   context switch: current is still the task that leaves. Interrupts stay off
 *     until load_tls, so that what waits cannot be freed or outdated.
 *   kernel thread, or a task after exit_mm(): it has no selectors to lose, and
 *     whatever comes (an IPI, leave_mm(), the mm of the next task) is set at
 *     once. It could not wait: exec() from init_mm to a new mm sets nothing, as
 *     neither has an LDT, and may reach user mode before any load_tls.
 *   text_poke() from a task with an LDT: that its mm has none waits, and is
 *     replaced on the way back, with interrupts off all the time.
 *   exec(), kthread_use_mm(): current->mm is the new one already, which is set
 *     at once. Only in exec() may an IPI get in between, when another process
 *     has the old mm, too, and changes its LDT. That waits, until
 *     activate_mm(), still with preemption off, sets the LDT of the new one.
 *   modify_ldt(): by IPI where the mm is loaded. With interrupts on that is
 *     current's mm, or current has none, or is in exec() as above.
 */
static DEFINE_PER_CPU(struct {
	bool waits;
	const void *addr;
	unsigned int entries;
}, ldt_change);

static u64 descriptor_value(const struct desc_struct *desc)
{
	u64 value;

	memcpy(&value, desc, sizeof(value));
	return value;
}

static void set_slot(struct desc_struct *gdt, unsigned int slot,
		     const struct desc_struct *desc)
{
	gdt[slot] = *desc;
	WARN_ON_ONCE(hc_set_descriptor(slot, descriptor_value(desc)));
}

static void change_ldt(const void *addr, unsigned int entries)
{
	struct ldt_pages *pages = this_cpu_ptr(&ldt_pages);
	unsigned int i;

	if (!entries && !this_cpu_read(ldt_loaded))
		return;

	for (i = 0; i * LDT_PER_PAGE < entries; i++)
		pages->page[i] = lodge_pa(addr + i * PAGE_SIZE);
	if (WARN_ON_ONCE(hc_set_ldt(lodge_pa(pages), entries))) {
		hc_set_ldt(lodge_pa(pages), 0);
		entries = 0;
	}
	this_cpu_write(ldt_loaded, entries);
}

static void lodge_set_ldt(const void *addr, unsigned int entries)
{
	bool waits = current->mm &&
		     current->mm != this_cpu_read(cpu_tlbstate.loaded_mm);

	this_cpu_write(ldt_change.waits, waits);
	this_cpu_write(ldt_change.addr, addr);
	this_cpu_write(ldt_change.entries, entries);
	if (!waits)
		change_ldt(addr, entries);
}

static void lodge_load_tls(struct thread_struct *t, unsigned int cpu)
{
	struct desc_struct *gdt = get_cpu_gdt_rw(cpu);
	unsigned int i;

	if (unlikely(this_cpu_read(ldt_change.waits))) {
		this_cpu_write(ldt_change.waits, false);
		change_ldt(this_cpu_read(ldt_change.addr),
			   this_cpu_read(ldt_change.entries));
	}

	for (i = 0; i < GDT_ENTRY_TLS_ENTRIES; i++) {
		struct desc_struct *desc = &t->tls_array[i];
		unsigned int slot = GDT_ENTRY_TLS_MIN + i;

		if (descriptor_value(&gdt[slot]) != descriptor_value(desc))
			set_slot(gdt, slot, desc);
	}
}

static void lodge_write_gdt_entry(struct desc_struct *gdt, int entry,
				  const void *desc, int type)
{
	if (entry >= LODGE_GDT_TLS_MIN && entry <= LODGE_GDT_CPUNODE)
		set_slot(gdt, entry, desc);
	else
		native_write_gdt_entry(gdt, entry, desc, type);
}

/* A vCPU that was brought up anew has an empty GDT; so must the record be. */
void lodge_reset_descriptors(void)
{
	struct desc_struct *gdt = get_cpu_gdt_rw(smp_processor_id());

	memset(&gdt[GDT_ENTRY_TLS_MIN], 0,
	       GDT_ENTRY_TLS_ENTRIES * sizeof(*gdt));
	this_cpu_write(ldt_loaded, false);
	this_cpu_write(ldt_change.waits, false);
}

static void lodge_load_gdt(const struct desc_ptr *desc)
{
}

static void lodge_load_tr_desc(void)
{
}

static unsigned long lodge_store_tr(void)
{
	return 0;
}

/* Kept in the TSS as well: entry code and oopses read it there. */
static void lodge_load_sp0(unsigned long sp0)
{
	vcpu_page()->sp0 = sp0;
	this_cpu_write(cpu_tss_rw.x86_tss.sp0, sp0);
}

#ifdef CONFIG_X86_IOPL_IOPERM
static void lodge_invalidate_io_bitmap(void)
{
}

static void lodge_update_io_bitmap(void)
{
}
#endif

void __init lodge_init_desc_ops(void)
{
	pv_ops.cpu.load_tr_desc = lodge_load_tr_desc;
	pv_ops.cpu.store_tr = lodge_store_tr;
	pv_ops.cpu.load_gdt = lodge_load_gdt;
	pv_ops.cpu.set_ldt = lodge_set_ldt;
	pv_ops.cpu.load_tls = lodge_load_tls;
	pv_ops.cpu.load_gs_index = lodge_load_gs_index;
	pv_ops.cpu.write_gdt_entry = lodge_write_gdt_entry;
	pv_ops.cpu.load_sp0 = lodge_load_sp0;
#ifdef CONFIG_X86_IOPL_IOPERM
	pv_ops.cpu.invalidate_io_bitmap = lodge_invalidate_io_bitmap;
	pv_ops.cpu.update_io_bitmap = lodge_update_io_bitmap;
#endif
}
