/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of arch/x86/lodge share. */
#ifndef _X86_LODGE_LODGE_H
#define _X86_LODGE_LODGE_H

#include <linux/compiler.h>
#include <linux/cpumask.h>
#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/mm.h>
#include <linux/percpu.h>

#include <asm/lodge.h>
#include <asm/paravirt_types.h>

#include <lodge/start.h>
#include <lodge/vcpu.h>

#include "hypercall.h"

struct task_struct;

/* The vCPU page of the processor that this runs on. */
static __always_inline volatile struct lodge_vcpu_page *vcpu_page(void)
{
	return (volatile struct lodge_vcpu_page *)LODGE_AREA_VCPU;
}

/* Guest-physical address of any kernel object that lies within one page. */
phys_addr_t lodge_pa(const void *object);

/* head.S, entry.S */
void startup_lodge(void);
void lodge_start_ap(void);
void lodge_entry_syscall(void);
void lodge_entry_syscall32(void);
void lodge_entry_exception(void);
void lodge_entry_exception_end(void);
void lodge_iret(void);
void lodge_iret_saved(void);
void lodge_iret_restored(void);
void lodge_iret_end(void);
void lodge_load_gs_index(unsigned int selector);
void lodge_cmpxchg16b(void);
unsigned long lodge_save_fl(void);
void lodge_irq_disable(void);
void lodge_irq_enable(void);
unsigned long lodge_read_cr2(void);

/* Labels in upstream code that enlighten.c leads elsewhere. */
void early_xen_iret_patch(void);
void xen_iret(void);
void this_cpu_cmpxchg16b_emu(void);

/* enlighten.c */
void lodge_start_kernel(phys_addr_t start_info);
extern struct lodge_start_info lodge_start; /* our copy */

/* The pv ops and hooks of each area; all run before start_kernel(). */
void lodge_init_cpu_ops(void);
void lodge_init_desc_ops(void);
void lodge_init_debugreg_ops(void);
void lodge_init_trap_ops(void);
void lodge_init_irq_ops(void);
void lodge_init_mmu_ops(void);
void lodge_init_platform_ops(void);
void lodge_init_smp_ops(void);
void lodge_init_capabilities(void);

/* traps.c */
extern unsigned long lodge_trap_handler[256];
extern const u8 lodge_trap_has_error[256];
/* Registers the entry points of this vCPU; on each, before anything faults. */
void lodge_register_callbacks(void);
/* Names the stack for #DF; on each vCPU, once the exception stacks exist. */
void lodge_set_double_fault_stack(void);

/* desc.c */
void lodge_reset_descriptors(void);

/* mmu.c */
/* User addresses end where the lower half of the address space does. */
#define USER_HALF_END (1UL << 47)

void lodge_leave_boot_page_tables(void);
void lodge_init_after_bootmem(void);
void lodge_note_root(phys_addr_t root);
unsigned long lodge_read_cr3(void);
/* The last-level entry of a user address now; false where there is no table. */
bool lodge_peek_pte(struct mm_struct *mm, unsigned long address, pte_t *pte);

/* retire.c */
/* The page of this root is about to be freed. */
void lodge_retire_root(phys_addr_t root);
/* Is there a retired root at this address, yet to be dropped? */
bool lodge_root_retired(phys_addr_t root);
/* Drops what is retired, then loads root. Interrupts are off. 0 or an error. */
long lodge_load_and_drop(phys_addr_t root);

/* fork.c */
void lodge_init_fork_ops(void);

/* fault.c */
/* True if this flush can wait for the end of the page fault that makes it. */
bool lodge_fault_covers(struct mm_struct *mm, unsigned long start,
			unsigned long end);

/* data.c */
void lodge_fault_data(unsigned long address, unsigned long error_code);

/* ahead.c */
/*
 * Takes the faults of the unmapped pages of vma in [address, end), at most
 * `most` of them, for as long as that works without waiting; pages of a file
 * only if they are cached, when they are to be read. mmap_lock is held and
 * stays so. Returns the first address that it did not get to.
 */
unsigned long lodge_map_pages(struct vm_area_struct *vma, unsigned long address,
			      unsigned long end, unsigned int most, bool write);
void lodge_fault_ahead(unsigned long address, unsigned long error_code);

/* events.c */
enum lodge_ipi {
	LODGE_IPI_RESCHEDULE,
	LODGE_IPI_CALL_FUNCTION,
	LODGE_IPI_CALL_FUNCTION_SINGLE,
	LODGE_IPI_IRQ_WORK,
	LODGE_IPI_STOP,
	LODGE_IPI_BACKTRACE,
	LODGE_IPI_COUNT
};

/* Ports of a vCPU's IPIs. Made once and kept while it is offline. */
int lodge_bind_ipis(unsigned int cpu);
void lodge_send_ipi(unsigned int cpu, enum lodge_ipi ipi);
/*
 * The one per-CPU interrupt that stands for a per-vCPU VIRQ, and the port
 * behind it on one vCPU. Both 0 or positive, or an error.
 */
int lodge_percpu_virq_irq(unsigned int virq);
int lodge_bind_percpu_virq(unsigned int virq, unsigned int cpu);
/* lodge_release_port() for many at once, which waits but once. */
void lodge_release_ports(const unsigned int *list, unsigned int count);
/* The interrupt of a per-domain VIRQ, or an error. */
int lodge_bind_virq(unsigned int virq);
void lodge_init_events(void);
/* The chip of interrupts whose hardware number is the port. */
extern struct irq_chip lodge_port_chip;
/*
 * A port for an interrupt that another domain manages, in which the chip
 * above stands at the bottom; detaching closes the port.
 */
void lodge_attach_port(unsigned int port, unsigned int irq, unsigned int cpu);
void lodge_detach_port(unsigned int port);
/* The page's wall clock: time of day at system time 0. */
void lodge_read_wall_base(struct timespec64 *ts);

/* vcpus.c */
void lodge_init_vcpus(void);

/* apic.c, smp.c */
void lodge_ap_main(void);
void lodge_stop_this_vcpu(void);

/* spinlock.c */
void lodge_init_spinlocks(void);
bool __lodge_vcpu_is_preempted(long cpu);

/* time.c */
void lodge_init_time(void);
void lodge_setup_timer(void);
void lodge_shutdown_timer(void);
int lodge_prepare_timer(unsigned int cpu);
void lodge_register_clock(unsigned int cpu);

/* steal.c */
void lodge_register_steal(unsigned int cpu);
bool lodge_vcpu_preempted(unsigned int cpu);

/* setup.c */
void lodge_init_platform(void);

/* pci.c */
#ifdef CONFIG_LODGE_CONTROL
int lodge_pci_arch_init(void);
#endif

/* console.c */
#ifdef CONFIG_LODGE_CONSOLE
void lodge_init_boot_console(void);
#else
static inline void lodge_init_boot_console(void)
{
}
#endif

#endif /* _X86_LODGE_LODGE_H */
