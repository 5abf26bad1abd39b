// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: a domain is built as start.h says, and a failure at any step leaves
 * nothing and is told. Runs the builder against the fake hypervisor; every
 * operation is made to fail in turn.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <lodge/start.h>
#include "bridge.h"
#include "build.h"
#include "cmd.h"
#include "cpus.h"
#include "fake_lodge.h"
#include "sample.h"
#include "test.h"

#define MEMORY 64ULL /* MiB */

static char kernel_path[] = "/tmp/lodge-kernel-XXXXXX";
static char ramdisk_path[] = "/tmp/lodge-ramdisk-XXXXXX";
static uint8_t ramdisk[5000];
static struct sample sample;
static struct config cfg;
static struct complaint why;
static struct build b;

static void write_file(const char *path, const void *data, size_t size)
{
	FILE *f = fopen(path, "w");

	fwrite(data, 1, size, f);
	fclose(f);
}

static int group_setup(void **state)
{
	size_t size;
	uint8_t *bz;

	close(mkstemp(kernel_path));
	close(mkstemp(ramdisk_path));
	sample_fill(&sample);
	bz = sample_bzimage(PACK_XZ, &sample, sizeof(sample), sizeof(sample),
			    &size);
	write_file(kernel_path, bz, size);
	free(bz);
	for (size_t i = 0; i < sizeof(ramdisk); i++)
		ramdisk[i] = i * 7;
	write_file(ramdisk_path, ramdisk, sizeof(ramdisk));
	return 0;
}

static int group_teardown(void **state)
{
	fake_reset(0);
	return unlink(kernel_path) || unlink(ramdisk_path);
}

static int setup(void **state)
{
	fake_reset(256);
	cfg = (struct config){
		.name = "hello",
		.memory = MEMORY,
		.maxmem = 80,
		.vcpus = 2,
		.maxvcpus = 4,
		.weight = 512,
		.cap = 50,
		.kernel = kernel_path,
		.ramdisk = ramdisk_path,
		.cmdline = "console=hvc0 quiet",
	};
	for (unsigned int i = 0; i < LODGE_MAX_VCPUS; i++)
		cfg.cpus[i] = CPUS_ALL;
	cfg.cpus[1] = 2;
	return 0;
}

static void destroy(uint32_t domid)
{
	struct lodge_domain_info info;
	struct lodge *l;

	assert_int_equal(lodge_open(&l), 0);
	assert_int_equal(lodge_destroy(l, domid), 0);
	while (!lodge_info(l, domid, &info))
		;
	lodge_close(l);
	assert_true(fake_is_clean());
}

static void check_start_info(const struct fake_domain *d)
{
	const struct lodge_start_info *si = (void *)(d->memory + d->start.info);
	uint64_t at = MEMORY * 1048576 - 8192; /* 5000 bytes, page-aligned */

	assert_true(si->magic == LODGE_START_MAGIC);
	assert_int_equal(si->version, LODGE_ABI_VERSION);
	assert_int_equal(si->flags, 0);
	assert_int_equal(si->features, 0xf7);
	assert_int_equal(si->domid, d->info.domid);
	assert_int_equal(si->vcpu_count, 4);
	assert_int_equal(si->tsc_khz, 1000000);
	assert_string_equal((char *)d->memory + si->cmdline, cfg.cmdline);
	assert_int_equal(si->initrd, at);
	assert_int_equal(si->initrd_size, sizeof(ramdisk));
	assert_memory_equal(d->memory + at, ramdisk, sizeof(ramdisk));
	assert_int_equal(si->region_count, 3);
	assert_int_equal(si->region[0].size, 0x9f000);
	assert_int_equal(si->region[1].type, LODGE_REGION_RESERVED);
	assert_int_equal(si->region[2].base, 0x100000);
	assert_int_equal(si->region[2].size, (MEMORY - 1) * 1048576);
	assert_string_equal(si->name, "hello");
}

static void test_build(void **state)
{
	struct fake_domain *d;

	assert_int_equal(build_prepare(&b, &cfg, 0, &why), EXIT_DONE);
	assert_int_equal(fake.maps, 0);
	d = fake_find(b.domid);
	assert_int_equal(d->info.state, LODGE_DOMAIN_BUILDING);
	assert_int_equal(build_start(&b, &why), EXIT_DONE);
	assert_int_equal(fake.files, 0);
	assert_int_equal(d->info.state, LODGE_DOMAIN_RUNNING);
	assert_int_equal(d->info.flags, 0);
	assert_int_equal(d->info.frames, MEMORY * 256);
	assert_int_equal(d->info.max_frames, 80 * 256);
	assert_int_equal(d->info.request.mem_target, MEMORY * 256);
	assert_int_equal(d->info.request.vcpus, 3);
	assert_int_equal(d->info.vcpu_count, 4);
	assert_int_equal(d->info.weight, 512);
	assert_int_equal(d->info.cap, 50);
	assert_int_equal(d->pin[0], 0);
	assert_int_equal(d->pin[1], 2);
	assert_true(d->start.rip == SAMPLE_ENTRY);
	assert_int_equal(d->start.root, SAMPLE_ROOT);
	assert_memory_equal(d->memory + SAMPLE_TEXT, sample.text,
			    SAMPLE_TEXT_SIZE);
	check_start_info(d);
	destroy(b.domid);
}

static void test_paused_without_ramdisk(void **state)
{
	const struct lodge_start_info *si;
	struct fake_domain *d;

	cfg.ramdisk = NULL;
	cfg.vcpus = cfg.maxvcpus = 64;
	assert_int_equal(build_prepare(&b, &cfg, BUILD_PAUSED, &why),
			 EXIT_DONE);
	assert_int_equal(build_start(&b, &why), EXIT_DONE);
	d = fake_find(b.domid);
	assert_int_equal(d->info.flags, LODGE_DOMAIN_PAUSED);
	assert_true(d->info.request.vcpus == UINT64_MAX);
	si = (void *)(d->memory + d->start.info);
	assert_int_equal(si->initrd, 0);
	assert_int_equal(si->initrd_size, 0);
	destroy(b.domid);
}

static void test_abandon(void **state)
{
	assert_int_equal(build_prepare(&b, &cfg, 0, &why), EXIT_DONE);
	assert_false(fake_is_clean());
	build_abandon(&b);
	assert_true(fake_is_clean());
}

/* Pieces of any size, and pauses until memory is free. */
static void test_populate_in_pieces(void **state)
{
	fake.populate_max = 1000;
	fake.fail_operation = LODGE_CONTROL_POPULATE;
	fake.fail_err = -EAGAIN;
	fake.fail_at = 3;
	fake.fail_count = 2;
	assert_int_equal(build_prepare(&b, &cfg, 0, &why), EXIT_DONE);
	assert_int_equal(fake.calls[LODGE_CONTROL_POPULATE], 17 + 2);
	build_abandon(&b);
	assert_true(fake_is_clean());
}

static void expect_only(int code, const char *words)
{
	why.text[0] = '\0';
	assert_int_equal(build_prepare(&b, &cfg, 0, &why), code);
	if (!strstr(why.text, words))
		fail_msg("expected \"%s\", got \"%s\"", words, why.text);
}

static void expect(int code, const char *words)
{
	expect_only(code, words);
	assert_true(fake_is_clean());
}

static void test_no_memory(void **state)
{
	fake_reset(40);
	expect(EXIT_REFUSED, "64 MiB are needed, 40 MiB are free");
	assert_int_equal(fake.calls[LODGE_CONTROL_CREATE], 0);
	fake_reset(256);
	fake.machine.free_frames = 256; /* it may come back, but does not */
	expect_only(EXIT_REFUSED, "64 MiB are needed, 1 MiB are free");
	fake_reset(256);
	fake.fail_operation = LODGE_CONTROL_POPULATE;
	fake.fail_err = -ENOMEM;
	fake.fail_at = 0;
	fake.fail_count = 1;
	expect(EXIT_REFUSED, "64 MiB are needed, 256 MiB are free");
	fake_reset(256);
	fake.fail_operation = LODGE_CONTROL_CREATE;
	fake.fail_err = -ENOMEM;
	fake.fail_count = 1;
	expect(EXIT_REFUSED, "64 MiB are needed, 256 MiB are free");
}

static void test_name_taken(void **state)
{
	assert_int_equal(build_prepare(&b, &cfg, 0, &why), EXIT_DONE);
	assert_int_equal(build_start(&b, &why), EXIT_DONE);
	uint32_t domid = b.domid;

	assert_int_equal(build_prepare(&b, &cfg, 0, &why), EXIT_REFUSED);
	assert_non_null(strstr(why.text, "another domain has that name"));
	assert_int_equal(fake.files, 0);
	destroy(domid);
}

static void test_pins(void **state)
{
	cfg.cpus[2] = 0x30;
	expect(EXIT_CONFIG,
	       "found 4-5 for vCPU 2, but the machine has processors 0 to 1");
}

/* Its end would be below that of the kernel: there is a hole of 15 MiB. */
static void test_hole(void **state)
{
	const struct lodge_start_info *si;
	struct fake_domain *d;

	cfg.memory = cfg.maxmem = 12;
	assert_int_equal(build_prepare(&b, &cfg, 0, &why), EXIT_DONE);
	assert_int_equal(build_start(&b, &why), EXIT_DONE);
	d = fake_find(b.domid);
	assert_int_equal(d->info.frames, 12 * 256);
	assert_true(d->populated[255]);
	assert_false(d->populated[256]);
	assert_false(d->populated[16 * 256 - 1]);
	assert_true(d->populated[16 * 256]);
	assert_true(d->populated[27 * 256 - 1]);
	assert_memory_equal(d->memory + SAMPLE_TEXT, sample.text,
			    SAMPLE_TEXT_SIZE);
	si = (void *)(d->memory + d->start.info);
	assert_int_equal(si->region_count, 3);
	assert_int_equal(si->region[2].base, 16 << 20);
	assert_int_equal(si->region[2].size, 11 << 20);
	assert_int_equal(si->initrd, (27 << 20) - 8192);
	assert_memory_equal(d->memory + si->initrd, ramdisk, sizeof(ramdisk));
	destroy(b.domid);
}

static void test_does_not_fit(void **state)
{
	cfg.memory = cfg.maxmem = 9;
	expect(EXIT_CONFIG, "memory = 9: the kernel alone needs 10 MiB");
	cfg.memory = cfg.maxmem = 1;
	expect(EXIT_CONFIG, "memory = 1: the kernel alone needs 10 MiB");
	cfg.memory = cfg.maxmem = 10;
	assert_int_equal(truncate(ramdisk_path, 1 << 20), 0);
	expect(EXIT_CONFIG, "kernel and ramdisk need 11 MiB");
	assert_int_equal(truncate(ramdisk_path, sizeof(ramdisk)), 0);
	assert_int_equal(fake.calls[LODGE_CONTROL_CREATE], 0);
}

static void test_bad_files(void **state)
{
	cfg.kernel = ramdisk_path;
	expect(EXIT_CONFIG, "kernel /tmp/lodge-ramdisk");
	cfg.kernel = "/nonexistent";
	expect(EXIT_CONFIG, "kernel /nonexistent: No such file");
	cfg.kernel = kernel_path;
	cfg.ramdisk = "/nonexistent";
	expect(EXIT_CONFIG, "ramdisk /nonexistent: No such file");
}

/* Each operation of the way fails once. */
static void test_each_failure(void **state)
{
	static const int operations[] = {
		LODGE_CONTROL_MACHINE, LODGE_CONTROL_CREATE,
		LODGE_CONTROL_POPULATE, LODGE_CONTROL_SCHED, LODGE_CONTROL_PIN
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(operations); i++) {
		fake_reset(256);
		fake.fail_operation = operations[i];
		fake.fail_err = -EIO;
		fake.fail_count = 1;
		expect(EXIT_FAILED, "Input/output error");
	}
	fake_reset(256);
	fake.fail_operation = LODGE_CONTROL_START;
	fake.fail_err = -EINVAL;
	fake.fail_count = 1;
	assert_int_equal(build_prepare(&b, &cfg, 0, &why), EXIT_DONE);
	assert_int_equal(build_start(&b, &why), EXIT_FAILED);
	assert_true(fake_is_clean());
}

/* --- devices --- */

static struct device_spec devices[2];

static void with_devices(const char *disk)
{
	struct complaint c;

	if (disk_parse(disk, &devices[0], &c) ||
	    vif_parse("bridge=br0", &devices[1], &c))
		fail_msg("%s", c.text);
	cfg.devices = devices;
	cfg.device_count = 2;
}

static void test_devices(void **state)
{
	with_devices(ramdisk_path);
	assert_int_equal(build_prepare(&b, &cfg, 0, &why), EXIT_DONE);
	assert_non_null(fake_find_device(b.domid, LODGE_DEVICE_BLOCK, 0));
	assert_non_null(fake_find_device(b.domid, LODGE_DEVICE_NET, 0));
	assert_int_equal(build_start(&b, &why), EXIT_DONE);
	assert_int_equal(fake.attached, 2);
	destroy(b.domid); /* and they with it */
}

/* What is built again is looked at before the old one goes. */
static void test_check_bridge(void **state)
{
	char folder[] = "/tmp/lodge-net-XXXXXX", path[64];

	assert_non_null(mkdtemp(folder));
	bridge_folder = folder;
	with_devices(ramdisk_path);
	assert_int_equal(build_check(&cfg, &why), EXIT_REFUSED);
	assert_string_equal(why.text,
			    "vif br0: there is no bridge of that name");
	snprintf(path, sizeof(path), "%s/br0", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(build_check(&cfg, &why), EXIT_REFUSED);
	snprintf(path, sizeof(path), "%s/br0/bridge", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(build_check(&cfg, &why), EXIT_DONE);
	assert_int_equal(rmdir(path), 0);
	*strrchr(path, '/') = '\0';
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

/* All or nothing. */
static void test_devices_fail(void **state)
{
	with_devices("/nonexistent");
	assert_int_equal(build_check(&cfg, &why), EXIT_CONFIG);
	assert_string_equal(why.text, "disk /nonexistent: No such file or "
				      "directory");
	assert_int_equal(build_prepare(&b, &cfg, 0, &why), EXIT_CONFIG);
	assert_true(fake_is_clean());
	with_devices(ramdisk_path);
	fake.device_err = -ENODEV;
	assert_int_equal(build_prepare(&b, &cfg, 0, &why), EXIT_REFUSED);
	assert_non_null(strstr(why.text, "lodge_block_backend"));
	assert_true(fake_is_clean());
	with_devices(ramdisk_path);
	devices[1].dev.index = 0;
	devices[0] = devices[1];
	assert_int_equal(build_prepare(&b, &cfg, 0, &why), EXIT_REFUSED);
	assert_non_null(strstr(why.text, "it has a device 0 already"));
	assert_int_equal(fake.attached, 1);
	assert_true(fake_is_clean());
}

int main(void)
{
#define S(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		S(test_build),	      S(test_paused_without_ramdisk),
		S(test_abandon),      S(test_populate_in_pieces),
		S(test_no_memory),    S(test_name_taken),
		S(test_pins),	      S(test_hole),
		S(test_does_not_fit), S(test_bad_files),
		S(test_each_failure), S(test_devices),
		S(test_check_bridge), S(test_devices_fail),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
