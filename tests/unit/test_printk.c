// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: vsnprintk() formats as the C library does, for the conversions that
 * printk.h lists, and always ends its output within size bytes.
 */
#include <stdio.h>
#include "test.h"
#include "core/printk.h"

static char ours[256], libc[256];

/* Only what both understand alike. */
#define SAME(...)                                                   \
	do {                                                        \
		int a_ = snprintk(ours, sizeof(ours), __VA_ARGS__); \
		int b_ = snprintf(libc, sizeof(libc), __VA_ARGS__); \
		assert_string_equal(ours, libc);                    \
		assert_int_equal(a_, b_);                           \
	} while (0)

static void test_numbers(void **state)
{
	static const long values[] = { 0,	  1,	     -1,
				       9,	  10,	     12345,
				       INT32_MAX, INT32_MIN, INT64_MAX,
				       INT64_MIN };

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		long v = values[i];

		SAME("%d|%u|%x", (int)v, (unsigned int)v, (unsigned int)v);
		SAME("%ld|%lu|%lx|%llx|%llu", v, (unsigned long)v,
		     (unsigned long)v, (unsigned long long)v,
		     (unsigned long long)v);
		SAME("%12d|%-12d|%012d|", (int)v, (int)v, (int)v);
		SAME("%20lx|%-20lx|%020lx|", (unsigned long)v, (unsigned long)v,
		     (unsigned long)v);
		SAME("%1d|%01d|%-1d", (int)v, (int)v, (int)v);
	}
	SAME("%zu", sizeof(long));
}

static void test_strings(void **state)
{
	const char *volatile none = NULL;

	SAME("%s", "");
	SAME("a%sb", "xyz");
	SAME("%8s|%-8s|%2s", "abc", "abc", "abc");
	SAME("%.2s|%.8s|%.0s|%6.2s|%-6.2s|", "abc", "abc", "abc", "abc", "abc");
	SAME("%c%c", 'a', 'b');
	SAME("100%%");
	SAME("no conversion\n");
	snprintk(ours, sizeof(ours), "%s", none);
	assert_string_equal(ours, "(null)");
}

/* Precision bounds the read: no NUL behind these. */
static void test_unterminated(void **state)
{
	char *s = malloc(3);

	memcpy(s, "abc", 3);
	snprintk(ours, sizeof(ours), "%.3s", s);
	assert_string_equal(ours, "abc");
	free(s);
}

static void test_pointer(void **state)
{
	snprintk(ours, sizeof(ours), "%p", (void *)0x1234abcd);
	assert_string_equal(ours, "000000001234abcd");
}

static void test_size(void **state)
{
	static const char text[] = "0123456789";

	for (size_t size = 0; size <= sizeof(text); size++) {
		char *buf = malloc(size + 1);

		memset(buf, '#', size + 1);
		assert_int_equal(snprintk(buf, size, "%s", text), 10);
		assert_int_equal(buf[size], '#');
		if (size) {
			assert_int_equal(strnlen(buf, size), size - 1);
			assert_memory_equal(buf, text, size - 1);
		}
		free(buf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_numbers), T(test_strings), T(test_unterminated),
		T(test_pointer), T(test_size),
	};

	return RUN(tests);
}
