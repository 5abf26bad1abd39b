/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ways into the guest kernel and out of it.
 *
 *   1. lodge_entry_syscall, lodge_entry_syscall32   SYSCALL of user mode
 *   2. lodge_entry_exception                        everything else
 *   3. lodge_iret                                   every return
 *   4. lodge_load_gs_index                          a user's GS selector
 *   5. callee-saved pv ops: virtual IF and CR2
 *
 * The entry stub cannot touch our stack: it leaves what it has to say in the
 * vCPU page, at the same address on every vCPU, and we pull. That page is
 * reached with movabs, which needs neither a stack nor a segment base, but
 * rax; so rax rests in the page's scratch field wherever it is in use. The
 * virtual interrupt flag is 0 in user mode (where it counts as set) and so on
 * entry: nothing can come between entry and the switch of GS and stack.
 *
 * Frames show the kernel with RPL 0, as natively, though it runs in ring 1.
 * lodge_iret sets the RPL on the way out.
 */
#include <linux/init.h>
#include <linux/linkage.h>

#include <asm/asm-offsets.h>
#include <asm/asm.h>
#include <asm/ibt.h>
#include <asm/nospec-branch.h>
#include <asm/percpu.h>
#include <asm/segment.h>
#include <asm/trapnr.h>
#include <asm/unwind_hints.h>

#include <lodge/hypercall.h>
#include <lodge/vcpu.h>

#define VP(field) (LODGE_AREA_VCPU + LODGE_VP_##field)

/* The five words of an iret frame. */
#define FRAME_CS 8(%rsp)
#define FRAME_IF_BYTE 17(%rsp)
#define FRAME_SS 32(%rsp)
#define USER_BIT $2 /* in CS: rings 2 and 3, that is user mode */
#define IF_BIT $2 /* in FRAME_IF_BYTE */
#define RING1 $1

.macro SAVE_RAX
	movabsq	%rax, VP(SCRATCH)
.endm

.macro RESTORE_RAX
	movabsq	VP(SCRATCH), %rax
.endm

/* From the user's GS base to the kernel's; clobbers rax. */
.macro SWITCH_TO_KERNEL_GS
	rdgsbase %rax
	movabsq	%rax, VP(USER_GS)
	movabsq	VP(KERNEL_GS), %rax
	wrgsbase %rax
.endm

.macro PUSH_FIELD address
	movabsq	\address, %rax
	pushq	%rax
.endm

	.pushsection .noinstr.text, "ax"

/*
 * 1. SYSCALL
 *
 * IN: rcx = user rip, r11 = user rflags, rsp undefined, all else the user's.
 */
.macro SYSCALL_ENTRY name, user_cs, target
SYM_CODE_START(\name)
	UNWIND_HINT_END_OF_STACK
	ENDBR
	SAVE_RAX
	SWITCH_TO_KERNEL_GS
	movq	PER_CPU_VAR(pcpu_hot + X86_top_of_stack), %rsp
	pushq	$__USER_DS
	PUSH_FIELD VP(USER_RSP)
	pushq	%r11
	pushq	$\user_cs
	pushq	%rcx
	RESTORE_RAX
	jmp	\target
SYM_CODE_END(\name)
.endm

SYSCALL_ENTRY lodge_entry_syscall, __USER_CS, entry_SYSCALL_64_after_hwframe
#ifdef CONFIG_IA32_EMULATION
SYSCALL_ENTRY lodge_entry_syscall32, __USER32_CS, \
	entry_SYSCALL_compat_after_hwframe
#endif

/*
 * 2. Exceptions and upcalls
 *
 * IN: `exc` in the vCPU page; rsp undefined, all else as interrupted. Builds
 * the frame that hardware would have pushed, where it would have pushed it,
 * and goes on at the vector's handler:
 *
 *	ss rsp rflags cs rip [error code]	<- rsp
 *
 * Up to lodge_entry_exception_end a fault of our own is fatal: it would
 * overwrite `exc`. The hypervisor makes it a #DF.
 */
SYM_CODE_START(lodge_entry_exception)
	UNWIND_HINT_END_OF_STACK
	ENDBR
	SAVE_RAX
	movabsb	VP(EXC_CS), %al
	testb	USER_BIT, %al
	jz	.Lfrom_kernel
	SWITCH_TO_KERNEL_GS
	movabsq	VP(SP0), %rax
	jmp	.Lpull

.Lfrom_kernel:
	movabsb	VP(EXC_VECTOR), %al
	cmpb	$X86_TRAP_DF, %al
	je	.Ldouble_fault
	movabsq	VP(EXC_RSP), %rax
	andq	$-16, %rax
.Lpull:
	movq	%rax, %rsp
	PUSH_FIELD VP(EXC_SS)
	PUSH_FIELD VP(EXC_RSP)
	PUSH_FIELD VP(EXC_RFLAGS)
	PUSH_FIELD VP(EXC_CS)
	PUSH_FIELD VP(EXC_RIP)
	UNWIND_HINT_IRET_REGS

	movabsq	VP(EXC_VECTOR), %rax
	cmpb	$0, lodge_trap_has_error(%rax)
	je	.Ldispatch
	PUSH_FIELD VP(EXC_ERROR)
	movabsq	VP(EXC_VECTOR), %rax
.Ldispatch:
	/* No register is free to jump through, so return to the handler. */
	UNWIND_HINT_UNDEFINED
	pushq	lodge_trap_handler(,%rax,8)
	RESTORE_RAX
	ANNOTATE_UNRET_SAFE
	ret
	int3

.Ldouble_fault:
	UNWIND_HINT_END_OF_STACK
	movabsq	VP(DF_SP), %rax
	jmp	.Lpull
SYM_INNER_LABEL(lodge_entry_exception_end, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	int3
SYM_CODE_END(lodge_entry_exception)

/*
 * 3. Return from anything
 *
 * IN: rsp at an iret frame, every other register as it shall be, virtual IF
 * off. Takes the place of iretq in the kernel's exit paths.
 *
 * rsp does not change from lodge_iret to lodge_iret_end, and rax is in
 * `scratch` between the two labels below. That lets the hypervisor complete
 * the return in our stead: when an event is due while rip is in here, when
 * the iretq faults on a bad frame (the fault then appears as one of user
 * mode), and when we ask for it because an event waits already.
 */
SYM_CODE_START(lodge_iret)
	UNWIND_HINT_IRET_REGS
	ANNOTATE_NOENDBR
	testb	USER_BIT, FRAME_CS
	jnz	.Lcheck_events
	testb	IF_BIT, FRAME_IF_BYTE
	jz	.Lreturn_to_kernel
.Lcheck_events:
	SAVE_RAX
SYM_INNER_LABEL(lodge_iret_saved, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	movabsb	VP(PENDING), %al
	testb	%al, %al
	jnz	.Levent_waits
	testb	USER_BIT, FRAME_CS
	jz	.Linterrupts_on
	movabsq	VP(USER_GS), %rax
	wrgsbase %rax
	RESTORE_RAX
	iretq

.Levent_waits:
	RESTORE_RAX
	int	$LODGE_VEC_IRET
	ud2

.Linterrupts_on:
	movb	$1, %al
	movabsb	%al, VP(VIF)
	RESTORE_RAX
SYM_INNER_LABEL(lodge_iret_restored, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
.Lreturn_to_kernel:
	orb	RING1, FRAME_CS
	orb	RING1, FRAME_SS
	iretq
SYM_INNER_LABEL(lodge_iret_end, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	int3
SYM_CODE_END(lodge_iret)

/*
 * 5. Callee-saved pv ops: only rax and the flags may change.
 */
SYM_FUNC_START(lodge_save_fl)
	movabsb	VP(VIF), %al
	movzbl	%al, %eax
	shll	$9, %eax
	RET
SYM_FUNC_END(lodge_save_fl)

SYM_FUNC_START(lodge_irq_disable)
	xorl	%eax, %eax
	movabsb	%al, VP(VIF)
	RET
SYM_FUNC_END(lodge_irq_disable)

/* An event that came just before or just after is delivered by the call. */
SYM_FUNC_START(lodge_irq_enable)
	movb	$1, %al
	movabsb	%al, VP(VIF)
	movabsb	VP(PENDING), %al
	testb	%al, %al
	jnz	1f
	RET
1:	movl	$LODGE_HC_VERSION, %eax
	int	$LODGE_VEC_HYPERCALL
	RET
SYM_FUNC_END(lodge_irq_enable)

SYM_FUNC_START(lodge_read_cr2)
	movabsq	VP(CR2), %rax
	RET
SYM_FUNC_END(lodge_read_cr2)

	.popsection

/*
 * 4. void lodge_load_gs_index(unsigned int selector)
 *
 * Loads the selector as user mode's GS and notes the base that comes with it,
 * or none for the null selector. A selector that faults is replaced by null.
 *
 * The load puts the user's base in place of ours for two instructions; hence
 * no interrupts. The faulting load leaves our base alone, so the exception
 * is taken like any other.
 */
	.text
SYM_FUNC_START(lodge_load_gs_index)
	movabsb	VP(VIF), %al
	movl	%eax, %ecx
	xorl	%eax, %eax
	movabsb	%al, VP(VIF)
	rdgsbase %rdx
.Lload_gs:
	movl	%edi, %gs
	rdgsbase %rax
	wrgsbase %rdx
	cmpl	$3, %edi
	ja	1f
	xorl	%eax, %eax	/* some processors keep the base */
1:	movabsq	%rax, VP(USER_GS)
	testb	%cl, %cl
	jz	2f
	jmp	lodge_irq_enable
2:	RET
.Lbad_gs:
	xorl	%edi, %edi
	jmp	.Lload_gs
SYM_FUNC_END(lodge_load_gs_index)
	_ASM_EXTABLE(.Lload_gs, .Lbad_gs)
	_ASM_NOKPROBE(lodge_load_gs_index) /* GS is the user's in there */

/*
 * What this_cpu_cmpxchg16b_emu stands for; every processor that Lodge runs
 * on has the instruction. rsi = address within the per-CPU area.
 */
SYM_FUNC_START(lodge_cmpxchg16b)
	cmpxchg16b __percpu (%rsi)
	RET
SYM_FUNC_END(lodge_cmpxchg16b)
