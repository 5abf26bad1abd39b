// SPDX-License-Identifier: GPL-2.0
/*
 * Growth beyond the memory that the domain started with.
 *
 * Linux takes new memory in blocks (128 MiB), and wants a description of each
 * page, 2 MiB for a block, before it has it. So a block is added without any
 * memory behind it, at guest-physical addresses that are free: all its pages
 * become absent ones (balloon_pages.c), and are populated from there as far as
 * the target says. Blocks are never removed; in a domain that shrinks, their
 * pages are absent again.
 *
 * When a block goes online, Linux shows us its pages instead of freeing them.
 * That happens with its hotplug lock held, under which `added` changes.
 */
#include <linux/device.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>

#include <asm/lodge.h>

#include "balloon.h"

static bool hotplug = true;
module_param(hotplug, bool, 0444);
MODULE_PARM_DESC(hotplug, "Grow beyond the memory at boot");

static phys_addr_t first_block; /* all above it is ours */
static unsigned long added; /* frames */
static bool ready;

unsigned long balloon_added(void)
{
	return READ_ONCE(added);
}

/*
 * A block that user space has put offline and brings back has its memory;
 * populating it then says so, and that is all.
 */
static void online_page(struct page *page, unsigned int order)
{
	if (page_to_phys(page) < first_block)
		generic_online_page(page, order);
	else
		balloon_add_absent(page, order);
}

static int find_addresses(u64 size, u64 *start)
{
	struct range range = mhp_get_pluggable_range(true);
	struct resource found = { .name = "lodge-balloon" };
	int err;

	err = allocate_resource(&iomem_resource, &found, size,
				max(first_block, range.start), range.end, size,
				NULL, NULL);
	if (err)
		return err;
	*start = found.start;
	return release_resource(&found);
}

static int online_block(struct memory_block *block, void *data)
{
	int err = device_online(&block->dev);

	return min(err, 0); /* 1: somebody else was faster */
}

int balloon_grow(void)
{
	u64 size = memory_block_size_bytes(), start;
	int nid, err;

	if (!ready)
		return -ENOSPC;
	err = find_addresses(size, &start);
	if (err)
		return err;
	nid = memory_add_physaddr_to_nid(start);
	err = add_memory_driver_managed(nid, start, size, "System RAM (lodge)",
					MHP_MERGE_RESOURCE);
	if (err)
		return err;
	WRITE_ONCE(added, added + PHYS_PFN(size));

	lock_device_hotplug();
	err = walk_memory_blocks(start, size, NULL, online_block);
	unlock_device_hotplug();
	return err;
}

/* The control domain's addresses are the machine's: there are no free ones. */
void balloon_grow_init(void)
{
	if (!hotplug || lodge_is_control())
		return;
	first_block = ALIGN(PFN_PHYS(max_pfn), memory_block_size_bytes());
	if (set_online_page_callback(online_page)) {
		pr_warn("lodge-balloon: somebody else watches hotplug\n");
		return;
	}
	ready = true;
}
