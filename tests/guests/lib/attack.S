/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Code that hostile guests run: one software interrupt of each number and
 * one of each privileged instruction, for both rings. Entries are 16 bytes
 * apart. In ring 1 each ends with ret, in ring 3 with a system call; rax and
 * the rest are what the caller put there.
 */
	.text
	.balign 16
	.globl ring1_int
ring1_int:
	.set n, 0
	.rept 256
	.balign 16
	int	$n
	xor	%eax, %eax
	ret
	.set n, n + 1
	.endr

	.section .utext, "ax"
	.balign 16
	.globl ring3_int
ring3_int:
	.set n, 0
	.rept 256
	.balign 16
	int	$n
	syscall
	ud2
	.set n, n + 1
	.endr

/*
 * insns op: calls `op text, instruction` for each instruction that a kernel
 * in ring 0 could use and ring 1 may not. rdi points to writable memory.
 */
	.macro insns op
	\op "cli", cli
	\op "sti", sti
	\op "hlt", hlt
	\op "clts", clts
	\op "invd", invd
	\op "wbinvd", wbinvd
	\op "swapgs", swapgs
	\op "sysretq", sysretq
	\op "sysretl", sysretl
	\op "sysexit", sysexitl
	\op "sysenter", sysenter
	\op "mov %cr0, r", mov %cr0, %rax
	\op "mov %cr2, r", mov %cr2, %rax
	\op "mov %cr3, r", mov %cr3, %rax
	\op "mov %cr4, r", mov %cr4, %rax
	\op "mov %cr8, r", mov %cr8, %rax
	\op "mov r, %cr0", mov %rax, %cr0
	\op "mov r, %cr2", mov %rax, %cr2
	\op "mov r, %cr3", mov %rax, %cr3
	\op "mov r, %cr4", mov %rax, %cr4
	\op "mov r, %cr8", mov %rax, %cr8
	\op "mov %dr0, r", mov %db0, %rax
	\op "mov %dr7, r", mov %db7, %rax
	\op "mov r, %dr0", mov %rax, %db0
	\op "mov r, %dr6", mov %rax, %db6
	\op "mov r, %dr7", mov %rax, %db7
	\op "lgdt", lgdt (%rdi)
	\op "lidt", lidt (%rdi)
	\op "lldt", lldt %ax
	\op "ltr", ltr %ax
	\op "lmsw", lmsw %ax
	\op "invlpg", invlpg (%rdi)
	\op "invpcid", invpcid (%rdi), %rax
	\op "rdmsr", rdmsr
	\op "wrmsr", wrmsr
	\op "xsetbv", xsetbv
	\op "xsaves", xsaves (%rdi)
	\op "xrstors", xrstors (%rdi)
	\op "rdpmc", rdpmc
	\op "inb imm", in $0x64, %al
	\op "inb dx", inb %dx, %al
	\op "inl dx", inl %dx, %eax
	\op "outb imm", out %al, $0x80
	\op "outb dx", outb %al, %dx
	\op "outl dx", outl %eax, %dx
	\op "insb", insb
	\op "outsb", outsb
	\op "rep insl", .byte 0xf3, 0x6d
	\op "rep outsl", .byte 0xf3, 0x6f
	\op "stac", stac
	\op "clac", clac
	\op "monitor", monitor
	\op "mwait", mwait
	\op "vmcall", vmcall
	\op "vmmcall", vmmcall
	\op "vmxon", vmxon (%rdi)
	\op "vmrun", vmrun
	\op "vmload", vmload
	\op "clgi", clgi
	\op "stgi", stgi
	\op "skinit", skinit
	\op "invlpga", invlpga
	\op "getsec", .byte 0x0f, 0x37
	\op "rsm", rsm
	\op "sgdt", sgdt (%rdi)
	\op "sidt", sidt (%rdi)
	\op "sldt", sldt %ax
	\op "str", str %ax
	\op "smsw", smsw %ax
	/* push $0x80, push $0, lretq: a semicolon would end the macro call */
	\op "lret to ring 0", .byte 0x68, 0x80, 0, 0, 0, 0x6a, 0, 0x48, 0xcb
	\op "mov ss, hv data", mov %eax, %ss
	\op "wrssq", .byte 0x48, 0x0f, 0x38, 0xf6, 0x07
	\op "setssbsy", .byte 0xf3, 0x0f, 0x01, 0xe8
	\op "clui", .byte 0xf3, 0x0f, 0x01, 0xee
	\op "senduipi", .byte 0xf3, 0x0f, 0xc7, 0xf0
	\op "enqcmds", .byte 0xf3, 0x0f, 0x38, 0xf8, 0x07
	\op "pconfig", .byte 0x0f, 0x01, 0xc5
	\op "encls", .byte 0x0f, 0x01, 0xcf
	\op "eretu", .byte 0xf3, 0x0f, 0x01, 0xca
	\op "erets", .byte 0xf2, 0x0f, 0x01, 0xca
	\op "lkgs", .byte 0xf2, 0x0f, 0x00, 0xf0
	.endm

	.macro ring1_insn text, insn:vararg
	.balign 32
	\insn
	ret
	.endm

	.macro ring3_insn text, insn:vararg
	.balign 32
	\insn
	syscall
	ud2
	.endm

	.macro insn_name text, insn:vararg
	.asciz "\text"
	.endm

	.text
	.balign 32
	.globl ring1_insns, ring1_insns_end
ring1_insns:
	insns ring1_insn
	.balign 32
ring1_insns_end:

	.section .utext, "ax"
	.balign 32
	.globl ring3_insns
ring3_insns:
	insns ring3_insn

	.section .rodata
	.globl insn_names
insn_names:
	insns insn_name

	.section .note.GNU-stack, "", @progbits
