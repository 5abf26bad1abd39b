/* SPDX-License-Identifier: GPL-2.0 */
/* Integer and address types, and the few macros that every file uses. */
#ifndef CORE_TYPES_H
#define CORE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int32_t s32;
typedef int64_t s64;

typedef u64 gpa_t; /* guest-physical address, of one domain */
typedef u64 mpa_t; /* machine-physical address */
typedef u64 mfn_t; /* machine frame number */
typedef u64 gva_t; /* guest-virtual address */

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096UL
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define LARGE_SHIFT 21
#define LARGE_SIZE (1UL << LARGE_SHIFT)
#define LARGE_ORDER 9
#define INVALID_MPA (~0UL)

#ifdef LODGE_DEBUG
#define DEBUG_BUILD true
#else
#define DEBUG_BUILD false
#endif

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define ALIGN_UP(x, a) (((x) + ((a)-1)) & ~((__typeof__(x))(a)-1))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a)-1))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define BIT(n) (1UL << (n))

#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define barrier() __asm__ volatile("" ::: "memory")
#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST) /* full */
#define smp_wmb() barrier() /* x86 keeps stores in order */

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr)-offsetof(type, member)))
#define __packed __attribute__((packed))
#define __aligned(n) __attribute__((aligned(n)))
/* On the way of most entries: put side by side, to touch few pages. */
#define __hot __attribute__((hot))
#define __noreturn __attribute__((noreturn))
#define __printf(f, a) __attribute__((format(printf, f, a)))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#endif
