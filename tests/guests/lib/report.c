// SPDX-License-Identifier: GPL-2.0-only
/*
 * Output and verdicts. A failed CHECK prints its reason and lets the test go
 * on; the last line says PASS or FAIL with the first reason. ERROR means that
 * the test itself could not do its work, SKIP that it does not apply here.
 */
#include <stdarg.h>
#include "guest.h"

static char first_failure[160];
static int failures;
static int print_lock;
extern const char guest_name[]; /* made by the Makefile */

static void put_text(char *out, size_t size, size_t *at, const char *s)
{
	while (*s && *at + 1 < size)
		out[(*at)++] = *s++;
}

static void put_number(char *out, size_t size, size_t *at, u64 value, int base,
		       int width, bool zero)
{
	char digits[24];
	int i = sizeof(digits) - 1;

	digits[i] = 0;
	do {
		digits[--i] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while ((int)sizeof(digits) - 1 - i < width && i > 0)
		digits[--i] = zero ? '0' : ' ';
	put_text(out, size, at, digits + i);
}

static size_t format_text(char *out, size_t size, const char *f, va_list args)
{
	size_t at = 0;

	for (; *f; f++) {
		bool zero = false, wide = false;
		int width = 0;
		char one[2] = { *f, 0 };
		u64 value;

		if (*f != '%') {
			put_text(out, size, &at, one);
			continue;
		}
		f++;
		if (*f == '0')
			zero = true;
		for (; *f >= '0' && *f <= '9'; f++)
			width = width * 10 + *f - '0';
		for (; *f == 'l' || *f == 'z'; f++)
			wide = true;
		switch (*f) {
		case 's':
			put_text(out, size, &at, va_arg(args, const char *));
			break;
		case 'c':
			one[0] = va_arg(args, int);
			put_text(out, size, &at, one);
			break;
		case 'd':
			value = wide ? va_arg(args, s64) : va_arg(args, int);
			if ((s64)value < 0) {
				put_text(out, size, &at, "-");
				value = -value;
			}
			put_number(out, size, &at, value, 10, width, zero);
			break;
		case 'p':
			wide = true;
			/* fall through */
		case 'x':
		case 'u':
			value = wide ? va_arg(args, u64) :
				       va_arg(args, unsigned int);
			put_number(out, size, &at, value, *f == 'u' ? 10 : 16,
				   width, zero);
			break;
		default:
			put_text(out, size, &at, "%");
		}
	}
	out[at] = 0;
	return at;
}

static void console_write(const char *text, size_t length)
{
	int tries = 0;

	while (length) {
		s64 n = hc(LODGE_HC_CONSOLE_WRITE, gpa(text), length);

		if (n < 0 || tries++ > 100000)
			return;
		if (!n)
			hc(LODGE_HC_YIELD);
		text += n;
		length -= n;
	}
}

static void print_args(const char *format, va_list args)
{
	static char line[1024];
	size_t length;

	while (__atomic_exchange_n(&print_lock, 1, __ATOMIC_ACQUIRE))
		hc(LODGE_HC_YIELD);
	length = format_text(line, sizeof(line), format, args);
	console_write(line, length);
	__atomic_store_n(&print_lock, 0, __ATOMIC_RELEASE);
}

void printf(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_args(format, args);
	va_end(args);
}

static void record(const char *format, va_list args)
{
	char text[160];

	format_text(text, sizeof(text), format, args);
	printf("  failed: %s\n", text);
	if (!__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED))
		memcpy(first_failure, text, sizeof(text));
}

void test_fail(const char *format, ...)
{
	va_list args;

	if (failures > 20)
		return;
	va_start(args, format);
	record(format, args);
	va_end(args);
}

/* The name on the result line: the guest's own, or what runs it says. */
static void verdict(const char *result, const char *reason)
{
	const char *name = arg_word("test");

	printf("lodge-test: %s %s%s%s\n", *name ? name : guest_name, result,
	       *reason ? " " : "", reason);
	hc(LODGE_HC_SHUTDOWN, LODGE_SHUTDOWN_POWEROFF);
	for (;;)
		hc(LODGE_HC_YIELD);
}

void test_done(void)
{
	verdict(failures ? "FAIL" : "PASS", failures ? first_failure : "");
	__builtin_unreachable();
}

void test_fatal(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	record(format, args);
	va_end(args);
	test_done();
}

void test_error(const char *format, ...)
{
	char text[160];
	va_list args;

	va_start(args, format);
	format_text(text, sizeof(text), format, args);
	va_end(args);
	verdict("ERROR", text);
	__builtin_unreachable();
}

void test_skip(const char *format, ...)
{
	char text[160];
	va_list args;

	va_start(args, format);
	format_text(text, sizeof(text), format, args);
	va_end(args);
	verdict("SKIP", text);
	__builtin_unreachable();
}

const char *vector_name(u64 vector)
{
	static const char *const names[20] = {
		"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD",
		"#NM", "#DF", "9",   "#TS", "#NP", "#SS", "#GP",
		"#PF", "15",  "#MF", "#AC", "#MC", "#XM",
	};

	if (vector < array_size(names))
		return names[vector];
	if (vector == SYSCALL64)
		return "SYSCALL";
	if (vector == SYSCALL32)
		return "SYSCALL32";
	return vector == NO_FAULT ? "no fault" : "another vector";
}

void show_regs(const struct regs *r)
{
	printf("  %s vector %lx error %lx cr2 %lx vcpu %d\n",
	       vector_name(r->vector), r->vector, r->error, vcpu_page->cr2,
	       this_cpu()->id);
	printf("  rip %lx cs %lx rflags %lx rsp %lx ss %lx\n", r->rip, r->cs,
	       r->rflags, r->rsp, r->ss);
	printf("  rax %lx rbx %lx rcx %lx rdx %lx rsi %lx rdi %lx rbp %lx\n",
	       r->rax, r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp);
}

bool is_errno(s64 result)
{
	static const u8 known[] = {
		LODGE_EPERM,  LODGE_ENOENT, LODGE_E2BIG,  LODGE_EAGAIN,
		LODGE_ENOMEM, LODGE_EFAULT, LODGE_EBUSY,  LODGE_EEXIST,
		LODGE_EINVAL, LODGE_ENOSPC, LODGE_ENOSYS,
	};
	size_t i;

	for (i = 0; i < array_size(known); i++)
		if (result == -(s64)known[i])
			return true;
	return false;
}
