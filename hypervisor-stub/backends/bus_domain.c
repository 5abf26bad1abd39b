// SPDX-License-Identifier: GPL-2.0
/*
 * The control domain's bus: which domains have devices, and the directories in
 * which they find them. A directory has one writer, this file, and is granted
 * to its domain for reading. All is under lodge_backends_mutex.
 *
 * Devices go when their domain has ended. Nothing tells of that for sure, so it
 * is looked for whenever a front-end vanishes and whenever somebody asks.
 */
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include <asm/lodge.h>

#include <lodge/control.h>

#include "bus.h"

struct device_domain {
	struct list_head list; /* ascending by domid */
	struct list_head devices; /* ascending by type and index */
	unsigned int domid;
	unsigned int count; /* of devices */
	struct lodge_directory *directory;
	u32 ref;
};

static LIST_HEAD(domains);
static u32 incarnation;

/* --- domains --- */

static bool domain_lives(unsigned int domid)
{
	struct lodge_domain_info *info = (void *)get_zeroed_page(GFP_KERNEL);
	long err;
	bool lives;

	if (!info)
		return true; /* who knows */
	err = lodge_control(LODGE_CONTROL_INFO, domid, info, 0, 0);
	lives = !err && info->state < LODGE_DOMAIN_ENDING;
	free_page((unsigned long)info);
	return lives;
}

/* Tells the domain where its directory is, and that it has changed. */
static long tell(const struct device_domain *d)
{
	return lodge_control(LODGE_CONTROL_DEVICES, d->domid, NULL, d->ref, 0);
}

static struct device_domain *find_domain(unsigned int domid)
{
	struct device_domain *d;

	list_for_each_entry(d, &domains, list)
		if (d->domid == domid)
			return d;
	return NULL;
}

static void free_domain(struct device_domain *d)
{
	if (!list_empty(&d->list))
		list_del(&d->list);
	if (d->ref)
		lodge_grant_end(d->ref, virt_to_page(d->directory));
	else
		free_page((unsigned long)d->directory);
	kfree(d);
}

static struct device_domain *make_domain(unsigned int domid)
{
	struct device_domain *d, *next;
	long err = -ENOMEM;

	if (!domain_lives(domid))
		return ERR_PTR(-ENOENT);
	d = kzalloc(sizeof(*d), GFP_KERNEL);
	if (!d)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&d->list);
	INIT_LIST_HEAD(&d->devices);
	d->domid = domid;
	d->directory = (void *)get_zeroed_page(GFP_KERNEL);
	if (!d->directory)
		goto fail;
	d->directory->version = LODGE_BUS_VERSION;
	d->ref = lodge_grant(domid, virt_to_phys(d->directory), false);
	err = d->ref ? tell(d) : -ENOSPC;
	if (err)
		goto fail;
	list_for_each_entry(next, &domains, list)
		if (next->domid > domid)
			break;
	list_add_tail(&d->list, &next->list);
	return d;
fail:
	free_domain(d);
	return ERR_PTR(err);
}

/* --- directories --- */

static void write_slot(struct device_domain *d, unsigned int slot,
		       const struct lodge_device_slot *value)
{
	struct lodge_directory *dir = d->directory;

	WRITE_ONCE(dir->sequence, dir->sequence + 1);
	smp_wmb(); /* before the slot */
	dir->slot[slot] = *value;
	/* Pairs with the acquire of a reader. */
	smp_store_release(&dir->sequence, dir->sequence + 1);
	tell(d);
}

static int free_slot(const struct device_domain *d)
{
	int i;

	for (i = 0; i < LODGE_DEVICE_SLOTS; i++)
		if (d->directory->slot[i].type == LODGE_DEVICE_NONE)
			return i;
	return -ENOSPC;
}

/* --- devices --- */

static u64 place(unsigned int domid, unsigned int type, unsigned int index)
{
	return (u64)domid << 32 | type << 16 | index;
}

static u64 place_of(const struct lodge_backend *b)
{
	return place(b->domid, b->type, b->index);
}

struct lodge_backend *lodge_backend_next(unsigned int domid, unsigned int type,
					 unsigned int index)
{
	struct device_domain *d;
	struct lodge_backend *b;

	list_for_each_entry(d, &domains, list) {
		if (d->domid < domid)
			continue;
		list_for_each_entry(b, &d->devices, list)
			if (place_of(b) >= place(domid, type, index))
				return b;
	}
	return NULL;
}

struct lodge_backend *lodge_backend_find(unsigned int domid, unsigned int type,
					 unsigned int index)
{
	struct lodge_backend *b = lodge_backend_next(domid, type, index);

	return b && place_of(b) == place(domid, type, index) ? b : NULL;
}

void lodge_backend_for_all(void (*fn)(struct lodge_backend *b, void *data),
			   void *data)
{
	struct device_domain *d;
	struct lodge_backend *b;

	list_for_each_entry(d, &domains, list)
		list_for_each_entry(b, &d->devices, list)
			fn(b, data);
}

int lodge_backend_add(struct lodge_backend *b)
{
	struct lodge_device_slot slot = {
		.type = b->type,
		.index = b->index,
		.page_ref = b->page_ref,
	};
	struct device_domain *d = find_domain(b->domid) ?:
							  make_domain(b->domid);
	struct lodge_backend *next;
	int at;

	if (IS_ERR(d))
		return PTR_ERR(d);
	at = free_slot(d);
	if (at < 0)
		return at;
	list_for_each_entry(next, &d->devices, list)
		if (place_of(next) > place_of(b))
			break;
	list_add_tail(&b->list, &next->list);
	d->count++;
	b->slot = at;
	slot.incarnation = b->incarnation = ++incarnation;
	strscpy(slot.label, b->spec.label, sizeof(slot.label));
	write_slot(d, at, &slot);
	return 0;
}

void lodge_backend_remove(struct lodge_backend *b)
{
	static const struct lodge_device_slot none;
	struct device_domain *d = find_domain(b->domid);

	write_slot(d, b->slot, &none);
	list_del(&b->list);
	d->count--;
	lodge_backend_end(b);
}

/* --- domains that have ended, devices that have closed --- */

void lodge_backend_sweep(void)
{
	struct device_domain *d, *next_domain;
	struct lodge_backend *b, *next;

	list_for_each_entry_safe(d, next_domain, &domains, list) {
		bool lives = domain_lives(d->domid);

		list_for_each_entry_safe(b, next, &d->devices, list)
			if (!lives || test_bit(BACKEND_CLOSED, &b->flags))
				lodge_backend_remove(b);
		if (!lives)
			free_domain(d);
	}
	wake_up_all(&lodge_backends_wait);
}

static void sweep_work(struct work_struct *work)
{
	mutex_lock(&lodge_backends_mutex);
	lodge_backend_sweep();
	mutex_unlock(&lodge_backends_mutex);
}
static DECLARE_WORK(sweep, sweep_work);

void lodge_backend_sweep_later(void)
{
	queue_work(lodge_backends_wq, &sweep);
}
