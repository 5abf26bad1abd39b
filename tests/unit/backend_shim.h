/* SPDX-License-Identifier: GPL-2.0 */
/* What headers of back-ends use of Linux, for tests on the host. */
#ifndef BACKEND_SHIM_H
#define BACKEND_SHIM_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#ifndef PAGE_SIZE
#define PAGE_SIZE 4096UL
#endif
#define min_t(type, a, b) ((type)(a) < (type)(b) ? (type)(a) : (type)(b))
#define max_t(type, a, b) ((type)(a) > (type)(b) ? (type)(a) : (type)(b))
#define clamp_t(type, v, low, high) min_t(type, max_t(type, v, low), high)

static inline uint64_t div64_u64(uint64_t a, uint64_t b)
{
	return a / b;
}

#endif
