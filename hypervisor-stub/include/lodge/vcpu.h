/* SPDX-License-Identifier: MIT */
/*
 * The vCPU page: the part of a virtual CPU that its guest kernel can touch.
 *
 * It stands at LODGE_AREA_VCPU, in each vCPU's own address space, readable
 * and writable in ring 1. Reach it with absolute addressing (movabs), which
 * needs no segment base and no stack. The hypervisor trusts nothing in it.
 */
#ifndef LODGE_VCPU_H
#define LODGE_VCPU_H

#include <lodge/abi.h>

/* Offsets, for assembly; asserted below. */
#define LODGE_VP_VIF 0x00
#define LODGE_VP_PENDING 0x01
#define LODGE_VP_USER_RSP 0x08
#define LODGE_VP_USER_GS 0x10
#define LODGE_VP_KERNEL_GS 0x18
#define LODGE_VP_SCRATCH 0x20
#define LODGE_VP_SP0 0x28
#define LODGE_VP_CR2 0x30
#define LODGE_VP_EVENT_SEL 0x38
#define LODGE_VP_EXC_VECTOR 0x40
#define LODGE_VP_EXC_ERROR 0x48
#define LODGE_VP_EXC_RIP 0x50
#define LODGE_VP_EXC_CS 0x58
#define LODGE_VP_EXC_RFLAGS 0x60
#define LODGE_VP_EXC_RSP 0x68
#define LODGE_VP_EXC_SS 0x70
#define LODGE_VP_DF_SP 0x78
#define LODGE_VP_DR6 0x80

#ifndef __ASSEMBLER__
/*
 * One exception or upcall on its way to the guest's exception entry. cs and
 * ss of an interrupted kernel are LODGE_FRAME_CS and LODGE_FRAME_SS; bit 9 of
 * rflags is the virtual interrupt flag of the interrupted context (always set
 * for user mode).
 */
struct lodge_exception {
	uint64_t vector;
	uint64_t error; /* 0 where the vector has no error code */
	uint64_t rip;
	uint64_t cs;
	uint64_t rflags;
	uint64_t rsp;
	uint64_t ss;
};

struct lodge_vcpu_page {
	/*
	 * Virtual interrupt flag: 1 if upcalls may be delivered while the
	 * kernel runs. It is 0 while user mode runs, where they always may.
	 */
	uint8_t vif;
	/* Set by the hypervisor when an event waits; cleared by the upcall. */
	uint8_t pending;
	uint8_t pad0[6];
	uint64_t user_rsp; /* the stub leaves rsp here on SYSCALL */
	uint64_t user_gs; /* GS base of user mode while the kernel runs */
	uint64_t kernel_gs; /* GS base of the kernel while user mode runs */
	uint64_t scratch; /* rax during entry and iret sequences */
	uint64_t sp0; /* stack for exceptions of user mode */
	uint64_t cr2; /* address of the last #PF */
	uint64_t event_sel; /* bit n: look at word n of the event bitmap */
	struct lodge_exception exc;
	uint64_t df_sp; /* stack for #DF, when the kernel stack is bad */
	uint64_t dr6; /* debug status of the last #DB */
	uint64_t reserved[47];
};

#define LODGE_VP_ASSERT(field, offset) \
	LODGE_ASSERT(offsetof(struct lodge_vcpu_page, field) == offset, #field)
LODGE_VP_ASSERT(pending, LODGE_VP_PENDING);
LODGE_VP_ASSERT(user_rsp, LODGE_VP_USER_RSP);
LODGE_VP_ASSERT(user_gs, LODGE_VP_USER_GS);
LODGE_VP_ASSERT(kernel_gs, LODGE_VP_KERNEL_GS);
LODGE_VP_ASSERT(scratch, LODGE_VP_SCRATCH);
LODGE_VP_ASSERT(sp0, LODGE_VP_SP0);
LODGE_VP_ASSERT(cr2, LODGE_VP_CR2);
LODGE_VP_ASSERT(event_sel, LODGE_VP_EVENT_SEL);
LODGE_VP_ASSERT(exc, LODGE_VP_EXC_VECTOR);
LODGE_ASSERT(sizeof(struct lodge_exception) == 56, "exception");
LODGE_VP_ASSERT(df_sp, LODGE_VP_DF_SP);
LODGE_VP_ASSERT(dr6, LODGE_VP_DR6);
LODGE_ASSERT(sizeof(struct lodge_vcpu_page) == 512, "vcpu page");
#endif /* __ASSEMBLER__ */

#endif /* LODGE_VCPU_H */
