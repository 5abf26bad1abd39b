/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ring-0 stub: the only code of the hypervisor that is mapped while a
 * guest runs. Linked at AREA_BASE (top-level slot 256), read-only; the pages
 * around it are described in entry.h.
 *
 *   1. one entry per vector           (isr_table)
 *   2. hand-over to ring 1            (isr_common, isr_ring1)
 *   3. the way into the hypervisor     (isr_slow)
 *   4. traps of ring 0                 (isr_ring0)
 *   5. IST vectors                     (ist_entry)
 *   6. SYSCALL, root switch
 *   7. the way into the guest          (stub_enter)
 *
 * Until CR3 is switched there is no indirect branch, no ret, and no write
 * except to the entry stack and the vCPU page. (ring rules R1, R2, R3, R18)
 */
#include <lodge/abi.h>
#include <lodge/vcpu.h>
#include "entry.h"

#define REGS_SIZE 176
#define REGS_VECTOR 120
#define REGS_RIP 136
#define REGS_CS 144

	.section .stub, "ax", @progbits
	.globl stub_start
stub_start:

/* Things in slot 256, as operands relative to rip. */
#define CFG(off) (stub_start + AREA_CFG_OFF + (off))(%rip)
#define VP(off) (stub_start + AREA_VCPU_OFF + (off))(%rip)
#define AREA_STACK_TOP (stub_start + AREA_STACK_OFF + 4096)

.macro SAVE_REGS
	pushq	%rax
	pushq	%rbx
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%rbp
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
.endm

.macro RESTORE_REGS
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rbp
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rbx
	popq	%rax
.endm

/* Jump to C code in the hypervisor's own mapping, without a predictor. */
.macro JUMP_C target
	movabsq	$\target, %rax
	call	.Lset\@
.Ltrap\@:
	pause
	lfence
	jmp	.Ltrap\@
.Lset\@:
	movq	%rax, (%rsp)
	ret
.endm

/*
 * 1. Vectors: 16 bytes each, exactly a page. They push what the processor
 * did not, so that the stack holds vector, error, rip, cs, rflags, rsp, ss.
 */
	.balign	16
	.globl isr_table
isr_table:
	vec = 0
	.rept 256
	.balign	16
	.if (vec == 8) || ((vec >= 10) && (vec <= 14)) || (vec == 17) || (vec == 21)
	.else
	pushq	$0
	.endif
	pushq	$vec
	.if (vec == 1) || (vec == 2) || (vec == 8) || (vec == 18)
	jmp	ist_entry
	.else
	jmp	isr_common
	.endif
	vec = vec + 1
	.endr

/*
 * 2. Exceptions of user mode that the guest kernel handles by itself: leave
 * the frame in the vCPU page and enter ring 1 with a constant frame. The
 * vectors concerned are set in cfg.direct.
 */
	.balign	16
isr_common:
	testb	$2, 24(%rsp)
	jz	isr_ring1
	pushq	%rax
	movq	8(%rsp), %rax
	btq	%rax, CFG(CFG_DIRECT)
	jnc	1f
	cmpl	$14, %eax
	jne	2f
	movq	%cr2, %rax
	testq	%rax, %rax
	js	1f			/* a kernel address: the slow way */
	movq	%rax, VP(LODGE_VP_CR2)
2:
	word = 0
	.rept 7
	movq	8 + word(%rsp), %rax
	movq	%rax, VP(LODGE_VP_EXC_VECTOR + word)
	word = word + 8
	.endr
	popq	%rax
	cld
	leaq	CFG(CFG_EXC_FRAME), %rsp
	iretq
1:	popq	%rax
	jmp	isr_slow

/*
 * The same for what the guest kernel asked to get directly of its own: page
 * faults on user addresses, int3, #UD. It sees CS and SS with RPL 0 and the
 * virtual interrupt flag in rflags, and finds that flag cleared.
 */
isr_ring1:
	testb	$1, 24(%rsp)
	jz	isr_ring0
	pushq	%rax
	movq	8(%rsp), %rax
	cmpl	$31, %eax
	ja	1b
	btq	%rax, CFG(CFG_DIRECT_KERNEL)
	jnc	1b
	cmpl	$14, %eax
	jne	2f
	movq	%cr2, %rax
	testq	%rax, %rax
	js	1b
	movq	%rax, VP(LODGE_VP_CR2)
2:	movq	24(%rsp), %rax		/* the entry's own faults become #DF */
	cmpq	CFG(CFG_EXC_FRAME), %rax
	jb	3f
	cmpq	CFG(CFG_EXC_END), %rax
	jb	1b
3:	movq	8(%rsp), %rax
	movq	%rax, VP(LODGE_VP_EXC_VECTOR)
	movq	16(%rsp), %rax
	movq	%rax, VP(LODGE_VP_EXC_ERROR)
	movq	24(%rsp), %rax
	movq	%rax, VP(LODGE_VP_EXC_RIP)
	movq	$LODGE_FRAME_CS, VP(LODGE_VP_EXC_CS)
	movzbl	VP(LODGE_VP_VIF), %eax
	andl	$1, %eax
	shll	$9, %eax
	andq	$~0x200, 40(%rsp)
	orq	40(%rsp), %rax
	movq	%rax, VP(LODGE_VP_EXC_RFLAGS)
	movb	$0, VP(LODGE_VP_VIF)
	movq	48(%rsp), %rax
	movq	%rax, VP(LODGE_VP_EXC_RSP)
	movq	$LODGE_FRAME_SS, VP(LODGE_VP_EXC_SS)
	popq	%rax
	cld
	leaq	CFG(CFG_EXC_FRAME), %rsp
	iretq

/*
 * 3. Save everything on the vCPU's entry stack, change to the hypervisor's
 * tables and stack, and never come back this way:
 * void guest_exit(u64 guest_cr3, u64 cr2)
 */
isr_slow:
	testb	$3, 24(%rsp)
	jz	isr_ring0
	SAVE_REGS
	cld
	movq	%cr3, %rdi
	movq	%cr2, %rsi
	movq	CFG(CFG_HOST_CR3), %rax
	movq	CFG(CFG_HOST_STACK), %rdx
	movq	%rax, %cr3
	movq	%rdx, %rsp
	xorl	%ebp, %ebp
	JUMP_C	guest_exit

/*
 * 4. A trap of ring 0. Six instructions of the stub may fault with the
 * guest's tables loaded; everything else is the hypervisor itself, on its
 * own tables: bool host_trap(struct regs *).
 */
.macro FIXUP insn, handler
	leaq	\insn(%rip), %rax
	cmpq	%rax, 24(%rsp)
	je	\handler
.endm

isr_ring0:
	pushq	%rax
	FIXUP	stub_iret, iret_fault
	FIXUP	stub_load_root_iret, iret_fault
	FIXUP	stub_load_ds, fix_ds
	FIXUP	stub_load_es, fix_es
	FIXUP	stub_load_fs, fix_fs
	FIXUP	stub_load_gs, fix_gs
	popq	%rax
	SAVE_REGS
	cld
	movq	%rsp, %rdi
	movabsq	$host_trap, %rax
	call	stub_call
	RESTORE_REGS
	addq	$16, %rsp
	iretq

stub_call:				/* an indirect call, retpoline */
	call	2f
1:	pause
	lfence
	jmp	1b
2:	movq	%rax, (%rsp)
	ret

/*
 * An iretq into the guest faulted (a user selector that went bad meanwhile, or
 * an instruction at the very end of the canonical addresses). The guest's
 * frame is still whole at the top of the entry stack:
 * void guest_iret_fault(u64 offset of the saved registers in the stack page)
 */
iret_fault:
	popq	%rax
	SAVE_REGS
	cld
	movq	%rsp, %rdi
	andl	$4095, %edi
	movq	CFG(CFG_HOST_CR3), %rax
	movq	CFG(CFG_HOST_STACK), %rdx
	movq	%rax, %cr3
	movq	%rdx, %rsp
	xorl	%ebp, %ebp
	JUMP_C	guest_iret_fault

/*
 * 5. NMI, #MC, #DB, #DF: each on an IST stack, from anywhere, even from the
 * stub with the guest's rsp. Trust nothing but cfg.
 * void ist_trap(u64 vector, u64 offset of regs in the IST page, u64 old_cr3);
 * it returns only if ring 0 was interrupted.
 */
ist_entry:
	SAVE_REGS
	cld
	movl	$0x400, %eax		/* no breakpoint of the guest's from */
	movq	%rax, %db7		/* here on: #DBs would have no end */
	movq	%cr3, %rbx
	movq	%rsp, %rbp
	movq	REGS_VECTOR(%rsp), %rdi
	movq	CFG(CFG_IST_STACK(IST_NMI)), %rcx
	cmpl	$2, %edi
	je	1f
	movq	CFG(CFG_IST_STACK(IST_MC)), %rcx
	cmpl	$18, %edi
	je	1f
	movq	CFG(CFG_IST_STACK(IST_DB)), %rcx
	cmpl	$1, %edi
	je	1f
	movq	CFG(CFG_IST_STACK(IST_DF)), %rcx
1:	movq	CFG(CFG_HOST_CR3), %rax
	movq	%rax, %cr3
	movq	%rcx, %rsp
	movq	%rbp, %rsi
	andl	$4095, %esi
	movq	%rbx, %rdx
	movabsq	$ist_trap, %rax
	call	stub_call
	movq	%rbx, %cr3
	movq	%rbp, %rsp
	RESTORE_REGS
	addq	$16, %rsp
	iretq

/*
 * 6. SYSCALL from 64-bit code (LSTAR): rcx, r11 as the processor left them,
 * all else untouched. Interrupts are off until the iretq.
 */
	.balign	16
	.globl stub_syscall
stub_syscall:
	movq	%rsp, VP(LODGE_VP_USER_RSP)
	leaq	CFG(CFG_SYSCALL_FRAME), %rsp
	iretq

/* SYSCALL from 32-bit code (CSTAR). A guest without an entry gets #UD. */
	.balign	16
	.globl stub_syscall32
stub_syscall32:
	movq	%rsp, VP(LODGE_VP_USER_RSP)
	cmpq	$0, CFG(CFG_SYSCALL32_FRAME)
	je	1f
	leaq	CFG(CFG_SYSCALL32_FRAME), %rsp
	iretq
1:	leaq	AREA_STACK_TOP(%rip), %rsp
	pushq	$LODGE_USER_DS
	pushq	VP(LODGE_VP_USER_RSP)
	pushq	%r11
	pushq	$LODGE_USER32_CS
	pushq	%rcx
	subq	$2, (%rsp)		/* back to the instruction */
	pushq	$0
	pushq	$6
	jmp	isr_common

/*
 * int $LODGE_VEC_LOAD_ROOT: rdi = guest root. Loads its hardware table if
 * cfg.root has it; rax = 0, or 1 for a miss.
 */
	.balign	16
	.globl stub_load_root
stub_load_root:
	slot = 0
	.rept CFG_ROOT_COUNT
	cmpq	CFG(CFG_ROOTS + 16 * slot), %rdi
	jne	1f
	movq	CFG(CFG_ROOTS + 16 * slot + 8), %rax
	testq	%rax, %rax
	jz	1f
	movq	%rax, %cr3
	xorl	%eax, %eax
	jmp	stub_load_root_iret
1:
	slot = slot + 1
	.endr
	movl	$1, %eax
stub_load_root_iret:
	iretq

/*
 * 7. void stub_enter(u64 cr3, enum segs_reload reload): the registers to load
 * lie at the top of the vCPU's entry stack. reload: also the LDT, or LDT,
 * selectors and bases, from cfg. A selector that faults is loaded as null.
 */
	.balign	16
	.globl stub_enter
stub_enter:
	leaq	(AREA_STACK_TOP - REGS_SIZE)(%rip), %rsp
	movq	%rdi, %cr3
	testl	%esi, %esi
	jnz	4f
3:	RESTORE_REGS
	addq	$16, %rsp
	.globl stub_iret
stub_iret:
	iretq

4:	lldt	CFG(CFG_SEGS + 8)
	decl	%esi /* RELOAD_LDT? */
	jz	3b
	movzwl	CFG(CFG_SEGS + 0), %eax
stub_load_ds:
	movl	%eax, %ds
	movzwl	CFG(CFG_SEGS + 2), %eax
stub_load_es:
	movl	%eax, %es
	movzwl	CFG(CFG_SEGS + 4), %eax
stub_load_fs:
	movl	%eax, %fs
	movzwl	CFG(CFG_SEGS + 6), %eax
stub_load_gs:
	movl	%eax, %gs
	movq	CFG(CFG_FS_BASE), %rax
	wrfsbase %rax
	movq	CFG(CFG_GS_BASE), %rax
	wrgsbase %rax
	jmp	3b

	/* Drop the exception's frame, load null instead, repeat the load. */
	.irp seg, ds, es, fs, gs
fix_\seg:
	leaq	(AREA_STACK_TOP - REGS_SIZE)(%rip), %rsp
	xorl	%eax, %eax
	jmp	stub_load_\seg
	.endr

	.globl stub_end
stub_end:

/* Addresses in slot 256 are out of reach for direct references from C. */
	.section .rodata
	.balign	8
	.globl stub_addr_isr_table, stub_addr_syscall, stub_addr_syscall32
	.globl stub_addr_load_root, stub_addr_enter
stub_addr_isr_table:	.quad isr_table
stub_addr_syscall:	.quad stub_syscall
stub_addr_syscall32:	.quad stub_syscall32
stub_addr_load_root:	.quad stub_load_root
stub_addr_enter:	.quad stub_enter
	.section .note.GNU-stack, "", @progbits
