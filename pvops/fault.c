// SPDX-License-Identifier: GPL-2.0
/*
 * Page faults. One that hardware raises may mean that our tables forbid the
 * access, or only that the shadow of them lacks an entry. For addresses of
 * user mode we get to know it first, without the hypervisor in between:
 *
 *   1. look at our tables. If they allow the access, have the entry filled
 *      in, with its neighbours, and go back;
 *   2. else let Linux handle the fault;
 *   3. look again. If the access is allowed now, fill at once: going back
 *      would only fault again.
 *
 * All this happens inside irqentry_enter(): RCU watches and interrupts are
 * off, so neither way in which tables are freed (a grace period, or an
 * interrupt to every CPU) can complete during a walk.
 *
 * Breaking copy-on-write makes Linux flush the page in step 2, a second call
 * for what step 3 does anyway. A note of the fault, one for each CPU, lets
 * the flush be left to step 3 when nobody else can use the mm: one user, and
 * loaded on no other CPU. The note is written and cleared by its task alone;
 * one that a task could not clear is for an mm that no longer exists.
 */
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/pgtable.h>
#include <linux/sched.h>

#include <asm/idtentry.h>
#include <asm/paravirt.h>
#include <asm/tlbflush.h>
#include <asm/trap_pf.h>

#include "lodge.h"

#define LEVELS 4

struct fault_note {
	struct task_struct *task; /* who faults; NULL: unused */
	u64 ctx_id; /* of the mm; never used twice */
	unsigned long page;
	bool flush_due; /* a flush was left to step 3 */
};

static DEFINE_PER_CPU(struct fault_note, fault_note);

static unsigned int table_index(unsigned long address, unsigned int level)
{
	return address >> (PAGE_SHIFT + (level - 1) * 9) & (PTRS_PER_PTE - 1);
}

/* Do the tables that are loaded allow the access? Interrupts are off. */
static bool tables_allow(unsigned long address, unsigned long error_code)
{
	phys_addr_t table = lodge_read_cr3() & CR3_ADDR_MASK;
	unsigned int level;
	u64 all = ~0ULL;
	u64 any = 0;

	for (level = LEVELS; level; level--) {
		const u64 *entries = __va(table);
		u64 entry = READ_ONCE(entries[table_index(address, level)]);

		if (!(entry & _PAGE_PRESENT))
			return false;
		all &= entry;
		any |= entry;
		if (level < LEVELS && (entry & _PAGE_PSE))
			break;
		table = entry & PTE_PFN_MASK;
	}

	if ((error_code & X86_PF_WRITE) && !(all & _PAGE_RW))
		return false;
	if ((error_code & X86_PF_USER) && !(all & _PAGE_USER))
		return false;
	if (error_code & X86_PF_INSTR)
		return (error_code & X86_PF_USER) && !(any & _PAGE_NX);
	return true;
}

/* True if the entry was missing from the shadow only, and is there now. */
static bool fill(unsigned long address, unsigned long error_code)
{
	unsigned int tries;

	/* FILL has not done it when the entry changed at that moment. */
	for (tries = 0; tries < 4; tries++) {
		if (!tables_allow(address, error_code))
			return false;
		if (!hc_fill(address, error_code))
			return true;
	}
	return false;
}

static struct fault_note *note_fault(unsigned long address)
{
	struct fault_note *note = this_cpu_ptr(&fault_note);
	struct mm_struct *mm = current->mm;

	if (!mm || atomic_read(&mm->mm_users) != 1)
		return NULL;
	note->ctx_id = mm->context.ctx_id;
	note->page = address & PAGE_MASK;
	note->flush_due = false;
	WRITE_ONCE(note->task, current);
	return note;
}

/*
 * Clears the note, which may be another CPU's by now. Returns whether a flush
 * may be due; so if the note has been overwritten.
 */
static bool take_note(struct fault_note *note)
{
	bool due;

	if (!note)
		return false;
	due = READ_ONCE(note->flush_due);
	return cmpxchg(&note->task, current, NULL) != current || due;
}

bool lodge_fault_covers(struct mm_struct *mm, unsigned long start,
			unsigned long end)
{
	struct fault_note *note = this_cpu_ptr(&fault_note);

	if (note->task != current || note->ctx_id != mm->context.ctx_id ||
	    note->page != start || end != start + PAGE_SIZE)
		return false;
	if (atomic_read(&mm->mm_users) != 1 ||
	    cpumask_any_but(mm_cpumask(mm), smp_processor_id()) < nr_cpu_ids)
		return false;
	note->flush_due = true;
	return true;
}

static void handle_user_address(struct pt_regs *regs, unsigned long error_code,
				unsigned long address)
{
	struct fault_note *note;

	if (error_code & (X86_PF_RSVD | X86_PF_PK)) {
		lodge_handle_page_fault(regs, error_code, address);
		return;
	}
	if (fill(address, error_code))
		return;
	note = note_fault(address);
	lodge_handle_page_fault(regs, error_code, address);
	if (tables_allow(address, error_code)) {
		lodge_fault_data(address, error_code);
		lodge_fault_ahead(address, error_code);
	}
	if (fill(address, error_code))
		take_note(note);
	else if (take_note(note))
		hc_flush(0, lodge_read_cr3() & CR3_ADDR_MASK,
			 address & PAGE_MASK,
			 (address & PAGE_MASK) + PAGE_SIZE);
}

DEFINE_IDTENTRY_RAW_ERRORCODE(exc_lodge_page_fault)
{
	unsigned long address = read_cr2();
	irqentry_state_t state;

	if (address >= USER_HALF_END) {
		exc_page_fault(regs, error_code);
		return;
	}

	state = irqentry_enter(regs);
	instrumentation_begin();
	handle_user_address(regs, error_code, address);
	instrumentation_end();
	irqentry_exit(regs, state);
}
