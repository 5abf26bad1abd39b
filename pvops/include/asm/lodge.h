/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What upstream's files need to know about Lodge. With the option off, or on
 * any other platform, all of it comes to nothing.
 */
#ifndef _ASM_X86_LODGE_H
#define _ASM_X86_LODGE_H

#include <linux/types.h>

struct mm_struct;

#ifdef CONFIG_LODGE_GUEST
extern bool lodge_running;

/* True when this kernel is a Lodge guest; constant after the entry point. */
static __always_inline bool lodge_guest(void)
{
	return lodge_running;
}

/*
 * Flushes kernel addresses on all vCPUs, in place of IPIs; TLB_FLUSH_ALL as
 * the end flushes everything. Returns false when not on Lodge.
 */
bool lodge_flush_kernel_range(unsigned long start, unsigned long end);

/* Notes that an accessed bit was cleared; the next flush carries it. */
void lodge_cleared_young(struct mm_struct *mm, unsigned long addr);
#else
static inline bool lodge_guest(void)
{
	return false;
}

static inline bool lodge_flush_kernel_range(unsigned long start,
					    unsigned long end)
{
	return false;
}

static inline void lodge_cleared_young(struct mm_struct *mm,
				       unsigned long addr)
{
}
#endif

#endif /* _ASM_X86_LODGE_H */
