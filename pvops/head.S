/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a vCPU begins. The first starts at the address in the ELF notes, on
 * the page tables that head_64.S filled in at build time; the others start
 * where smp.c tells the hypervisor.
 */
#include <linux/elfnote.h>
#include <linux/init.h>
#include <linux/linkage.h>
#include <linux/objtool.h>

#include <asm/nospec-branch.h>
#include <asm/page_types.h>
#include <asm/percpu.h>
#include <asm/unwind_hints.h>

#include <lodge/abi.h>

/*
 * void startup_lodge(void)
 *
 * IN: rsi = guest-physical address of struct lodge_start_info; rsp undefined;
 * virtual interrupts off; root init_top_pgt. Does not return.
 */
	__INIT
SYM_CODE_START(startup_lodge)
	UNWIND_HINT_END_OF_STACK
	ANNOTATE_NOENDBR
	cld
	leaq	__top_init_kernel_stack(%rip), %rsp

	/* The stack protector reads %gs:40 from the first C function on. */
	movq	$INIT_PER_CPU_VAR(fixed_percpu_data), %rax
	wrgsbase %rax

	movq	%rsi, %rdi
	call	lodge_start_kernel
	REACHABLE	/* objtool sees that it does not return */
	ud2
SYM_CODE_END(startup_lodge)
	__FINIT

/*
 * void lodge_start_ap(void)
 *
 * IN: what smp.c put into struct lodge_vcpu_init: rsp at the pt_regs of the
 * idle task, GS base, root swapper_pg_dir. Virtual interrupts off. Does not
 * return.
 */
	.text
SYM_CODE_START(lodge_start_ap)
	UNWIND_HINT_END_OF_STACK
	ANNOTATE_NOENDBR
	cld
	call	lodge_ap_main
	REACHABLE
	ud2
SYM_CODE_END(lodge_start_ap)

	ELFNOTE(Lodge, LODGE_NOTE_VERSION, .quad LODGE_ABI_VERSION)
	ELFNOTE(Lodge, LODGE_NOTE_ENTRY, .quad startup_lodge)
	ELFNOTE(Lodge, LODGE_NOTE_ROOT, .quad init_top_pgt - __START_KERNEL_map)
