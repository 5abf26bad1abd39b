// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: the verbs of disks and network devices do what lodge(1) says, refuse
 * what is wrong in words, with the right exit code, and leave nothing of what
 * failed. Against the fake hypervisor, with files as disks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bridge.h"
#include "device.h"
#include "devices.h"
#include "fake_lodge.h"
#include "keep.h"
#include "test.h"
#include "usage.h"

#define MIB 1048576

static char folder[] = "/tmp/lodge-devices-XXXXXX";
static char words[8192]; /* what a verb said, both ways */

static int make_file(const char *name, off_t size)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	return fd < 0 || ftruncate(fd, size) || close(fd);
}

static off_t size_of(const char *name)
{
	struct stat st;

	return stat(name, &st) ? -1 : st.st_size;
}

static int group_setup(void **state)
{
	keep_folder = bridge_folder = "/nonexistent";
	return !mkdtemp(folder) || chdir(folder) || make_file("disk", MIB) ||
	       make_file("other", MIB) || make_file("empty", 0) ||
	       mkfifo("fifo", 0600);
}

static int group_teardown(void **state)
{
	fake_reset(0);
	return unlink("disk") || unlink("other") || unlink("empty") ||
	       unlink("fifo") || chdir("/") || rmdir(folder);
}

static int make_domain(const char *name)
{
	struct lodge_control_create create = {
		.vcpus = 1,
		.max_frames = 16,
		.target_frames = 16,
		.vcpus_online = 1,
	};
	struct lodge *l;
	uint32_t domid;

	strcpy(create.name, name);
	if (lodge_open(&l) || lodge_create(l, &create, &domid))
		return -1;
	fake_find(domid)->info.state = LODGE_DOMAIN_RUNNING;
	lodge_close(l);
	return 0;
}

static int setup(void **state)
{
	fake_reset(16);
	return make_domain("one") || make_domain("two") ||
	       make_file("disk", MIB);
}

static int teardown(void **state)
{
	fake_reset(0);
	return 0;
}

/*
 * Runs the verb in `line`, words with blanks between, in this process; cmd_usage
 * and the like return. What it says is in `words`. The exit code.
 */
static int run(const char *line)
{
	int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), code, argc = 0;
	char copy[512], *argv[16], *save = NULL;
	FILE *f = tmpfile();
	size_t n;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w;
	     w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	fflush(NULL);
	dup2(fileno(f), STDOUT_FILENO);
	dup2(fileno(f), STDERR_FILENO);
	code = cmd_find_verb(argv[0])->run(argc, argv);
	fflush(NULL);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(out);
	close(err);
	rewind(f);
	n = fread(words, 1, sizeof(words) - 1, f);
	words[n] = '\0';
	fclose(f);
	return code;
}

static void says(const char *text)
{
	if (!strstr(words, text))
		fail_msg("expected \"%s\", got \"%s\"", text, words);
}

static void good(const char *line, const char *text)
{
	int code = run(line);

	if (code)
		fail_msg("%s: %d, %s", line, code, words);
	says(text);
	assert_int_equal(fake.files, 0);
}

static void bad(const char *line, int wanted, const char *text)
{
	int code = run(line);

	if (code != wanted)
		fail_msg("%s: %d, not %d: %s", line, code, wanted, words);
	says(text);
	assert_int_equal(fake.files, 0);
}

static struct lodge_dev_device *device(uint16_t type, uint16_t index)
{
	struct fake_device *f = fake_find_device(2, type, index);

	assert_non_null(f);
	return &f->d;
}

/* --- disks --- */

static void test_attach(void **state)
{
	char path[64];
	struct lodge_dev_device *d;

	good("block-attach one disk,raw,lvdc,ro,serial=S1,queues=2,bps=10M,"
	     "iops_burst=7,block_size=4096",
	     "lvdc\n");
	d = device(LODGE_DEVICE_BLOCK, 2);
	snprintf(path, sizeof(path), "%s/disk", folder);
	assert_string_equal(d->source, path);
	assert_string_equal(d->serial, "S1");
	assert_int_equal(d->flags, LODGE_DEV_READ_ONLY);
	assert_int_equal(d->queues, 2);
	assert_int_equal(d->limit.bytes, 10 * MIB);
	assert_int_equal(d->limit.operations_burst, 7);
	assert_int_equal(fake.loop_block_size, 4096);
	good("block-attach 2 other", "lvda\n");
	assert_int_equal(device(LODGE_DEVICE_BLOCK, 0)->flags, 0);
}

static void test_in_use(void **state)
{
	good("block-attach one disk", "lvda");
	bad("block-attach two disk", EXIT_REFUSED,
	    "/disk: in use: one has it as lvda");
	bad("block-attach one disk,raw,,r", EXIT_REFUSED, "in use");
	good("block-detach one lvda", "");
	/* Many may read. */
	good("block-attach one disk,raw,,r", "lvda");
	good("block-attach two disk,raw,lvdb,r", "lvdb");
	bad("block-attach two disk", EXIT_REFUSED, "in use");
	fake.foreign_loop = true;
	bad("block-attach one other", EXIT_REFUSED,
	    "/other: in use: /dev/loop7 is over it");
}

static void test_attach_mistakes(void **state)
{
	bad("block-attach one nothing", EXIT_CONFIG,
	    "one: /tmp/lodge-devices-");
	says("/nothing: No such file or directory");
	bad("block-attach one /dev/null", EXIT_CONFIG,
	    "/dev/null: neither a block device nor a file");
	bad("block-attach one fifo", EXIT_CONFIG, "neither a block device");
	bad("block-attach one /tmp", EXIT_CONFIG, "neither a block device");
	bad("block-attach one empty", EXIT_CONFIG, "empty: 0 bytes are no");
	bad("block-attach nobody disk", EXIT_NO_DOMAIN, "no such domain");
	bad("block-attach one disk,qcow2", EXIT_USAGE, "qemu-nbd");
	bad("block-attach one disk,raw,sdaaa", EXIT_USAGE, "vdev: found");
	fake.loop_err = -ENOENT;
	bad("block-attach one disk", EXIT_FAILED, "no loop device: No such");
	fake.loop_err = 0;
	good("block-attach one disk,raw,lvdb", "lvdb");
	bad("block-attach one other,raw,lvdb", EXIT_REFUSED,
	    "it has a device lvdb already");
	assert_int_equal(fake.attached, 1);
}

/* What the kernel answers, in words. */
static void test_attach_errors(void **state)
{
	static const struct {
		int err, code;
		const char *text;
	} all[] = {
		{ -ENODEV, EXIT_REFUSED, "`modprobe lodge_block_backend`" },
		{ -ENOTTY, EXIT_REFUSED, "no devices for domains" },
		{ -ENOSPC, EXIT_REFUSED, "devices already, which is the most" },
		{ -ENOMEM, EXIT_REFUSED, "not enough memory" },
		{ -ENOENT, EXIT_NO_DOMAIN, "no such domain" },
		{ -EIO, EXIT_FAILED, "Input/output error" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		fake.device_err = all[i].err;
		bad("block-attach one disk", all[i].code, all[i].text);
	}
	fake.device_err = -ENODEV;
	bad("network-attach one", EXIT_REFUSED, "`modprobe lodge_net_backend`");
	fake.device_err = -ENOENT;
	fake.device_reason = "br9: there is no bridge of that name";
	bad("network-attach one bridge=br9", EXIT_REFUSED,
	    "one: network device: br9: there is no bridge of that name");
	assert_int_equal(fake.attached, 0);
	/* Somebody was about to let go of it. */
	fake.device_err = -EBUSY;
	good("block-attach one disk", "lvda");
}

static void test_detach(void **state)
{
	struct fake_device *f;

	good("block-attach one disk", "lvda");
	bad("block-detach one lvdb", EXIT_REFUSED, "one: has no device lvdb");
	bad("block-detach two lvda", EXIT_REFUSED, "two: has no device lvda");
	bad("block-detach one x", EXIT_USAGE, "x: not the name of a device");
	bad("block-detach nobody lvda", EXIT_NO_DOMAIN, "no such domain");
	f = fake_find_device(2, LODGE_DEVICE_BLOCK, 0);
	f->kept = true;
	bad("block-detach -t 2 one lvda", EXIT_TIMEOUT,
	    "one: still uses lvda after 2 s");
	assert_int_equal(fake.last_timeout, 2000);
	good("block-list one", "closing");
	good("block-detach --force one 0", "");
	assert_int_equal(fake.detached, 1);
	good("block-attach two disk", "lvda");
	good("network-attach one", "0: lodge2.0\n");
	good("network-detach one 0", "");
	bad("network-detach one lvda", EXIT_USAGE, "not the name of a device");
}

static void test_list(void **state)
{
	struct lodge_dev_device *d;

	good("block-list", "DOMAIN");
	good("block-attach one disk,raw,,ro", "lvda");
	good("block-attach two other", "lvda");
	good("network-attach two mac=02:00:00:00:00:01,bridge=br0,mtu=9000",
	     "0: lodge3.0");
	d = device(LODGE_DEVICE_BLOCK, 0);
	d->back_state = LODGE_BACK_FAILED;
	d->error = -EIO;
	strcpy(d->reason, "a bad \x1b[2J request");
	d->stat[LODGE_DEV_READ_BYTES] = 5 * MIB;
	good("block-list one", "a bad ?[2J request");
	says("failed");
	assert_null(strstr(words, "two"));
	good("block-list --json", "\"error\": 5");
	says("\"read_bytes\": 5242880");
	says("\"bytes\": 1048576");
	says("\"mode\": \"ro\"");
	says("\"domain\": \"two\"");
	bad("block-list nobody", EXIT_NO_DOMAIN, "no such domain");
	good("network-list --json", "\"mac\": \"02:00:00:00:00:01\"");
	says("\"mtu\": 9000");
	says("\"bridge\": \"br0\"");
	says("\"reason\": \"br0: there is no bridge of that name\"");
	good("info two", "disk lvda");
	says("network 0");
	good("info --json one", "\"source\": ");
	good("list --json", "\"disks\": 1");
}

/* What moved between two looks, as bytes per second. */
static void test_usage(void **state)
{
	struct usage_table before, now;
	struct lodge_dev_device *d;
	struct lodge *l;

	good("block-attach one disk", "lvda");
	good("network-attach one", "0");
	d = device(LODGE_DEVICE_BLOCK, 0);
	d->stat[LODGE_DEV_READ_BYTES] = 1000000;
	assert_int_equal(lodge_open(&l), 0);
	assert_int_equal(usage_take(l, NULL, &before), 0);
	d->stat[LODGE_DEV_READ_BYTES] += 3000;
	d->stat[LODGE_DEV_WRITE_BYTES] += 1000;
	d = device(LODGE_DEVICE_NET, 0);
	d->stat[LODGE_DEV_SENT_BYTES] = 70;
	d->stat[LODGE_DEV_RECEIVED_BYTES] = 30;
	fake.machine.uptime += 2000000000;
	assert_int_equal(usage_take(l, &before, &now), 0);
	assert_int_equal(now.u[0].disk, 2000);
	assert_int_equal(now.u[0].net, 50);
	assert_int_equal(now.u[1].disk, 0);
	/* It was taken away and is another one by now. */
	device(LODGE_DEVICE_BLOCK, 0)->stat[LODGE_DEV_READ_BYTES] = 5;
	usage_free(&before);
	assert_int_equal(usage_take(l, &now, &before), 0);
	assert_int_equal(before.u[0].disk, 0);
	usage_free(&before);
	usage_free(&now);
	lodge_close(l);
}

static void test_limit(void **state)
{
	struct lodge_dev_limit *l;

	good("block-attach one disk,iops=5", "lvda");
	good("block-limit one lvda bps=1k bps_burst=2M", "");
	l = &device(LODGE_DEVICE_BLOCK, 0)->limit;
	assert_int_equal(l->bytes, 1024);
	assert_int_equal(l->bytes_burst, 2 * MIB);
	assert_int_equal(l->operations, 5); /* as it was */
	good("block-limit one lvda bps=0 iops=0", "");
	assert_int_equal(l->bytes, 0);
	assert_int_equal(l->operations, 0);
	bad("block-limit one lvda pps=5", EXIT_USAGE, "pps: not a limit");
	bad("block-limit one lvda bps", EXIT_USAGE, "not KEY=VALUE");
	bad("block-limit one lvda bps=-1", EXIT_USAGE, "bps: found \"-1\"");
	bad("block-limit one lvda bps=5 iops=x", EXIT_USAGE, "iops: found");
	bad("block-limit one lvdb bps=5", EXIT_REFUSED, "has no device");
	assert_int_equal(fake.limited, 2);
	good("network-attach one rate=8Mb/s", "0: ");
	assert_int_equal(device(LODGE_DEVICE_NET, 0)->limit.bytes, 1000000);
	good("network-limit one 0 pps=1k", "");
	assert_int_equal(device(LODGE_DEVICE_NET, 0)->limit.operations, 1024);
	assert_int_equal(device(LODGE_DEVICE_NET, 0)->limit.bytes, 1000000);
	good("network-limit one 0 rate=1MB/s", "");
	bad("network-limit one 0 rate=fast", EXIT_USAGE, "rate: found");
}

static void test_resize(void **state)
{
	good("block-attach one disk", "lvda");
	good("block-resize one lvda 2M", "");
	assert_int_equal(size_of("disk"), 2 * MIB);
	bad("block-resize one lvda 1M", EXIT_REFUSED, "--shrink");
	assert_int_equal(size_of("disk"), 2 * MIB);
	good("block-resize one lvda", "");
	assert_int_equal(size_of("disk"), 2 * MIB);
	good("block-resize --shrink one lvda 1M", "");
	assert_int_equal(size_of("disk"), MIB);
	assert_int_equal(fake.rescanned, 3);
	fake.other_file = true; /* not the disk, though it is called so */
	bad("block-resize one lvda 2M", EXIT_FAILED, "another file has this");
	assert_int_equal(size_of("disk"), MIB);
	good("block-list one", "another file has this name now");
	fake.other_file = false;
	bad("block-resize one lvda 1000", EXIT_USAGE, "1000: not a size");
	bad("block-resize one lvda 0", EXIT_USAGE, "not a size");
	bad("block-resize one lvdc 2M", EXIT_REFUSED, "has no device");
	fake.device_err = -EIO;
	bad("block-resize one lvda", EXIT_FAILED, "Input/output error");
	strcpy(device(LODGE_DEVICE_BLOCK, 0)->source, "/dev/null");
	bad("block-resize one lvda 2M", EXIT_REFUSED, "is no file");
	strcpy(device(LODGE_DEVICE_BLOCK, 0)->source, "/nonexistent");
	bad("block-resize one lvda 2M", EXIT_FAILED, "No such file");
}

static void test_warning(void **state)
{
	good("network-attach one vifname=x,bridge=br0",
	     "vifname means nothing here");
	assert_string_equal(device(LODGE_DEVICE_NET, 0)->bridge, "br0");
}

int main(void)
{
#define S(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		S(test_attach),	       S(test_in_use), S(test_attach_mistakes),
		S(test_attach_errors), S(test_detach), S(test_list),
		S(test_limit),	       S(test_resize), S(test_warning),
		S(test_usage),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
