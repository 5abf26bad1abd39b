/* SPDX-License-Identifier: GPL-2.0 */
/* The frame that every entry into the hypervisor leaves (entry.S). */
#ifndef X86_REGS_H
#define X86_REGS_H

#include "../core/types.h"

struct regs {
	u64 r15, r14, r13, r12, r11, r10, r9, r8;
	u64 rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

_Static_assert(sizeof(struct regs) == 176, "entry.S knows this");

#define RFLAGS_ONE (1UL << 1)
#define RFLAGS_TF (1UL << 8)
#define RFLAGS_IF (1UL << 9)
#define RFLAGS_IOPL (3UL << 12)
#define RFLAGS_NT (1UL << 14)
#define RFLAGS_RF (1UL << 16)
#define RFLAGS_VM (1UL << 17)
#define RFLAGS_VIF (1UL << 19)
#define RFLAGS_VIP (1UL << 20)

static inline bool regs_user(const struct regs *r)
{
	return (r->cs & 3) == 3;
}

#endif
