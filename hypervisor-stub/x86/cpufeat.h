/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest-visible processor state that is not memory: CPUID, MSRs, privileged
 * instructions, FPU, debug registers, descriptors. One file each.
 */
#ifndef X86_CPUFEAT_H
#define X86_CPUFEAT_H

#include <lodge/abi.h>
#include "../core/types.h"
#include "cpu.h"

/* Those that cpu.h does not need. */
#define CR0_PE (1UL << 0)
#define CR0_MP (1UL << 1)
#define CR0_EM (1UL << 2)
#define CR0_TS (1UL << 3)
#define CR0_NE (1UL << 5)
#define CR0_PG (1UL << 31)
#define CR4_VME (1UL << 0)
#define CR4_PVI (1UL << 1)
#define CR4_TSD (1UL << 2)
#define CR4_DE (1UL << 3)
#define CR4_PSE (1UL << 4)
#define CR4_PAE (1UL << 5)
#define CR4_PCE (1UL << 8)
#define CR4_OSFXSR (1UL << 9)
#define CR4_OSXMMEXCPT (1UL << 10)
#define CR4_UMIP (1UL << 11)
#define CR4_SMEP (1UL << 20)
#define CR4_SMAP (1UL << 21)
#define CR4_PKE (1UL << 22)
#define CR4_CET (1UL << 23)
#define CR4_PKS (1UL << 24)
#define CR4_FRED (1UL << 32)

/* What a guest finds in CR0, CR4 and the PAT MSR when it starts. */
#define GUEST_CR0 0x80050033UL
#define GUEST_CR4 (CR4_PSE | CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT)
#define GUEST_PAT 0x0407050600070106UL

struct vcpu;
struct domain;
struct regs;
struct lodge_cpuid;

/* --- decode.c: pure, no memory access; fuzzed on the host --- */
/* UNKNOWN is not one of ours: #GP. IN and OUT have no string forms. */
enum insn_op {
	INSN_UNKNOWN,
	INSN_CLI,
	INSN_STI,
	INSN_HLT,
	INSN_IN,
	INSN_OUT,
	INSN_MOV_FROM_CR,
	INSN_MOV_TO_CR,
	INSN_MOV_FROM_DR,
	INSN_MOV_TO_DR,
	INSN_RDMSR,
	INSN_WRMSR,
	INSN_XSETBV,
	INSN_CLTS,
	INSN_INVD,
	INSN_WBINVD,
	INSN_INVLPG
};

struct insn {
	enum insn_op op;
	u8 length; /* bytes, 1 to 15 */
	u8 width; /* of I/O: 1, 2, 4 */
	u8 reg; /* control or debug register number */
	u8 gpr; /* general register, 0 = rax ... 15 = r15 */
	/* Memory operand of INVLPG: segment:[base + (index << scale) + disp] */
	u8 base, index; /* as gpr; or INSN_NO_REG, INSN_RIP (base only) */
	u8 scale;
	u8 segment; /* 0 or INSN_SEG_* */
	bool addr32; /* the offset is truncated to 32 bits */
	s32 disp;
};

#define INSN_RIP 16
#define INSN_NO_REG 17
#define INSN_SEG_FS 1
#define INSN_SEG_GS 2

/* Decodes 64-bit code; false if n bytes are not enough or not one of ours. */
bool insn_decode(const u8 *bytes, size_t n, struct insn *insn);

/* --- emulate.c --- */
/*
 * v's kernel took a #GP at regs->rip: emulate a privileged instruction.
 * Returns true when done (rip advanced), false: inject the #GP.
 */
bool emulate_gp(struct vcpu *v);

/* --- msr.c: v is the current vCPU --- */
/* Initial CR0, CR4, PAT, TSC_AUX; v does not run. */
void msr_vcpu_reset(struct vcpu *v);
bool msr_read(struct vcpu *v, u32 msr, u64 *value); /* false: #GP */
bool msr_write(struct vcpu *v, u32 msr, u64 value);

/* --- cpuid.c --- */
void cpuid_init(void); /* policy from cmdline.cpuid; prints it */
void cpuid_guest(struct vcpu *v, u32 leaf, u32 sub, struct lodge_cpuid *out);
s64 do_cpuid(struct vcpu *v, u64 leaf, u64 sub, u64 gpa);
/* Does the policy hide ERMS and FSRM from guests? */
extern bool cpuid_hides_fast_strings;
extern bool host_is_tcg; /* QEMU's emulator executes us */
/* LODGE_FEATURE_* of this build: for CPUID and the start information. */
#define LODGE_FEATURES                                       \
	(LODGE_FEATURE_STUB_ROOTS | LODGE_FEATURE_PVCLOCK |  \
	 LODGE_FEATURE_STEAL | LODGE_FEATURE_KERNEL_FAULTS | \
	 LODGE_FEATURE_CHANNELS | LODGE_FEATURE_MEMORY |     \
	 LODGE_FEATURE_GRANTS | LODGE_FEATURE_REQUESTS |     \
	 LODGE_FEATURE_REPORT | LODGE_FEATURE_DEVICES)

/* --- fpu.c; a processor is either between restore and save, or not --- */
void fpu_init_cpu(void); /* CR4, XCR0, on each processor */
int fpu_vcpu_init(struct vcpu *v); /* 0 or -ENOMEM */
void fpu_vcpu_reset(struct vcpu *v); /* v does not run */
void fpu_vcpu_destroy(struct vcpu *v);
void fpu_save(struct vcpu *v); /* v leaves this processor */
void fpu_restore(struct vcpu *v);
bool fpu_set_xcr0(struct vcpu *v, u64 xcr0); /* false: #GP */
extern u64 host_xcr0; /* what every processor offers */

/* --- debugreg.c --- */
s64 do_set_debugreg(struct vcpu *v, u64 n, u64 value);
/*
 * Around each stay in the guest, not only when vCPUs are switched: load as
 * one of the last things before it, unload as one of the first after it. Both
 * cost nothing while no breakpoint is enabled.
 */
void debugreg_load(struct vcpu *v);
void debugreg_unload(struct vcpu *v);
/* #DB taken from the guest: returns true if it is the guest's own. */
bool debugreg_trap(struct vcpu *v);
/* #DB in ring 0: a guest's breakpoint met an address of ours; disarm it. */
void debugreg_host_trap(void);

/* --- callbacks.c --- */
/* LODGE_HC_SET_CALLBACKS. */
s64 do_set_callbacks(struct vcpu *v, u64 gpa);
/* As before SET_CALLBACKS; v does not run. */
void callbacks_reset(struct vcpu *v);

/* --- desc.c: GDT slots and LDT --- */
/* Checks and normalises (accessed bit) one descriptor; R14. */
bool desc_check(u64 *desc, bool allow_absent);
s64 do_set_descriptor(struct vcpu *v, u64 slot, u64 value);
s64 do_set_ldt(struct vcpu *v, u64 gpa, u64 count);
/* Takes all descriptors away from v, which does not run. */
void desc_vcpu_reset(struct vcpu *v);

/* In top-level slots 256 to 271: nothing that a guest may name. */
static inline bool is_hypervisor_va(gva_t va)
{
	const gva_t size = (LODGE_SLOT_LAST + 1UL - LODGE_SLOT_FIRST) << 39;

	return va - LODGE_AREA_BASE < size;
}

/* A place for code of a guest's kernel. */
static inline bool is_kernel_va(gva_t va)
{
	return va >> 63 && is_canonical(va) && !is_hypervisor_va(va);
}

#endif
