/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * 1. exception_entry: pulls the frame from the vCPU page
 * 2. syscall_entry, syscall32_entry
 * 3. iret_sequence: the way back, to user mode and to the kernel
 * 4. user_enter, user_leave: a call into user mode and the end of it
 * 5. probe_enter, probe_leave: a call that may fault
 *
 * All entries build a struct regs (guest.h) on the stack:
 *
 *	ss rsp rflags cs rip error vector  rax rbx rcx rdx rsi rdi rbp r8..r15
 *	high                                                            low
 */
#include <lodge/vcpu.h>

#define VP(field) LODGE_AREA_VCPU + LODGE_VP_##field

#define PUSH_FIELD(field) movabs VP(field), %rax; push %rax

	.macro push_regs
	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rbp
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	cld
	.endm

	.macro pop_regs
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rbp
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	add	$16, %rsp
	.endm

	/* GS base of user mode away, GS base of the kernel in; clobbers rax. */
	.macro swap_in
	rdgsbase %rax
	movabs	%rax, VP(USER_GS)
	movabs	VP(KERNEL_GS), %rax
	wrgsbase %rax
	.endm

	.text
/*
 * exception_entry: registers as interrupted but for rsp, virtual IF off. Up
 * to exception_entry_end a fault of our own becomes a #DF, which arrives here
 * again with vector 8 and goes to the stack in df_sp.
 */
	.balign 16
	.globl exception_entry, exception_entry_end
exception_entry:
	movabs	%rax, VP(SCRATCH)
	movabs	VP(EXC_CS), %rax
	test	$2, %al
	jz	1f
	swap_in
	movabs	VP(SP0), %rax
	jmp	2f
1:	movabs	VP(EXC_RSP), %rax
2:	mov	%rax, %rsp
	movabs	VP(EXC_VECTOR), %rax
	cmp	$8, %rax
	jne	3f
	movabs	VP(DF_SP), %rax
	mov	%rax, %rsp
3:	and	$-16, %rsp
	PUSH_FIELD(EXC_SS)
	PUSH_FIELD(EXC_RSP)
	PUSH_FIELD(EXC_RFLAGS)
	PUSH_FIELD(EXC_CS)
	PUSH_FIELD(EXC_RIP)
	PUSH_FIELD(EXC_ERROR)
	PUSH_FIELD(EXC_VECTOR)
	movabs	VP(SCRATCH), %rax
	push_regs
exception_entry_end:
	mov	%rsp, %rdi
	call	exception_main
regs_return:
	pop_regs
	jmp	iret_sequence
	.size exception_entry, . - exception_entry

/* Vectors that the two system call entries put into struct regs. */
	.macro syscall_body vector, selector
	movabs	%rax, VP(SCRATCH)
	swap_in
	movabs	VP(SP0), %rax
	mov	%rax, %rsp
	and	$-16, %rsp
	push	$LODGE_USER_DS
	PUSH_FIELD(USER_RSP)
	push	%r11
	push	$\selector
	push	%rcx
	push	$0
	push	$\vector
	movabs	VP(SCRATCH), %rax
	push_regs
	mov	%rsp, %rdi
	call	syscall_main
	jmp	regs_return
	.endm

	.balign 16
	.globl syscall_entry
syscall_entry:
	syscall_body 0x100, LODGE_USER_CS
	.size syscall_entry, . - syscall_entry

	.balign 16
	.globl syscall32_entry
syscall32_entry:
	syscall_body 0x101, LODGE_USER32_CS
	.size syscall32_entry, . - syscall32_entry

/*
 * iret_sequence: rsp points at rip, cs, rflags, rsp, ss and stays there. The
 * virtual IF is off on entry. An event that shows up on the way makes us, or
 * the hypervisor when it interrupts us, have the iret completed in ring 0.
 */
	.balign 16
	.globl iret_sequence, iret_sequence_end, iret_saved, iret_restored
iret_sequence:
	testb	$2, 8(%rsp)
	jnz	1f
	testb	$2, 17(%rsp)
	jz	iret_restored
1:	movabs	%rax, VP(SCRATCH)
iret_saved:
	movabs	VP(PENDING), %al
	test	%al, %al
	jnz	3f
	testb	$2, 8(%rsp)
	jz	2f
	movabs	VP(USER_GS), %rax
	wrgsbase %rax
	jmp	4f
2:	mov	$1, %al
	movabs	%al, VP(VIF)
	jmp	4f
3:	movabs	VP(SCRATCH), %rax
	int	$LODGE_VEC_IRET
4:	movabs	VP(SCRATCH), %rax
iret_restored:
	orb	$1, 8(%rsp)
	orb	$1, 32(%rsp)
	iretq
iret_sequence_end:
	.size iret_sequence, . - iret_sequence

	.macro push_saved
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	.endm

	.macro pop_saved
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	.endm

/*
 * void user_enter(struct regs *regs, u64 *save): go to user mode with these
 * registers; returns when user_leave(*save) is called. regs needs stack space
 * below it.
 */
	.balign 16
	.globl user_enter
user_enter:
	push_saved
	mov	%rsp, (%rsi)
	mov	%rdi, %rsp
	jmp	regs_return
	.size user_enter, . - user_enter

	.globl user_leave
user_leave:
	mov	%rdi, %rsp
	pushq	$2
	popfq
	pop_saved
	ret
	.size user_leave, . - user_leave

/*
 * u64 probe_enter(fn, a, b, c, u64 *save): returns fn(a, b, c), unless the
 * exception handler calls probe_leave(*save).
 */
	.balign 16
	.globl probe_enter
probe_enter:
	push_saved
	push	%r8
	mov	%rsp, (%r8)
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	call	*%rax
	add	$8, %rsp
	pop_saved
	ret
	.size probe_enter, . - probe_enter

	.globl probe_leave
probe_leave:
	mov	%rdi, %rsp
	pushq	$2
	popfq
	mov	$LODGE_KERNEL_DS, %eax
	mov	%eax, %ss
	add	$8, %rsp
	pop_saved
	xor	%eax, %eax
	ret
	.size probe_leave, . - probe_leave

	.section .note.GNU-stack, "", @progbits
