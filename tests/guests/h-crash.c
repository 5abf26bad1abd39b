// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack by ending badly: how=WORD chooses one way in which a guest breaks a
 * rule that has no error code. Expected: the hypervisor stops this domain with
 * a line that says why, and nobody else notices. Where a guest may survive,
 * it ends as PASS.
 */
#include "guest.h"
#include "user.h"

static u64 bad_stack_ud2(u64 rsp, u64 b, u64 c)
{
	asm volatile("mov %0, %%rsp; ud2" ::"r"(rsp) : "memory");
	return 0;
}

static struct lodge_callbacks callbacks __attribute__((aligned(128)));

static void end_domain(struct cpu *cpu, void *arg)
{
	delay(1500000000);
	test_done();
}

/* An exception with nobody registered to take it (callbacks=no). */
static void no_callbacks(void)
{
	asm volatile("ud2");
}

/* SYSCALL with no entry registered, in ring 1 (callbacks=no). */
static void early_syscall(void)
{
	asm volatile("syscall" : : : "rcx", "r11", "memory");
	test_fatal("SYSCALL came back");
}

static void triple_fault(void)
{
	vcpu_page->df_sp = KMAP_BASE;
	bad_stack_ud2(KMAP_BASE, 0, 0);
}

static void no_df_stack(void)
{
	vcpu_page->df_sp = 0;
	bad_stack_ud2(KMAP_BASE, 0, 0);
}

static void entry_unmapped(void)
{
	default_callbacks(&callbacks);
	callbacks.exception = KMAP_BASE;
	callbacks.exception_end = KMAP_BASE + 4096;
	hc(LODGE_HC_SET_CALLBACKS, gpa(&callbacks));
	asm volatile("ud2");
}

/* Faults for ever at the entry: it may spin, but must be preempted. */
static void entry_loops(void)
{
	cpu_start(1, end_domain, NULL);
	while (!cpus[1].up)
		pause();
	default_callbacks(&callbacks);
	callbacks.exception = KMAP_BASE;
	callbacks.exception_end = KMAP_BASE;
	hc(LODGE_HC_SET_CALLBACKS, gpa(&callbacks));
	asm volatile("ud2");
}

static bool leave_df(struct regs *r)
{
	if (r->vector != DF)
		return false;
	test_done();
}

/* System calls whose entry is not mapped: #PF there, but no stack yet. */
static void syscall_unmapped(void)
{
	this_cpu()->hook = leave_df;
	default_callbacks(&callbacks);
	callbacks.syscall = KMAP_BASE;
	hc(LODGE_HC_SET_CALLBACKS, gpa(&callbacks));
	CHECK_EQ(user_call(u_syscall, 0, 0), SYSCALL64);
	test_fatal("the system call arrived");
}

static void iret_no_frame(void)
{
	asm volatile("mov %0, %%rsp; int $0x83" ::"r"(KMAP_BASE));
}

static void iret_wild(void)
{
	asm volatile("mov %0, %%rsp; push $0x18; push $0; push $0x202\n"
		     "push $0x10; push %1; int $0x83" ::"r"(this_cpu()->stack),
		     "r"(1UL << 63));
}

static void hlt_forever(void)
{
	irq_off();
	asm volatile("hlt");
	test_fatal("hlt with interrupts off came back");
}

static void unmap_kernel(void)
{
	boot_root[511] = 0;
	hc(LODGE_HC_FLUSH, LODGE_FLUSH_EVERYTHING);
}

static void empty_root(void)
{
	/* A root whose kernel half disagrees: the guest's promise broken. */
	void *root = alloc_page();

	hc(LODGE_HC_LOAD_ROOT, gpa(root));
	hc(LODGE_HC_FLUSH, LODGE_FLUSH_EVERYTHING);
	printf("  still here on an empty root\n");
	hc(LODGE_HC_LOAD_ROOT, root_gpa);
	hc(LODGE_HC_FLUSH, LODGE_FLUSH_EVERYTHING);
}

/* A second vCPU that starts into nothing. */
static void start_wild(u64 rip)
{
	static struct lodge_vcpu_init init __attribute__((aligned(64)));

	init.rip = rip;
	init.root = root_gpa;
	CHECK_EQ(hc_vcpu(INIT, 1, gpa(&init)), 0);
	CHECK_EQ(hc_vcpu(UP, 1, 0), 0);
	delay(20000000000); /* ends with the domain */
	test_fatal("a vCPU without callbacks survives a fault");
}

static void wild_vcpu(void)
{
	start_wild(KMAP_BASE);
}

/* It has neither stack nor callbacks. */
static void early_syscall_vcpu(void)
{
	start_wild((u64)early_syscall);
}

/* A kernel stack that runs out over an unmapped page: #DF, then PASS. */
static volatile u64 depth;

static noinline u64 recurse(u64 a, u64 b, u64 c)
{
	volatile char frame[256];

	frame[0] = a;
	depth++;
	if (a != b)
		recurse(a + 1, b, c);
	return frame[0];
}

static u64 on_small_stack(u64 rsp, u64 b, u64 c)
{
	asm volatile("mov %0, %%rsp; xor %%edi, %%edi; mov $-1, %%rsi\n"
		     "call *%1" ::"r"(rsp),
		     "r"(recurse)
		     : "memory");
	return 0;
}

static void stack_exhausted(void)
{
	map_page(root_gpa, KMAP_BASE + 0x11000, gpa(alloc_page()), PTE_KERNEL);
	CHECK_EQ(probe(on_small_stack, KMAP_BASE + 0x12000, 0, 0), DF);
	CHECK(depth > 5, "only %lu calls deep", depth);
}

static void crash_call(void)
{
	hc(LODGE_HC_SHUTDOWN, LODGE_SHUTDOWN_CRASH);
}

static void reboot(void)
{
	printf("lodge-test: %s PASS\n", arg_word("test"));
	hc(LODGE_HC_SHUTDOWN, LODGE_SHUTDOWN_REBOOT);
}

/* All vCPUs down: nobody is left to run. */
static void all_down(void)
{
	printf("lodge-test: %s PASS\n", arg_word("test"));
	hc_vcpu(DOWN, 0, 0);
}

void test_main(void)
{
	static const struct {
		const char *how;
		void (*fn)(void);
	} ways[] = {
		{ "no-callbacks", no_callbacks },
		{ "early-syscall", early_syscall },
		{ "early-syscall-vcpu", early_syscall_vcpu },
		{ "triple-fault", triple_fault },
		{ "no-df-stack", no_df_stack },
		{ "entry-unmapped", entry_unmapped },
		{ "entry-loops", entry_loops },
		{ "syscall-unmapped", syscall_unmapped },
		{ "iret-no-frame", iret_no_frame },
		{ "iret-wild", iret_wild },
		{ "hlt-forever", hlt_forever },
		{ "unmap-kernel", unmap_kernel },
		{ "empty-root", empty_root },
		{ "wild-vcpu", wild_vcpu },
		{ "stack-exhausted", stack_exhausted },
		{ "crash-call", crash_call },
		{ "reboot", reboot },
		{ "all-down", all_down },
	};
	size_t i;

	for (i = 0; i < array_size(ways); i++)
		if (arg_is("how", ways[i].how)) {
			ways[i].fn();
			return;
		}
	test_error("how=%s is not known", arg_word("how"));
}
