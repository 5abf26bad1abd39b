// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: a privileged instruction of the guest kernel does what it does
 * natively as far as this shows to the guest, changes no state of the machine
 * beyond what belongs to the vCPU, and is a #GP (rip stays) otherwise. Run on
 * a make-believe processor; code is fetched from an array, which may end in
 * the middle of an instruction as at an absent page.
 */
#include "test.h"
#include "core/domain.h"
#include "x86/cpu.h"
#include "x86/cpufeat.h"

#define RIP 0xffffffff81000ff8UL /* eight bytes before the end of a page */

static struct domain domain;
static struct vcpu vcpu;
static struct regs regs;
static struct lodge_vcpu_page page;
static struct root root = { .gpa = 0x5000 };
static u8 code[15];
static size_t code_size;
static unsigned int crashes, blocks;

static struct {
	unsigned int count;
	u64 flags, start, end;
	gpa_t root;
} flush;

int copy_from_guest_va(struct vcpu *v, void *dst, gva_t va, size_t n)
{
	if (va < RIP || va - RIP + n > code_size)
		return -LODGE_EFAULT;
	memcpy(dst, code + (va - RIP), n);
	return 0;
}

void domain_crash(struct domain *d, struct vcpu *v, const char *fmt, ...)
{
	crashes++;
}

void sched_self_wants(struct vcpu *v, enum sched_want want)
{
	blocks++;
}

s64 shadow_flush(struct vcpu *v, u64 flags, gpa_t gpa, gva_t start, gva_t end)
{
	flush.count++;
	flush.flags = flags;
	flush.root = gpa;
	flush.start = start;
	flush.end = end;
	return 0;
}

int shadow_load_root(struct vcpu *v, gpa_t gpa)
{
	if (gpa >= 0x100000)
		return -LODGE_EFAULT;
	root.gpa = gpa;
	return 0;
}

u64 time_tsc_khz(void)
{
	return 2600000;
}

static int setup(void **state)
{
	memset(&vcpu, 0, sizeof(vcpu));
	memset(&domain, 0, sizeof(domain));
	memset(&regs, 0, sizeof(regs));
	memset(&page, 0, sizeof(page));
	memset(&flush, 0, sizeof(flush));
	crashes = blocks = 0;
	root.gpa = 0x5000;
	domain.vcpu_count = 3;
	domain.vcpu[0] = &vcpu;
	vcpu.domain = &domain;
	vcpu.regs = &regs;
	vcpu.page = &page;
	vcpu.root = &root;
	fpu_init_cpu();
	cpuid_init();
	if (fpu_vcpu_init(&vcpu))
		return -1;
	fpu_vcpu_reset(&vcpu);
	msr_vcpu_reset(&vcpu);
	return 0;
}

static int teardown(void **state)
{
	fpu_vcpu_destroy(&vcpu);
	return 0;
}

/* Runs the n bytes of code; true if they were emulated. */
static bool run(size_t n, const char *bytes)
{
	u64 before = vcpu.counters.emulated;
	bool done;

	memset(code, 0x90, sizeof(code));
	memcpy(code, bytes, n);
	code_size = sizeof(code);
	regs.rip = RIP;
	regs.cs = LODGE_KERNEL_CS;
	regs.error = 0;
	done = emulate_gp(&vcpu);
	assert_true(regs.rip == (done ? RIP + n : RIP));
	assert_int_equal(vcpu.counters.emulated - before, done);
	return done;
}

#define OK(bytes) assert_true(run(sizeof(bytes) - 1, bytes))
#define GP(bytes) assert_false(run(sizeof(bytes) - 1, bytes))

static void test_only_ring1(void **state)
{
	memcpy(code, "\xfa", 1);
	code_size = 15;
	regs.rip = RIP;
	regs.cs = LODGE_USER_CS;
	assert_false(emulate_gp(&vcpu));
	regs.cs = LODGE_KERNEL_CS;
	regs.error = 0x18;
	assert_false(emulate_gp(&vcpu));
	regs.error = 0;
	assert_true(emulate_gp(&vcpu));
}

/* The page ends behind the instruction, or within it. */
static void test_page_end(void **state)
{
	regs.cs = LODGE_KERNEL_CS;
	memcpy(code, "\x3e\x3e\x3e\x3e\x3e\x3e\x0f\x06", 8);
	code_size = 8;
	regs.rip = RIP;
	assert_true(emulate_gp(&vcpu));
	memcpy(code, "\x3e\x3e\x3e\x3e\x3e\x3e\x3e\x0f", 8);
	regs.rip = RIP;
	assert_false(emulate_gp(&vcpu));
	code_size = 0;
	assert_false(emulate_gp(&vcpu));
}

static void test_interrupt_flag(void **state)
{
	page.vif = 1;
	OK("\xfa");
	assert_int_equal(page.vif, 0);
	OK("\xfb");
	assert_int_equal(page.vif, 1);
	assert_true(vcpu.arch.raw_if_seen);
}

static void test_hlt(void **state)
{
	page.vif = 1;
	OK("\xf4");
	assert_int_equal(blocks, 1);
	assert_int_equal(crashes, 0);
	page.vif = 0;
	GP("\xf4");
	assert_int_equal(blocks, 1);
	assert_int_equal(crashes, 1);
}

static void test_io(void **state)
{
	regs.rax = 0x1122334455667700;
	OK("\xec");
	assert_true(regs.rax == 0x11223344556677ff);
	OK("\x66\xed");
	assert_true(regs.rax == 0x112233445566ffff);
	OK("\xe5\x60");
	assert_true(regs.rax == 0xffffffff);
	OK("\xee");
	OK("\xe7\x80");
	assert_true(regs.rax == 0xffffffff);
	GP("\xf3\x6c");
	GP("\x6f");
}

static void test_control(void **state)
{
	OK("\x0f\x20\xe0"); /* mov cr4, rax */
	assert_true(regs.rax == GUEST_CR4);
	regs.r9 = GUEST_CR4 | CR4_FSGSBASE | CR4_OSXSAVE;
	OK("\x41\x0f\x22\xe1"); /* mov r9, cr4 */
	OK("\x0f\x20\xe3"); /* mov cr4, rbx */
	assert_true(regs.rbx == regs.r9);
	/* the machine's stays what it was */
	assert_false(host_machine.cr4 & CR4_PKE);
	regs.rax = GUEST_CR4 | CR4_SMAP;
	GP("\x0f\x22\xe0");
	regs.rax = GUEST_CR4 | CR4_PKE;
	GP("\x0f\x22\xe0");
	regs.rax = GUEST_CR4 | CR4_FRED;
	GP("\x0f\x22\xe0");
	regs.rax = GUEST_CR4 & ~CR4_PAE;
	GP("\x0f\x22\xe0");

	OK("\x0f\x20\xc1"); /* mov cr0, rcx */
	assert_true(regs.rcx == GUEST_CR0);
	regs.rcx |= CR0_TS;
	OK("\x0f\x22\xc1");
	OK("\x0f\x06"); /* clts */
	OK("\x0f\x20\xc1");
	assert_true(regs.rcx == GUEST_CR0);
	regs.rcx = GUEST_CR0 & ~CR0_PG;
	GP("\x0f\x22\xc1");
	regs.rcx = GUEST_CR0 | 1UL << 32;
	GP("\x0f\x22\xc1");

	page.cr2 = 0x1234;
	OK("\x0f\x20\xd2"); /* mov cr2, rdx */
	assert_int_equal(regs.rdx, 0x1234);
	regs.rdx = 0x4321;
	OK("\x0f\x22\xd2");
	assert_int_equal(page.cr2, 0x4321);
	GP("\x44\x0f\x20\xc0"); /* cr8 */
	GP("\x0f\x20\xc8"); /* cr1 */
	GP("\x0f\x20\xe8"); /* cr5 */
}

static void test_cr3(void **state)
{
	OK("\x0f\x20\xd8"); /* mov cr3, rax */
	assert_int_equal(regs.rax, 0x5000);
	regs.rax = 0x7018; /* with PCD and PWT */
	OK("\x0f\x22\xd8");
	assert_int_equal(root.gpa, 0x7000);
	assert_int_equal(flush.count, 1);
	assert_int_equal(flush.flags, LODGE_FLUSH_ALL);
	assert_int_equal(flush.root, 0x7000);
	regs.rax = 1UL << 63 | 0x7000;
	GP("\x0f\x22\xd8");
	regs.rax = 1UL << 52;
	GP("\x0f\x22\xd8");
	assert_int_equal(crashes, 0);
	regs.rax = 0x200000; /* not its memory: triple fault, natively */
	GP("\x0f\x22\xd8");
	assert_int_equal(crashes, 1);
	assert_int_equal(root.gpa, 0x7000);
}

static void expect_flush(u64 flags, u64 start, u64 end)
{
	assert_int_equal(flush.count, 1);
	assert_int_equal(flush.flags, flags);
	assert_true(flush.start == start && flush.end == end);
	assert_int_equal(flush.root, 0x5000);
	flush.count = 0;
}

static void test_invlpg(void **state)
{
	regs.rdi = 0x12345678;
	OK("\x0f\x01\x3f"); /* (rdi) */
	expect_flush(0, 0x12345000, 0x12346000);
	OK("\x0f\x01\xbf\x00\x10\x00\x00"); /* 0x1000(rdi) */
	expect_flush(0, 0x12346000, 0x12347000);
	regs.rax = 3;
	OK("\x0f\x01\x3c\xc7"); /* (rdi, rax, 8) */
	expect_flush(0, 0x12345000, 0x12346000);
	OK("\x0f\x01\x3d\x01\x10\x00\x00"); /* 0x1001(rip) */
	expect_flush(LODGE_FLUSH_KERNEL, 0xffffffff81002000,
		     0xffffffff81003000);
	regs.rdi = ~0UL;
	OK("\x0f\x01\x3f");
	expect_flush(LODGE_FLUSH_KERNEL, ~0xfffUL, 0);
	OK("\x67\x0f\x01\x3f");
	expect_flush(0, 0xfffff000, 0x100000000);
	host_machine.gs_base = 0xffff888000000000;
	regs.rdi = 0x2000;
	OK("\x65\x0f\x01\x3f");
	expect_flush(LODGE_FLUSH_KERNEL, 0xffff888000002000,
		     0xffff888000003000);
	/* nothing there that could be flushed */
	regs.rdi = 0xffff800000005000;
	OK("\x0f\x01\x3f");
	regs.rdi = 1UL << 47;
	OK("\x0f\x01\x3f");
	assert_int_equal(flush.count, 0);
}

static void test_refused(void **state)
{
	GP("\x0f\x01\xf8"); /* swapgs */
	GP("\x0f\x01\xf0"); /* lmsw */
	GP("\x0f\x33"); /* rdpmc */
	GP("\xcd\x80");
	GP("\x0f\x01\x10"); /* lgdt */
	OK("\x0f\x08");
	OK("\x0f\x09");
}

static bool rd(u32 msr, u64 *value)
{
	bool done;

	regs.rcx = msr | 0xabcd00000000; /* only ecx counts */
	regs.rax = regs.rdx = ~0UL;
	done = run(2, "\x0f\x32");
	if (done) {
		assert_int_equal(regs.rax >> 32, 0);
		assert_int_equal(regs.rdx >> 32, 0);
		*value = regs.rax | regs.rdx << 32;
	}
	return done;
}

static bool wr(u32 msr, u64 value)
{
	regs.rcx = msr;
	regs.rax = (u32)value | 0xffff00000000;
	regs.rdx = value >> 32 | 0xffff00000000;
	return run(2, "\x0f\x30");
}

static void test_bases(void **state)
{
	static const u32 msrs[] = { MSR_FS_BASE, MSR_GS_BASE,
				    MSR_KERNEL_GS_BASE };
	u64 value;

	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++) {
		assert_true(wr(msrs[i], 0xffff888012345000));
		assert_true(rd(msrs[i], &value));
		assert_true(value == 0xffff888012345000);
		assert_false(wr(msrs[i], 0x800000000000));
		assert_false(wr(msrs[i], 1UL << 63));
		assert_true(rd(msrs[i], &value));
		assert_true(value == 0xffff888012345000);
	}
	assert_true(host_machine.fs_base == 0xffff888012345000);
	assert_true(host_machine.gs_base == 0xffff888012345000);
	assert_true(page.user_gs == 0xffff888012345000);
}

static void test_msrs(void **state)
{
	/* what Linux was seen to read without a way to handle a #GP */
	static const u32 read[] = { 0x8b,	0x1b,	    0x277, 0xc0010015,
				    0xc0011029, 0xc0010055, 0x1a0, 0xc0000080 };
	static const u32 unknown[] = {
		0,	    0x2ff,	0xfe,	    0x10a,	0x48,
		0x49,	    0x3b,	0xc1,	    0x186,	0x345,
		0x38f,	    0x40000000, 0x4b564d00, 0x6a2,	0xda0,
		0x802,	    0x6e0,	0xc0010000, 0xc0010004, 0xc0010114,
		0xc0010117, 0xffffffff
	};
	u64 value, other;

	for (size_t i = 0; i < ARRAY_SIZE(read); i++)
		assert_true(rd(read[i], &value));
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		assert_false(rd(unknown[i], &value));
		assert_false(wr(unknown[i], 0));
	}

	assert_true(rd(MSR_PAT, &value));
	assert_true(value == 0x0407050600070106);
	assert_true(wr(MSR_PAT, value));
	assert_false(wr(MSR_PAT, 0x0007040600070406));

	assert_true(rd(MSR_EFER, &value));
	assert_int_equal(value, 0xd01);
	assert_true(wr(MSR_EFER, value));
	assert_false(wr(MSR_EFER, value | 1 << 12));
	assert_false(wr(MSR_EFER, value & ~(1UL << 11)));

	assert_true(rd(0x10, &value) && rd(0x10, &other));
	assert_true(other > value);
	assert_false(wr(0x10, 0));

	/* SYSCALL setup is taken and forgotten */
	assert_true(wr(MSR_LSTAR, 0x1234567812345678));
	assert_true(rd(MSR_LSTAR, &value));
	assert_int_equal(value, 0);

	assert_true(wr(MSR_TSC_AUX, 0x1003));
	assert_int_equal(host_machine.tsc_aux, 0x1003);
	assert_true(rd(MSR_TSC_AUX, &value));
	assert_int_equal(value, 0x1003);
	assert_false(wr(MSR_TSC_AUX, 1UL << 32));
}

static bool xset(u32 index, u64 value)
{
	regs.rcx = index;
	regs.rax = (u32)value;
	regs.rdx = value >> 32;
	return run(3, "\x0f\x01\xd1");
}

static void test_xsetbv(void **state)
{
	assert_true(xset(0, 7));
	assert_int_equal(host_machine.xcr0, 7);
	assert_int_equal(vcpu.arch.xcr0, 7);
	assert_true(xset(0, 1));
	assert_true(xset(0, 3));
	assert_false(xset(0, 0));
	assert_false(xset(0, 2));
	assert_false(xset(0, 5)); /* AVX without SSE */
	assert_false(xset(0, 0xe7)); /* AVX-512 */
	assert_false(xset(0, 0x207)); /* PKRU */
	assert_false(xset(0, 7 | 1UL << 62));
	assert_false(xset(1, 7));
	assert_int_equal(host_machine.xcr0, 3);
}

static void test_debug(void **state)
{
	regs.rax = 0x401000;
	OK("\x0f\x23\xc0"); /* mov rax, dr0 */
	OK("\x0f\x21\xc3"); /* mov dr0, rbx */
	assert_int_equal(regs.rbx, 0x401000);
	regs.rax = 0xffff800000000000; /* the stub */
	GP("\x0f\x23\xc8");
	regs.rax = 0xffff87ffffffffff;
	GP("\x0f\x23\xc8");
	regs.rax = 0x800000000000;
	GP("\x0f\x23\xc8");
	regs.rax = 0xffff880000000000;
	OK("\x0f\x23\xc8");

	regs.rax = 0x1;
	OK("\x0f\x23\xf8"); /* dr7: execute dr0 */
	OK("\x0f\x21\xf9");
	assert_int_equal(regs.rcx, 0x401);
	regs.rax = 1 << 13 | 1; /* general detect */
	GP("\x0f\x23\xf8");
	regs.rax = 2 << 16 | 1; /* an I/O port */
	GP("\x0f\x23\xf8");
	regs.rax = 2UL << 28 | 0x80;
	GP("\x0f\x23\xf8");
	regs.rax = 1 << 18 | 1; /* execute, with a length */
	GP("\x0f\x23\xf8");
	regs.rax = 1UL << 32;
	GP("\x0f\x23\xf8");
	assert_int_equal(vcpu.arch.dr7, 0x401);
	regs.rax = 0xb << 16 | 3; /* 8 bytes, read and write */
	OK("\x0f\x23\xf8");
	regs.rax = 0;
	GP("\x0f\x23\xe0"); /* dr4, dr5 */
	GP("\x0f\x21\xe8");
}

/* The processor of machine.c has every bit set. */
static void test_cpuid(void **state)
{
	struct lodge_cpuid r;

	vcpu.id = 2;
	cpuid_guest(&vcpu, 1, 0, &r);
	assert_int_equal(r.ebx >> 24, 2); /* APIC id */
	assert_int_equal(r.ebx >> 16 & 0xff, 3);
	/* MONITOR VMX SMX PCID X2APIC TSC_DEADLINE */
	assert_false(r.ecx &
		     (1 << 3 | 1 << 5 | 1 << 6 | 1 << 17 | 1 << 21 | 1 << 24));
	assert_true(r.ecx & 1U << 31);
	assert_true(r.ecx & 1U << 27);
	/* MCE APIC MTRR MCA DS ACPI HTT TM */
	assert_false(r.edx & (1 << 7 | 1 << 9 | 1 << 12 | 1 << 14 | 1 << 21 |
			      1 << 22 | 1 << 28 | 1 << 29));

	cpuid_guest(&vcpu, 7, 0, &r);
	assert_int_equal(r.eax, 0);
	assert_true(r.ebx & 1);
	/* SGX TSC_ADJUST INVPCID MPX AVX512F SMAP PT */
	assert_false(r.ebx & (1 << 2 | 1 << 1 | 1 << 10 | 1 << 14 | 1 << 16 |
			      1 << 20 | 1 << 25));
	/* AVX512_VBMI UMIP PKU OSPKE WAITPKG SHSTK LA57 PKS */
	assert_false(r.ecx & (1U << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 |
			      1 << 7 | 1 << 16 | 1U << 31));
	/* UINTR IBT AMX IBRS STIBP ARCH_CAPS SSBD */
	assert_false(r.edx & (1U << 5 | 1 << 20 | 1 << 22 | 1 << 24 | 1 << 25 |
			      1 << 26 | 1 << 27 | 1 << 29 | 1U << 31));
	cpuid_guest(&vcpu, 7, 1, &r);
	assert_int_equal(r.eax | r.ebx | r.ecx | r.edx, 0);

	cpuid_guest(&vcpu, 0xb, 0, &r);
	assert_true(r.eax == 0 && r.ebx == 1 && r.ecx == 0x100 && r.edx == 2);
	cpuid_guest(&vcpu, 0xb, 1, &r);
	assert_true(r.eax == 2 && r.ebx == 3 && r.ecx == 0x201 && r.edx == 2);
	cpuid_guest(&vcpu, 0xb, 2, &r);
	assert_true(r.eax == 0 && r.ebx == 0 && r.ecx == 2 && r.edx == 2);

	assert_true(xset(0, 3));
	cpuid_guest(&vcpu, 0xd, 0, &r);
	assert_true(r.eax == 7 && r.ebx == 576 && r.ecx == 832 && !r.edx);
	cpuid_guest(&vcpu, 0xd, 1, &r);
	assert_true(r.eax == 7 && !r.ecx && !r.edx);
	cpuid_guest(&vcpu, 0xd, 9, &r);
	assert_int_equal(r.eax | r.ebx | r.ecx | r.edx, 0);

	cpuid_guest(&vcpu, LODGE_CPUID_BASE, 0, &r);
	assert_memory_equal(&r.ebx, "LodgeLodgeLd", 12);
	cpuid_guest(&vcpu, LODGE_CPUID_FEATURES, 0, &r);
	assert_int_equal(r.ebx, LODGE_ABI_VERSION);
	assert_int_equal(r.ecx, 2);
	cpuid_guest(&vcpu, LODGE_CPUID_TSC, 0, &r);
	assert_int_equal(r.eax, 2600000);
	cpuid_guest(&vcpu, 0x4000ffff, 0, &r);
	assert_int_equal(r.eax | r.ebx | r.ecx | r.edx, 0);

	cpuid_guest(&vcpu, 0x80000001, 0, &r);
	assert_false(r.ecx & (1 << 2 | 1 << 10 | 1 << 12 | 1 << 22 | 1 << 29));
	cpuid_guest(&vcpu, 0x80000008, 0, &r);
	assert_int_equal(r.eax, 0x302f);
	assert_int_equal(r.ecx, 2 << 12 | 2);
	assert_false(r.ebx & (1 << 12 | 1 << 14 | 1 << 15 | 1 << 24));
	cpuid_guest(&vcpu, 0x8000001f, 0, &r);
	assert_int_equal(r.eax | r.ebx | r.ecx | r.edx, 0);
	cpuid_guest(&vcpu, 0xa, 0, &r);
	assert_int_equal(r.eax | r.ebx | r.ecx | r.edx, 0);
}

#define F(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		F(test_only_ring1), F(test_page_end), F(test_interrupt_flag),
		F(test_hlt),	    F(test_io),	      F(test_control),
		F(test_cr3),	    F(test_invlpg),   F(test_refused),
		F(test_bases),	    F(test_msrs),     F(test_xsetbv),
		F(test_debug),	    F(test_cpuid),
	};

	return RUN(tests);
}
