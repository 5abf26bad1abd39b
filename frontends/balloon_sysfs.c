// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/devices/system/lodge_balloon: the balloon as root here sees it. Sizes
 * are in KiB. target_kb can be written: the domain then gives back memory by
 * itself, but it never gets more than its operator wants.
 */
#include <linux/device.h>
#include <linux/mm.h>
#include <linux/sysfs.h>

#include "balloon.h"

#define FRAME_KB 4

#define BALLOON_ATTR(name, value)                                            \
	static ssize_t name##_show(struct device *dev,                       \
				   struct device_attribute *attr, char *buf) \
	{                                                                    \
		return sysfs_emit(buf, "%llu\n", (u64)(value));              \
	}                                                                    \
	static DEVICE_ATTR_RO(name)

/* In KiB. */
#define BALLOON_FRAMES(name, frames) BALLOON_ATTR(name, (frames) * FRAME_KB)

BALLOON_FRAMES(current_kb, balloon_info().frames);
BALLOON_FRAMES(max_kb, balloon_info().max_frames);
BALLOON_FRAMES(reported_kb, balloon_info().reported_frames);
BALLOON_FRAMES(least_kb, balloon_least(balloon_info().frames));
BALLOON_FRAMES(absent_kb, balloon_absent());
BALLOON_FRAMES(absent_large_kb, balloon_absent_large());
BALLOON_FRAMES(added_kb, balloon_added());
BALLOON_FRAMES(oom_deflated_kb, balloon_counters.oom_deflated);
BALLOON_ATTR(target_missed, balloon_counters.target_missed);

static ssize_t target_kb_show(struct device *dev, struct device_attribute *attr,
			      char *buf)
{
	return sysfs_emit(buf, "%llu\n",
			  balloon_target(balloon_info().max_frames) * FRAME_KB);
}

/* "max": as the operator wants. */
static ssize_t target_kb_store(struct device *dev,
			       struct device_attribute *attr, const char *buf,
			       size_t size)
{
	u64 kb;
	int err;

	if (sysfs_streq(buf, "max")) {
		balloon_set_limit(U64_MAX);
		return size;
	}
	err = kstrtou64(buf, 0, &kb);
	if (err)
		return err;
	balloon_set_limit(kb / FRAME_KB);
	return size;
}
static DEVICE_ATTR_RW(target_kb);

static struct attribute *balloon_attrs[] = {
	&dev_attr_target_kb.attr,
	&dev_attr_current_kb.attr,
	&dev_attr_least_kb.attr,
	&dev_attr_max_kb.attr,
	&dev_attr_reported_kb.attr,
	&dev_attr_absent_kb.attr,
	&dev_attr_absent_large_kb.attr,
	&dev_attr_added_kb.attr,
	&dev_attr_oom_deflated_kb.attr,
	&dev_attr_target_missed.attr,
	NULL
};
ATTRIBUTE_GROUPS(balloon);

static const struct bus_type balloon_bus = {
	.name = "lodge_balloon",
	.dev_name = "lodge_balloon",
};

int balloon_sysfs_init(void)
{
	return subsys_system_register(&balloon_bus, balloon_groups);
}
