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

/* One-instruction snippets: the fault, or the system call after it. */
	.macro user_one name, insn:vararg
	user \name
	\insn
	syscall
	ud2
	.endm

	user_one u_int4, int $4
	user_one u_int1, int $1
	user_one u_icebp, .byte 0xf1
	user_one u_cli, cli
	user_one u_hlt, hlt
	user_one u_in, in $0x64, %al
	user_one u_out, out %al, $0x80
	user_one u_rdmsr, rdmsr
	user_one u_stack, mov (%rbp), %rax
	user_one u_int82, int $0x82
	user_one u_int83, int $0x83
	user_one u_int84, int $0x84
	user_one u_sysenter, sysenter

/* Writes rflags = rdi and reads the misaligned word at rsi: #AC if armed. */
user u_align
	push	%rdi
	popfq
	mov	1(%rsi), %eax
	pushq	$2
	popfq
	syscall
	ud2

/*
 * Fills x87, SSE and (rsi != 0) AVX state from the seed rdi, works for rdx
 * rounds, and looks whether it is all still there: rax = 0 if so, else 1 for
 * MXCSR, 2 for x87, 3 for SSE, 4 and 5 for AVX.
 */
	.macro each_xmm op:vararg
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	\op \n
	.endr
	.endm
	.macro set_xmm n
	lea	\n(%rdi), %rax
	movq	%rax, %xmm\n
	punpcklqdq %xmm\n, %xmm\n
	.endm
	.macro set_ymm n
	vinsertf128 $1, %xmm\n, %ymm\n, %ymm\n
	.endm
	.macro test_xmm n
	lea	\n(%rdi), %rax
	movq	%xmm\n, %rcx
	cmp	%rcx, %rax
	jne	9f
	movhlps	%xmm\n, %xmm\n
	movq	%xmm\n, %rcx
	cmp	%rcx, %rax
	jne	9f
	.endm
	.macro test_ymm n
	lea	\n(%rdi), %rax
	vextractf128 $1, %ymm\n, %xmm\n
	movq	%xmm\n, %rcx
	cmp	%rcx, %rax
	jne	9f
	.endm
user u_fpu
	fninit
	push	%rdi
	andq	$0x7fffffff, (%rsp)
	fildq	(%rsp)
	ldmxcsr	fpu_mxcsr(%rip)
	each_xmm set_xmm
	test	%rsi, %rsi
	jz	1f
	each_xmm set_ymm
1:	pause
	dec	%rdx
	jnz	1b
	mov	$1, %r8d
	stmxcsr	-8(%rsp)
	mov	-8(%rsp), %eax
	cmp	fpu_mxcsr(%rip), %eax
	jne	9f
	mov	$2, %r8d
	fistpq	-8(%rsp)
	mov	-8(%rsp), %rax
	cmp	(%rsp), %rax
	jne	9f
	test	%rsi, %rsi
	jz	2f
	mov	$4, %r8d
	/* Lower halves first: test_ymm overwrites them. */
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	lea	\n(%rdi), %rax
	vmovq	%xmm\n, %rcx
	cmp	%rcx, %rax
	jne	9f
	.endr
	mov	$5, %r8d
	each_xmm test_ymm
	jmp	3f
2:	mov	$3, %r8d
	each_xmm test_xmm
3:	xor	%eax, %eax
	pop	%rdi
	syscall
	ud2
9:	mov	%r8d, %eax
	pop	%rdi
	syscall
	ud2
fpu_mxcsr:
	.long	0x3f80 /* all masked, rounding down */

/* An SSE and an x87 exception, unmasked. */
user u_xm
	pushq	$0x1d80 /* divide by zero unmasked */
	ldmxcsr	(%rsp)
	xorps	%xmm0, %xmm0
	pcmpeqd	%xmm1, %xmm1
	cvtdq2ps %xmm1, %xmm1
	divps	%xmm0, %xmm1
	syscall
	ud2
user u_mf
	fninit
	pushq	$0x37b /* divide by zero unmasked */
	fldcw	(%rsp)
	fld1
	fldz
	fdivrp	%st, %st(1)
	fwait
	syscall
	ud2

/* 32-bit code, to be entered with CS LODGE_USER32_CS. */
	.code32
user u32_int80
	int	$0x80
	ud2
user u32_syscall
	mov	$0x4321, %edi
	syscall
	ud2
user u32_sysenter
	sysenter
	ud2
user u32_far /* far jump to 64-bit code and a system call there */
	ljmp	$0x33, $u_syscall
user u32_into
	mov	$0x7fffffff, %eax
	add	$1, %eax
	into
	ud2
user u32_bound
	push	$2
	push	$1
	mov	$5, %eax
	bound	%eax, (%esp)
	ud2
user u32_hyper
	int	$0x82
	ud2
	.code64

	.section .udata, "aw"
	.balign 8
	.globl user_word
user_word:
	.quad	0

	.section .note.GNU-stack, "", @progbits
