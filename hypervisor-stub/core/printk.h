/* SPDX-License-Identifier: GPL-2.0 */
/* Messages on the hypervisor's console, and ways to give up. */
#ifndef CORE_PRINTK_H
#define CORE_PRINTK_H

#include <stdarg.h>
#include "types.h"

/*
 * Formats: %d %u %x %p %s %c %%, the numbers also with l, ll or z; with width,
 * zero padding, '-' and, for %s, precision. Returned is the length that the
 * whole text has, as in C. Any context, also with locks held, except that of
 * the console.
 */
void printk(const char *fmt, ...) __printf(1, 2);
int vsnprintk(char *buf, size_t size, const char *fmt, va_list ap);
int snprintk(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

/* The machine cannot go on: print, stop all processors, leave. */
void panic(const char *fmt, ...) __printf(1, 2) __noreturn;
/* Some processor has panicked: locks and checks mean nothing any more. */
bool panic_started(void);

/* An invariant of our own is broken. Never reachable from guest input. */
#define BUG_ON(cond)                                                          \
	do {                                                                  \
		if (unlikely(cond))                                           \
			panic("BUG at %s:%d: %s", __FILE__, __LINE__, #cond); \
	} while (0)
#ifdef LODGE_DEBUG
#define DEBUG_BUG_ON(cond) BUG_ON(cond)
#else
#define DEBUG_BUG_ON(cond) ((void)(cond))
#endif

#endif
