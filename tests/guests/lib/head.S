/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a tiny guest starts: its ELF notes, the static page tables that the
 * root note names, and the entry points of vCPU 0 and of further vCPUs.
 *
 * The tables map the first GiB of guest-physical memory twice with 2 MiB
 * pages: at the link address (slot 511) and as a direct map (slot 272). Slot
 * 300 holds an empty table for mappings that tests make in the kernel half,
 * so that every root made later shares it.
 */
#include <lodge/abi.h>

#define KERNEL_BASE 0xffffffff80000000
#define TABLE 0x63 /* present, writable, accessed, dirty */
#define LARGE 0xe3 /* and a large page */

	.macro note type, value
	.balign 4
	.long 6, 8, \type
	.asciz "Lodge"
	.balign 4
	.quad \value
	.endm

	.section .note.Lodge, "a", @note
	note LODGE_NOTE_VERSION, LODGE_ABI_VERSION
	note LODGE_NOTE_ENTRY, _start
	note LODGE_NOTE_ROOT, (boot_root - KERNEL_BASE)

/*
 * _start(rsi = gpa of the start info): ring 1, virtual interrupts off, rsp
 * undefined. Leaves the registers as found in boot_regs for the start test.
 */
	.section .text.head, "ax"
	.globl _start
_start:
	mov	%rax, boot_regs + 0
	mov	%rbx, boot_regs + 8
	mov	%rcx, boot_regs + 16
	mov	%rdx, boot_regs + 24
	mov	%rsi, boot_regs + 32
	mov	%rdi, boot_regs + 40
	mov	%rbp, boot_regs + 48
	mov	%r8, boot_regs + 56
	mov	%r9, boot_regs + 64
	mov	%r10, boot_regs + 72
	mov	%r11, boot_regs + 80
	mov	%r12, boot_regs + 88
	mov	%r13, boot_regs + 96
	mov	%r14, boot_regs + 104
	mov	%r15, boot_regs + 112
	mov	$boot_stack_top, %rsp
	pushfq
	popq	boot_regs + 120
	mov	%cs, %eax
	mov	%rax, boot_regs + 128
	mov	%ss, %eax
	mov	%rax, boot_regs + 136
	mov	%rsi, %rdi
	call	guest_main
	ud2
	.size _start, . - _start

/* cpu_entry(rdi = struct cpu *): where a further vCPU starts; rsp is set. */
	.text
	.globl cpu_entry
cpu_entry:
	call	cpu_main
	ud2
	.size cpu_entry, . - cpu_entry

	.data
	.balign 4096
	.globl boot_root
boot_root:
	.fill 272, 8, 0
	.quad direct_l3 - KERNEL_BASE + TABLE
	.fill 27, 8, 0
	.quad kmap_l3 - KERNEL_BASE + TABLE
	.fill 210, 8, 0
	.quad kernel_l3 - KERNEL_BASE + TABLE

direct_l3:
	.quad direct_l2 - KERNEL_BASE + TABLE
	.fill 511, 8, 0

kernel_l3:
	.fill 510, 8, 0
	.quad kernel_l2 - KERNEL_BASE + TABLE
	.quad 0

kmap_l3:
	.fill 512, 8, 0

direct_l2:
	.set page, 0
	.rept 512
	.quad page + LARGE
	.set page, page + 0x200000
	.endr

kernel_l2:
	.set page, 0
	.rept 512
	.quad page + LARGE
	.set page, page + 0x200000
	.endr

	.globl boot_regs
boot_regs:
	.fill 18, 8, 0

	.bss
	.balign 16
	.skip 16384
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
