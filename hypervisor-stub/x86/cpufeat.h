/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest-visible processor state that is not memory: CPUID, MSRs, privileged
 * instructions, FPU, debug registers, descriptors. One file each.
 */
#ifndef X86_CPUFEAT_H
#define X86_CPUFEAT_H

#include "../core/types.h"

struct vcpu;
struct domain;
struct regs;
struct lodge_cpuid;

/* --- decode.c: pure, no memory access; fuzzed on the host --- */
enum insn_op {
	INSN_UNKNOWN, /* not one of ours: #GP */
	INSN_CLI, INSN_STI, INSN_HLT,
	INSN_IN, INSN_OUT, /* no string forms */
	INSN_INS, INSN_OUTS, /* recognised, refused */
	INSN_MOV_FROM_CR, INSN_MOV_TO_CR,
	INSN_MOV_FROM_DR, INSN_MOV_TO_DR,
	INSN_RDMSR, INSN_WRMSR, INSN_RDPMC,
	INSN_XSETBV, INSN_CLTS, INSN_INVD, INSN_WBINVD, INSN_INVLPG,
	INSN_LMSW, INSN_SWAPGS, INSN_CPUID, INSN_INT,
};

struct insn {
	enum insn_op op;
	u8 length; /* bytes, 1 to 15 */
	u8 width; /* of I/O: 1, 2, 4 */
	u8 reg; /* control or debug register number, or INT vector */
	u8 gpr; /* general register, 0 = rax ... 15 = r15 */
	bool port_imm; /* port is in `port`, else in dx */
	u8 port;
};

/* Decodes 64-bit code; false if n bytes are not enough or not one of ours. */
bool insn_decode(const u8 *bytes, size_t n, struct insn *insn);

/* --- emulate.c --- */
/*
 * v's kernel took a #GP at regs->rip: emulate a privileged instruction.
 * Returns true when done (rip advanced), false: inject the #GP.
 */
bool emulate_gp(struct vcpu *v);

/* --- msr.c --- */
bool msr_read(struct vcpu *v, u32 msr, u64 *value); /* false: #GP */
bool msr_write(struct vcpu *v, u32 msr, u64 value);

/* --- cpuid.c --- */
void cpuid_init(void); /* policy from cmdline.cpuid; prints it */
void cpuid_guest(struct vcpu *v, u32 leaf, u32 sub, struct lodge_cpuid *out);
s64 do_cpuid(struct vcpu *v, u64 leaf, u64 sub, u64 gpa);

/* --- fpu.c --- */
void fpu_init_cpu(void); /* CR4, XCR0, on each processor */
int fpu_vcpu_init(struct vcpu *v); /* 0 or -ENOMEM; initial state */
void fpu_vcpu_destroy(struct vcpu *v);
void fpu_save(struct vcpu *v); /* v leaves this processor */
void fpu_restore(struct vcpu *v);
bool fpu_set_xcr0(struct vcpu *v, u64 xcr0); /* false: #GP */
u64 fpu_host_xcr0(void);

/* --- debugreg.c --- */
s64 do_set_debugreg(struct vcpu *v, u64 n, u64 value);
void debugreg_load(struct vcpu *v); /* before v runs here */
void debugreg_unload(struct vcpu *v); /* after; DR7 = 0 in the hypervisor */
/* #DB taken from the guest: returns true if it is the guest's own. */
bool debugreg_trap(struct vcpu *v);

/* --- desc.c: GDT slots and LDT --- */
/* Checks and normalises (accessed bit) one descriptor; R14. */
bool desc_check(u64 *desc, bool allow_absent);
s64 do_set_descriptor(struct vcpu *v, u64 slot, u64 value);
s64 do_set_ldt(struct vcpu *v, u64 gpa, u64 count);
void desc_vcpu_destroy(struct vcpu *v);

#endif
