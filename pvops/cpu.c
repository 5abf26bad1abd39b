// SPDX-License-Identifier: GPL-2.0
/*
 * The processor as this domain may see it: CPUID, model-specific registers,
 * control registers.
 *
 * What is asked often (segment bases) is answered from registers and the vCPU
 * page. The rest goes to the hypervisor, CPUID by hypercall, the few other
 * MSRs by the instruction, which it decodes. CR0 and CR4 are its own; what
 * Linux writes to them is remembered and without effect.
 */
#include <linux/spinlock.h>

#include <asm/cpufeature.h>
#include <asm/cpuid.h>
#include <asm/fsgsbase.h>
#include <asm/msr.h>
#include <asm/paravirt.h>
#include <asm/processor.h>

#include "lodge.h"

#define CPUID_ERMS BIT(9) /* leaf 7, ebx */

/* Protects the result of the call below; taken with interrupts off. */
static DEFINE_RAW_SPINLOCK(cpuid_lock);
static struct lodge_cpuid cpuid_result __aligned(16);

static DEFINE_PER_CPU(unsigned long, cr0) = CR0_STATE;

static void lodge_cpuid(unsigned int *eax, unsigned int *ebx,
			unsigned int *ecx, unsigned int *edx)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&cpuid_lock, flags);
	hc_cpuid(*eax, *ecx, __pa_symbol(&cpuid_result));
	*eax = cpuid_result.eax;
	*ebx = cpuid_result.ebx;
	*ecx = cpuid_result.ecx;
	*edx = cpuid_result.edx;
	raw_spin_unlock_irqrestore(&cpuid_lock, flags);
}

static u64 lodge_read_msr_safe(unsigned int msr, int *err)
{
	*err = 0;
	switch (msr) {
	case MSR_FS_BASE:
		return rdfsbase();
	case MSR_GS_BASE:
		return rdgsbase();
	case MSR_KERNEL_GS_BASE:
		return vcpu_page()->user_gs;
	default:
		return native_read_msr_safe(msr, err);
	}
}

static int lodge_write_msr_safe(unsigned int msr, unsigned int low,
				unsigned int high)
{
	u64 value = low | (u64)high << 32;

	switch (msr) {
	case MSR_FS_BASE:
		wrfsbase(value);
		return 0;
	case MSR_GS_BASE:
		wrgsbase(value);
		vcpu_page()->kernel_gs = value;
		return 0;
	case MSR_KERNEL_GS_BASE:
		vcpu_page()->user_gs = value;
		return 0;
	case MSR_STAR:
	case MSR_LSTAR:
	case MSR_CSTAR:
	case MSR_SYSCALL_MASK:
	case MSR_IA32_SYSENTER_CS:
	case MSR_IA32_SYSENTER_ESP:
	case MSR_IA32_SYSENTER_EIP:
		/* System calls enter through lodge_register_callbacks(). */
		return 0;
	default:
		return native_write_msr_safe(msr, low, high);
	}
}

static u64 lodge_read_msr(unsigned int msr)
{
	int err;
	u64 value = lodge_read_msr_safe(msr, &err);

	return err ? 0 : value;
}

static void lodge_write_msr(unsigned int msr, unsigned int low,
			    unsigned int high)
{
	lodge_write_msr_safe(msr, low, high);
}

static u64 lodge_read_pmc(int counter)
{
	return 0;
}

static unsigned long lodge_read_cr0(void)
{
	return this_cpu_read(cr0);
}

static void lodge_write_cr0(unsigned long value)
{
	this_cpu_write(cr0, value);
}

/* The caller keeps the value in cpu_tlbstate, where all reads look. */
static void lodge_write_cr4(unsigned long value)
{
}

/* Caches are coherent, and the memory types of a domain are all write-back. */
static void lodge_wbinvd(void)
{
}

static void lodge_io_delay(void)
{
}

void __init lodge_init_cpu_ops(void)
{
	pv_ops.cpu.cpuid = lodge_cpuid;
	pv_ops.cpu.read_msr = lodge_read_msr;
	pv_ops.cpu.write_msr = lodge_write_msr;
	pv_ops.cpu.read_msr_safe = lodge_read_msr_safe;
	pv_ops.cpu.write_msr_safe = lodge_write_msr_safe;
	pv_ops.cpu.read_pmc = lodge_read_pmc;
	pv_ops.cpu.read_cr0 = lodge_read_cr0;
	pv_ops.cpu.write_cr0 = lodge_write_cr0;
	pv_ops.cpu.write_cr4 = lodge_write_cr4;
	pv_ops.cpu.wbinvd = lodge_wbinvd;
	pv_ops.cpu.io_delay = lodge_io_delay;
}

/*
 * The policy may hide fast string instructions, where they are slow: in an
 * emulator. Vendor code would then conclude from the model that they are good.
 */
static bool __init fast_strings_hidden(void)
{
	unsigned int leaf7_ebx = native_cpuid_ebx(7);

	return (leaf7_ebx & CPUID_ERMS) && !(cpuid_ebx(7) & CPUID_ERMS);
}

/* After get_cpu_cap(): whatever the processor is, these hold in a domain. */
void __init lodge_init_capabilities(void)
{
	/* The kernel runs deprivileged; entry code and pv calls ask this bit */
	setup_force_cpu_cap(X86_FEATURE_XENPV);

	/* apic.c answers for it, so that irq_work has an interrupt */
	setup_force_cpu_cap(X86_FEATURE_APIC);

	setup_force_cpu_cap(X86_FEATURE_TSC_KNOWN_FREQ);
	setup_force_cpu_cap(X86_FEATURE_TSC_RELIABLE);

	if (fast_strings_hidden())
		setup_clear_cpu_cap(X86_FEATURE_REP_GOOD);

	/* 32-bit programs use int $0x80; vendor code would set these */
	setup_clear_cpu_cap(X86_FEATURE_SYSENTER32);
	setup_clear_cpu_cap(X86_FEATURE_SYSCALL32);

	/* Of no use or harmful outside ring 0, should CPUID show them */
	setup_clear_cpu_cap(X86_FEATURE_SMAP);
	setup_clear_cpu_cap(X86_FEATURE_UMIP);
	setup_clear_cpu_cap(X86_FEATURE_LA57);
	setup_clear_cpu_cap(X86_FEATURE_PCID);
	setup_clear_cpu_cap(X86_FEATURE_INVPCID);
	setup_clear_cpu_cap(X86_FEATURE_XSAVES);
	setup_clear_cpu_cap(X86_FEATURE_LKGS);
	setup_clear_cpu_cap(X86_FEATURE_FRED);
	setup_clear_cpu_cap(X86_FEATURE_MTRR);
	setup_clear_cpu_cap(X86_FEATURE_MCE);
	setup_clear_cpu_cap(X86_FEATURE_MCA);
	setup_clear_cpu_cap(X86_FEATURE_ACPI);
	setup_clear_cpu_cap(X86_FEATURE_ACC);
	setup_clear_cpu_cap(X86_FEATURE_X2APIC);
	setup_clear_cpu_cap(X86_FEATURE_TSC_DEADLINE_TIMER);
	setup_clear_cpu_cap(X86_FEATURE_MWAIT);
}
