// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID as a guest kernel gets it through the hypercall. (Its user space
 * executes the instruction itself and sees the machine; what protects the
 * hypervisor from that is CR4 and XCR0, not this file.)
 *
 * Each word of features is cut down to a list of what works in ring 1 and is
 * saved with the vCPU, so what a later processor adds stays hidden. Left out
 * for good are what needs ring 0 (SMAP, XSAVES, MWAIT, LKGS), what would make
 * a subsystem start that a guest does not have (APIC, MTRR, MCA, ACPI, PMU),
 * SYSENTER, which faults (R13),
 * speculation controls, PKU (PKRU is not switched) and AVX-512.
 *
 * Policy: an emulator implements REP MOVS slowly, so `emulator` hides ERMS
 * and FSRM; `auto` does so when it finds QEMU's TCG, `host` never does.
 *
 * The topology is one package with a core for each vCPU and one thread each;
 * the APIC id is the vCPU's number. State: cpuid_hides_fast_strings and the
 * host's leaf limits, written once at boot. No locks.
 */
#include "../core/cmdline.h"
#include "../core/domain.h"
#include "../core/printk.h"
#include "../core/string.h"
#include "../core/time.h"
#include "cpu.h"
#include "cpufeat.h"

#define BIT32(n) (1U << (n))

/* Leaf 1, edx: FPU to CX8, PGE, CMOV to PSE36, CLFSH, MMX to SS */
#define L1_EDX 0x0f8ba17fU
/* SSE3 PCLMUL SSSE3 FMA CX16 SSE4.1/2 MOVBE POPCNT AES XSAVE F16C RDRAND */
#define L1_ECX 0x66d83203U
#define L1_ECX_OSXSAVE BIT32(27)
#define L1_ECX_AVX (BIT32(28) | BIT32(29) | BIT32(12)) /* AVX F16C FMA */
#define L1_ECX_HYPERVISOR BIT32(31)

/* FSGSBASE BMI1 FDP SMEP BMI2 ERMS FPCSDS RDSEED ADX CLFLUSHOPT CLWB SHA */
#define L7_EBX 0x218c23c9U
#define L7_EBX_AVX2 BIT32(5)
#define L7_EBX_ERMS BIT32(9)
/* GFNI RDPID CLDEMOTE MOVDIRI MOVDIR64B */
#define L7_ECX 0x1a400100U
#define L7_ECX_AVX (BIT32(9) | BIT32(10)) /* VAES VPCLMULQDQ */
/* FSRM MD_CLEAR SERIALIZE */
#define L7_EDX 0x00004410U
#define L7_EDX_FSRM BIT32(4)

#define LD1_EAX 0x7U /* XSAVEOPT XSAVEC XGETBV1, not XSAVES */

/* LAHF ABM SSE4A MISALIGNSSE 3DNOWPREFETCH TBM */
#define X1_ECX 0x002001e1U
#define X1_ECX_AVX (BIT32(11) | BIT32(16)) /* XOP FMA4 */
/* leaf 1's, SYSCALL NX MMXEXT GBPAGES RDTSCP LM 3DNOW */
#define X1_EDX 0xedd3a97fU
#define X7_EDX_INVARIANT_TSC BIT32(8)
#define X8_EBX (BIT32(0) | BIT32(2)) /* CLZERO XSAVEERPTR */
#define X21_EAX (BIT32(2) | BIT32(6)) /* LFENCE serialises, null clears */

#define MAX_BASIC 0xdU
#define MAX_EXTENDED 0x80000021U
#define XSAVE_LEGACY 576U /* x87, SSE and the header */

bool cpuid_hides_fast_strings;
bool host_is_tcg;
static u32 host_basic, host_extended;

static bool under_tcg(void)
{
	u32 a, c1, b, c, d;

	cpuid(1, 0, &a, &b, &c1, &d);
	if (!(c1 & L1_ECX_HYPERVISOR))
		return false;
	cpuid(0x40000000, 0, &a, &b, &c, &d);
	return b == 0x54474354 && c == 0x43544743 && d == 0x47435447;
}

/*
 * Processors that read supervisor pages ahead of the check (Meltdown) let a
 * guest's user mode read its own kernel: both are in one table.
 */
static bool open_to_meltdown(void)
{
	u32 a, b, c, d;

	cpuid(0, 0, &a, &b, &c, &d);
	if (b != 0x756e6547 || a < 7) /* "Genu", of GenuineIntel */
		return false;
	cpuid(7, 0, &a, &b, &c, &d);
	return !(d & 1U << 29) || !(rdmsr(MSR_ARCH_CAPABILITIES) & 1);
}

void cpuid_init(void)
{
	u32 b, c, d;

	host_is_tcg = under_tcg();
	cpuid(0, 0, &host_basic, &b, &c, &d);
	cpuid(0x80000000, 0, &host_extended, &b, &c, &d);
	cpuid_hides_fast_strings = cmdline.cpuid == CPUID_EMULATOR ||
				   (cmdline.cpuid == CPUID_AUTO && host_is_tcg);
	printk("cpuid: policy %s%s; fast string instructions are %s\n",
	       cpuid_policy_names[cmdline.cpuid],
	       host_is_tcg ? ", on QEMU's emulator" : "",
	       cpuid_hides_fast_strings ? "hidden" : "shown");
	if (!host_is_tcg && open_to_meltdown())
		printk("cpuid: open to Meltdown: user mode of a guest can "
		       "read its own kernel\n");
}

static bool has_avx(void)
{
	return host_xcr0 & XCR0_AVX;
}

/* Bits of an APIC id that number the vCPUs. */
static unsigned int id_bits(const struct vcpu *v)
{
	unsigned int bits = 0;

	while ((1U << bits) < v->domain->vcpu_count)
		bits++;
	return bits;
}

static void basic_info(const struct vcpu *v, struct lodge_cpuid *r)
{
	r->ebx &= 0xffff; /* brand, CLFLUSH size */
	r->ebx |= v->domain->vcpu_count << 16 | v->id << 24;
	r->ecx &= has_avx() ? L1_ECX | L1_ECX_AVX : L1_ECX & ~L1_ECX_AVX;
	r->ecx |= L1_ECX_OSXSAVE | L1_ECX_HYPERVISOR;
	r->edx &= L1_EDX;
}

/* Caches: the last level is everybody's, the others belong to one vCPU. */
static void cache_info(const struct vcpu *v, struct lodge_cpuid *r)
{
	const u32 sharing = (1U << id_bits(v)) - 1;

	if (!(r->eax & 0x1f))
		return; /* no more caches */
	r->eax &= 0x3fff;
	r->eax |= MIN(sharing, 63U) << 26;
	if (((r->eax >> 5) & 7) >= 3)
		r->eax |= sharing << 14;
}

static void structured_features(u32 sub, struct lodge_cpuid *r)
{
	if (sub) {
		memset(r, 0, sizeof(*r));
		return;
	}
	r->eax = 0; /* no further subleaves */
	r->ebx &= L7_EBX | (has_avx() ? L7_EBX_AVX2 : 0);
	r->ecx &= L7_ECX | (has_avx() ? L7_ECX_AVX : 0);
	r->edx &= L7_EDX;
	if (cpuid_hides_fast_strings) {
		r->ebx &= ~L7_EBX_ERMS;
		r->edx &= ~L7_EDX_FSRM;
	}
}

static void topology(const struct vcpu *v, u32 sub, struct lodge_cpuid *r)
{
	r->eax = r->ebx = 0;
	r->ecx = sub & 0xff;
	r->edx = v->id;
	if (sub == 0) { /* threads of a core */
		r->ebx = 1;
		r->ecx |= 1 << 8;
	} else if (sub == 1) { /* cores of the package */
		r->eax = id_bits(v);
		r->ebx = v->domain->vcpu_count;
		r->ecx |= 2 << 8;
	}
}

/* Size of an XSAVE area, standard or compacted: AVX follows the header. */
static u32 xsave_size(u64 xcr0)
{
	u32 a, b, c, d;

	if (!(xcr0 & XCR0_AVX))
		return XSAVE_LEGACY;
	cpuid(0xd, 2, &a, &b, &c, &d);
	return b + a;
}

static void xsave_info(const struct vcpu *v, u32 sub, struct lodge_cpuid *r)
{
	if (sub == 0) {
		r->eax = host_xcr0;
		r->ebx = xsave_size(v->arch.xcr0);
		r->ecx = xsave_size(host_xcr0);
		r->edx = 0;
	} else if (sub == 1) {
		r->eax &= LD1_EAX;
		r->ebx = xsave_size(v->arch.xcr0);
		r->ecx = r->edx = 0;
	} else if (has_avx() && sub == 2) {
		r->ecx = r->edx = 0;
	} else {
		memset(r, 0, sizeof(*r));
	}
}

static void extended_features(struct lodge_cpuid *r)
{
	r->ebx = 0;
	r->ecx &= X1_ECX | (has_avx() ? X1_ECX_AVX : 0);
	r->edx &= X1_EDX;
}

static void address_sizes(const struct vcpu *v, struct lodge_cpuid *r)
{
	u32 physical = MIN(r->eax & 0xff, 47U); /* what a p2m holds */

	r->eax = physical | 48 << 8;
	r->ebx &= X8_EBX;
	/* AMD's count of cores; without meaning on Intel */
	r->ecx = (v->domain->vcpu_count - 1) | id_bits(v) << 12;
	r->edx = 0;
}

static void own_leaf(const struct vcpu *v, u32 leaf, struct lodge_cpuid *r)
{
	*r = (struct lodge_cpuid){ 0 };
	if (leaf == LODGE_CPUID_BASE)
		*r = (struct lodge_cpuid){ LODGE_CPUID_TSC, LODGE_CPUID_EBX,
					   LODGE_CPUID_ECX, LODGE_CPUID_EDX };
	else if (leaf == LODGE_CPUID_FEATURES)
		*r = (struct lodge_cpuid){ LODGE_FEATURES, LODGE_ABI_VERSION,
					   v->id, 0 };
	else if (leaf == LODGE_CPUID_TSC)
		r->eax = time_tsc_khz();
}

/* What the processor says; nothing for leaves that it does not have. */
static void host_leaf(u32 leaf, u32 sub, struct lodge_cpuid *r)
{
	memset(r, 0, sizeof(*r));
	if (leaf <= host_basic || (leaf >> 31 && leaf <= host_extended))
		cpuid(leaf, sub, &r->eax, &r->ebx, &r->ecx, &r->edx);
}

void cpuid_guest(struct vcpu *v, u32 leaf, u32 sub, struct lodge_cpuid *out)
{
	if (leaf >> 16 == LODGE_CPUID_BASE >> 16) {
		own_leaf(v, leaf, out);
		return;
	}
	host_leaf(leaf, sub, out);
	switch (leaf) {
	case 0:
		/* Leaf 0xb is ours to give on any processor. */
		out->eax = MAX(MIN(out->eax, MAX_BASIC), 0xbU);
		break;
	case 1:
		basic_info(v, out);
		break;
	case 4:
		cache_info(v, out);
		break;
	case 7:
		structured_features(sub, out);
		break;
	case 0xb:
		topology(v, sub, out);
		break;
	case 0xd:
		xsave_info(v, sub, out);
		break;
	case 0x80000000:
		out->eax = MIN(out->eax, MAX_EXTENDED);
		break;
	case 0x80000001:
		extended_features(out);
		break;
	case 0x80000007:
		memset(out, 0, sizeof(*out));
		out->edx = X7_EDX_INVARIANT_TSC;
		break;
	case 0x80000008:
		address_sizes(v, out);
		break;
	case 0x80000021:
		out->eax &= X21_EAX;
		out->ebx = out->ecx = out->edx = 0;
		break;
	case 2: /* cache descriptors */
	case 0x80000002 ... 0x80000006: /* name, caches */
		break;
	default:
		memset(out, 0, sizeof(*out));
	}
}

s64 do_cpuid(struct vcpu *v, u64 leaf, u64 sub, u64 gpa)
{
	struct lodge_cpuid out;

	cpuid_guest(v, (u32)leaf, (u32)sub, &out);
	return copy_to_guest(v->domain, gpa, &out, sizeof(out));
}
