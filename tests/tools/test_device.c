// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: disks and network devices as xl writes them (lodge.cfg(5)); each
 * mistake is refused with what was found and what was expected.
 */
#include "device.h"
#include "test.h"

static struct device_spec spec;

static void disk(const char *text)
{
	struct complaint c = { "" };

	if (disk_parse(text, &spec, &c))
		fail_msg("%s: %s", text, c.text);
}

static void vif(const char *text)
{
	struct complaint c = { "" };

	if (vif_parse(text, &spec, &c))
		fail_msg("%s: %s", text, c.text);
}

static void bad(int (*parse)(const char *text, struct device_spec *s,
			     struct complaint *c),
		const char *text, const char *words)
{
	struct complaint c = { "" };

	assert_int_equal(parse(text, &spec, &c), -1);
	if (!strstr(c.text, words))
		fail_msg("%s: expected %s, got %s", text, words, c.text);
}

static void test_disk(void **state)
{
	disk("/dev/vg/web");
	assert_string_equal(spec.target, "/dev/vg/web");
	assert_string_equal(spec.dev.source, "/dev/vg/web");
	assert_int_equal(spec.dev.type, LODGE_DEVICE_BLOCK);
	assert_int_equal(spec.dev.index, LODGE_DEV_ANY_INDEX);
	assert_int_equal(spec.dev.flags, 0);
	disk(" /a b , raw , lvdc , ro ");
	assert_string_equal(spec.target, "/a b");
	assert_int_equal(spec.dev.index, 2);
	assert_int_equal(spec.dev.flags, LODGE_DEV_READ_ONLY);
	disk("format=raw,vdev=xvdb,access=rw,serial=S1,queues=2,bps=10M,"
	     "iops=500,bps_burst=1g,block_size=4096,target=/x");
	assert_int_equal(spec.dev.index, 1);
	assert_string_equal(spec.dev.serial, "S1");
	assert_int_equal(spec.dev.queues, 2);
	assert_int_equal(spec.dev.limit.bytes, 10 << 20);
	assert_int_equal(spec.dev.limit.bytes_burst, 1 << 30);
	assert_int_equal(spec.dev.limit.operations, 500);
	assert_int_equal(spec.block_size, 4096);
	disk("/path/with=sign,raw");
	assert_string_equal(spec.target, "/path/with=sign");
}

static void test_bad_disk(void **state)
{
	char text[2000];

	bad(disk_parse, "", "found no target");
	bad(disk_parse, "raw=1", "found the key `raw`");
	bad(disk_parse, "/x,serial=../../a", "serial: found \"../../a\"");
	bad(disk_parse, "/x,serial=a b", "serial: found \"a b\"");
	bad(disk_parse, "/x,qcow2", "format: found \"qcow2\"");
	bad(disk_parse, "/x,raw,eth0", "vdev: found \"eth0\"");
	bad(disk_parse, "/x,raw,lvda1", "vdev: found");
	bad(disk_parse, "/x,raw,lvd", "vdev: found");
	bad(disk_parse, "/x,raw,lvdzz", "vdev: found");
	bad(disk_parse, "/x,raw,lvda,rx", "access: found \"rx\"");
	bad(disk_parse, "/x,raw,lvda,rw,more", "as number 5");
	bad(disk_parse, "/x,queues=0", "queues: found \"0\"");
	bad(disk_parse, "/x,queues=17", "queues: found \"17\"");
	bad(disk_parse, "/x,block_size=1024", "expected 512 or 4096");
	bad(disk_parse, "/x,bps=fast", "bps: found \"fast\"");
	bad(disk_parse, "/x,bps=9999999999G", "bps: found");
	bad(disk_parse, "/x,bps=-1", "bps: found");
	bad(disk_parse, "/x,pps=1", "found the key `pps`");
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	bad(disk_parse, text, "found 1999 characters");
	text[600] = '\0';
	bad(disk_parse, text, "target: found 600 characters");
}

static void test_vif(void **state)
{
	vif("");
	assert_int_equal(spec.dev.type, LODGE_DEVICE_NET);
	assert_string_equal(spec.dev.bridge, "");
	vif("mac=02:16:3e:ab:CD:ef, bridge=br0, mtu=9000, queues=4");
	assert_int_equal(spec.dev.mac[0], 2);
	assert_int_equal(spec.dev.mac[5], 0xef);
	assert_string_equal(spec.dev.bridge, "br0");
	assert_int_equal(spec.dev.mtu, 9000);
	vif("rate=10Mb/s");
	assert_int_equal(spec.dev.limit.bytes, 1250000);
	vif("rate=1MB/s@20ms,pps=1k");
	assert_int_equal(spec.dev.limit.bytes, 1000000);
	assert_int_equal(spec.dev.limit.operations, 1024);
	vif("vifname=web");
	assert_non_null(strstr(spec.warning, "vifname"));
}

static void test_bad_vif(void **state)
{
	bad(vif_parse, "br0", "found \"br0\", expected KEY=VALUE");
	bad(vif_parse, "bridg=br0", "found the key `bridg`");
	bad(vif_parse, "mac=1", "mac: found");
	bad(vif_parse, "mac=03:00:00:00:00:00", "even first byte");
	bad(vif_parse, "mac=00:00:00:00:00:00", "mac: found");
	bad(vif_parse, "mac=02:00:00:00:00:0g", "mac: found");
	bad(vif_parse, "mac=02-00-00-00-00-01", "mac: found");
	bad(vif_parse, "mtu=60", "mtu: found");
	bad(vif_parse, "mtu=9001", "mtu: found");
	bad(vif_parse, "rate=10", "rate: found");
	bad(vif_parse, "rate=10Mbit", "rate: found");
	bad(vif_parse, "iops=1", "found the key `iops`");
	bad(vif_parse, "bridge=0123456789abcdef", "bridge: found 16");
}

static void test_vdev(void **state)
{
	uint16_t index, back;
	char name[8];

	for (index = 0; index < LODGE_DEVICE_SLOTS; index++) {
		vdev_name(index, name);
		assert_true(vdev_parse(name, &back));
		assert_int_equal(back, index);
	}
	vdev_name(25, name);
	assert_string_equal(name, "lvdz");
	vdev_name(26, name);
	assert_string_equal(name, "lvdaa");
	assert_false(vdev_parse("lvdA", &back));
	assert_false(vdev_parse("", &back));
	assert_false(vdev_parse("lvdaaa", &back));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_disk), cmocka_unit_test(test_bad_disk),
		T(test_vif),  cmocka_unit_test(test_bad_vif),
		T(test_vdev),
	};

	return RUN(tests);
}
