/* SPDX-License-Identifier: GPL-2.0-only */
/* What user.S offers; see there. */
#ifndef USER_H
#define USER_H

#include "guest.h"

void u_syscall(void);
void u_read(void);
void u_write(void);
void u_call(void);
void u_state(void);
void u_spin(void);
void u_loop(void);
void u_flags_syscall(void);
void u_int80(void);
void u_int3(void);
void u_ud2(void);
void u_divide(void);
void u_int4(void);
void u_int1(void);
void u_icebp(void);
void u_cli(void);
void u_hlt(void);
void u_in(void);
void u_out(void);
void u_rdmsr(void);
void u_stack(void);
void u_int82(void);
void u_int83(void);
void u_int84(void);
void u_sysenter(void);
void u_align(void);
void u_fpu(void);
void u_xm(void);
void u_mf(void);
void u32_int80(void);
void u32_syscall(void);
void u32_sysenter(void);
void u32_far(void);
void u32_into(void);
void u32_bound(void);
void u32_hyper(void);
extern u64 user_word;

/* Runs a snippet with two arguments; returns the vector that ended it. */
static inline u64 user_call(void (*rip)(void), u64 rdi, u64 rsi)
{
	struct regs r;

	user_regs(&r, rip);
	r.rdi = rdi;
	r.rsi = rsi;
	return user_run(&r);
}

#endif /* USER_H */
