/* SPDX-License-Identifier: GPL-2.0 */
/* The part of the C string functions that the hypervisor needs. */
#ifndef CORE_STRING_H
#define CORE_STRING_H

#include "types.h"

#ifdef LODGE_HOST_TEST
#include <string.h>
#else
void *memcpy(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
#endif
/* size > 0. Copies with NUL; false if dst was too small (then truncated). */
bool str_copy(char *dst, const char *src, size_t size);

#endif
