// SPDX-License-Identifier: GPL-2.0
/*
 * Clocks to measure others by, and the CMOS clock. The reference is the ACPI
 * PM timer (3.58 MHz, 24 bits) if it counts, else channel 2 of the PIT (1.19
 * MHz, 16 bits). Used at boot by the boot processor and, for delays, by a
 * processor that starts others or ends the machine; no lock.
 */
#include "cpu.h"
#include "platform.h"
#include "../core/printk.h"

#define PM_HZ 3579545
#define PM_MASK 0xffffffU
#define PIT_HZ 1193182
#define PIT_MASK 0xffffU
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND 0x43
#define PIT_GATE 0x61

#define MEASURE_DIVISOR 25 /* a 25th of a second */
#define SAMPLES 8
#define READS_MAX 100000000

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71

static enum { CLOCK_UNKNOWN, CLOCK_PM, CLOCK_PIT } kind;

static void pit_start(void)
{
	outb(PIT_GATE, (inb(PIT_GATE) & ~0x02) | 0x01); /* no speaker */
	outb(PIT_COMMAND, 0xb4); /* channel 2, both bytes, rate generator */
	outb(PIT_CHANNEL2, 0);
	outb(PIT_CHANNEL2, 0); /* 65536 */
}

/* Counts upwards and wraps at ref_mask(). */
static u32 ref_read(void)
{
	u32 v;

	if (kind == CLOCK_PM)
		return inl(acpi_info.pm_timer) & PM_MASK;
	outb(PIT_COMMAND, 0x80); /* latch */
	v = inb(PIT_CHANNEL2);
	v |= (u32)inb(PIT_CHANNEL2) << 8;
	return -v & PIT_MASK;
}

static u32 ref_mask(void)
{
	return kind == CLOCK_PM ? PM_MASK : PIT_MASK;
}

static u32 ref_hz(void)
{
	return kind == CLOCK_PM ? PM_HZ : PIT_HZ;
}

static bool ref_counts(void)
{
	u32 first = ref_read();

	for (int i = 0; i < 10000; i++)
		if (ref_read() != first)
			return true;
	return false;
}

static void ref_choose(void)
{
	if (kind != CLOCK_UNKNOWN)
		return;
	kind = CLOCK_PM;
	if (acpi_info.pm_timer && ref_counts())
		return;
	kind = CLOCK_PIT;
	pit_start();
	if (!ref_counts())
		panic("neither the PM timer nor the PIT counts");
}

/*
 * Reads both clocks as one: of several tries the one that took least time,
 * since an emulator or SMM may take the processor away in between.
 */
static void sample(u64 (*counter)(void), u64 *count, u32 *ref)
{
	u64 best = ~0UL, t0, t1, c;
	u32 r;

	for (int i = 0; i < SAMPLES; i++) {
		t0 = rdtsc();
		c = counter();
		r = ref_read();
		t1 = rdtsc();
		if (t1 - t0 >= best)
			continue;
		best = t1 - t0;
		*count = c;
		*ref = r;
	}
}

u64 clock_measure(u64 (*counter)(void))
{
	u32 ref0 = 0, ref1 = 0, ticks;
	u64 c0 = 0, c1 = 0;

	ref_choose();
	sample(counter, &c0, &ref0);
	while (((ref_read() - ref0) & ref_mask()) < ref_hz() / MEASURE_DIVISOR)
		cpu_relax();
	sample(counter, &c1, &ref1);
	ticks = (ref1 - ref0) & ref_mask();
	return (c1 - c0) * ref_hz() / ticks;
}

void delay_us(unsigned int us)
{
	u64 left, done = 0;
	u32 last, now;

	ref_choose();
	left = (u64)us * ref_hz() / 1000000 + 1;
	last = ref_read();
	while (done < left) {
		cpu_relax();
		now = ref_read();
		done += (now - last) & ref_mask();
		last = now;
	}
}

u64 tsc_calibrate(void)
{
	return (clock_measure(rdtsc) + 500) / 1000;
}

static u8 cmos_read(u8 reg)
{
	outb(CMOS_INDEX, reg);
	return inb(CMOS_DATA);
}

struct cmos_time {
	u8 sec, min, hour, day, month, year;
};

static void cmos_sample(struct cmos_time *t)
{
	/* Not while the chip is changing the digits, which takes 2 ms. */
	for (int i = 0; i < 1000 && cmos_read(0x0a) & 0x80; i++)
		delay_us(10);
	t->sec = cmos_read(0);
	t->min = cmos_read(2);
	t->hour = cmos_read(4);
	t->day = cmos_read(7);
	t->month = cmos_read(8);
	t->year = cmos_read(9);
}

static bool cmos_same(const struct cmos_time *a, const struct cmos_time *b)
{
	return a->sec == b->sec && a->min == b->min && a->hour == b->hour &&
	       a->day == b->day && a->month == b->month && a->year == b->year;
}

/* Days from 1 January 1970, Gregorian, for years from 2000. */
static u64 days(unsigned int year, unsigned int month, unsigned int day)
{
	/* Count years from March, so that a leap day comes last. */
	if (month < 3) {
		year--;
		month += 12;
	}
	return 365UL * year + year / 4 - year / 100 + year / 400 +
	       (153 * (month - 3) + 2) / 5 + day - 1 - 719468;
}

u64 cmos_seconds(void)
{
	struct cmos_time t, again;
	bool pm;
	u8 mode;
	int tries = 0;

	cmos_sample(&t);
	for (cmos_sample(&again); !cmos_same(&t, &again) && tries++ < 10;
	     cmos_sample(&again))
		t = again;

	mode = cmos_read(0x0b);
	pm = t.hour & 0x80;
	t.hour &= 0x7f;
	if (!(mode & 4)) { /* packed decimal */
		u8 *b = &t.sec;

		for (size_t i = 0; i < sizeof(t); i++)
			b[i] = (b[i] >> 4) * 10 + (b[i] & 15);
	}
	if (!(mode & 2)) /* twelve hours */
		t.hour = t.hour % 12 + (pm ? 12 : 0);
	return days(2000 + t.year, t.month, t.day) * 86400 + t.hour * 3600UL +
	       t.min * 60UL + t.sec;
}
