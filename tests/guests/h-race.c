// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack with two vCPUs where a rule is about another one (R1, R16, R17): one
 * vCPU enters the hypervisor without end, in every way, while the others write
 * through the same addresses of slot 256, load, flush and drop the roots that
 * it runs on, take its roots apart under it, and reprogram it: INIT of a vCPU
 * that is up, UP and DOWN and KICK in a race, time and steal areas moved while
 * they are written. Expected: errors; the victim's registers, results and
 * exceptions are right every time.
 */
#include "guest.h"
#include "user.h"

#define ROOTS 4
#define ADDRESS 0x10000000UL

static u64 roots[ROOTS];
static u64 *frame[ROOTS];
static u64 end;
static volatile bool stop;

/* Vector and registers of one exception, from ring 3 and ring 1. */
static u64 raise(u64 a, u64 b, u64 c)
{
	asm volatile("ud2");
	return 0;
}

static void victim(struct cpu *cpu)
{
	u64 rounds = 0, root, i;
	struct regs r;

	while (now() < end) {
		i = rounds++ % ROOTS;
		root = roots[i];
		if (load_root(root)) {
			test_fail("LOAD_ROOT failed");
			break;
		}
		if (*(volatile u64 *)ADDRESS != i)
			test_fail("root %lu shows %lx", i,
				  *(volatile u64 *)ADDRESS);
		user_regs(&r, u_syscall);
		r.rbx = rounds;
		r.r15 = ~rounds;
		CHECK_EQ(user_run(&r), SYSCALL64);
		CHECK(r.rbx == rounds && r.r15 == ~rounds, "registers lost");
		user_regs(&r, u_ud2);
		r.rbp = rounds;
		CHECK_EQ(user_run(&r), UD);
		CHECK(r.rbp == rounds && r.rip == (u64)u_ud2 &&
			      r.cs == LODGE_USER_CS,
		      "a frame is wrong: rip %lx cs %lx", r.rip, r.cs);
		CHECK_EQ(probe(raise, 0, 0, 0), UD);
		CHECK(cpu->fault.cs == LODGE_FRAME_CS, "cs %lx", cpu->fault.cs);
		CHECK_EQ(hc(LODGE_HC_VERSION), start_info->version);
	}
	printf("  victim: %lu rounds\n", rounds);
}

static u64 store(u64 address, u64 value, u64 c)
{
	*(volatile u64 *)address = value;
	return 0;
}

/* Write all over the writable part of slot 256, but for our own vCPU page. */
static void scribble(struct cpu *cpu, void *arg)
{
	u64 address, n = 0;

	while (!stop) {
		for (address = LODGE_AREA_BASE + 0x6000;
		     address < LODGE_AREA_BASE + 0xb000; address += 8)
			*(volatile u64 *)address = n++ * 0x1111111111111111;
		for (address = LODGE_AREA_BASE; address < LODGE_AREA_VCPU;
		     address += 0x408)
			probe(store, address, n, 0);
		load_root(roots[n % ROOTS]);
	}
	load_root(root_gpa);
}

/* Flush and drop the victim's roots, and change their entries. */
static void undermine(struct cpu *cpu, void *arg)
{
	u64 n = 0;

	while (!stop) {
		u64 i = n++ % ROOTS;
		s64 result;

		map_page(roots[i], ADDRESS, gpa(frame[i]),
			 n & 8 ? PTE_USER : PTE_USER & ~PTE_D);
		if (n & 1)
			flush(roots[i], ADDRESS, ADDRESS + PAGE_SIZE);
		else
			flush_all(roots[i]);
		result = hc(LODGE_HC_DROP_ROOT, roots[i]);
		CHECK(!result || result == -LODGE_EBUSY ||
			      result == -LODGE_ENOENT,
		      "DROP_ROOT returned %ld", (long)result);
		hc(LODGE_HC_FLUSH, LODGE_FLUSH_EVERYTHING);
		hc(LODGE_HC_FILL, ADDRESS, 2);
	}
}

/* Reprogram vCPUs that are up, and their areas. */
static void reprogram(struct cpu *cpu, void *arg)
{
	static struct lodge_vcpu_init init __attribute__((aligned(64)));
	struct lodge_time *area = alloc_page();
	u64 n = 0;

	init.rip = (u64)cpu_entry;
	init.root = root_gpa;
	while (!stop) {
		CHECK_EQ(hc_vcpu(INIT, 0, gpa(&init)), -LODGE_EEXIST);
		CHECK_EQ(hc_vcpu(UP, 0, 0) >= -LODGE_ENOSYS, 1);
		CHECK_ERR(hc_vcpu(DOWN, 0, 0)); /* of itself only */
		CHECK_ERR(hc_vcpu(WAIT, 0, 0));
		hc_vcpu(KICK, n % 4, 0);
		hc_vcpu(STEAL_AREA, n % 4, gpa(area) + 64);
		hc_vcpu(STEAL_AREA, n % 4, 0);
		hc_vcpu(TIME_AREA, cpu->id, gpa(area));
		hc_vcpu(TIME_AREA, cpu->id, gpa(&time_record[cpu->id]));
		n++;
	}
}

void test_main(void)
{
	static void (*const fn[])(struct cpu *, void *) = { scribble, undermine,
							    reprogram };
	int id, i;

	if (start_info->vcpu_count < 4)
		test_skip("needs four vCPUs");
	for (i = 0; i < ROOTS; i++) {
		roots[i] = new_root();
		frame[i] = alloc_page();
		*frame[i] = i;
		map_page(roots[i], ADDRESS, gpa(frame[i]), PTE_USER);
	}
	end = now() + arg_u64("seconds", 3) * 1000000000;
	for (id = 1; id < 4; id++)
		cpu_start(id, fn[id - 1], NULL);
	victim(&cpus[0]);
	stop = true;
	for (id = 1; id < 4; id++)
		cpu_join(id);
	load_root(root_gpa);
	CHECK(hc(LODGE_HC_DEBUG, LODGE_DEBUG_AUDIT) <= 0,
	      "the auditor finds differences");
}
