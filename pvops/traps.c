// SPDX-License-Identifier: GPL-2.0
/*
 * Which handler an exception or upcall goes to, and how the hypervisor learns
 * of our entry points.
 *
 * lodge_trap_handler[] is this platform's IDT: write_idt_entry() fills it,
 * the exception entry in entry.S reads it. All vCPUs share it; it is written
 * before anything can raise the vector concerned and needs no lock.
 */
#include <linux/errno.h>
#include <linux/panic.h>

#include <asm/cpu_entry_area.h>
#include <asm/desc.h>
#include <asm/idtentry.h>
#include <asm/page.h>
#include <asm/paravirt.h>
#include <asm/proto.h>

#include "lodge.h"

unsigned long lodge_trap_handler[256];

const u8 lodge_trap_has_error[256] = {
	[X86_TRAP_DF] = 1,
	[X86_TRAP_TS] = 1,
	[X86_TRAP_NP] = 1,
	[X86_TRAP_SS] = 1,
	[X86_TRAP_GP] = 1,
	[X86_TRAP_PF] = 1,
	[X86_TRAP_AC] = 1,
	[X86_TRAP_CP] = 1,
	[X86_TRAP_VC] = 1,
};

/*
 * Handlers that rely on an IST stack or on ring 0 have a plain twin for
 * deprivileged kernels; page faults get an entry of our own. The compiled-in
 * address of the native handler is what idt.c passes.
 */
static unsigned long handler_for(unsigned long native)
{
	if (native == (unsigned long)asm_exc_debug)
		return (unsigned long)asm_xenpv_exc_debug;
	if (native == (unsigned long)asm_exc_nmi)
		return (unsigned long)asm_xenpv_exc_nmi;
	if (native == (unsigned long)asm_exc_double_fault)
		return (unsigned long)asm_xenpv_exc_double_fault;
#ifdef CONFIG_X86_MCE
	if (native == (unsigned long)asm_exc_machine_check)
		return (unsigned long)asm_xenpv_exc_machine_check;
#endif
	if (native == (unsigned long)asm_exc_page_fault)
		return (unsigned long)asm_exc_lodge_page_fault;
	return native;
}

static void lodge_write_idt_entry(gate_desc *idt, int entry,
				  const gate_desc *gate)
{
	native_write_idt_entry(idt, entry, gate);
	lodge_trap_handler[entry] = handler_for(gate_offset(gate));
}

static void lodge_load_idt(const struct desc_ptr *desc)
{
}

void lodge_register_callbacks(void)
{
	static struct lodge_callbacks callbacks __aligned(128);

	callbacks = (struct lodge_callbacks) {
		.syscall = (unsigned long)lodge_entry_syscall,
#ifdef CONFIG_IA32_EMULATION
		.syscall32 = (unsigned long)lodge_entry_syscall32,
#endif
		.exception = (unsigned long)lodge_entry_exception,
		.exception_end = (unsigned long)lodge_entry_exception_end,
		.iret = (unsigned long)lodge_iret,
		.iret_end = (unsigned long)lodge_iret_end,
		.iret_saved = (unsigned long)lodge_iret_saved,
		.iret_restored = (unsigned long)lodge_iret_restored,
	};
	/* One entry less for what the kernel does to user memory. */
	if (lodge_start.features & LODGE_FEATURE_KERNEL_FAULTS)
		callbacks.flags |= LODGE_CB_KERNEL_FAULTS;
	if (hc_set_callbacks(__pa_symbol(&callbacks)))
		hc_shutdown(LODGE_SHUTDOWN_CRASH);
}

void lodge_set_double_fault_stack(void)
{
	vcpu_page()->df_sp = __this_cpu_ist_top_va(DF);
}

void __init lodge_init_trap_ops(void)
{
	pv_ops.cpu.write_idt_entry = lodge_write_idt_entry;
	pv_ops.cpu.load_idt = lodge_load_idt;

	/* Until the exception stacks exist, the boot stack is there. */
	vcpu_page()->df_sp = (unsigned long)&init_thread_union + THREAD_SIZE / 2;
}
