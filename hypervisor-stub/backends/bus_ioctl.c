// SPDX-License-Identifier: GPL-2.0
/*
 * The control domain's bus: what the operator does with devices, through
 * /dev/lodge. <lodge/dev.h> says what each request means.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <asm/lodge.h>

#include "bus.h"

static bool type_is_known(unsigned int type)
{
	return type == LODGE_DEVICE_BLOCK || type == LODGE_DEVICE_NET;
}

#define END_STRING(s) ((s)[sizeof(s) - 1] = '\0')

static int check_spec(struct lodge_dev_device *s)
{
	if (s->domid == lodge_domid() || !type_is_known(s->type) ||
	    s->flags & ~LODGE_DEV_READ_ONLY || s->pad0[0] || s->pad0[1] ||
	    s->queues > LODGE_DEVICE_QUEUES)
		return -EINVAL;
	END_STRING(s->label);
	END_STRING(s->bridge);
	END_STRING(s->serial);
	END_STRING(s->source);
	memset(s->reason, 0, sizeof(s->reason));
	return 0;
}

static int choose_index(struct lodge_dev_device *s)
{
	unsigned int i;

	if (s->index != LODGE_DEV_ANY_INDEX)
		return lodge_backend_find(s->domid, s->type, s->index) ?
			       -EEXIST :
			       0;
	for (i = 0; i < LODGE_DEVICE_SLOTS; i++) {
		if (!lodge_backend_find(s->domid, s->type, i)) {
			s->index = i;
			return 0;
		}
	}
	return -ENOSPC;
}

static int take_file(struct lodge_backend *b)
{
	struct file *file;

	if (b->type != LODGE_DEVICE_BLOCK)
		return 0;
	file = fget(b->spec.fd);
	if (!file)
		return -EBADF;
	b->file = file;
	return S_ISBLK(file_inode(file)->i_mode) ? 0 : -ENOTBLK;
}

/* On an error *s has the reason, if there is one to tell. */
static int attach(struct lodge_dev_device *s)
{
	struct lodge_backend *b;
	int err = check_spec(s) ?: choose_index(s);

	if (err)
		return err;
	b = lodge_backend_new(s);
	if (IS_ERR(b))
		return PTR_ERR(b);
	err = take_file(b) ?: lodge_backend_open(b);
	if (!err) {
		/* Its first offer: who sees the device shall see that, too. */
		flush_delayed_work(&b->work);
		err = lodge_backend_add(b);
	}
	*s = b->spec;
	if (err)
		lodge_backend_end(b);
	return err;
}

/* --- what there is --- */

static void tell(struct lodge_backend *b, struct lodge_dev_device *s)
{
	mutex_lock(&b->mutex);
	*s = b->spec;
	s->fd = -1;
	s->back_state = b->state;
	s->front_state = READ_ONCE(b->page->front.state);
	s->generation = b->generation;
	s->error = b->error;
	s->limit.domid = b->domid;
	s->limit.type = b->type;
	s->limit.index = b->index;
	memset(s->stat, 0, sizeof(s->stat));
	if (b->driver && b->driver->stat)
		b->driver->stat(b, s->stat);
	mutex_unlock(&b->mutex);
}

static int look_at(struct lodge_dev_device *s)
{
	bool next = s->flags & LODGE_DEV_NEXT;
	struct lodge_backend *b;

	b = next ? lodge_backend_next(s->domid, s->type, s->index) :
		   lodge_backend_find(s->domid, s->type, s->index);
	if (!b)
		return -ENOENT;
	tell(b, s);
	return 0;
}

/* --- changes --- */

static int rescan(const struct lodge_dev_device *s)
{
	struct lodge_backend *b =
		lodge_backend_find(s->domid, s->type, s->index);
	int err = 0;

	if (!b)
		return -ENOENT;
	if (!b->driver)
		return lodge_backend_open(b);
	mutex_lock(&b->mutex);
	if (b->driver->rescan)
		err = b->driver->rescan(b);
	mutex_unlock(&b->mutex);
	return err;
}

static int limit(const struct lodge_dev_limit *l)
{
	struct lodge_backend *b =
		lodge_backend_find(l->domid, l->type, l->index);

	if (!b)
		return -ENOENT;
	mutex_lock(&b->mutex);
	b->spec.limit = *l;
	if (b->driver && b->driver->limit)
		b->driver->limit(b);
	mutex_unlock(&b->mutex);
	return 0;
}

/* --- removal --- */

static bool is_gone(u32 domid, u16 type, u16 index, u32 incarnation)
{
	struct lodge_backend *b;
	bool gone;

	mutex_lock(&lodge_backends_mutex);
	b = lodge_backend_find(domid, type, index);
	gone = !b || b->incarnation != incarnation;
	mutex_unlock(&lodge_backends_mutex);
	return gone;
}

static int detach(const struct lodge_dev_device *s)
{
	struct lodge_backend *b;
	u32 incarnation;
	long left;

	mutex_lock(&lodge_backends_mutex);
	lodge_backend_sweep();
	b = lodge_backend_find(s->domid, s->type, s->index);
	if (b && (s->flags & LODGE_DEV_FORCE || !b->driver)) {
		lodge_backend_remove(b);
		mutex_unlock(&lodge_backends_mutex);
		return 0;
	}
	if (b) {
		incarnation = b->incarnation;
		set_bit(BACKEND_CLOSING, &b->flags);
		lodge_backend_check(b);
	}
	mutex_unlock(&lodge_backends_mutex);
	if (!b)
		return -ENOENT;
	left = wait_event_interruptible_timeout(lodge_backends_wait,
						is_gone(s->domid, s->type,
							s->index, incarnation),
						msecs_to_jiffies(s->timeout));
	return left < 0 ? -EINTR : left ? 0 : -ETIMEDOUT;
}

/* --- requests --- */

static long device_request(unsigned int request, void __user *arg)
{
	struct lodge_dev_device *s = memdup_user(arg, sizeof(*s));
	bool tells = request != LODGE_DEV_RESCAN;
	long err;

	if (IS_ERR(s))
		return PTR_ERR(s);
	if (request == LODGE_DEV_DETACH) {
		err = detach(s);
		kfree(s);
		return err;
	}
	mutex_lock(&lodge_backends_mutex);
	lodge_backend_sweep();
	if (request == LODGE_DEV_ATTACH)
		err = attach(s);
	else if (request == LODGE_DEV_DEVICE)
		err = look_at(s);
	else
		err = rescan(s);
	mutex_unlock(&lodge_backends_mutex);
	if (tells && copy_to_user(arg, s, sizeof(*s)))
		err = -EFAULT;
	kfree(s);
	return err;
}

static long limit_request(const void __user *arg)
{
	struct lodge_dev_limit l;
	long err;

	if (copy_from_user(&l, arg, sizeof(l)))
		return -EFAULT;
	mutex_lock(&lodge_backends_mutex);
	lodge_backend_sweep();
	err = limit(&l);
	mutex_unlock(&lodge_backends_mutex);
	return err;
}

long lodge_backend_ioctl(unsigned int request, void __user *arg)
{
	if (!lodge_backends_wq)
		return -ENODEV;
	switch (request) {
	case LODGE_DEV_ATTACH:
	case LODGE_DEV_DETACH:
	case LODGE_DEV_DEVICE:
	case LODGE_DEV_RESCAN:
		return device_request(request, arg);
	case LODGE_DEV_LIMIT:
		return limit_request(arg);
	default:
		return -ENOTTY;
	}
}
