// SPDX-License-Identifier: GPL-2.0
/* Devices of the fake hypervisor's domains; see fake_lodge.h. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fake_lodge.h"

struct fake_device *fake_find_device(uint32_t domid, uint16_t type,
				     uint16_t index)
{
	for (unsigned int i = 0; i < FAKE_DEVICES; i++) {
		struct fake_device *f = &fake.device[i];

		if (f->there && f->d.domid == domid && f->d.type == type &&
		    f->d.index == index)
			return f;
	}
	return NULL;
}

static void remove_device(struct fake_device *f)
{
	if (f->file >= 0)
		close(f->file);
	f->there = false;
}

void fake_end_devices(uint32_t domid)
{
	for (unsigned int i = 0; i < FAKE_DEVICES; i++)
		if (fake.device[i].there && fake.device[i].d.domid == domid)
			remove_device(&fake.device[i]);
}

static int do_attach(struct lodge_dev_device *d)
{
	struct fake_device *f = NULL;
	struct stat st;

	if (!fake_find(d->domid))
		return -ENOENT;
	if (d->index == LODGE_DEV_ANY_INDEX)
		for (d->index = 0;
		     fake_find_device(d->domid, d->type, d->index);)
			d->index++;
	if (fake_find_device(d->domid, d->type, d->index))
		return -EEXIST;
	if (d->type == LODGE_DEVICE_BLOCK && fstat(d->fd, &st))
		return -EBADF;
	for (unsigned int i = 0; i < FAKE_DEVICES; i++)
		if (!fake.device[i].there)
			f = &fake.device[i];
	if (!f)
		return -ENOSPC;
	*f = (struct fake_device){ .there = true, .d = *d };
	f->d.back_state = LODGE_BACK_OFFERS;
	f->d.limit.domid = d->domid;
	f->d.limit.type = d->type;
	f->d.limit.index = d->index;
	f->d.fd = -1;
	f->file = d->type == LODGE_DEVICE_BLOCK ? dup(d->fd) : -1;
	fake.attached++;
	return 0;
}

static uint64_t place(const struct lodge_dev_device *d)
{
	return (uint64_t)d->domid << 32 | d->type << 16 | d->index;
}

static int do_next_device(struct lodge_dev_device *d)
{
	const struct lodge_dev_device *found = NULL;

	for (unsigned int i = 0; i < FAKE_DEVICES; i++) {
		const struct fake_device *f = &fake.device[i];

		if (f->there && place(&f->d) >= place(d) &&
		    (!found || place(&f->d) < place(found)))
			found = &f->d;
	}
	if (!found)
		return -ENOENT;
	*d = *found;
	return 0;
}

static int do_detach(struct fake_device *f, const struct lodge_dev_device *d)
{
	fake.last_timeout = d->timeout;
	if (f->kept && !(d->flags & LODGE_DEV_FORCE)) {
		f->d.back_state = LODGE_BACK_CLOSING;
		return -ETIMEDOUT;
	}
	remove_device(f);
	fake.detached++;
	return 0;
}

static int do_device(unsigned long request, struct lodge_dev_device *d)
{
	struct fake_device *f = fake_find_device(d->domid, d->type, d->index);

	if (request == LODGE_DEV_ATTACH)
		return do_attach(d);
	if (request == LODGE_DEV_DEVICE && d->flags & LODGE_DEV_NEXT)
		return do_next_device(d);
	if (!f)
		return -ENOENT;
	switch (request) {
	case LODGE_DEV_DEVICE:
		*d = f->d;
		return 0;
	case LODGE_DEV_DETACH:
		return do_detach(f, d);
	case LODGE_DEV_RESCAN:
		fake.rescanned++;
		return 0;
	default:
		return -ENOTTY;
	}
}

static int do_limit(const struct lodge_dev_limit *limit)
{
	struct fake_device *f =
		fake_find_device(limit->domid, limit->type, limit->index);

	if (!f)
		return -ENOENT;
	f->d.limit = *limit;
	fake.limited++;
	return 0;
}

/* Any but DEVICE can be made to fail, once. */
int fake_device_request(unsigned long request, void *arg)
{
	struct lodge_dev_device *d = arg;
	int err = fake.device_err;

	if (err && request != LODGE_DEV_DEVICE) {
		fake.device_err = 0;
		if (request == LODGE_DEV_ATTACH && fake.device_reason)
			strcpy(d->reason, fake.device_reason);
		return err;
	}
	return request == LODGE_DEV_LIMIT ? do_limit(arg) :
					    do_device(request, arg);
}
