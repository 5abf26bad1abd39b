// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: the command line is cut into words with quotes and escapes; a mistake
 * in one domain's description ends up in that domain's error text and changes
 * nothing for the others.
 */
#include <stdio.h>
#include "test.h"
#include "core/cmdline.h"

static struct cmdline c;

static void parse(const char *text)
{
	/* exactly as long as it is, for ASan */
	size_t n = strlen(text) + 1;
	char *copy = malloc(n);

	memcpy(copy, text, n);
	cmdline_parse(&c, copy, n);
	free(copy);
}

static void test_empty(void **state)
{
	parse("");
	assert_int_equal(c.domain_count, 0);
	assert_int_equal(c.cpuid, CPUID_AUTO);
	assert_int_equal(c.unknown_count, 0);
	parse("  \t \n ");
	assert_int_equal(c.domain_count, 0);
	cmdline_parse(&c, "x", 0);
	assert_int_equal(c.unknown_count, 0);
}

static void test_options(void **state)
{
	parse("cpuid=host debug-exit smp=3 seed=0xdeadbeef");
	assert_int_equal(c.cpuid, CPUID_HOST);
	assert_true(c.debug_exit);
	assert_int_equal(c.smp, 3);
	assert_int_equal(c.seed, 0xdeadbeef);
	assert_int_equal(c.unknown_count, 0);

	parse("cpuid=emulator seed=18446744073709551615");
	assert_int_equal(c.cpuid, CPUID_EMULATOR);
	assert_true(c.seed == ~0UL);
	parse("seed=18446744073709551616 smp=70000 smp=-1 smp= cpuid=x foo "
	      "debug-exitx smp=1x smp=0x");
	assert_int_equal(c.unknown_count, 9);
	assert_int_equal(c.seed, 0);
	assert_int_equal(c.smp, 0);
}

static void test_not_terminated(void **state)
{
	char text[] = { 's', 'm', 'p', '=', '1', '2' };

	cmdline_parse(&c, text, sizeof(text));
	assert_int_equal(c.smp, 12);
	cmdline_parse(&c, text, 5);
	assert_int_equal(c.smp, 1);
}

static void test_domain(void **state)
{
	const struct domain_config *d = &c.domain[0];

	parse("domain=\"kernel=2,initrd=3,mem=256,vcpus=4,name=web-1,"
	      "append=console=hvc0 a,b quiet\" domain=kernel=0");
	assert_int_equal(c.domain_count, 2);
	assert_string_equal(d->error, "");
	assert_int_equal(d->kernel, 2);
	assert_int_equal(d->initrd, 3);
	assert_int_equal(d->mem_mib, 256);
	assert_int_equal(d->vcpus, 4);
	assert_string_equal(d->name, "web-1");
	assert_string_equal(d->append, "console=hvc0 a,b quiet");

	d++;
	assert_string_equal(d->error, "");
	assert_string_equal(d->name, "d2");
	assert_int_equal(d->initrd, -1);
	assert_int_equal(d->mem_mib, 0);
	assert_int_equal(d->vcpus, 1);
	assert_string_equal(d->append, "");
}

static void test_quotes(void **state)
{
	parse("dom\"ain=kernel=0,append=a \\\"b\\\" \\\\ c\" smp=\\2");
	assert_int_equal(c.domain_count, 1);
	assert_string_equal(c.domain[0].append, "a \"b\" \\ c");
	assert_int_equal(c.smp, 2);

	parse("domain=kernel=0,append=a\\ b smp=1");
	assert_string_equal(c.domain[0].append, "a b");
	assert_int_equal(c.smp, 1);

	parse("domain=\"kernel=0,append=open smp=1");
	assert_int_equal(c.domain_count, 1);
	assert_non_null(strstr(c.domain[0].error, "quote"));

	parse("smp=4\\");
	assert_int_equal(c.unknown_count, 1);
	parse("\"\"");
	assert_int_equal(c.unknown_count, 1);
}

struct bad {
	const char *text, *error;
};

static void test_errors(void **state)
{
	static const struct bad bad[] = {
		{ "", "no kernel" },
		{ "mem=64", "no kernel" },
		{ "kernel=", "bad number" },
		{ "kernel=x", "bad number" },
		{ "kernel=-1", "bad number" },
		{ "kernel=65536", "bad number" },
		{ "kernel=0,initrd=99999999999999999999999", "bad number" },
		{ "kernel=0,mem=0", "bad number in mem=0" },
		{ "kernel=0,mem=134217729", "bad number" },
		{ "kernel=0,mem=18446744073709551617", "bad number" },
		{ "kernel=0,mem=1 ", "bad number" },
		{ "kernel=0,mem=64M", "bad number" },
		{ "kernel=0,vcpus=0", "bad number" },
		{ "kernel=0,vcpus=65", "bad number" },
		{ "kernel=0,vcpus=4294967297", "bad number" },
		{ "kernel=0,name=", "bad name" },
		{ "kernel=0,name=a/b", "bad name" },
		{ "kernel=0,name=abcdefghijklmnopqrstuvwxyz012345",
		  "bad name" },
		{ "kernel=0,kernel=0", "given twice" },
		{ "kernel=0,color=red", "unknown key color=red" },
		{ "kernel=0,,mem=64", "unknown key" },
		{ "kernel", "unknown key" },
		{ "kernel=0,name=other", "another domain" },
	};
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(text, sizeof(text),
			 "domain=kernel=0,name=other domain=\"%s\" "
			 "domain=kernel=1,name=last",
			 bad[i].text);
		parse(text);
		assert_int_equal(c.domain_count, 3);
		assert_string_equal(c.domain[0].error, "");
		assert_string_equal(c.domain[2].error, "");
		assert_string_equal(c.domain[2].name, "last");
		if (!strstr(c.domain[1].error, bad[i].error))
			fail_msg("%s: \"%s\"", bad[i].text, c.domain[1].error);
		assert_true(c.domain[1].name[0]);
	}
	/* the default name of another is in use as well */
	parse("domain=kernel=0 domain=kernel=0,name=d1");
	assert_string_equal(c.domain[0].error, "");
	assert_non_null(strstr(c.domain[1].error, "another domain"));
}

static void test_limits(void **state)
{
	static char text[20000];
	size_t n;

	/* the longest name and append= */
	n = sprintf(text, "domain=kernel=0,name=%.31s,append=",
		    "abcdefghijklmnopqrstuvwxyz0123456789");
	memset(text + n, 'a', 1023);
	text[n + 1023] = '\0';
	parse(text);
	assert_string_equal(c.domain[0].error, "");
	assert_int_equal(strlen(c.domain[0].name), 31);
	assert_int_equal(strlen(c.domain[0].append), 1023);
	/* one more */
	text[n + 1023] = 'a';
	text[n + 1024] = '\0';
	parse(text);
	assert_non_null(strstr(c.domain[0].error, "too long"));
	/* longer than any word, and then another domain */
	memset(text + n, 'a', 5000);
	strcpy(text + n + 5000, " domain=kernel=7");
	parse(text);
	assert_int_equal(c.domain_count, 2);
	assert_non_null(strstr(c.domain[0].error, "too long"));
	assert_int_equal(c.domain[1].kernel, 7);

	/* more domains than there may be */
	n = 0;
	for (int i = 0; i < 70; i++)
		n += sprintf(text + n, "domain=kernel=%d ", i);
	sprintf(text + n, "smp=5");
	parse(text);
	assert_int_equal(c.domain_count, CMDLINE_MAX_DOMAINS);
	assert_int_equal(c.unknown_count, 6);
	assert_int_equal(c.domain[63].kernel, 63);
	assert_int_equal(c.smp, 5);
}

/* One control domain, in a place of its own, with a name of its own. */
static void test_control(void **state)
{
	parse("domain=kernel=0 smp=2");
	assert_false(c.has_control);
	parse("domain=kernel=0 control=\"kernel=3,initrd=4,mem=64,vcpus=2,"
	      "append=a b\" smp=2");
	assert_true(c.has_control);
	assert_int_equal(c.domain_count, 1);
	assert_string_equal(c.control.error, "");
	assert_string_equal(c.control.name, "control");
	assert_string_equal(c.control.append, "a b");
	assert_int_equal(c.control.kernel, 3);
	assert_int_equal(c.control.initrd, 4);
	assert_int_equal(c.control.mem_mib, 64);
	assert_int_equal(c.control.vcpus, 2);
	assert_int_equal(c.smp, 2);

	parse("control=mem=64");
	assert_true(c.has_control);
	assert_non_null(strstr(c.control.error, "no kernel"));
	parse("control=kernel=0 control=kernel=1");
	assert_non_null(strstr(c.control.error, "given twice"));
	assert_int_equal(c.control.kernel, 0);
	parse("control=kernel=0,name=x domain=kernel=0,name=x");
	assert_string_equal(c.control.error, "");
	assert_non_null(strstr(c.domain[0].error, "another domain"));
	parse("domain=kernel=0 control=kernel=0,name=d1");
	assert_string_equal(c.domain[0].error, "");
	assert_non_null(strstr(c.control.error, "another domain"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_empty),	T(test_options), T(test_not_terminated),
		T(test_domain), T(test_quotes),	 T(test_errors),
		T(test_limits), T(test_control),
	};

	return RUN(tests);
}
