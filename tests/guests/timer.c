// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: SET_TIMER sends VIRQ_TIMER at the deadline, at once if it has passed,
 * never before, and not after SET_TIMER(0); BLOCK turns virtual interrupts on,
 * waits for an event and delivers it before it returns; the clock agrees with
 * the TSC. How: deadlines near, past and far, in the kernel, in user mode and
 * in BLOCK.
 */
#include "guest.h"
#include "user.h"

static volatile u64 ticks, tick_time;

static void tick(u64 port)
{
	ticks++;
	tick_time = now();
}

static void test_clock(void)
{
	u64 t0 = now(), tsc0 = rdtsc(), t1, tsc1, ns;

	while (now() < t0 + 20000000)
		pause();
	t1 = now();
	tsc1 = rdtsc();
	ns = (tsc1 - tsc0) * 1000000 / start_info->tsc_khz;
	CHECK(ns > (t1 - t0) * 98 / 100 - 1000000 &&
		      ns < (t1 - t0) * 102 / 100 + 1000000,
	      "clock %lu ns, TSC %lu ns", t1 - t0, ns);
	CHECK(time_record[0].version % 2 == 0, "odd version");
}

static void test_kernel(u64 ns)
{
	u64 start, before = ticks;

	irq_on();
	start = now();
	CHECK_EQ(hc(LODGE_HC_SET_TIMER, start + ns), 0);
	while (ticks == before && now() < start + ns + 2000000000)
		pause();
	irq_off();
	CHECK(ticks == before + 1, "deadline in %lu ns: %lu ticks", ns,
	      ticks - before);
	CHECK(tick_time >= start + ns, "%lu ns early", start + ns - tick_time);
	printf("  %lu ns ahead: %lu ns late\n", ns, tick_time - start - ns);
}

static void test_past(void)
{
	u64 before = ticks, start;

	irq_on();
	hc(LODGE_HC_SET_TIMER, 1);
	delay(2000000);
	CHECK(ticks == before + 1, "a deadline that has passed: %lu ticks",
	      ticks - before);
	do { /* until we were not kept from stopping it in time */
		before = ticks;
		start = now();
		hc(LODGE_HC_SET_TIMER, start + 20000000);
		hc(LODGE_HC_SET_TIMER, 0);
	} while (now() > start + 20000000);
	delay(30000000);
	CHECK(ticks == before,
	      "a stopped timer ticked, %lu times, at %ld of %lu",
	      ticks - before, tick_time - start, now() - start);
	/* Far away, and beyond what arithmetic likes. */
	hc(LODGE_HC_SET_TIMER, -1UL);
	hc(LODGE_HC_SET_TIMER, 1UL << 63);
	hc(LODGE_HC_SET_TIMER, now() + (1UL << 62));
	delay(3000000);
	CHECK(ticks == before, "a deadline centuries ahead ticked, %lu times",
	      ticks - before);
	hc(LODGE_HC_SET_TIMER, 0);
	irq_off();
}

static void test_block(void)
{
	int i;

	for (i = 0; i < 20; i++) {
		u64 before = ticks, start = now();

		irq_off();
		hc(LODGE_HC_SET_TIMER, start + 1000000);
		CHECK_EQ(hc(LODGE_HC_BLOCK), 0);
		CHECK(ticks == before + 1,
		      "BLOCK returned with %lu ticks delivered",
		      ticks - before);
		CHECK(vcpu_page->vif, "BLOCK left virtual interrupts off");
		CHECK(now() >= start + 1000000, "BLOCK returned early");
	}
	/* Already pending: returns at once. */
	irq_off();
	hc(LODGE_HC_SET_TIMER, 1);
	delay(2000000);
	CHECK(vcpu_page->pending, "the timer is not pending");
	CHECK_EQ(hc(LODGE_HC_BLOCK), 0);
	irq_off();
}

/* In user mode the virtual IF byte is 0 and upcalls come all the same. */
static void test_user(void)
{
	u64 before = ticks;
	struct regs r;

	user_regs(&r, u_loop);
	r.rdi = 100000000;
	r.rbx = 0x1234567890abcdef;
	hc(LODGE_HC_SET_TIMER, now() + 5000000);
	CHECK_EQ(user_run(&r), SYSCALL64);
	CHECK(ticks == before + 1, "user mode saw %lu ticks", ticks - before);
	CHECK(r.rbx == 0x1234567890abcdef && r.rdi == 0,
	      "registers lost over an upcall: rbx %lx", r.rbx);
	CHECK(!vcpu_page->vif, "virtual IF is on after a system call");
}

void test_main(void)
{
	u64 ns;

	bind_virq(LODGE_VIRQ_TIMER, 0, tick);
	CHECK_EQ(time_record[0].flags & LODGE_TIME_STABLE, LODGE_TIME_STABLE);
	test_clock();
	for (ns = 100000; ns <= 100000000; ns *= 10)
		test_kernel(ns);
	test_past();
	test_block();
	test_user();
}
