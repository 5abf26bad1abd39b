// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC of each processor: through MSRs in x2APIC mode where the
 * processor has it, else through its page of MMIO. Each processor touches
 * only its own, with interrupts off, so there is no lock. The timer counts
 * down once per arming; its rate is measured once, on the boot processor, and
 * taken to be the same everywhere.
 */
#include "cpu.h"
#include "platform.h"
#include "../core/frame.h"
#include "../core/printk.h"

/* Registers by their MMIO offset; the MSR is X2APIC_MSR + offset / 16. */
#define APIC_ID 0x20
#define APIC_LVR 0x30
#define APIC_TPR 0x80
#define APIC_EOI 0xb0
#define APIC_SVR 0xf0
#define APIC_ISR 0x100
#define APIC_ICR 0x300
#define APIC_ICR_HIGH 0x310
#define APIC_LVT_TIMER 0x320
#define APIC_LVT_LINT0 0x350
#define APIC_LVT_LINT1 0x360
#define APIC_LVT_ERROR 0x370
#define APIC_TIMER_INIT 0x380
#define APIC_TIMER_NOW 0x390
#define APIC_TIMER_DIV 0x3e0

#define X2APIC_MSR 0x800
#define BASE_X2APIC BIT(10)
#define BASE_ENABLE BIT(11)
#define CPUID1_ECX_X2APIC BIT(21)

#define SVR_ENABLE 0x100
#define LVT_MASKED 0x10000
#define MODE_STARTUP 0x600
#define ICR_PENDING 0x1000
#define ICR_ASSERT 0x4000
#define DIV_16 0x3

#define NS_MAX (1UL << 32) /* longest arming; the caller then arms again */
#define PENDING_SPINS 1000000

bool apic_is_x2apic;
static bool ready;
static volatile u32 *mmio;
static u64 ticks_per_ns; /* timer rate, 32.32 fixed point */

static u32 apic_read(u32 reg)
{
	if (apic_is_x2apic)
		return (u32)rdmsr(X2APIC_MSR + reg / 16);
	return mmio[reg / 4];
}

static void apic_write(u32 reg, u32 v)
{
	if (apic_is_x2apic)
		wrmsr(X2APIC_MSR + reg / 16, v);
	else
		mmio[reg / 4] = v;
}

void apic_init_cpu(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);
	u32 a, b, c, d;

	if (!ready) {
		/* While LINT0 is open, or a pending one is never withdrawn. */
		pic_off();
		cpuid(1, 0, &a, &b, &c, &d);
		apic_is_x2apic = c & CPUID1_ECX_X2APIC;
		mmio = mpa_to_virt(base & PTE_ADDR);
	}
	wrmsr(MSR_APIC_BASE, base | BASE_ENABLE);
	if (apic_is_x2apic) /* only from the enabled state, hence in two steps */
		wrmsr(MSR_APIC_BASE, base | BASE_ENABLE | BASE_X2APIC);

	apic_write(APIC_SVR, SVR_ENABLE | VEC_SPURIOUS);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VEC_TIMER);
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	apic_write(APIC_LVT_LINT1, APIC_NMI);
	if ((apic_read(APIC_LVR) >> 16 & 0xff) >= 3)
		apic_write(APIC_LVT_ERROR, LVT_MASKED);
	apic_write(APIC_TIMER_DIV, DIV_16);
	apic_write(APIC_TIMER_INIT, 0);
	/* What firmware left in service would block all below it. */
	for (u32 i = 0; i < 8; i++)
		for (u32 v = apic_read(APIC_ISR + i * 16); v; v &= v - 1)
			apic_eoi();
	ready = true;
}

u32 apic_id(void)
{
	return apic_is_x2apic ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

void apic_send(u32 id, u32 command)
{
	command |= ICR_ASSERT;
	if (!ready)
		return;
	if (apic_is_x2apic) {
		/* The MSR write waits for nothing; earlier stores first. */
		__asm__ volatile("mfence; lfence" ::: "memory");
		wrmsr(X2APIC_MSR + APIC_ICR / 16, (u64)id << 32 | command);
		return;
	}
	for (int i = 0; i < PENDING_SPINS; i++) {
		if (!(apic_read(APIC_ICR) & ICR_PENDING))
			break;
		cpu_relax();
	}
	apic_write(APIC_ICR_HIGH, id << 24);
	apic_write(APIC_ICR, command);
}

/* The manual's sequence: INIT, 10 ms, start-up, 200 us, start-up. */
void apic_send_init_sipi(u32 id, u8 page)
{
	apic_send(id, APIC_INIT);
	delay_us(10000);
	apic_send(id, MODE_STARTUP | page);
	delay_us(200);
	apic_send(id, MODE_STARTUP | page);
}

static u64 timer_count(void)
{
	return ~apic_read(APIC_TIMER_NOW);
}

void apic_timer_calibrate(void)
{
	u64 hz;

	apic_write(APIC_LVT_TIMER, LVT_MASKED | VEC_TIMER);
	apic_write(APIC_TIMER_INIT, ~0U);
	hz = clock_measure(timer_count);
	apic_write(APIC_TIMER_INIT, 0);
	ticks_per_ns = (hz << 32) / 1000000000;
	if (!ticks_per_ns || hz >> 32)
		panic("local APIC timer runs at %lu Hz", hz);
	printk("apic: %s, timer %lu kHz\n", apic_is_x2apic ? "x2APIC" : "xAPIC",
	       hz / 1000);
}

void apic_timer_set_ns(u64 delta)
{
	u64 ticks;

	if (delta == ~0UL) {
		apic_write(APIC_LVT_TIMER, LVT_MASKED | VEC_TIMER);
		apic_write(APIC_TIMER_INIT, 0);
		return;
	}
	delta = MIN(MAX(delta, 1000UL), NS_MAX - 1);
	ticks = delta * ticks_per_ns >> 32;
	apic_write(APIC_LVT_TIMER, VEC_TIMER);
	apic_write(APIC_TIMER_INIT, (u32)MIN(MAX(ticks, 1UL), 0xffffffffUL));
}
