// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: SET_DEBUGREG takes n = 0 to 3, 6 and 7, refuses addresses in the
 * hypervisor's slots and reserved or general-detect bits (R10); breakpoints
 * and single steps arrive as #DB with their status in the vCPU page. How:
 * every bad value, then execute and data breakpoints and TF in both rings.
 */
#include "guest.h"
#include "user.h"

static volatile u64 db_count, db_dr6, db_rip;
static u64 watched;

static bool count_db(struct regs *r)
{
	if (r->vector != DB)
		return false;
	db_count++;
	db_dr6 = vcpu_page->dr6;
	db_rip = r->rip;
	r->rflags |= X86_RF;
	return true;
}

static s64 set(u64 n, u64 value)
{
	return hc(LODGE_HC_SET_DEBUGREG, n, value);
}

static void test_refusals(void)
{
	static const u64 bad_address[] = {
		0xffff800000000000, LODGE_AREA_VCPU,	0xffff800000001000,
		0xffff807fffffffff, 0xffff87ffffffffff, 0xffff7ffffffffff9,
		0x0000800000000000, 0x8000000000000000,
	};
	size_t i;
	int n;

	CHECK_EQ(set(4, 0), -LODGE_EINVAL);
	CHECK_EQ(set(5, 0), -LODGE_EINVAL);
	CHECK_EQ(set(8, 0), -LODGE_EINVAL);
	CHECK_EQ(set(-1UL, 0), -LODGE_EINVAL);
	CHECK_EQ(set(1UL << 32, 0), -LODGE_EINVAL);
	for (n = 0; n < 4; n++) {
		for (i = 0; i < array_size(bad_address); i++) {
			s64 result = set(n, bad_address[i]);

			CHECK(result == -LODGE_EINVAL,
			      "DR%d = %lx returned %ld", n, bad_address[i],
			      result);
		}
		CHECK_EQ(set(n, 0), 0);
	}
	CHECK_EQ(set(7, 1 << 13), -LODGE_EINVAL); /* general detect */
	CHECK_EQ(set(7, 1UL << 32), -LODGE_EINVAL);
	CHECK_EQ(set(7, 1UL << 63), -LODGE_EINVAL);
	CHECK_EQ(set(6, 1UL << 32), -LODGE_EINVAL);
	CHECK_EQ(set(7, 0x400), 0);
	CHECK_EQ(set(6, 0xffff0ff0), 0);
}

/*
 * A wide breakpoint that starts below slot 256 cannot reach into it: the
 * address is masked by its length. Nor may one name it in part.
 */
static void test_edges(void)
{
	s64 result = set(0, 0xffff800000000000 - 8);

	CHECK(result == -LODGE_EINVAL, "a non-canonical breakpoint: %ld",
	      result);
	CHECK_EQ(set(0, 0xffff880000000000), 0);
	CHECK_EQ(set(0, 0), 0);
}

static noinline u64 store(u64 address, u64 b, u64 c)
{
	*(volatile u64 *)address = 1;
	return 0;
}

static void test_kernel(void)
{
	db_count = 0;
	CHECK_EQ(set(0, (u64)&watched), 0);
	CHECK_EQ(set(7, 0xd0402), 0); /* write, 8 bytes, global 0 */
	store((u64)&watched, 0, 0);
	CHECK(db_count == 1 && db_dr6 & 1, "data breakpoint: %lu, dr6 %lx",
	      db_count, db_dr6);
	CHECK_EQ(set(7, 0x400), 0);
	store((u64)&watched, 0, 0);
	CHECK(db_count == 1, "a breakpoint that is off");
	/* Execute. */
	db_count = 0;
	CHECK_EQ(set(1, (u64)store), 0);
	CHECK_EQ(set(7, 0x408), 0);
	store((u64)&watched, 0, 0);
	CHECK(db_count == 1 && db_rip == (u64)store && db_dr6 & 2,
	      "execute breakpoint: %lu at %lx, dr6 %lx", db_count, db_rip,
	      db_dr6);
	CHECK_EQ(set(7, 0x400), 0);
	CHECK_EQ(set(6, 0xffff0ff0), 0);
}

/* Single steps, also over a hypercall and into the vCPU page. */
static u64 step(u64 a, u64 b, u64 c)
{
	asm volatile("pushfq; orl $0x100, (%%rsp); popfq\n"
		     "nop; nop\n"
		     "xor %%eax, %%eax; int $0x82\n"
		     "pushfq; andl $~0x100, (%%rsp); popfq\n" ::
			     : "rax", "cc", "memory");
	return 0;
}

static void test_step(void)
{
	struct regs r;

	db_count = 0;
	CHECK_EQ(probe(step, 0, 0, 0), NO_FAULT);
	CHECK(db_count >= 5 && db_count <= 8, "%lu steps in ring 1", db_count);
	CHECK(db_dr6 & 1 << 14, "dr6 %lx after a step", db_dr6);
	db_count = 0;
	user_regs(&r, u_loop);
	r.rdi = 50;
	r.rflags |= X86_TF;
	CHECK_EQ(user_run(&r), SYSCALL64);
	CHECK(db_count >= 100 && db_count <= 102, "%lu steps in ring 3",
	      db_count);
	/* Execute breakpoint in user mode. */
	db_count = 0;
	CHECK_EQ(set(2, (u64)u_syscall), 0);
	CHECK_EQ(set(7, 0x420), 0);
	CHECK_EQ(user_call(u_syscall, 0, 0), SYSCALL64);
	CHECK(db_count == 1 && db_dr6 & 4, "user breakpoint: %lu, dr6 %lx",
	      db_count, db_dr6);
	CHECK_EQ(set(7, 0x400), 0);
}

/* Another vCPU has its own registers, and a switch keeps them. */
static void other(struct cpu *cpu, void *arg)
{
	u64 i, before = db_count;

	for (i = 0; i < 100; i++) {
		store((u64)&watched, 0, 0);
		hc(LODGE_HC_YIELD);
	}
	CHECK(db_count == before, "a breakpoint of another vCPU");
}

static void test_own(void)
{
	if (start_info->vcpu_count < 2)
		return;
	CHECK_EQ(set(0, (u64)&watched), 0);
	CHECK_EQ(set(7, 0xd0402), 0);
	db_count = 0;
	cpu_start(1, other, NULL);
	cpu_join(1);
	store((u64)&watched, 0, 0);
	CHECK(db_count == 1, "own breakpoint after a switch: %lu", db_count);
	CHECK_EQ(set(7, 0x400), 0);
}

void test_main(void)
{
	this_cpu()->hook = count_db;
	test_refusals();
	test_edges();
	test_kernel();
	test_step();
	test_own();
}
