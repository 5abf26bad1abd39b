/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where another processor wakes up: real mode, at a page below 1 MiB to which
 * smp.c has copied these bytes. Only addresses relative to the copy are used
 * until protected mode is on; then the image itself is reachable, and paging
 * is left to it, because the tables do not allow execution down here.
 */
	.section .rodata, "a"
	.code16
	.globl trampoline_start
trampoline_start:
	cli
	cld
	mov %cs, %ax
	mov %ax, %ds
	lgdtl trampoline_gdtr - trampoline_start
	mov %cr0, %eax
	or $1, %al
	mov %eax, %cr0
	ljmpl $0x18, $ap_entry32
	.balign 4
trampoline_gdtr:
	.word 4 * 8 - 1
	.long boot_gdt
	.globl trampoline_end
trampoline_end:
