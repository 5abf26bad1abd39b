// SPDX-License-Identifier: GPL-2.0
/*
 * System time.
 *
 * Owns the one conversion from TSC to nanoseconds: a start value, a shift and
 * a multiplier, fixed by time_init() and never changed after. time_now() and
 * the records in guest memory do the same arithmetic with the same numbers,
 * so hypervisor and all vCPUs agree to the nanosecond. No locks.
 */
#include <lodge/time.h>
#include "domain.h"
#include "time.h"
#include "../x86/cpu.h"
#include "../x86/platform.h"

static u64 tsc_khz;
static u64 tsc_start; /* system time is 0 here */
static u32 tsc_mul; /* in [2^31, 2^32] less rounding: all bits used */
static s8 tsc_shift;
static u64 wall_start;

/*
 * ns = (ticks << shift) * mul / 2^32. Picks the shift for which
 * mul = 10^6 / khz * 2^(32 - shift) has its top bit set.
 */
static void compute_scale(u64 khz, u32 *mul, s8 *shift)
{
	u64 num = 1000000, den = khz;
	s8 s = 0;

	while (num >= den) {
		den <<= 1;
		s++;
	}
	while (num << 1 < den) {
		num <<= 1;
		s--;
	}
	/* Now den/2 <= num < den, and num below 2^31: no overflow. */
	*mul = (num << 32) / den;
	*shift = s;
}

static u64 scale(u64 delta)
{
	if (tsc_shift >= 0)
		delta <<= tsc_shift;
	else
		delta >>= -tsc_shift;
	return (unsigned __int128)delta * tsc_mul >> 32;
}

void time_init(u64 khz)
{
	tsc_khz = khz;
	compute_scale(khz, &tsc_mul, &tsc_shift);
	wall_start = cmos_seconds();
	tsc_start = rdtsc();
}

u64 time_now(void)
{
	u64 tsc = rdtsc();

	/* A processor whose TSC is a little behind may still see the start. */
	return tsc > tsc_start ? scale(tsc - tsc_start) : 0;
}

u64 time_tsc_khz(void)
{
	return tsc_khz;
}

u64 time_wall_start(void)
{
	return wall_start;
}

void time_update_vcpu(struct vcpu *v)
{
	gpa_t gpa = READ_ONCE(v->time_gpa); /* another vCPU may register it */
	struct lodge_time *t = NULL;

	if (gpa)
		t = guest_ptr(v->domain, gpa, sizeof(*t));
	if (!t)
		return;
	/* The guest may scribble on the record; the version is our own. */
	WRITE_ONCE(t->version, v->time_version + 1);
	smp_wmb(); /* readers: version, record, version */
	WRITE_ONCE(t->tsc_timestamp, tsc_start);
	WRITE_ONCE(t->system_time, 0);
	WRITE_ONCE(t->tsc_to_system_mul, tsc_mul);
	WRITE_ONCE(t->tsc_shift, tsc_shift);
	WRITE_ONCE(t->flags, LODGE_TIME_STABLE);
	smp_wmb(); /* the record, then its version */
	v->time_version += 2;
	WRITE_ONCE(t->version, v->time_version);
}
