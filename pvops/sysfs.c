// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/hypervisor: who runs us, and which domain we are. All files are
 * constant after boot.
 */
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/sysfs.h>

#include <asm/hypervisor.h>

#include "lodge.h"

#define LODGE_ATTR(name, format, value)					\
static ssize_t name##_show(struct kobject *kobj,			\
			   struct kobj_attribute *attr, char *buf)	\
{									\
	return sysfs_emit(buf, format "\n", value);			\
}									\
static struct kobj_attribute name##_attr = __ATTR_RO(name)

LODGE_ATTR(type, "%s", "lodge");
LODGE_ATTR(major, "%u", lodge_start.version >> 16);
LODGE_ATTR(minor, "%u", lodge_start.version & 0xffff);
LODGE_ATTR(features, "%08llx", lodge_start.features);
LODGE_ATTR(domid, "%u", lodge_start.domid);
LODGE_ATTR(name, "%s", lodge_start.name);
LODGE_ATTR(control, "%d", !!(lodge_start.flags & LODGE_START_CONTROL));

static struct attribute *type_attrs[] = {
	&type_attr.attr,
	NULL
};

static struct attribute *version_attrs[] = {
	&major_attr.attr,
	&minor_attr.attr,
	NULL
};

static struct attribute *properties_attrs[] = {
	&control_attr.attr,
	&domid_attr.attr,
	&features_attr.attr,
	&name_attr.attr,
	NULL
};

static const struct attribute_group type_group = {
	.attrs = type_attrs,
};

static const struct attribute_group version_group = {
	.name = "version",
	.attrs = version_attrs,
};

static const struct attribute_group properties_group = {
	.name = "properties",
	.attrs = properties_attrs,
};

static const struct attribute_group *groups[] = {
	&type_group,
	&version_group,
	&properties_group,
	NULL
};

static int __init lodge_sysfs_init(void)
{
	if (!lodge_guest())
		return 0;
	return sysfs_create_groups(hypervisor_kobj, groups);
}
device_initcall(lodge_sysfs_init);
