// SPDX-License-Identifier: GPL-2.0
/*
 * What verbs print: tables whose columns stand below each other, JSON that
 * parses, and nothing in either that a guest's text could do to a terminal.
 */
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "test.h"
#include "cmd.h"
#include "output.h"
#include "words.h"

static const struct column columns[] = {
	{ "ID", "id" },	     { "NAME", "name" },  { NULL, "hidden" },
	{ "SHARE", "part" }, { "LIVE", "alive" }, { NULL, NULL },
};

static char printed[16384];
static int saved_out, capture_fd;

static void capture_begin(void)
{
	fflush(stdout);
	saved_out = dup(STDOUT_FILENO);
	capture_fd = memfd_create("stdout", 0);
	dup2(capture_fd, STDOUT_FILENO);
}

static void capture_end(void)
{
	ssize_t n;

	fflush(stdout);
	dup2(saved_out, STDOUT_FILENO);
	close(saved_out);
	n = pread(capture_fd, printed, sizeof(printed) - 1, 0);
	close(capture_fd);
	assert_true(n >= 0);
	printed[n] = '\0';
}

static void row(struct output *o, int id, const char *name, double part)
{
	output_number(o, id);
	output_text(o, name);
	output_number(o, 7);
	output_fraction(o, part, 1);
	output_bool(o, id & 1);
}

static void print_rows(bool json, int rows, const char *name)
{
	struct output o;
	int i;

	capture_begin();
	output_begin(&o, json, columns);
	for (i = 0; i < rows; i++)
		row(&o, i * 50, i ? name : "a", i * 12.34);
	output_end(&o);
	capture_end();
}

static void table(void **state)
{
	print_rows(false, 3, "a-name");
	assert_string_equal(printed, " ID  NAME    SHARE  LIVE\n"
				     "  0  a         0.0  no\n"
				     " 50  a-name   12.3  no\n"
				     "100  a-name   24.7  no\n");
	print_rows(false, 0, "");
	assert_string_equal(printed, "ID  NAME  SHARE  LIVE\n");
}

static struct json_object *parse(void)
{
	struct json_object *o = json_tokener_parse(printed);

	assert_non_null(o);
	return o;
}

static struct json_object *get(struct json_object *o, const char *name)
{
	struct json_object *value;

	assert_true(json_object_object_get_ex(o, name, &value));
	return value;
}

static void table_json(void **state)
{
	struct json_object *all, *one;

	print_rows(true, 100, "\"quoted\\");
	all = parse();
	assert_int_equal(json_object_array_length(all), 100);
	one = json_object_array_get_idx(all, 1);
	assert_int_equal(json_object_object_length(one), 5);
	assert_int_equal(json_object_get_int(get(one, "id")), 50);
	assert_string_equal(json_object_get_string(get(one, "name")),
			    "\"quoted\\");
	assert_int_equal(json_object_get_int(get(one, "hidden")), 7);
	assert_true(json_object_get_double(get(one, "part")) == 12.3);
	assert_true(json_object_is_type(get(one, "alive"), json_type_boolean));
	json_object_put(all);

	print_rows(true, 0, "");
	all = parse();
	assert_int_equal(json_object_array_length(all), 0);
	json_object_put(all);
}

/* What terminals obey: control characters of 7 and 8 bits, and what is none. */
static void hostile(void **state)
{
	static const char nasty[] = "\x1b]0;me\a\x9b[2J\r\n\t\x7f\xff\xc3\xa4";
	char text[3 * OUTPUT_TEXT];
	const char *p;

	memset(text, 'x', sizeof(text));
	memcpy(text, nasty, sizeof(nasty) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int json = 0; json < 2; json++) {
		print_rows(json, 2, text);
		for (p = printed; *p; p++)
			assert_true((*p >= ' ' && *p <= '~') || *p == '\n');
		assert_non_null(strstr(printed, "?]0;me??[2J"));
		if (json)
			json_object_put(parse());
	}
}

static void print_record(bool json)
{
	struct record r;

	capture_begin();
	record_begin(&r, json);
	record_text(&r, "name", "name", "x\x1b[2J");
	record_number(&r, "memory", "frames", UINT64_MAX, "MiB");
	record_number(&r, NULL, "more", 5, NULL);
	record_bool(&r, "live", "live", true);
	record_add(&r, "list", json_object_new_array());
	record_end(&r);
	capture_end();
}

static void records(void **state)
{
	struct json_object *o;

	print_record(false);
	assert_string_equal(printed,
			    "name                   x?[2J\n"
			    "memory                 18446744073709551615 MiB\n"
			    "live                   yes\n");
	print_record(true);
	o = parse();
	assert_int_equal(json_object_object_length(o), 5);
	assert_true(json_object_get_uint64(get(o, "frames")) == UINT64_MAX);
	assert_string_equal(json_object_get_string(get(o, "name")), "x?[2J");
	assert_true(json_object_is_type(get(o, "list"), json_type_array));
	json_object_put(o);
}

static void memory_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t frames; /* 0: refused */
	} sizes[] = {
		{ "1", 256 },
		{ "96", 96 * 256 },
		{ "96m", 96 * 256 },
		{ "4k", 1 },
		{ "8K", 2 },
		{ "1G", 1 << 18 },
		{ "2t", 1 << 29 },
		{ "6k", 0 },
		{ "0", 0 },
		{ "0k", 0 },
		{ "", 0 },
		{ "-1", 0 },
		{ "+1", 0 },
		{ " 1", 0 },
		{ "1 ", 0 },
		{ "1mb", 0 },
		{ "1x", 0 },
		{ "m", 0 },
		{ "0x10", 0 },
		{ "1.5g", 0 },
		{ "1@", 0 },
		{ "128t", 1ULL << 35 },
		{ "129t", 0 },
		{ "134217729", 0 },
		{ "18446744073709551616", 0 },
		{ "18446744073709551615g", 0 },
		{ "4503599627370497k", 0 },
	};
	uint64_t frames;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		frames = 0;
		if (parse_memory(sizes[i].text, &frames) !=
			    (sizes[i].frames != 0) ||
		    frames != sizes[i].frames)
			fail_msg("%s: %llu", sizes[i].text,
				 (unsigned long long)frames);
	}
}

static void numbers(void **state)
{
	unsigned long n;

	assert_true(cmd_number("12", 12, &n) && n == 12);
	assert_true(cmd_number("012", 12, &n) && n == 12);
	assert_false(cmd_number("13", 12, &n));
	assert_false(cmd_number("", 12, &n));
	assert_false(cmd_number("-1", -1UL, &n));
	assert_false(cmd_number("1x", 12, &n));
	assert_false(cmd_number("99999999999999999999", -1UL, &n));
	assert_true(first_vcpus(1) == 1 && first_vcpus(63) == UINT64_MAX >> 1 &&
		    first_vcpus(64) == UINT64_MAX);
}

static void words(void **state)
{
	struct lodge_domain_info d = { .state = LODGE_DOMAIN_RUNNING };

	assert_string_equal(state_word(&d), "running");
	assert_string_equal(reason_word(&d), "");
	d.flags = LODGE_DOMAIN_PAUSED;
	assert_string_equal(state_word(&d), "paused");
	d.state = LODGE_DOMAIN_ENDED;
	d.reason = LODGE_SHUTDOWN_CRASH;
	assert_string_equal(state_word(&d), "crashed");
	assert_string_equal(reason_word(&d), "crash");
	d.state = d.reason = 12345;
	assert_string_equal(state_word(&d), "unknown");
	assert_string_equal(reason_word(&d), "unknown");
	assert_string_equal(vcpu_state_word(UINT32_MAX), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),	cmocka_unit_test(table_json),
		cmocka_unit_test(hostile),	cmocka_unit_test(records),
		cmocka_unit_test(memory_sizes), cmocka_unit_test(numbers),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
