/* SPDX-License-Identifier: MIT */
/*
 * Fixed-width types for the Lodge ABI. Every structure of the ABI is built of
 * these alone, with explicit padding, and has its size and offsets asserted.
 */
#ifndef LODGE_TYPES_H
#define LODGE_TYPES_H

#ifdef __ASSEMBLER__
#define LODGE_U64(x) x
#else
#if defined(__KERNEL__)
#include <linux/types.h>
#else
#include <stddef.h>
#include <stdint.h>
#endif
#define LODGE_U64(x) x##ULL

#if defined(__cplusplus)
#define LODGE_ASSERT(cond, what) static_assert(cond, what)
#else
#define LODGE_ASSERT(cond, what) _Static_assert(cond, what)
#endif
#endif /* __ASSEMBLER__ */

#endif /* LODGE_TYPES_H */
