// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack: every privileged instruction in ring 1 and in ring 3, with operands
 * that would hurt: MSRs that hold the hypervisor's entry points, ports that
 * reset the machine or end the emulator, control registers, descriptor
 * tables. Expected: an exception, or an emulation that changes nothing of the
 * processor; afterwards system calls, timers and page tables work as before
 * (R2, R4, R11, R13, R19).
 */
#include "guest.h"
#include "user.h"

extern char ring1_insns[], ring1_insns_end[], ring3_insns[];
extern const char insn_names[];

static u8 scratch[PAGE_SIZE] __attribute__((aligned(4096)));
static volatile u64 ticks;

static volatile bool again; /* hlt may be emulated: keep ticking */

static void tick(u64 port)
{
	ticks++;
	if (again)
		hc(LODGE_HC_SET_TIMER, now() + 2000000);
}

/* Calls code with rax, rcx, rdx as given and rdi at scratch memory. */
static u64 run(u64 code, u64 rax, u64 rcx_rdx)
{
	u64 rcx = rcx_rdx >> 32, rdx = (u32)rcx_rdx;
	void *rdi = scratch;

	asm volatile("call *%[code]"
		     : "+a"(rax), "+c"(rcx), "+d"(rdx), "+D"(rdi)
		     : [code] "r"(code), "S"(scratch)
		     : "memory", "cc", "r8", "r9", "r10", "r11");
	return rax;
}

static void still_sane(const char *name)
{
	u64 before = ticks, t0;

	/* A write to CR3 that is emulated is a LOAD_ROOT. */
	hc(LODGE_HC_LOAD_ROOT, root_gpa);
	if (user_call(u_syscall, 0, 0) != SYSCALL64)
		test_fatal("no system call after %s", name);
	irq_on();
	hc(LODGE_HC_SET_TIMER, 1);
	t0 = rdtsc();
	while (ticks == before &&
	       rdtsc() - t0 < 2000000UL * start_info->tsc_khz / 1000)
		pause();
	irq_off();
	if (ticks == before)
		test_fatal("no interrupt after %s", name);
}

/* In ring 1: an exception, or emulated. Never the end of anything. */
static void test_ring1(void)
{
	u64 count = (ring1_insns_end - ring1_insns) / 32, i, vector;
	const char *name = insn_names;

	for (i = 0; i < count; i++, name += strlen(name) + 1) {
		static const u64 operand[][2] = {
			{ 0, 0 },
			{ -1UL, -1UL },
			{ 0x88, 0x88UL << 32 | 0x88 },
			{ 0x80000011, 0xc0000080UL << 32 },
		};
		size_t n;

		for (n = 0; n < array_size(operand); n++) {
			/* h-gates.c says why not. */
			if (on_qemu() && !operand[n][0] &&
			    !strcmp(name, "mov ss, hv data"))
				continue;
			memset(scratch, n, sizeof(scratch));
			again = true;
			hc(LODGE_HC_SET_TIMER, now() + 2000000);
			irq_on();
			vector = probe(run, (u64)ring1_insns + i * 32,
				       operand[n][0], operand[n][1]);
			again = false;
			irq_off();
			if (!n)
				printf("  %s: %s\n", name, vector_name(vector));
			CHECK(vector == GP || vector == UD || vector == SS ||
				      vector == NO_FAULT || vector == NP,
			      "%s in ring 1: %s", name, vector_name(vector));
		}
		still_sane(name);
	}
}

static void test_ring3(void)
{
	u64 count = (ring1_insns_end - ring1_insns) / 32, i;
	const char *name = insn_names;
	struct regs r;

	for (i = 0; i < count; i++, name += strlen(name) + 1) {
		u64 offset = (u64)ring3_insns + i * 32;

		user_regs(&r, (void (*)(void))offset);
		r.rdi = r.rsi = USER_STACK_TOP - 4096;
		user_run(&r);
		/* What is not privileged at all ends in the system call. */
		CHECK(r.vector == GP || r.vector == UD ||
			      r.vector == SYSCALL64 || r.vector == SS,
		      "%s in ring 3: %s", name, vector_name(r.vector));
		if (r.vector == SYSCALL64)
			printf("  ring 3 may use %s\n", name);
	}
	still_sane("ring 3");
}

static u64 wrmsr(u64 msr, u64 value, u64 c)
{
	asm volatile("wrmsr" ::"c"((u32)msr), "a"((u32)value),
		     "d"((u32)(value >> 32)));
	return 0;
}

static u64 rdmsr(u64 msr, u64 b, u64 c)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"((u32)msr));
	return low | (u64)high << 32;
}

static void test_msrs(void)
{
	static const u32 msr[] = {
		0x10,	    0x1b,	0x8b,	    0xe7,	0x174,
		0x175,	    0x176,	0x179,	    0x1a0,	0x1d9,
		0x200,	    0x277,	0x2ff,	    0x38f,	0x3a,
		0x48,	    0x49,	0x6a0,	    0x6a2,	0x6a4,
		0x6e0,	    0x800,	0x830,	    0xda0,	0x1cc,
		0x1c4,	    0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083,
		0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103,
		0xc0010015, 0xc0010114, 0xc0010117, 0x40000000, 0x4b564d00,
		0xffffffff,
	};
	size_t i;
	u64 gs = rdgsbase();

	for (i = 0; i < array_size(msr); i++) {
		/* Bases are the guest's own; restore them. */
		probe(rdmsr, msr[i], 0, 0);
		probe(wrmsr, msr[i], 0, 0);
		wrgsbase(gs);
		probe(wrmsr, msr[i], -1UL, 0);
		wrgsbase(gs);
		probe(wrmsr, msr[i], LODGE_AREA_BASE + 0x1000, 0);
		wrgsbase(gs);
		still_sane("wrmsr");
	}
	/* SYSCALL still comes to our entry, so LSTAR, STAR and EFER hold. */
	CHECK(probe(rdmsr, 0x277, 0, 0) != NO_FAULT ||
		      this_cpu()->fault.rax == 0x0407050600070106,
	      "PAT reads %lx", this_cpu()->fault.rax);
}

static u64 outl(u64 port, u64 value, u64 size)
{
	if (size == 1)
		asm volatile("outb %b0, %w1" ::"a"(value), "d"(port));
	else if (size == 2)
		asm volatile("outw %w0, %w1" ::"a"(value), "d"(port));
	else
		asm volatile("outl %0, %w1" ::"a"((u32)value), "d"(port));
	return 0;
}

static u64 inl(u64 port, u64 b, u64 c)
{
	u32 value;

	asm volatile("inl %w1, %0" : "=a"(value) : "d"(port));
	return value;
}

/* Ports that end the machine, were they to reach it. */
static void test_ports(void)
{
	static const struct {
		u16 port, size;
		u32 value;
	} out[] = {
		{ 0xf4, 1, 0 },		  { 0xf4, 4, 0x10 },
		{ 0xcf9, 1, 6 },	  { 0x64, 1, 0xfe },
		{ 0x92, 1, 1 },		  { 0x604, 2, 0x2000 },
		{ 0xb004, 2, 0x2000 },	  { 0x501, 1, 0 },
		{ 0x8900, 1, 'S' },	  { 0x20, 1, 0x11 },
		{ 0x21, 1, 0xff },	  { 0x43, 1, 0x30 },
		{ 0xcf8, 4, 0x80000004 }, { 0xcfc, 4, 0 },
		{ 0x3f8, 1, '!' },	  { 0x510, 2, 0 },
		{ 0xb2, 1, 1 },		  { 0x70, 1, 0x8f },
		{ 0x402, 1, '!' },	  { 0xe9, 1, '!' },
		{ 0xffff, 4, -1 },
	};
	size_t i;
	u64 port;

	for (i = 0; i < array_size(out); i++) {
		u64 vector =
			probe(outl, out[i].port, out[i].value, out[i].size);

		CHECK(vector == GP || vector == NO_FAULT, "out to %x: %s",
		      out[i].port, vector_name(vector));
	}
	for (port = 0; port < 65536; port += 257)
		probe(inl, port, 0, 0);
	still_sane("ports");
}

void test_main(void)
{
	bind_virq(LODGE_VIRQ_TIMER, 0, tick);
	test_ring3();
	test_msrs();
	test_ports();
	test_ring1();
}
