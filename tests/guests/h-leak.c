// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack by reading what others left behind: role=secret fills vector
 * registers, x87 state, general registers, debug registers and memory with a
 * marker and goes to and fro between user mode, hypercalls and idle; role=spy
 * brings up vCPUs without end and looks, in their first instructions, at every
 * register, and at all its memory when it starts. Expected: zeroes or initial
 * state, never the marker. Also what the entry area shows (R2).
 */
#include "guest.h"
#include "user.h"

#define MARKER 0x5ec2e75ec2e70000UL

static u64 end;
static volatile u64 looked, found;

/* regs[0..14]: general registers at the start, then xmm0..15, x87 image. */
struct first_look {
	u64 gpr[15];
	u64 pad;
	u64 xmm[32];
	u8 x87[512];
} __attribute__((aligned(64)));

static struct first_look look[LODGE_MAX_VCPUS];

/* Entered with rdi = struct cpu *; keeps it, stores the rest. */
void spy_entry(void);
asm(".text\n.globl spy_entry\nspy_entry:\n"
    "push %rdi\n"
    "mov 8(%rdi), %edi\n" /* cpu->id */
    "imul $896, %rdi, %rdi\n"
    "add $look_base, %rdi\n"
    "mov %rax, (%rdi); mov %rbx, 8(%rdi); mov %rcx, 16(%rdi)\n"
    "mov %rdx, 24(%rdi); mov %rsi, 32(%rdi); mov %rbp, 40(%rdi)\n"
    "mov %r8, 48(%rdi); mov %r9, 56(%rdi); mov %r10, 64(%rdi)\n"
    "mov %r11, 72(%rdi); mov %r12, 80(%rdi); mov %r13, 88(%rdi)\n"
    "mov %r14, 96(%rdi); mov %r15, 104(%rdi)\n"
    "fxsave64 384(%rdi)\n"
    "pop %rdi\n"
    "jmp cpu_entry\n"
    ".set look_base, look\n");
_Static_assert(sizeof(struct first_look) == 896, "first_look");
_Static_assert(offset_of(struct first_look, x87) == 384, "x87");
_Static_assert(offset_of(struct cpu, id) == 8, "cpu id");

static bool is_marker(u64 value)
{
	return value >> 16 == MARKER >> 16;
}

static void examine(struct cpu *cpu, void *arg)
{
	struct first_look *l = &look[cpu->id];
	u64 *word = (u64 *)l->x87;
	u16 fcw = *(u16 *)l->x87;
	int i;

	for (i = 0; i < 14; i++)
		if (l->gpr[i]) {
			found++;
			test_fail("register %d of a new vCPU is %lx", i,
				  l->gpr[i]);
		}
	CHECK(fcw == 0x37f, "x87 control word %x", fcw);
	CHECK((word[3] & 0xffffffff) == 0x1f80, "MXCSR %lx", word[3]);
	for (i = 1; i < 52; i++)
		if (i != 3 && (is_marker(word[i]) || (i >= 20 && word[i]))) {
			found++;
			test_fail("FXSAVE word %d of a new vCPU is %lx", i,
				  word[i]);
		}
	for (i = 0; i < 4; i++)
		CHECK(!is_marker(*(volatile u64 *)(LODGE_AREA_VCPU + 8 * i)),
		      "the vCPU page holds a marker");
	looked++;
}

static void nothing(struct cpu *cpu, void *arg)
{
}

static void start_spy(int id)
{
	static struct lodge_vcpu_init init __attribute__((aligned(64)));

	cpu_start(id, nothing, NULL); /* makes its stacks the first time */
	cpu_join(id);
	while (hc_vcpu(IS_UP, id, 0) == 1)
		hc(LODGE_HC_YIELD);
	init.rip = (u64)spy_entry;
	init.rsp = (u64)cpus[id].stack;
	init.root = root_gpa;
	init.gs_base = (u64)&cpus[id];
	init.rdi = (u64)&cpus[id];
	cpus[id].fn = examine;
	cpus[id].done = false;
	CHECK_EQ(hc_vcpu(INIT, id, gpa(&init)), 0);
	CHECK_EQ(hc_vcpu(UP, id, 0), 0);
	cpu_join(id);
	while (hc_vcpu(IS_UP, id, 0) == 1)
		hc(LODGE_HC_YIELD);
}

/* All RAM that nobody gave us anything in starts as zeroes. */
static void examine_memory(void)
{
	u64 pages = 0, i, *page;

	while ((page = try_alloc_page()) != NULL && pages < 100000) {
		/* alloc cleared it; look at the next one before it does */
		u64 *next = page + 512;

		if (pages_left() < 2)
			break;
		for (i = 0; i < 512; i += 8)
			if (is_marker(next[i]))
				test_fatal("memory of another domain: %lx",
					   next[i]);
		pages++;
	}
	printf("  %lu pages examined\n", pages);
}

static void spy(void)
{
	int id, count = start_info->vcpu_count;

	/* Before the first use: cpu_start() would fill the stacks. */
	for (id = 1; id < count; id++)
		memset(&look[id], 0, sizeof(look[id]));
	while (now() < end)
		for (id = 1; id < count; id++)
			start_spy(id);
	examine_memory();
	printf("  %lu first looks\n", looked);
	CHECK(looked > 20, "only %lu looks", looked);
}

static void keep_secret(struct cpu *cpu, void *arg)
{
	struct regs r;
	u64 *word = (u64 *)&r, i, n;

	for (n = 0; now() < end; n++) {
		user_regs(&r, u_fpu);
		r.rdi = MARKER + n % 1000;
		r.rdx = 20000;
		CHECK_EQ(user_run(&r), SYSCALL64);
		user_regs(&r, u_syscall);
		for (i = 0; i < 15; i++)
			word[i] = MARKER;
		user_run(&r);
		hc(LODGE_HC_YIELD);
	}
}

static void secret(void)
{
	int id, count = start_info->vcpu_count;
	u64 *page, i;

	for (id = 1; id < count; id++)
		cpu_start(id, keep_secret, NULL);
	keep_secret(&cpus[0], NULL);
	for (id = 1; id < count; id++)
		cpu_join(id);
	while ((page = try_alloc_page()) != NULL)
		for (i = 0; i < 512; i++)
			page[i] = MARKER;
}

void test_main(void)
{
	end = now() + arg_u64("seconds", 3) * 1000000000;
	if (arg_is("role", "secret"))
		secret();
	else
		spy();
}
