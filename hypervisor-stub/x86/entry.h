/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The entry area: what is mapped in top-level slot 256 while a guest runs,
 * and, with a set of pages of each processor's own at the same addresses,
 * while the hypervisor runs. Changing CR3 therefore changes GDT, TSS and IST
 * stacks as well, and no descriptor register is ever reloaded.
 */
#ifndef X86_ENTRY_H
#define X86_ENTRY_H

#define AREA_BASE 0xffff800000000000
#define AREA_TEXT_OFF 0x0000 /* the stub, two pages, shared by all */
#define AREA_IDT_OFF 0x2000 /* shared by all */
#define AREA_GDT_OFF 0x3000 /* GDT; the TSS is at AREA_TSS_OFF */
#define AREA_TSS_OFF 0x3800
#define AREA_CFG_OFF 0x4000 /* struct entry_cfg */
#define AREA_VCPU_OFF 0x5000 /* the vCPU page; absent in a processor's area */
#define AREA_STACK_OFF 0x6000 /* RSP0 and RSP1 point to its end */
#define AREA_IST_OFF 0x7000 /* four pages: NMI, #MC, #DB, #DF */
#define AREA_LDT_OFF 0x10000 /* sixteen pages */

#define SEL_HV_CODE 0x80
#define SEL_HV_DATA 0x88
#define SEL_TSS 0x90 /* two slots */
#define SEL_LDT 0xa0 /* two slots */
#define GDT_SLOTS 22

#define IST_NMI 1
#define IST_MC 2
#define IST_DB 3
#define IST_DF 4

/* struct entry_cfg */
#define CFG_HOST_CR3 0x00
#define CFG_HOST_STACK 0x08
#define CFG_IST_STACK(ist) (0x08 + 8 * (ist)) /* IST_NMI to IST_DF */
#define CFG_DIRECT 0x30 /* 32 bytes */
#define CFG_SYSCALL_FRAME 0x50
#define CFG_SYSCALL32_FRAME 0x78
#define CFG_EXC_FRAME 0xa0
#define CFG_SEGS 0xc8 /* ds, es, fs, gs, ldt: 16 bits each */
#define CFG_FS_BASE 0xd8
#define CFG_GS_BASE 0xe0
#define CFG_DIRECT_KERNEL 0xe8
#define CFG_EXC_END 0xf0
#define CFG_ROOTS 0x100
#define CFG_ROOT_COUNT 16

#ifndef __ASSEMBLER__
#include <lodge/abi.h>
#include "../core/types.h"
#include "regs.h"
#include "vcpu_arch.h"

struct vcpu;
struct pcpu;

struct iret_frame {
	u64 rip, cs, rflags, rsp, ss;
};

/* One root that the stub may load by itself. */
struct entry_root {
	gpa_t guest; /* matched against rdi */
	mpa_t hardware; /* 0: the slot is empty */
};

/*
 * What the stub stands on: written by the hypervisor through its own mapping,
 * read-only at AREA_CFG_OFF.
 */
struct entry_cfg {
	mpa_t host_cr3; /* of the processor that the vCPU runs on */
	u64 host_stack, ist_stack[AREA_IST_PAGES]; /* tops */
	u64 direct[4]; /* bitmap of vectors handed from ring 3 to ring 1 */
	struct iret_frame syscall, syscall32, exception;
	/* Loaded on the way into the guest when another vCPU ran before. */
	u16 ds, es, fs, gs, ldt;
	u16 pad0[3];
	u64 fs_base, gs_base;
	u64 direct_kernel; /* as direct, from ring 1; LODGE_CB_KERNEL_FAULTS */
	u64 exception_end; /* of the code that starts at exception.rip */
	u64 pad1;
	struct entry_root root[CFG_ROOT_COUNT];
};

#define CFG_ASSERT(field, offset) \
	_Static_assert(offsetof(struct entry_cfg, field) == offset, #field)
CFG_ASSERT(direct, CFG_DIRECT);
CFG_ASSERT(syscall, CFG_SYSCALL_FRAME);
CFG_ASSERT(exception, CFG_EXC_FRAME);
CFG_ASSERT(ds, CFG_SEGS);
CFG_ASSERT(fs_base, CFG_FS_BASE);
CFG_ASSERT(direct_kernel, CFG_DIRECT_KERNEL);
CFG_ASSERT(exception_end, CFG_EXC_END);
CFG_ASSERT(root, CFG_ROOTS);

/* area.c */
/* Builds the pages common to all areas; once. */
void entry_area_setup(void);
/* 0 or -ENOMEM. */
int entry_area_init_vcpu(struct vcpu *v);
int entry_area_init_host(struct pcpu *p);
void entry_area_destroy(struct entry_area *a);
/* Points c to the stacks and tables of p, on which its vCPU will run. */
void entry_cfg_set_host(struct entry_cfg *c, const struct pcpu *p);
/* Maps or unmaps page n of the LDT window, read-only. */
void entry_area_map_ldt(struct entry_area *a, unsigned int n, const void *page);
/* Loads GDT, IDT, TSS, segments and syscall MSRs; on tables with a host area. */
void entry_load_cpu(void);

/* enter.c */
/* Runs the scheduler's choice, for ever. The way out of every entry. */
void guest_return(void) __attribute__((noreturn));
#endif

#endif
