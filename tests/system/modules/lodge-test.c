// SPDX-License-Identifier: GPL-2.0
/*
 * A module for tests. /sys/kernel/debug/lodge-test/counters shows what the
 * hypervisor has counted for this domain, a line "name value" for each
 * counter that is not zero; reading .../audit runs the hypervisor's shadow
 * auditor and shows the number of differences, or a negative error. Neither
 * is there where the kernel runs without Lodge. .../fault provokes, when a
 * word is written to it, what the word says: warn, oops, panic.
 */
#include <linux/cpufeature.h>
#include <linux/debugfs.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>
#include <lodge/hypercall.h>

static struct dentry *folder;

static long hypercall(u64 number, u64 a, u64 b)
{
	long result;

	asm volatile("int %1"
		     : "=a"(result)
		     : "i"(LODGE_VEC_HYPERCALL), "a"(number), "D"(a), "S"(b)
		     : "memory");
	return result;
}

static bool on_lodge(void)
{
	u32 eax, ebx, ecx, edx;

	if (!boot_cpu_has(X86_FEATURE_HYPERVISOR))
		return false;
	cpuid(LODGE_CPUID_BASE, &eax, &ebx, &ecx, &edx);
	return ebx == LODGE_CPUID_EBX && ecx == LODGE_CPUID_ECX &&
	       edx == LODGE_CPUID_EDX;
}

static const char *const names[] = {
	"entries", "entry_fault", "entry_interrupt", "entry_exception",
	"entry_hypercall", "entry_iret", "fills", "prefills", "flushes",
	"shootdowns", "root_loads", "root_creates", "root_drops", "emulated",
	"injected", "upcalls", "shadow_pages", "shadow_reclaims",
	"iret_completed",
};

static int counters_show(struct seq_file *m, void *unused)
{
	struct lodge_counters *c = (void *)get_zeroed_page(GFP_KERNEL);
	const u64 *value;
	long result;

	if (!c)
		return -ENOMEM;
	result = hypercall(LODGE_HC_DEBUG, LODGE_DEBUG_COUNTERS,
			   virt_to_phys(c));
	if (!result) {
		value = &c->entries;
		for (int i = 0; i < ARRAY_SIZE(names); i++)
			seq_printf(m, "%s %llu\n", names[i], value[i]);
		for (int i = 0; i < ARRAY_SIZE(c->hypercall); i++)
			seq_printf(m, "hc%d %llu\n", i, c->hypercall[i]);
	}
	free_page((unsigned long)c);
	return result;
}
DEFINE_SHOW_ATTRIBUTE(counters);

static int audit_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%ld\n",
		   hypercall(LODGE_HC_DEBUG, LODGE_DEBUG_AUDIT, 0));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(audit);

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
	if (on_lodge()) {
		debugfs_create_file("counters", 0400, folder, NULL,
				    &counters_fops);
		debugfs_create_file("audit", 0400, folder, NULL, &audit_fops);
	}
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
