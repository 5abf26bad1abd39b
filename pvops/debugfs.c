// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/lodge: for those who tune the hypervisor and this code.
 *
 *   counters  what the hypervisor has counted for this domain
 *   audit     reading it runs the shadow auditor and shows the number of
 *             differences found, or a negative error
 */
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "lodge.h"

static const char * const counter_names[] = { LODGE_COUNTER_NAMES };

static int counters_show(struct seq_file *m, void *unused)
{
	struct lodge_counters *counters;
	const u64 *values;
	unsigned int i;

	/* Of this size an allocation does not cross a page. */
	counters = kzalloc(sizeof(*counters), GFP_KERNEL);
	if (!counters)
		return -ENOMEM;
	hc_debug(LODGE_DEBUG_COUNTERS, __pa(counters));

	values = &counters->entries;
	for (i = 0; i < ARRAY_SIZE(counter_names); i++)
		seq_printf(m, "%s %llu\n", counter_names[i], values[i]);
	for (i = 0; i < LODGE_HC_COUNT; i++)
		seq_printf(m, "hypercall_%u %llu\n", i, counters->hypercall[i]);

	kfree(counters);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(counters);

static int audit_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%ld\n", hc_debug(LODGE_DEBUG_AUDIT, 0));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(audit);

static int __init lodge_debugfs_init(void)
{
	struct dentry *folder;

	if (!lodge_guest())
		return 0;
	folder = debugfs_create_dir("lodge", NULL);
	debugfs_create_file("counters", 0400, folder, NULL, &counters_fops);
	debugfs_create_file("audit", 0400, folder, NULL, &audit_fops);
	return 0;
}
device_initcall(lodge_debugfs_init);
