// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: when a domain has ended the monitor does what on_poweroff, on_reboot
 * and on_crash say; it follows a change of name, restarts later each time when
 * that goes on, and leaves nothing. Against the fake hypervisor, in which
 * things happen when the monitor looks (fake.on_info).
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "bridge.h"
#include "build.h"
#include "cmd.h"
#include "cpus.h"
#include "fake_lodge.h"
#include "keep.h"
#include "monitor.h"
#include "sample.h"
#include "test.h"

static char kernel_path[] = "/tmp/lodge-kernel-XXXXXX";
static struct config cfg;
static struct monitor m;
static char *log_text;
static size_t log_size;
static volatile int stop;
static unsigned int looks; /* calls of on_info */

static int group_setup(void **state)
{
	struct sample sample;
	int fd = mkstemp(kernel_path);

	sample_fill(&sample);
	return write(fd, &sample, sizeof(sample)) != sizeof(sample) ||
	       close(fd);
}

static int group_teardown(void **state)
{
	fake_reset(0);
	return unlink(kernel_path);
}

static int setup(void **state)
{
	struct complaint why;
	struct build b;

	fake_reset(256);
	looks = 0;
	stop = 0;
	cfg = (struct config){
		.name = "hello",
		.memory = 32,
		.maxmem = 32,
		.vcpus = 1,
		.maxvcpus = 1,
		.weight = 256,
		.kernel = kernel_path,
		.cmdline = "",
		.on_reboot = ACTION_RESTART,
	};
	for (unsigned int i = 0; i < LODGE_MAX_VCPUS; i++)
		cfg.cpus[i] = CPUS_ALL;
	if (build_prepare(&b, &cfg, 0, &why) || build_start(&b, &why))
		return -1;
	m = (struct monitor){ .cfg = &cfg, .domid = b.domid, .stop = &stop };
	m.log = open_memstream(&log_text, &log_size);
	fake.machine.uptime += 60 * 1000000000ULL; /* it ran for a while */
	return lodge_open(&m.l);
}

static int teardown(void **state)
{
	if (m.l)
		lodge_close(m.l);
	fclose(m.log);
	free(log_text);
	return 0;
}

static void expect_log(const char *words)
{
	fflush(m.log);
	if (!strstr(log_text, words))
		fail_msg("expected \"%s\", got \"%s\"", words, log_text);
}

/* --- plans --- */

static struct monitor_plan plan(uint32_t reason, uint64_t lived_s)
{
	struct lodge_domain_info info = { .reason = reason,
					  .created = 1000000000000ULL };

	return monitor_plan(&m, &info, info.created + lived_s * 1000000000ULL);
}

static void test_plan(void **state)
{
	cfg.on_poweroff = ACTION_DESTROY;
	cfg.on_reboot = ACTION_RESTART;
	cfg.on_crash = ACTION_DUMP_RESTART;
	assert_int_equal(plan(LODGE_SHUTDOWN_POWEROFF, 100).then,
			 MONITOR_DESTROY);
	assert_int_equal(plan(LODGE_SHUTDOWN_REBOOT, 100).then,
			 MONITOR_RESTART);
	assert_false(plan(LODGE_SHUTDOWN_REBOOT, 100).dump);
	assert_int_equal(plan(LODGE_SHUTDOWN_CRASH, 100).then, MONITOR_RESTART);
	assert_true(plan(LODGE_SHUTDOWN_CRASH, 100).dump);
	cfg.on_crash = ACTION_DUMP_DESTROY;
	assert_int_equal(plan(LODGE_SHUTDOWN_CRASH, 100).then, MONITOR_DESTROY);
	assert_true(plan(LODGE_SHUTDOWN_CRASH, 0).dump);
	cfg.on_crash = ACTION_PRESERVE;
	assert_int_equal(plan(LODGE_SHUTDOWN_CRASH, 0).then, MONITOR_PRESERVE);
	/* a reason of a later version is no good end */
	assert_int_equal(plan(77, 100).then, MONITOR_PRESERVE);
}

static void test_plan_slows_down(void **state)
{
	struct monitor_plan p;

	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < MONITOR_QUICK_MAX; i++) {
			p = plan(LODGE_SHUTDOWN_REBOOT, 9);
			assert_int_equal(p.then, MONITOR_RESTART);
			assert_int_equal(p.delay_s, 1 << i);
		}
		p = plan(LODGE_SHUTDOWN_REBOOT, 9);
		assert_int_equal(p.then, MONITOR_PRESERVE);
		assert_true(p.gave_up);
		/* one that lived is forgiven */
		p = plan(LODGE_SHUTDOWN_REBOOT, 10);
		assert_int_equal(p.then, MONITOR_RESTART);
		assert_int_equal(p.delay_s, 0);
	}
}

/* --- runs --- */

static void test_poweroff(void **state)
{
	fake_end(fake_find(m.domid), LODGE_SHUTDOWN_POWEROFF, "");
	assert_int_equal(monitor_run(&m), EXIT_DONE);
	expect_log("hello: powered off");
	expect_log("is gone");
	lodge_close(m.l);
	m.l = NULL;
	assert_true(fake_is_clean());
}

static void reboot_once(struct fake_domain *d)
{
	looks++;
	fake_tell();
	if (d->info.domid == 2 && looks == 2) {
		strcpy(d->info.name, "other");
		fake_end(d, LODGE_SHUTDOWN_REBOOT, "");
	}
	if (d->info.domid == 3 && d->info.state == LODGE_DOMAIN_RUNNING)
		fake_end(d, LODGE_SHUTDOWN_POWEROFF, "");
}

static void test_restart(void **state)
{
	fake.on_info = reboot_once;
	fake.populate_max = 5000;
	assert_int_equal(monitor_run(&m), EXIT_DONE);
	expect_log("is called other now");
	expect_log("other: wants to reboot");
	expect_log("other: restarted as domain 3");
	expect_log("powered off");
	lodge_close(m.l);
	m.l = NULL;
	assert_true(fake_is_clean());
}

static void crash_and_be_destroyed(struct fake_domain *d)
{
	looks++;
	if (looks == 1)
		fake_end(d, LODGE_SHUTDOWN_CRASH, "cr3 = 5");
	if (looks > 4 && !d->dying)
		d->dying = 1; /* by an operator */
	fake_tell();
}

static void test_preserve(void **state)
{
	cfg.on_crash = ACTION_PRESERVE;
	fake.on_info = crash_and_be_destroyed;
	alarm(20);
	assert_int_equal(monitor_run(&m), EXIT_DONE);
	expect_log("crashed: cr3 = 5");
	expect_log("is gone");
	assert_null(strstr(log_text, "restart"));
}

/* What it was created with it has again. */
static void test_restart_with_devices(void **state)
{
	struct device_spec disk;
	struct complaint c;

	assert_int_equal(disk_parse(kernel_path, &disk, &c), 0);
	cfg.devices = &disk;
	cfg.device_count = 1;
	fake.on_info = reboot_once;
	assert_int_equal(monitor_run(&m), EXIT_DONE);
	expect_log("restarted as domain 3");
	assert_int_equal(fake.attached, 1);
	lodge_close(m.l);
	m.l = NULL;
	assert_true(fake_is_clean());
}

/* Nor is it what it was created with, if that was changed meanwhile. */
static void test_restart_keeps_devices(void **state)
{
	static char folder[] = "/tmp/lodge-keep-XXXXXX";
	struct device_spec spec;
	struct complaint c;

	assert_non_null(mkdtemp(folder));
	keep_folder = folder;
	assert_int_equal(disk_parse(kernel_path, &spec, &c), 0);
	cfg.devices = malloc(sizeof(spec));
	cfg.devices[0] = spec;
	cfg.device_count = 1;
	assert_int_equal(vif_parse("bps=5,mtu=2000", &spec, &c), 0);
	spec.dev.index = 3;
	assert_int_equal(device_attach(m.l, m.domid, &spec, &c), 0);
	keep_devices(m.l, m.domid);
	fake.on_info = reboot_once;
	assert_int_equal(monitor_run(&m), EXIT_DONE);
	assert_int_equal(cfg.device_count, 1);
	assert_int_equal(cfg.devices[0].dev.type, LODGE_DEVICE_NET);
	assert_int_equal(cfg.devices[0].dev.index, 3);
	assert_int_equal(cfg.devices[0].dev.limit.bytes, 5);
	assert_int_equal(cfg.devices[0].dev.mtu, 2000);
	assert_int_equal(fake.attached, 2);
	free(cfg.devices);
	assert_int_equal(rmdir(folder), 0); /* the list is not there any more */
}

static void test_restart_with_bad_kernel(void **state)
{
	fake.on_info = crash_and_be_destroyed;
	cfg.on_crash = ACTION_RESTART;
	cfg.kernel = "/nonexistent";
	alarm(20);
	assert_int_equal(monitor_run(&m), EXIT_DONE);
	expect_log("cannot be restarted, preserved: kernel /nonexistent");
}

static void reboot_and_be_destroyed(struct fake_domain *d)
{
	if (++looks == 1) {
		fake_end(d, LODGE_SHUTDOWN_REBOOT, "");
		d->dying = 3; /* by an operator */
	}
	fake_tell();
}

static void test_destroyed_not_restarted(void **state)
{
	fake.on_info = reboot_and_be_destroyed;
	alarm(20);
	assert_int_equal(monitor_run(&m), EXIT_DONE);
	assert_int_equal(fake.calls[LODGE_CONTROL_DESTROY], 1);
	expect_log("wants to reboot");
	expect_log("is gone");
	assert_null(strstr(log_text, "restarted"));
}

/* Its bridge was removed: it is not destroyed for that. */
static void test_restart_without_bridge(void **state)
{
	struct device_spec vif;
	struct complaint c;

	assert_int_equal(vif_parse("bridge=br0", &vif, &c), 0);
	cfg.devices = &vif;
	cfg.device_count = 1;
	bridge_folder = "/nonexistent";
	cfg.on_crash = ACTION_RESTART;
	fake.on_info = crash_and_be_destroyed;
	alarm(20);
	assert_int_equal(monitor_run(&m), EXIT_DONE);
	expect_log("cannot be restarted, preserved: vif br0: there is no");
}

/* Somebody else was faster with the memory. */
static void test_restart_without_memory(void **state)
{
	fake_end(fake_find(m.domid), LODGE_SHUTDOWN_REBOOT, "");
	fake.fail_operation = LODGE_CONTROL_CREATE;
	fake.fail_err = -ENOMEM;
	fake.fail_count = 1;
	assert_int_equal(monitor_run(&m), EXIT_DONE);
	expect_log("restart failed: hello: not enough memory");
	lodge_close(m.l);
	m.l = NULL;
	assert_true(fake_is_clean());
}

/* A moment later there is enough. */
static void test_restart_again(void **state)
{
	m.retries = 1;
	fake.on_info = reboot_once;
	fake.fail_operation = LODGE_CONTROL_CREATE;
	fake.fail_err = -ENOMEM;
	fake.fail_count = 1;
	assert_int_equal(monitor_run(&m), EXIT_DONE);
	expect_log("restart failed: other: not enough memory");
	expect_log("restarted as domain");
}

static void stop_it(struct fake_domain *d)
{
	if (looks++ == 2)
		stop = 1;
	fake_tell();
}

static void test_stop(void **state)
{
	fake.on_info = stop_it;
	alarm(20);
	assert_int_equal(monitor_run(&m), EXIT_DONE);
	expect_log("the domain goes on without");
	assert_int_equal(fake_find(m.domid)->info.state, LODGE_DOMAIN_RUNNING);
}

/* It is destroyed by hand before the monitor comes to look. */
static void test_gone_at_once(void **state)
{
	fake_find(m.domid)->dying = 1;
	assert_int_equal(monitor_run(&m), EXIT_DONE);
	expect_log("is gone");
}

static void touch(const char *folder, const char *name)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
}

static bool is_there(const char *folder, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return !access(path, F_OK) && !unlink(path);
}

static void test_drop_dumps(void **state)
{
	char folder[] = "/tmp/lodge-XXXXXX";

	assert_non_null(mkdtemp(folder));
	monitor_drop_dumps(folder, "a", 0); /* there are none */
	touch(folder, "a-20261123-120001.core");
	touch(folder, "a-20261122-120002.core");
	touch(folder, "a-20261124-110000.core");
	touch(folder, "b-20261122-120002.core");
	touch(folder, "a-b-20261122-120002.core"); /* of a domain "a-b" */
	touch(folder, "a-old.core");
	monitor_drop_dumps(folder, "a", 2);
	assert_false(is_there(folder, "a-20261122-120002.core"));
	assert_true(is_there(folder, "a-20261123-120001.core"));
	assert_true(is_there(folder, "a-20261124-110000.core"));
	assert_true(is_there(folder, "b-20261122-120002.core"));
	assert_true(is_there(folder, "a-b-20261122-120002.core"));
	assert_true(is_there(folder, "a-old.core"));
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
#define S(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		S(test_plan),
		S(test_plan_slows_down),
		S(test_poweroff),
		S(test_restart),
		S(test_restart_with_devices),
		S(test_restart_keeps_devices),
		S(test_preserve),
		S(test_restart_with_bad_kernel),
		S(test_destroyed_not_restarted),
		S(test_restart_without_bridge),
		S(test_restart_again),
		S(test_restart_without_memory),
		S(test_stop),
		S(test_gone_at_once),
		cmocka_unit_test(test_drop_dumps),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
