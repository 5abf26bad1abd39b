/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Snippets that tests run at CPL 3 with user_run(). Each ends in a system
 * call or in the fault that is being provoked; rdi and rsi are arguments,
 * results are left in registers.
 */
	.macro user name
	.balign 16
	.globl \name
\name:
	.endm

	.section .utext, "ax"
user u_syscall
	syscall
	ud2
user u_read /* rax = byte at rdi */
	movzbl	(%rdi), %eax
	syscall
	ud2
user u_write /* byte at rdi = sil */
	movb	%sil, (%rdi)
	syscall
	ud2
user u_call
	call	*%rdi
	syscall
	ud2
user u_state /* rax = cs, rbx = ss, rdx = flags, rbp = gs base */
	pushfq
	popq	%rdx
	mov	%cs, %eax
	mov	%ss, %ebx
	rdgsbase %rbp
	syscall
	ud2
user u_spin /* until the byte at rdi changes from sil */
1:	pause
	cmpb	%sil, (%rdi)
	je	1b
	syscall
	ud2
user u_loop /* for rdi rounds, then a system call */
	dec	%rdi
	jnz	u_loop
	syscall
	ud2
user u_flags_syscall /* rflags = rdi, then SYSCALL */
	push	%rdi
	popfq
	syscall
	ud2
user u_int80
	int	$0x80
	syscall
	ud2
user u_int3
	int3
	syscall
	ud2
user u_ud2
	ud2
	syscall
user u_divide
	xor	%edx, %edx
	xor	%ecx, %ecx
	div	%ecx
	ud2

	.section .udata, "aw"
	.balign 8
	.globl user_word
user_word:
	.quad	0

	.section .note.GNU-stack, "", @progbits
