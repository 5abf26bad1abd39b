// SPDX-License-Identifier: GPL-2.0
/*
 * A module for tests: takes all references for grants but as many as its
 * parameter `leave` says, also later.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <asm/lodge_grant.h>

#define REFS_MAX 16384

static unsigned int count;
static struct page *page;
static u32 *refs;

static void leave(unsigned int left)
{
	unsigned int i;

	while (count < REFS_MAX &&
	       (refs[count] = lodge_grant(1, page_to_phys(page), false)))
		count++;
	for (i = 0; i < left && count; i++)
		lodge_grant_try_end(refs[--count]);
}

static int leave_set(const char *text, const struct kernel_param *kp)
{
	unsigned int left;
	int err = kstrtouint(text, 0, &left);

	if (!err && refs)
		leave(left);
	return err ?: param_set_uint(text, kp);
}

static const struct kernel_param_ops leave_ops = {
	.set = leave_set,
	.get = param_get_uint,
};
static unsigned int left_over = REFS_MAX;
module_param_cb(leave, &leave_ops, &left_over, 0644);

static int __init hog_init(void)
{
	page = alloc_page(GFP_KERNEL);
	refs = kvcalloc(REFS_MAX, sizeof(*refs), GFP_KERNEL);
	if (!page || !refs)
		return -ENOMEM;
	leave(left_over);
	return 0;
}
module_init(hog_init);

static void __exit hog_exit(void)
{
	leave(REFS_MAX);
	kvfree(refs);
	put_page(page);
}
module_exit(hog_exit);

MODULE_DESCRIPTION("Takes the references of a Lodge guest");
MODULE_LICENSE("GPL");
