// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: a configuration is read as lodge.cfg(5) says, and every mistake is
 * told as FILE:LINE, what was found, what was expected. Each test writes a
 * file and looks at the result or at each line of the messages.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "config.h"
#include "cpus.h"
#include "test.h"

#define GOOD "name = \"hello\"\nmemory = 64\nkernel = \"/boot/vmlinuz\"\n"

static char path[] = "/tmp/lodge-config-XXXXXX";
static struct config cfg;
static char *messages;

static int setup(void **state)
{
	int fd = mkstemp(path);

	close(fd);
	return fd < 0;
}

static int teardown(void **state)
{
	free(messages);
	return unlink(path);
}

static unsigned int load(const char *text, int count, char *const *args)
{
	FILE *f = fopen(path, "w");
	unsigned int errors;
	size_t size;

	fputs(text, f);
	fclose(f);
	free(messages);
	f = open_memstream(&messages, &size);
	errors = config_load(&cfg, path, count, args, f);
	fclose(f);
	return errors;
}

/* Reading fails, and the messages have `words`; with PATH: before each. */
static void bad_args(const char *text, const char *words, char *arg)
{
	if (!load(text, !!arg, &arg)) {
		config_free(&cfg);
		fail_msg("taken: %s; expected: %s", text, words);
	}
	if (!strstr(messages, words))
		fail_msg("%s: expected \"%s\", got \"%s\"", text, words,
			 messages);
	if (!arg && strncmp(messages, path, strlen(path)))
		fail_msg("no file named in: %s", messages);
}

static void bad(const char *text, const char *words)
{
	bad_args(text, words, NULL);
}

static void good(const char *text)
{
	if (load(text, 0, NULL))
		fail_msg("%s: %s", text, messages);
}

static void test_defaults(void **state)
{
	good(GOOD);
	assert_string_equal(messages, "");
	assert_string_equal(cfg.name, "hello");
	assert_int_equal(cfg.memory, 64);
	assert_int_equal(cfg.maxmem, 64);
	assert_int_equal(cfg.vcpus, 1);
	assert_int_equal(cfg.maxvcpus, 1);
	assert_true(cfg.cpus[0] == CPUS_ALL && cfg.cpus[63] == CPUS_ALL);
	assert_int_equal(cfg.weight, 256);
	assert_int_equal(cfg.cap, 0);
	assert_string_equal(cfg.kernel, "/boot/vmlinuz");
	assert_null(cfg.ramdisk);
	assert_string_equal(cfg.cmdline, "");
	assert_int_equal(cfg.on_poweroff, ACTION_DESTROY);
	assert_int_equal(cfg.on_reboot, ACTION_RESTART);
	assert_int_equal(cfg.on_crash, ACTION_DESTROY);
	config_free(&cfg);
}

static void test_all(void **state)
{
	good("# all of it\n"
	     "name = \"a.b_c+d-1\";\nmemory = 128; maxmem = 0x200;\n"
	     "vcpus: 2\nmaxvcpus = 4\ncpus = \"0-3,^1\"\n"
	     "cpu_weight = 512\ncap = 150\nkernel = \"k\" \"ernel\"\n"
	     "ramdisk = \"r\"\ncmdline = \"a b\"\n"
	     "on_poweroff = \"preserve\"\non_reboot = \"destroy\"\n"
	     "on_crash = \"coredump-restart\"\n");
	assert_string_equal(cfg.name, "a.b_c+d-1");
	assert_int_equal(cfg.maxmem, 512);
	assert_int_equal(cfg.vcpus, 2);
	assert_int_equal(cfg.maxvcpus, 4);
	assert_int_equal(cfg.cpus[0], 13);
	assert_int_equal(cfg.cpus[63], 13);
	assert_int_equal(cfg.weight, 512);
	assert_int_equal(cfg.cap, 150);
	assert_string_equal(cfg.kernel, "kernel");
	assert_string_equal(cfg.ramdisk, "r");
	assert_string_equal(cfg.cmdline, "a b");
	assert_int_equal(cfg.on_poweroff, ACTION_PRESERVE);
	assert_int_equal(cfg.on_reboot, ACTION_DESTROY);
	assert_int_equal(cfg.on_crash, ACTION_DUMP_RESTART);
	config_free(&cfg);
}

static void test_root_and_extra(void **state)
{
	good(GOOD "root = \"/dev/vda ro\"\nextra = \"quiet\"\n");
	assert_string_equal(cfg.cmdline, "root=/dev/vda ro quiet");
	config_free(&cfg);
	good(GOOD "extra = \"quiet\"\n");
	assert_string_equal(cfg.cmdline, "quiet");
	config_free(&cfg);
	bad(GOOD "cmdline = \"a\"\nextra = \"quiet\"\n",
	    ":5: found root or extra beside cmdline");
}

static void test_cpus(void **state)
{
	good(GOOD "cpus = [\"0\", \"1-2\", \"all\"]\n");
	assert_int_equal(cfg.cpus[0], 1);
	assert_int_equal(cfg.cpus[1], 6);
	assert_true(cfg.cpus[2] == CPUS_ALL && cfg.cpus[3] == CPUS_ALL);
	config_free(&cfg);
	good(GOOD "cpus = [3, 2]\n");
	assert_int_equal(cfg.cpus[0], 8);
	assert_int_equal(cfg.cpus[1], 4);
	assert_true(cfg.cpus[2] == CPUS_ALL);
	config_free(&cfg);
	good(GOOD "cpus = 1\n");
	assert_int_equal(cfg.cpus[5], 2);
	config_free(&cfg);
	bad(GOOD "cpus = \"0-3,x\"\n", ":4: cpus: found `x`; expected");
	bad(GOOD "cpus = [\"0\", \"^1\"]\n", ":4: cpus: found `^1`; expected");
	bad(GOOD "cpus = true\n", "found true, expected processors");
	bad(GOOD "cpus = -1\n", "found `-1`; expected");
	bad(GOOD "cpus = (1, (2))\n", "neither a string nor a number");
}

static void test_types(void **state)
{
	bad("name = 5\nmemory = 64\nkernel = \"k\"\n",
	    ":1: name: found the number 5, expected 1 to 31 of");
	bad(GOOD "vcpus = \"2\"\n",
	    ":4: vcpus: found \"2\", expected a number from 1 to 64");
	bad(GOOD "vcpus = 0\n", "found the number 0, expected");
	bad(GOOD "vcpus = 65\n", "found the number 65, expected");
	bad(GOOD "vcpus = -1\n", "found the number -1, expected");
	bad(GOOD "vcpus = 1.5\n", "found a number with a fraction, expected");
	bad(GOOD "vcpus = [1]\n", "found a list, expected");
	bad(GOOD "vcpus = { a = 1; }\n", "found a group { }, expected");
	bad(GOOD "maxmem = 99999999999L\n", "found the number 99999999999");
	bad(GOOD "maxmem = 1\n", "expected MiB from 2 to 134217728");
	bad(GOOD "cpu_weight = 0\n", "a weight from 1 to 65535");
	bad(GOOD "cap = 6401\n", "percent of a processor, from 0 to 6400");
	bad(GOOD "ramdisk = \"\"\n", "found \"\", expected the path of a file");
	bad(GOOD "on_crash = \"explode\"\n",
	    ":4: on_crash: found \"explode\", expected \"destroy\", ");
	bad(GOOD "on_crash = 1\n", "found the number 1, expected \"destroy\"");
}

static void test_names(void **state)
{
	static const char *const names[] = {
		"",    "-a", "1a",    "a b",
		"a/b", "ä",  "a\\tb", "abcdefghijklmnopqrstuvwxyz123456",
	};
	char text[200];

	for (unsigned int i = 0; i < sizeof(names) / sizeof(*names); i++) {
		sprintf(text, "name = \"%s\"\nmemory = 64\nkernel = \"k\"\n",
			names[i]);
		bad(text, ":1: name: found \"");
	}
	good("name = \"abcdefghijklmnopqrstuvwxyz12345\"\nmemory = 64\n"
	     "kernel = \"k\"\n");
	config_free(&cfg);
}

static void test_long_cmdline(void **state)
{
	char text[5000];

	memset(text, 'x', sizeof(text));
	memcpy(text, GOOD "cmdline = \"", sizeof(GOOD) + 10);
	strcpy(text + 4900, "\"\n");
	bad(text, "characters, expected at most 4095");
}

static void test_missing(void **state)
{
	bad("", "found no `name`, expected one");
	assert_non_null(strstr(messages, "found no `memory`"));
	assert_non_null(strstr(messages, "found no `kernel`"));
	bad("name = \"a\"\n", "found no `memory`");
	assert_null(strstr(messages, "found no `name`"));
}

static void test_together(void **state)
{
	bad(GOOD "maxmem = 32\n",
	    ":4: maxmem: found 32, expected at least memory, which is 64");
	bad(GOOD "vcpus = 4\nmaxvcpus = 2\n",
	    ":5: maxvcpus: found 2, expected at least vcpus, which is 4");
}

static void test_unknown(void **state)
{
	bad(GOOD "memroy = 5\n",
	    ":4: found the key `memroy`, expected perhaps `memory`");
	bad(GOOD "max_vcpus = 5\n", "expected perhaps `maxvcpus`");
	bad(GOOD "oncrash = 5\n", "expected perhaps `on_crash`");
	bad(GOOD "initrd = \"x\"\n", ":4: found the key `initrd`, expected");
	bad(GOOD "frobnicate = 5\n", "expected one of name,");
}

/* Each of them, with its own line. */
static void test_many(void **state)
{
	char where[64];

	bad("name = \"-\"\nmemroy = 64\n\nvcpus = 0\nkernel = 1\n", ":1: ");
	for (unsigned int line = 1; line <= 5; line++) {
		sprintf(where, "%s:%u: ", path, line);
		if (line != 3)
			assert_non_null(strstr(messages, where));
	}
}

static void test_syntax(void **state)
{
	bad(GOOD "vif = [ 'a=b' ]\n",
	    ":4: found `vif = [ 'a=b' ]`, expected KEY = VALUE, with strings "
	    "in \"double quotes\"");
	bad(GOOD "vcpus 2\n", ":4: found `vcpus 2`, expected KEY = VALUE");
	bad("name = \"hello\nmemory = 64\n", "found `");
	bad(GOOD "cpus = [ \"1\"\n", "expected KEY = VALUE");
	bad(GOOD "vcpus = 1\nvcpus = 2\n", ":5: found `vcpus = 2`: dup");
	bad("\xff\xfe\x01", ":1: found `");
	bad("{", ":1: found `{`");
}

static void test_devices(void **state)
{
	good(GOOD "disk = [ \"/dev/sda,raw,vda,r\", \"/x,,lvdb\" ]\n"
		  "vif = [ \"mac=00:16:3e:00:00:01,bridge=br0,vifname=a\" ]\n");
	assert_non_null(strstr(messages, ":5: vif: vifname means nothing"));
	assert_int_equal(cfg.device_count, 3);
	assert_string_equal(cfg.devices[0].target, "/dev/sda");
	assert_int_equal(cfg.devices[0].dev.flags, LODGE_DEV_READ_ONLY);
	assert_int_equal(cfg.devices[1].dev.index, 1);
	assert_string_equal(cfg.devices[2].dev.bridge, "br0");
	config_free(&cfg);
	good(GOOD "vif = []\ndisk = ()\n");
	assert_string_equal(messages, "");
	assert_int_equal(cfg.device_count, 0);
	config_free(&cfg);
	good(GOOD "disk = \"/x\"\n");
	assert_int_equal(cfg.device_count, 1);
	config_free(&cfg);
	bad(GOOD "disk = [ \"/x,qcow2\" ]\n",
	    ":4: disk: format: found \"qcow2");
	bad(GOOD "disk = [ \"/x,raw,lvda\", \"/y,raw,vda\" ]\n",
	    ":4: disk: found \"/y,raw,vda\", whose name another one has");
	bad(GOOD "disk = 7\n", ":4: disk: found the number 7, expected a list");
	bad(GOOD "vif = [ \"mac=1\", \"x\" ]\n", ":4: vif: found \"x\"");
	bad(GOOD "vif = ( { mac = 1; } )\n", "neither a string nor a number");
}

static void test_device_assignments(void **state)
{
	char *args[] = { "disk=/other,raw,lvdc,ro",
			 "vif=[\"\", \"mtu=9000\"]" };

	if (load(GOOD "disk = [ \"/a\", \"/b\" ]\n", 2, args))
		fail_msg("%s", messages);
	assert_int_equal(cfg.device_count, 3);
	assert_string_equal(cfg.devices[0].target, "/other");
	assert_int_equal(cfg.devices[0].dev.index, 2);
	assert_int_equal(cfg.devices[2].dev.mtu, 9000);
	config_free(&cfg);
}

static void test_assignments(void **state)
{
	char *args[] = {
		"name=other", "memory=32",	  "cmdline=quiet x=\"1 2\"",
		"cpus=1-2",   "on_crash=restart", "kernel=7"
	};

	if (load(GOOD, 6, args))
		fail_msg("%s", messages);
	assert_string_equal(cfg.name, "other");
	assert_int_equal(cfg.memory, 32);
	assert_string_equal(cfg.cmdline, "quiet x=\"1 2\"");
	assert_int_equal(cfg.cpus[0], 6);
	assert_int_equal(cfg.on_crash, ACTION_RESTART);
	assert_string_equal(cfg.kernel, "7");
	config_free(&cfg);

	bad_args(GOOD, "memory=x: memory: found \"x\", expected MiB",
		 "memory=x");
	bad_args(GOOD, "memory=: memory: found \"\", expected MiB", "memory=");
	bad_args(GOOD, "expected perhaps `memory`", "memry=1");
	bad_args(GOOD, "quiet: expected KEY=VALUE", "quiet");
	bad_args(GOOD, "=1: expected KEY=VALUE", "=1");
	bad_args(GOOD, "maxmem=5: maxmem: found 5, expected at least memory",
		 "maxmem=5");
	bad_args(GOOD, "memory=1;vcpus=2: memory: found \"1;vcpus=2\"",
		 "memory=1;vcpus=2");
}

/* Without a file, all of it from the command line. */
static void test_no_file(void **state)
{
	char *args[] = { "name=a", "memory=32", "kernel=k" };
	FILE *f = fopen("/dev/null", "w");

	assert_int_equal(config_load(&cfg, NULL, 3, args, f), 0);
	assert_string_equal(cfg.name, "a");
	config_free(&cfg);
	assert_int_equal(config_load(&cfg, NULL, 2, args, f), 1);
	fclose(f);
}

static void test_files(void **state)
{
	static const char *const paths[] = { "/nonexistent", "/tmp",
					     "/dev/zero" };
	static const char *const words[] = {
		"/nonexistent: No such file", "/tmp: found no regular file",
		"/dev/zero: found no regular file"
	};
	FILE *f;
	size_t size;

	for (unsigned int i = 0; i < 3; i++) {
		free(messages);
		f = open_memstream(&messages, &size);
		assert_int_equal(config_load(&cfg, paths[i], 0, NULL, f), 1);
		fclose(f);
		assert_non_null(strstr(messages, words[i]));
	}
	assert_int_equal(truncate(path, 2 << 20), 0);
	free(messages);
	f = open_memstream(&messages, &size);
	assert_int_equal(config_load(&cfg, path, 0, NULL, f), 1);
	fclose(f);
	assert_non_null(strstr(messages, "expected at most 1048576"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_defaults),	T(test_all),
		T(test_root_and_extra), T(test_cpus),
		T(test_types),		T(test_names),
		T(test_long_cmdline),	T(test_missing),
		T(test_together),	T(test_unknown),
		T(test_many),		T(test_syntax),
		T(test_devices),
		T(test_device_assignments),	T(test_assignments),
		T(test_no_file),	T(test_files),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
