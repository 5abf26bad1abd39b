// SPDX-License-Identifier: GPL-2.0
/*
 * A module for tests: /sys/kernel/debug/lodge-test/fault provokes, when a
 * word is written to it, what the word says: warn, oops, panic.
 */
#include <linux/debugfs.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/uaccess.h>

static struct dentry *folder;

static ssize_t fault_write(struct file *file, const char __user *from,
			   size_t size, loff_t *pos)
{
	char word[16] = "";

	if (size >= sizeof(word) || copy_from_user(word, from, size))
		return -EINVAL;
	if (!strncmp(word, "warn", 4))
		WARN(1, "asked for");
	else if (!strncmp(word, "oops", 4))
		*(volatile int *)8 = 0;
	else if (!strncmp(word, "panic", 5))
		panic("asked for");
	else
		return -EINVAL;
	return size;
}

static const struct file_operations fault_fops = {
	.owner = THIS_MODULE,
	.write = fault_write,
};

static int __init lodge_test_init(void)
{
	folder = debugfs_create_dir("lodge-test", NULL);
	debugfs_create_file("fault", 0200, folder, NULL, &fault_fops);
	return 0;
}
module_init(lodge_test_init);

static void __exit lodge_test_exit(void)
{
	debugfs_remove_recursive(folder);
}
module_exit(lodge_test_exit);

MODULE_DESCRIPTION("Tests of a Lodge guest");
MODULE_LICENSE("GPL");
