// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: x87, SSE and AVX state belongs to a vCPU and survives switches between
 * vCPUs, hypercalls and events. How: more vCPUs than processors fill all
 * vector registers with patterns of their own in user mode, spin long enough
 * to lose the processor, and compare.
 */
#include "guest.h"
#include "user.h"

static struct lodge_cpuid leaf[LODGE_MAX_VCPUS];
static bool have_avx;
static volatile u64 ticks;

static void tick(u64 port)
{
	ticks++;
	hc(LODGE_HC_SET_TIMER, now() + 1000000);
}

static u64 xsetbv(u64 value, u64 b, u64 c)
{
	asm volatile("xsetbv" ::"a"((u32)value), "d"(0), "c"(0));
	return 0;
}

static void work(struct cpu *cpu, void *arg)
{
	u64 rounds = (u64)arg, i;
	struct regs r;

	if (have_avx && probe(xsetbv, 7, 0, 0) != NO_FAULT)
		test_fatal("xsetbv: %s", vector_name(cpu->fault.vector));
	bind_virq(LODGE_VIRQ_TIMER, cpu->id, tick);
	irq_off();
	hc(LODGE_HC_SET_TIMER, now() + 1000000);
	for (i = 0; i < rounds; i++) {
		user_regs(&r, u_fpu);
		r.rdi = 0x1000000UL * (cpu->id + 1) + i;
		r.rsi = have_avx && i % 2;
		r.rdx = 200000;
		if (user_run(&r) != SYSCALL64) {
			show_regs(&r);
			test_fail("vCPU %d: %s", cpu->id,
				  vector_name(r.vector));
			return;
		}
		CHECK(!r.rax, "vCPU %d lost its state (%lu) in round %lu",
		      cpu->id, r.rax, i);
		hc(LODGE_HC_YIELD);
	}
	hc(LODGE_HC_SET_TIMER, 0);
}

void test_main(void)
{
	int count = start_info->vcpu_count, id;
	u64 rounds = arg_u64("rounds", 30);

	hc(LODGE_HC_CPUID, 1, 0, gpa(&leaf[0]));
	have_avx = leaf[0].ecx >> 28 & 1 && leaf[0].ecx >> 27 & 1;
	printf("  AVX: %s\n", have_avx ? "yes" : "no");
	for (id = 1; id < count; id++)
		cpu_start(id, work, (void *)rounds);
	work(&cpus[0], (void *)rounds);
	for (id = 1; id < count; id++)
		cpu_join(id);
	printf("  %d vCPUs, %lu events\n", count, ticks);
}
