// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack with breakpoints on the hypervisor's own addresses, which are those
 * of user space as well (R10): every place of its image in turn, as code and
 * as data, while #DBs and hypercalls come in. Expected: none is ever shown
 * to the guest, and none ends or stops the hypervisor.
 */
#include "guest.h"

static u64 count;

static bool on_db(struct regs *r)
{
	if (r->vector != DB)
		return false;
	count++;
	r->rflags &= ~X86_TF;
	return true;
}

/* dr7: four breakpoints of one kind. */
static void sweep(u64 from, u64 to, u64 step, u64 dr7)
{
	u64 at, n, done = 0;

	count = 0;
	for (at = from; at < to; at += 4 * step, done++) {
		CHECK_EQ(hc(LODGE_HC_SET_DEBUGREG, 7, 0x400), 0);
		for (n = 0; n < 4; n++)
			hc(LODGE_HC_SET_DEBUGREG, n, at + n * step);
		CHECK_EQ(hc(LODGE_HC_SET_DEBUGREG, 7, dr7), 0);
		asm volatile("pushfq; orq $0x100, (%%rsp); popfq; nop"
			     : : : "memory", "cc");
	}
	CHECK_EQ(hc(LODGE_HC_SET_DEBUGREG, 7, 0x400), 0);
	CHECK_EQ(count, done);
}

void test_main(void)
{
	u64 from = arg_u64("from", 0x100000), to = arg_u64("to", 0x140000);

	cpus[0].hook = on_db;
	sweep(from, to, 1, 0x4ff); /* code */
	sweep(from, to, 8, 0xbbbb04ff); /* data, 8 bytes, reads too */
}
