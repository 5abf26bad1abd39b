// SPDX-License-Identifier: GPL-2.0
/*
 * The clock to measure others by, and the CMOS clock. The reference is the
 * ACPI PM timer: 3.58 MHz and 24 bits, so that a host that takes an emulator's
 * processor away for a while does not hide a wrap as with the PIT's 16 bits.
 * Used at boot by the boot processor and, for delays, by a processor that
 * starts others or ends the machine; no lock.
 */
#include "cpu.h"
#include "platform.h"
#include "../core/printk.h"
#include "../core/string.h"

#define PM_HZ 3579545
#define PM_MASK 0xffffffU
#define MEASURE_DIVISOR 25 /* a 25th of a second */
#define SAMPLES 8

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71

static u32 pm_read(void)
{
	return inl(acpi_info.pm_timer) & PM_MASK;
}

static void check_pm_timer(void)
{
	u32 first = pm_read();

	for (int i = 0; acpi_info.pm_timer && i < 10000; i++)
		if (pm_read() != first)
			return;
	panic("this machine has no ACPI PM timer");
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
		r = pm_read();
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

	check_pm_timer();
	sample(counter, &c0, &ref0);
	while (((pm_read() - ref0) & PM_MASK) < PM_HZ / MEASURE_DIVISOR)
		cpu_relax();
	sample(counter, &c1, &ref1);
	ticks = (ref1 - ref0) & PM_MASK;
	return (c1 - c0) * PM_HZ / ticks;
}

void delay_us(unsigned int us)
{
	u64 left, done = 0;
	u32 last, now;

	left = (u64)us * PM_HZ / 1000000 + 1;
	last = pm_read();
	while (done < left) {
		cpu_relax();
		now = pm_read();
		done += (now - last) & PM_MASK;
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

static struct cmos_time cmos_sample(void)
{
	/* Not while the chip is changing the digits, which takes 2 ms. */
	for (int i = 0; i < 1000 && cmos_read(0x0a) & 0x80; i++)
		delay_us(10);
	return (struct cmos_time){ cmos_read(0), cmos_read(2), cmos_read(4),
				   cmos_read(7), cmos_read(8), cmos_read(9) };
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
	struct cmos_time t = cmos_sample(), again;
	u8 mode = cmos_read(0x0b);
	bool pm;

	for (int i = 0; i < 10; i++, t = again) {
		again = cmos_sample();
		if (!memcmp(&t, &again, sizeof(t)))
			break;
	}
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
