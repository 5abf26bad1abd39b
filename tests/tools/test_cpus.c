// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: sets of processors as xl.cfg(5) writes them; what is none is refused
 * with the place in the text.
 */
#include "cpus.h"
#include "test.h"

static void good(const char *text, uint64_t expected, const char *back)
{
	struct complaint c = { "" };
	char formatted[CPUS_TEXT];
	uint64_t set;

	if (cpus_parse(text, &set, &c))
		fail_msg("%s: %s", text, c.text);
	assert_int_equal(set, expected);
	cpus_format(set, formatted);
	assert_string_equal(formatted, back);
}

static void bad(const char *text, const char *words)
{
	struct complaint c = { "" };
	uint64_t set;

	assert_int_equal(cpus_parse(text, &set, &c), -1);
	if (!strstr(c.text, words))
		fail_msg("%s: expected %s, got %s", text, words, c.text);
}

static void test_good(void **state)
{
	good("0", 1, "0");
	good("63", 1ULL << 63, "63");
	good("0-3", 15, "0-3");
	good("0-3,^1", 13, "0,2-3");
	good(" 0 - 3 , ^ 1 ", 13, "0,2-3");
	good("0-7,^2-5,3", 0xcb, "0-1,3,6-7");
	good("all", CPUS_ALL, "all");
	good("all,^0", CPUS_ALL << 1, "1-63");
	good("0-63", CPUS_ALL, "all");
	good("^0,0", 1, "0");
	good("5,5,5", 32, "5");
}

static void test_bad(void **state)
{
	bad("", "expected processors");
	bad(",", "expected processors");
	bad("0,", "expected processors");
	bad("x", "`x`");
	bad("-1", "`-1`");
	bad("64", "from 0 to 63");
	bad("0-64", "`0-64`");
	bad("99999999999999999999", "expected processors");
	bad("3-1", "`3-1`; expected the lower");
	bad("1-", "`1-`");
	bad("1-2-3", "`-3`; expected `,`");
	bad("1 2", "`2`; expected `,`");
	bad("1;2", "`;2`");
	bad("^1", "at least one");
	bad("0-3,^0-3", "at least one");
	bad("allx", "`x`; expected `,`");
}

/* Whatever set: its text means it again, and fits. */
static void test_round(void **state)
{
	uint64_t set = 0x9e3779b97f4a7c15ULL, again;
	struct complaint c;
	char text[CPUS_TEXT];

	for (unsigned int i = 0; i < 5000; i++) {
		set = set * 6364136223846793005ULL + 1442695040888963407ULL;
		cpus_format(set, text);
		assert_true(strlen(text) < CPUS_TEXT);
		assert_int_equal(cpus_parse(text, &again, &c), 0);
		assert_true(again == set);
	}
	cpus_format(0x5555555555555555ULL, text); /* the longest */
	assert_true(strlen(text) < CPUS_TEXT);
	cpus_format(0, text);
	assert_string_equal(text, "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_good),
		T(test_bad),
		T(test_round),
	};

	return RUN(tests);
}
