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
