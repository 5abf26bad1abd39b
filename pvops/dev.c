// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/lodge: how programs of the control domain control the others;
 * <lodge/dev.h> says what it does. Here: the file, hypercalls for programs,
 * and the domains that are being built. Memory of domains is in dev_memory.c,
 * event channels and watches are in dev_event.c.
 *
 * A hypercall gets a page of its own for its buffer, so that it never sees
 * memory of the program, and cannot reach what lies beside it.
 *
 * A domain belongs to the file that created it until anybody starts or
 * destroys it; what a file still has when it is closed is destroyed. The list
 * of them is for all files, and its mutex is held over the hypercalls that
 * change it: so a number in the list is never that of a later domain.
 */
#include <linux/capability.h>
#include <linux/init.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "dev.h"

/* --- domains that are being built --- */

struct unstarted {
	struct list_head link;
	struct dev_file *file; /* that created it */
	unsigned int domid;
};

static LIST_HEAD(unstarted);
static DEFINE_MUTEX(unstarted_mutex);

/* Started or destroyed, whoever created it. */
static void forget(unsigned int domid)
{
	struct unstarted *u, *next;

	lockdep_assert_held(&unstarted_mutex);
	list_for_each_entry_safe(u, next, &unstarted, link) {
		if (u->domid == domid) {
			list_del(&u->link);
			kfree(u);
		}
	}
}

static long create(struct dev_file *f, phys_addr_t buffer)
{
	struct unstarted *u = kmalloc(sizeof(*u), GFP_KERNEL_ACCOUNT);
	long ret;

	if (!u)
		return -ENOMEM;
	mutex_lock(&unstarted_mutex);
	ret = hc_control(LODGE_CONTROL_CREATE, 0, buffer, 0, 0);
	if (ret > 0) {
		forget(ret); /* one of that number that ended by itself */
		u->file = f;
		u->domid = ret;
		list_add(&u->link, &unstarted);
		u = NULL;
	}
	mutex_unlock(&unstarted_mutex);
	kfree(u);
	return ret;
}

/* START and DESTROY */
static long finish(const struct lodge_dev_control *c, phys_addr_t buffer)
{
	long ret;

	mutex_lock(&unstarted_mutex);
	ret = hc_control(c->operation, c->domid, buffer, c->arg[0], c->arg[1]);
	if (!ret)
		forget(c->domid);
	mutex_unlock(&unstarted_mutex);
	return ret;
}

static void destroy_unstarted(struct dev_file *f)
{
	struct unstarted *u, *next;
	long ret;

	mutex_lock(&unstarted_mutex);
	list_for_each_entry_safe(u, next, &unstarted, link) {
		if (u->file != f)
			continue;
		ret = hc_control(LODGE_CONTROL_DESTROY, u->domid, 0, 1, 0);
		if (ret && ret != -ENOENT && ret != -EAGAIN)
			pr_warn("Lodge: destroying unfinished domain %u: %ld\n",
				u->domid, ret);
		list_del(&u->link);
		kfree(u);
	}
	mutex_unlock(&unstarted_mutex);
}

/* --- hypercalls for programs --- */

/* All others either read their buffer or have none. */
static bool writes_buffer(unsigned int operation)
{
	switch (operation) {
	case LODGE_CONTROL_INFO:
	case LODGE_CONTROL_VCPU:
	case LODGE_CONTROL_RAM:
	case LODGE_CONTROL_CONSOLE_READ:
	case LODGE_CONTROL_COUNTERS:
	case LODGE_CONTROL_MACHINE:
		return true;
	default:
		return false;
	}
}

static long call(struct dev_file *f, const struct lodge_dev_control *c,
		 phys_addr_t buffer)
{
	switch (c->operation) {
	case LODGE_CONTROL_CREATE:
		return create(f, buffer);
	case LODGE_CONTROL_START:
	case LODGE_CONTROL_DESTROY:
		return finish(c, buffer);
	case LODGE_CONTROL_MAP:
	case LODGE_CONTROL_UNMAP:
	case LODGE_CONTROL_DEVICES: /* the bus's */
		return -EPERM;
	default:
		return hc_control(c->operation, c->domid, buffer, c->arg[0],
				  c->arg[1]);
	}
}

static long call_with_buffer(struct dev_file *f,
			     const struct lodge_dev_control *c)
{
	void __user *user = u64_to_user_ptr(c->buffer);
	void *page = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	long ret;

	if (!page)
		return -ENOMEM;
	ret = -EFAULT;
	if (copy_from_user(page, user, c->size))
		goto out;
	ret = call(f, c, lodge_pa(page));
	/* RAM that says "go on" with an error also says where. */
	if ((ret >= 0 || ret == -EAGAIN) && writes_buffer(c->operation) &&
	    copy_to_user(user, page, c->size))
		ret = -EFAULT;
out:
	free_page((unsigned long)page);
	return ret;
}

static long control(struct dev_file *f, const void __user *arg)
{
	struct lodge_dev_control c;

	if (copy_from_user(&c, arg, sizeof(c)))
		return -EFAULT;
	if (c.pad0 || c.size > PAGE_SIZE)
		return -EINVAL;
	/* Without a buffer: at 0 the control domain has no RAM, so -EFAULT. */
	return c.size ? call_with_buffer(f, &c) : call(f, &c, 0);
}

/* --- the file --- */

static int dev_open(struct inode *inode, struct file *file)
{
	struct dev_file *f;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f)
		return -ENOMEM;
	lodge_dev_init_events(f);
	file->private_data = f;
	return nonseekable_open(inode, file);
}

/* Mappings hold the file, so there is none any more. */
static int dev_release(struct inode *inode, struct file *file)
{
	struct dev_file *f = file->private_data;

	lodge_dev_end_events(f);
	destroy_unstarted(f);
	kfree(f);
	return 0;
}

static long dev_ioctl(struct file *file, unsigned int request,
		      unsigned long arg)
{
	struct dev_file *f = file->private_data;

	switch (request) {
	case LODGE_DEV_CONTROL:
		return control(f, (void __user *)arg);
	case LODGE_DEV_TARGET:
		return lodge_dev_target(f, arg);
	case LODGE_DEV_ALLOC:
		return lodge_dev_alloc(f, (void __user *)arg);
	case LODGE_DEV_BIND:
		return lodge_dev_bind(f, (void __user *)arg);
	case LODGE_DEV_NOTIFY:
		return lodge_dev_notify(f, arg);
	case LODGE_DEV_CLOSE:
		return lodge_dev_close(f, arg);
	case LODGE_DEV_WATCH:
		return lodge_dev_watch(f, arg);
	default:
		return lodge_backend_ioctl(request, (void __user *)arg);
	}
}

static const struct file_operations dev_operations = {
	.owner = THIS_MODULE,
	.open = dev_open,
	.release = dev_release,
	.unlocked_ioctl = dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = lodge_dev_mmap,
	.read = lodge_dev_read,
	.poll = lodge_dev_poll,
};

static struct miscdevice dev_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "lodge",
	.mode = 0600,
	.fops = &dev_operations,
};

static int __init lodge_dev_init(void)
{
	if (!lodge_guest() || !(lodge_start.flags & LODGE_START_CONTROL))
		return 0;
	return misc_register(&dev_misc);
}
device_initcall(lodge_dev_init);
