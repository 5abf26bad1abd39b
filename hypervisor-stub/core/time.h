/* SPDX-License-Identifier: GPL-2.0 */
/* System time: nanoseconds since start, from the TSC. */
#ifndef CORE_TIME_H
#define CORE_TIME_H

#include "types.h"

struct vcpu;

/* tsc_khz > 0. Called once, before any other function here. */
void time_init(u64 tsc_khz);
u64 time_now(void);
u64 time_tsc_khz(void);
/* Wall clock (from the CMOS clock at start) at system time 0, UTC seconds. */
u64 time_wall_start(void);

/* Writes v's time record, if registered. v is current or not running. */
void time_update_vcpu(struct vcpu *v);

#endif
