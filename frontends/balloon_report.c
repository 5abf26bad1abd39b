// SPDX-License-Identifier: GPL-2.0
/*
 * Free page reporting: while Linux has large pieces of memory that nobody
 * uses, the machine may use them. They stay Linux's: it allocates them when it
 * likes, and they are full of zeroes then. But if others have all memory at
 * that moment, a CPU that touches one is stopped until some is free. So this
 * is only done where it was asked for.
 *
 * Linux's page reporting calls report() from one work item, with pages that it
 * keeps from others meanwhile, so the lists need no lock.
 */
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/page_reporting.h>
#include <linux/printk.h>
#include <linux/scatterlist.h>

#include <asm/lodge.h>

#include <lodge/memory.h>

#include "balloon.h"

static bool reporting;
module_param(reporting, bool, 0444);
MODULE_PARM_DESC(reporting, "lend free memory to others (off)");

/* Each in a page of its own, as the hypercall wants it. */
static u64 large[LODGE_MEMORY_MAX] __aligned(PAGE_SIZE);
static u64 small[LARGE_FRAMES] __aligned(PAGE_SIZE);

static long report_list(u64 *list, unsigned int count)
{
	unsigned int done = 0;
	long ret = 0;

	while (done < count && ret >= 0) {
		ret = lodge_memory(LODGE_MEMORY_REPORT, list + done,
				   count - done);
		done += max(ret, 0L);
	}
	return ret < 0 ? (done ? (long)done : ret) : (long)done;
}

/* A piece that the hypervisor has in small frames, or somebody uses a part. */
static void report_small(u64 address)
{
	unsigned int i, done;
	long ret;

	for (i = 0; i < LARGE_FRAMES; i++)
		small[i] = address + i * PAGE_SIZE;
	for (done = 0; done < LARGE_FRAMES; done += ret) {
		ret = report_list(small + done, LARGE_FRAMES - done);
		if (ret <= 0)
			ret = 1; /* all but this one */
	}
}

static int report(struct page_reporting_dev_info *device,
		  struct scatterlist *pages, unsigned int entries)
{
	unsigned int i, count = 0, done;
	struct scatterlist *one;
	long ret;

	for_each_sg(pages, one, entries, i) {
		u64 at = sg_phys(one), end = at + one->length;

		for (; at < end && count < LODGE_MEMORY_MAX;
		     at += LARGE_FRAMES * PAGE_SIZE)
			large[count++] = at | LODGE_MEMORY_LARGE;
	}
	for (done = 0; done < count; done += ret) {
		ret = report_list(large + done, count - done);
		if (ret > 0)
			continue;
		if (ret != -EINVAL && ret != -EBUSY)
			return ret;
		report_small(large[done] & PAGE_MASK);
		ret = 1;
	}
	return 0;
}

static struct page_reporting_dev_info device = {
	.report = report,
	.order = LARGE_ORDER,
};

void __init balloon_report_init(void)
{
	int err;

	if (!reporting || !lodge_has_report() || lodge_is_control())
		return;
	err = page_reporting_register(&device);
	if (err)
		pr_warn("Lodge: no free page reporting: %d\n", err);
}
