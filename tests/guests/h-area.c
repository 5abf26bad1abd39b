// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack on the entry area (R1, R2, R3, R4, R17). Ring 1 writes to every page
 * of slot 256, fills what it can write with garbage before it enters the
 * hypervisor in each way, runs the stub's own text at CPL 1 from every
 * offset, and puts its own tables into slots 256 to 271. Expected: only the
 * vCPU page and the entry stacks take writes, they belong to this vCPU alone,
 * and whatever is in them has no effect; ring 3 reaches nothing.
 */
#include "guest.h"
#include "user.h"

#define AREA LODGE_AREA_BASE
#define PAGES 64

static bool readable[PAGES], writable[PAGES];

static u64 do_read(u64 address, u64 b, u64 c)
{
	return *(volatile u64 *)address;
}

static u64 do_write(u64 address, u64 value, u64 c)
{
	*(volatile u64 *)address = value;
	return 0;
}

static void test_permissions(void)
{
	u64 i, address;

	printf("  area:");
	for (i = 0; i < PAGES; i++) {
		address = AREA + i * PAGE_SIZE + 0x108;
		readable[i] = probe(do_read, address, 0, 0) == NO_FAULT;
		if (!readable[i])
			continue;
		writable[i] = probe(do_write, address, this_cpu()->fault.rax,
				    0) == NO_FAULT;
		printf(" %lx%s", i, writable[i] ? "w" : "r");
		CHECK_EQ(user_call(u_read, address, 0), PF);
		CHECK_EQ(user_call(u_write, address, 0), PF);
		CHECK_EQ(user_call(u_call, address, 0), PF);
	}
	printf("\n");
	CHECK(writable[5], "the vCPU page is not writable");
	for (i = 0; i < 5; i++)
		CHECK(!writable[i], "page %lu of the entry area takes writes",
		      i);
	/* Far offsets of the slot, and its neighbours. */
	for (address = AREA + PAGES * PAGE_SIZE; address < AREA + SIZE_1G;
	     address += SIZE_2M)
		CHECK(probe(do_read, address, 0, 0) == PF, "%lx is readable",
		      address);
	for (address = AREA + SIZE_1G; address < 0xffff880000000000;
	     address += 3 * SIZE_1G + 0x345000)
		CHECK(probe(do_read, address, 0, 0) == PF, "%lx is readable",
		      address);
}

/* Descriptor tables: nothing secret, all accessed bits set (R5). */
static void test_descriptors(void)
{
	u64 *gdt = (u64 *)(AREA + 3 * PAGE_SIZE);
	int i;

	for (i = 1; i < 32; i++) {
		u64 d = gdt[i];

		if (d >> 47 & 1 && d >> 44 & 1)
			CHECK(d >> 40 & 1, "GDT slot %d is not accessed: %lx",
			      i, d);
	}
}

/* The guest's own entries in the hypervisor's slots are ignored. */
static void test_own_slots(void)
{
	u64 *page = alloc_page();
	int slot;

	for (slot = 0; slot < 512; slot++)
		page[slot] = gpa(page) | PTE_USER;
	for (slot = LODGE_SLOT_FIRST; slot <= LODGE_SLOT_LAST; slot++)
		boot_root[slot] = gpa(page) | PTE_USER;
	hc(LODGE_HC_FLUSH, LODGE_FLUSH_EVERYTHING);
	CHECK_EQ(hc(LODGE_HC_LOAD_ROOT, root_gpa), 0);
	for (slot = LODGE_SLOT_FIRST + 1; slot <= LODGE_SLOT_LAST; slot++)
		CHECK(probe(do_read, AREA + ((u64)(slot - 256) << 39) + 8, 0,
			    0) == PF,
		      "the guest's entry for slot %d is used", slot);
	CHECK(probe(do_write, AREA + 8, 0, 0) == PF,
	      "the guest's entry for slot 256 is used");
	CHECK_EQ(user_call(u_read, AREA + SIZE_1G, 0), PF);
	for (slot = LODGE_SLOT_FIRST; slot <= LODGE_SLOT_LAST; slot++)
		boot_root[slot] = 0;
	hc(LODGE_HC_FLUSH, LODGE_FLUSH_EVERYTHING);
}

static void trash(u8 value)
{
	u64 i;

	for (i = 6; i < PAGES; i++)
		if (writable[i])
			memset((void *)(AREA + i * PAGE_SIZE), value,
			       PAGE_SIZE);
}

static void test_trash(void)
{
	static const u8 value[] = { 0, 0xff, 0x80, 0x11, 0x83 };
	size_t i;

	for (i = 0; i < array_size(value); i++) {
		trash(value[i]);
		CHECK_EQ(hc(LODGE_HC_VERSION), start_info->version);
		trash(value[i]);
		CHECK_EQ(user_call(u_syscall, 0, 0), SYSCALL64);
		trash(value[i]);
		CHECK_EQ(user_call(u_ud2, 0, 0), UD);
		trash(value[i]);
		CHECK(probe(do_read, 1UL << 63, 0, 0) == GP, "no #GP");
		trash(value[i]);
		CHECK_EQ(load_root(root_gpa), 0);
		trash(value[i]);
		hc(LODGE_HC_FLUSH, LODGE_FLUSH_EVERYTHING);
		CHECK(peek((u64)va(0x200000)) == peek(KERNEL_BASE + 0x200000),
		      "the direct map is wrong");
	}
}

/* The whole vCPU page full of garbage over a hypercall. */
static void test_vcpu_page(void)
{
	static u8 saved[PAGE_SIZE];
	u64 version, i;

	memcpy(saved, (void *)LODGE_AREA_VCPU, PAGE_SIZE);
	for (i = 0; i < 256; i += 5) {
		/* But for vif: an upcall would find no stack. */
		memset((void *)(LODGE_AREA_VCPU + 1), i, PAGE_SIZE - 1);
		asm volatile("int $0x82"
			     : "=a"(version)
			     : "0"(LODGE_HC_VERSION)
			     : "memory");
		memcpy((void *)LODGE_AREA_VCPU, saved, PAGE_SIZE);
		CHECK(version == start_info->version, "VERSION %lx", version);
	}
	vcpu_page->pending = 0;
}

/* ----------------------------------------------- the stub's text at CPL 1 */

static bool escape(struct regs *r)
{
	struct cpu *cpu = this_cpu();
	u64 save = cpu->probe_save;

	if (!save)
		return false;
	cpu->probe_save = 0;
	cpu->fault = *r;
	wrgsbase((u64)cpu);
	vcpu_page->kernel_gs = (u64)cpu;
	probe_leave(save);
}

static void escape_tick(u64 port)
{
	struct regs r = { .vector = LODGE_VEC_UPCALL };

	escape(&r);
}

/* run_stub(address, value): call it with value in every register. */
u64 run_stub(u64 address, u64 value, u64 unused);
asm(".text\n.globl run_stub\nrun_stub:\n"
    "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "mov %rdi, %rax; mov %rsi, %rdi; mov %rsi, %rdx; mov %rsi, %rcx\n"
    "mov %rsi, %rbx; mov %rsi, %rbp; mov %rsi, %r8; mov %rsi, %r9\n"
    "mov %rsi, %r10; mov %rsi, %r11; mov %rsi, %r12; mov %rsi, %r13\n"
    "call *%rax\n"
    "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "ret\n");

static void test_stub_text(void)
{
	u64 text = 0, ends = 0, offset;

	this_cpu()->hook = escape;
	bind_virq(LODGE_VIRQ_TIMER, 0, escape_tick);
	while (text < PAGES && readable[text] && !writable[text] && text < 2)
		text++;
	for (offset = 0; offset < text * PAGE_SIZE; offset++) {
		/* All gates look alike: some of them are enough. */
		if (offset > 64 && offset < 4000 && offset % 16 > 4)
			continue;
		hc(LODGE_HC_SET_TIMER, now() + 3000000);
		vcpu_page->vif = 1;
		probe(run_stub, AREA + offset, offset & 1 ? 0 : LODGE_AREA_VCPU,
		      0);
		irq_off();
		vcpu_page->kernel_gs = (u64)this_cpu();
		wrgsbase((u64)this_cpu());
		ends++;
	}
	hc(LODGE_HC_SET_TIMER, 0);
	this_cpu()->hook = NULL;
	printf("  %lu places of the stub run at CPL 1\n", ends);
	CHECK_EQ(user_call(u_syscall, 0, 0), SYSCALL64);
	CHECK_EQ(hc(LODGE_HC_VERSION), start_info->version);
}

/* ------------------------------------------------ two vCPUs, one root (R1) */

static volatile u64 state;

static void mark(struct cpu *cpu, void *arg)
{
	u64 i;

	for (i = 5; i < PAGES; i++)
		if (writable[i])
			*(volatile u64 *)(AREA + i * PAGE_SIZE + 0x300) =
				0x4d41524b;
	state = 1;
	while (state == 1)
		pause();
}

static void test_private(void)
{
	u64 i;

	if (start_info->vcpu_count < 2)
		return;
	for (i = 5; i < PAGES; i++)
		if (writable[i])
			*(volatile u64 *)(AREA + i * PAGE_SIZE + 0x300) = 7;
	cpu_start(1, mark, NULL);
	while (!state)
		pause();
	for (i = 5; i < PAGES; i++)
		if (writable[i])
			CHECK(*(volatile u64 *)(AREA + i * PAGE_SIZE + 0x300) !=
				      0x4d41524b,
			      "page %lu of the entry area is shared", i);
	state = 2;
	cpu_join(1);
}

void test_main(void)
{
	test_permissions();
	test_descriptors();
	test_own_slots();
	test_trash();
	test_vcpu_page();
	test_private();
	test_stub_text();
}
