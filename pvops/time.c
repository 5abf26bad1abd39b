// SPDX-License-Identifier: GPL-2.0
/*
 * Time: the clock of the hypervisor, read from the TSC and a record for each
 * vCPU in the layout that Linux calls pvclock, and a one-shot timer for each.
 *
 * All records stand in one page, the first vCPU's at its start, so that the
 * vDSO can map it. A record is registered on the vCPU's way up and stays.
 */
#include <linux/clockchips.h>
#include <linux/clocksource.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/percpu.h>
#include <linux/sched/clock.h>
#include <linux/time64.h>

#include <asm/paravirt.h>
#include <asm/pvclock.h>
#include <asm/timer.h>
#include <asm/tsc.h>
#include <asm/vdso/clocksource.h>
#include <asm/x86_init.h>

#include <lodge/time.h>

#include "lodge.h"

#define TIMER_MIN_NS 1000

static struct pvclock_vsyscall_time_info clocks[LODGE_MAX_VCPUS]
	__aligned(PAGE_SIZE);
static u64 sched_clock_start __ro_after_init;
static int timer_irq __ro_after_init;

static DEFINE_PER_CPU(struct clock_event_device, timer);

static __always_inline u64 read_clock(void)
{
	unsigned int cpu = raw_smp_processor_id();

	return pvclock_clocksource_read_nowd(&clocks[cpu].pvti);
}

/* Until its record is registered a vCPU reads the first one's. */
static u64 lodge_clock_read(void)
{
	u64 now;

	preempt_disable_notrace();
	now = read_clock();
	preempt_enable_notrace();
	return now;
}

static noinstr u64 lodge_sched_clock(void)
{
	return read_clock() - sched_clock_start;
}

static u64 lodge_clocksource_read(struct clocksource *cs)
{
	return lodge_clock_read();
}

static int lodge_clocksource_enable(struct clocksource *cs)
{
	vclocks_set_used(VDSO_CLOCKMODE_PVCLOCK);
	return 0;
}

static struct clocksource lodge_clocksource = {
	.name = "lodge",
	.rating = 400,
	.read = lodge_clocksource_read,
	.enable = lodge_clocksource_enable,
	.mask = CLOCKSOURCE_MASK(64),
	.flags = CLOCK_SOURCE_IS_CONTINUOUS,
};

static int timer_set_next(unsigned long delta, struct clock_event_device *dev)
{
	return hc_set_timer(read_clock() + delta) ? -ETIME : 0;
}

static int timer_stop(struct clock_event_device *dev)
{
	hc_set_timer(0);
	return 0;
}

static irqreturn_t timer_interrupt(int irq, void *dev)
{
	struct clock_event_device *event = dev;

	event->event_handler(event);
	return IRQ_HANDLED;
}

/* Binds the timer's port; may sleep. Before the vCPU comes up. */
int lodge_prepare_timer(unsigned int cpu)
{
	return lodge_bind_percpu_virq(LODGE_VIRQ_TIMER, cpu);
}

/* On each vCPU, interrupts off. */
void lodge_setup_timer(void)
{
	struct clock_event_device *event = this_cpu_ptr(&timer);

	*event = (struct clock_event_device) {
		.name = "lodge",
		.features = CLOCK_EVT_FEAT_ONESHOT,
		.rating = 500,
		.cpumask = cpumask_of(smp_processor_id()),
		.irq = timer_irq,
		.set_next_event = timer_set_next,
		.set_state_shutdown = timer_stop,
		.set_state_oneshot_stopped = timer_stop,
	};
	enable_percpu_irq(timer_irq, IRQ_TYPE_NONE);
	clockevents_config_and_register(event, NSEC_PER_SEC, TIMER_MIN_NS,
					LONG_MAX);
}

void lodge_shutdown_timer(void)
{
	hc_set_timer(0);
	disable_percpu_irq(timer_irq);
}

void lodge_register_clock(unsigned int cpu)
{
	hc_vcpu(LODGE_VCPU_TIME_AREA, cpu, __pa_symbol(&clocks[cpu].pvti));
}

static void __init lodge_timer_init(void)
{
	timer_irq = lodge_percpu_virq_irq(LODGE_VIRQ_TIMER);
	if (timer_irq <= 0 || lodge_prepare_timer(0) < 0 ||
	    request_percpu_irq(timer_irq, timer_interrupt, "timer", &timer))
		panic("Lodge: no timer interrupt");
	lodge_setup_timer();
}

static unsigned long lodge_tsc_khz(void)
{
	return lodge_start.tsc_khz;
}

static void lodge_get_wallclock(struct timespec64 *now)
{
	lodge_read_wall_base(now);
	timespec64_add_ns(now, lodge_clock_read());
}

static int lodge_set_wallclock(const struct timespec64 *now)
{
	return -ENODEV;
}

/* From init_platform: memory is mapped, nothing has read a clock yet. */
void __init lodge_init_time(void)
{
	BUILD_BUG_ON(sizeof(clocks) != PAGE_SIZE);
	BUILD_BUG_ON(sizeof(struct lodge_time) !=
		     sizeof(struct pvclock_vcpu_time_info));

	lodge_register_clock(0);
	pvclock_set_pvti_cpu0_va(clocks);
	pvclock_set_flags(PVCLOCK_TSC_STABLE_BIT);
	if (pvclock_read_flags(&clocks[0].pvti) & PVCLOCK_TSC_STABLE_BIT)
		lodge_clocksource.vdso_clock_mode = VDSO_CLOCKMODE_PVCLOCK;
	else
		clear_sched_clock_stable();

	sched_clock_start = lodge_clock_read();
	paravirt_set_sched_clock(lodge_sched_clock);
	clocksource_register_hz(&lodge_clocksource, NSEC_PER_SEC);

	x86_platform.calibrate_tsc = lodge_tsc_khz;
	x86_platform.calibrate_cpu = lodge_tsc_khz;
	x86_platform.get_wallclock = lodge_get_wallclock;
	x86_platform.set_wallclock = lodge_set_wallclock;
	x86_init.timers.timer_init = lodge_timer_init;
	x86_init.timers.setup_percpu_clockev = x86_init_noop;
	x86_init.timers.wallclock_init = x86_init_noop;
	x86_cpuinit.setup_percpu_clockev = x86_init_noop;
}
