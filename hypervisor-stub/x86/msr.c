// SPDX-License-Identifier: GPL-2.0
/*
 * Model-specific registers as a guest kernel sees them through RDMSR and
 * WRMSR. Everything that is not listed is a #GP, which Linux takes for "not
 * there". No MSR of the machine is changed here but TSC_AUX, which belongs
 * to the vCPU as long as it runs; FS and GS bases are processor state of the
 * current vCPU, and v is always the current one. No locks.
 *
 * Registers that would set up SYSCALL and SYSENTER take any value without an
 * effect: entries are registered by SET_CALLBACKS, but Linux writes both.
 */
#include "../core/domain.h"
#include "../core/printk.h"
#include "cpu.h"
#include "cpufeat.h"

#define MSR_TSC 0x10
#define MSR_PLATFORM_ID 0x17
#define MSR_UCODE_WRITE 0x79
#define MSR_UCODE_REV 0x8b
#define MSR_SYSENTER_EIP 0x176
#define MSR_MISC_ENABLE 0x1a0
#define MSR_DEBUGCTL 0x1d9
#define MSR_SYSCFG 0xc0010010
#define MSR_HWCR 0xc0010015
#define MSR_INT_PENDING 0xc0010055
#define MSR_DE_CFG 0xc0011029

#define GUEST_EFER 0xd01UL /* SCE, LME, LMA, NXE */
#define EFER_SCE 1UL
#define APIC_BASE_OFF 0xfee00000UL /* where it would be, not enabled */
#define APIC_BASE_BSP (1UL << 8)
#define MISC_ENABLE_FAST_STRING (1UL << 0)
#define MISC_ENABLE_NO_BTS_PEBS (3UL << 11)
#define HWCR_TSC_AT_P0 (1UL << 24) /* else Linux reports a firmware bug */
#define DE_CFG_LFENCE_SERIALIZES (1UL << 1)
#define DEBUGCTL_LBR_BTF 3UL

/* What is there without an effect: reads as 0, takes any value. */
#define QUIET_READ 1
#define QUIET_WRITE 2

static bool quiet(u32 msr, unsigned int access)
{
	static const struct {
		u32 first, last;
		unsigned int access;
	} table[] = {
		{ MSR_PLATFORM_ID, MSR_PLATFORM_ID, QUIET_READ },
		{ MSR_UCODE_WRITE, MSR_UCODE_WRITE, QUIET_WRITE },
		{ MSR_UCODE_REV, MSR_UCODE_REV, QUIET_READ | QUIET_WRITE },
		{ MSR_SYSENTER_CS, MSR_SYSENTER_EIP, QUIET_READ | QUIET_WRITE },
		{ MSR_MISC_ENABLE, MSR_MISC_ENABLE, QUIET_WRITE },
		{ MSR_DEBUGCTL, MSR_DEBUGCTL, QUIET_READ },
		{ MSR_STAR, MSR_SFMASK, QUIET_READ | QUIET_WRITE },
		{ MSR_SYSCFG, MSR_SYSCFG, QUIET_READ },
		{ MSR_HWCR, MSR_HWCR, QUIET_WRITE },
		{ MSR_INT_PENDING, MSR_INT_PENDING, QUIET_READ | QUIET_WRITE },
		{ MSR_DE_CFG, MSR_DE_CFG, QUIET_WRITE },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(table); i++)
		if (msr >= table[i].first && msr <= table[i].last)
			return table[i].access & access;
	return false;
}

void msr_vcpu_reset(struct vcpu *v)
{
	u32 a, b, c, d;

	v->arch.cr0 = GUEST_CR0;
	v->arch.cr4 = GUEST_CR4;
	v->arch.pat = GUEST_PAT;
	v->arch.tsc_aux = 0;
	cpuid(0x80000001, 0, &a, &b, &c, &d);
	v->arch.tsc_aux_valid = d & (1U << 27); /* RDTSCP */
}

bool msr_read(struct vcpu *v, u32 msr, u64 *value)
{
	switch (msr) {
	case MSR_TSC:
		*value = rdtsc();
		return true;
	case MSR_APIC_BASE:
		*value = APIC_BASE_OFF | (v->id ? 0 : APIC_BASE_BSP);
		return true;
	case MSR_MISC_ENABLE:
		*value = MISC_ENABLE_NO_BTS_PEBS;
		if (!cpuid_hides_fast_strings)
			*value |= MISC_ENABLE_FAST_STRING;
		return true;
	case MSR_PAT:
		*value = v->arch.pat;
		return true;
	case MSR_EFER:
		*value = GUEST_EFER;
		return true;
	case MSR_FS_BASE:
		*value = rdfsbase();
		return true;
	case MSR_GS_BASE:
		*value = rdgsbase();
		return true;
	case MSR_KERNEL_GS_BASE:
		*value = READ_ONCE(v->page->user_gs);
		return true;
	case MSR_TSC_AUX:
		*value = v->arch.tsc_aux;
		return v->arch.tsc_aux_valid;
	case MSR_HWCR:
		*value = HWCR_TSC_AT_P0;
		return true;
	case MSR_DE_CFG:
		*value = DE_CFG_LFENCE_SERIALIZES;
		return true;
	default:
		*value = 0;
		return quiet(msr, QUIET_READ);
	}
}

static bool write_tsc_aux(struct vcpu *v, u64 value)
{
	if (!v->arch.tsc_aux_valid || value >> 32)
		return false;
	v->arch.tsc_aux = value;
	wrmsr(MSR_TSC_AUX, value);
	return true;
}

bool msr_write(struct vcpu *v, u32 msr, u64 value)
{
	if (msr >= MSR_FS_BASE && msr <= MSR_KERNEL_GS_BASE &&
	    !is_canonical(value))
		return false;
	switch (msr) {
	case MSR_PAT:
		return value == v->arch.pat; /* shadows know no other */
	case MSR_EFER:
		return (value | EFER_SCE) == GUEST_EFER;
	case MSR_FS_BASE:
		wrfsbase(value);
		return true;
	case MSR_GS_BASE:
		wrgsbase(value);
		return true;
	case MSR_KERNEL_GS_BASE:
		WRITE_ONCE(v->page->user_gs, value);
		return true;
	case MSR_TSC_AUX:
		return write_tsc_aux(v, value);
	case MSR_DEBUGCTL:
		return !(value & ~DEBUGCTL_LBR_BTF);
	default:
		return quiet(msr, QUIET_WRITE);
	}
}
