// SPDX-License-Identifier: GPL-2.0
/* See usage.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <lodge/io/bus.h>
#include "usage.h"

static const struct usage *find(const struct usage_table *t, uint32_t domid)
{
	size_t i;

	for (i = 0; t && i < t->count; i++)
		if (t->u[i].d.domid == domid)
			return &t->u[i];
	return NULL;
}

static double percent(uint64_t now, uint64_t before, uint64_t ns)
{
	return ns && now > before ? 100.0 * (now - before) / ns : 0;
}

static void look(struct lodge *l, struct usage *u, const struct usage *before,
		 uint64_t ns)
{
	struct lodge_vcpu_info v;
	uint32_t i;

	for (i = 0; i < u->d.vcpu_count; i++) {
		struct vcpu_usage *n = &u->vcpu[i];

		if (lodge_vcpu(l, u->d.domid, i, &v))
			return; /* it ends */
		n->state = v.state;
		n->ran_ns = v.ran;
		n->stolen_ns = v.stolen;
		n->cpu =
			percent(v.ran, before ? before->vcpu[i].ran_ns : 0, ns);
		n->stolen = percent(v.stolen,
				    before ? before->vcpu[i].stolen_ns : 0, ns);
		u->cpu += n->cpu;
		u->stolen += n->stolen;
	}
}

static double rate(uint64_t now, uint64_t before, uint64_t ns)
{
	return ns && now > before ? 1e9 * (now - before) / ns : 0;
}

/* A kernel without devices has none to tell of. */
static void look_at_devices(struct lodge *l, struct usage *u,
			    const struct usage *before, uint64_t ns)
{
	struct lodge_dev_device d = { .domid = u->d.domid };

	for (; !lodge_device_next(l, &d) && d.domid == u->d.domid; d.index++) {
		if (d.type == LODGE_DEVICE_BLOCK)
			u->disk_bytes += d.stat[LODGE_DEV_READ_BYTES] +
					 d.stat[LODGE_DEV_WRITE_BYTES];
		else
			u->net_bytes += d.stat[LODGE_DEV_SENT_BYTES] +
					d.stat[LODGE_DEV_RECEIVED_BYTES];
	}
	u->disk = rate(u->disk_bytes, before ? before->disk_bytes : 0, ns);
	u->net = rate(u->net_bytes, before ? before->net_bytes : 0, ns);
}

int usage_take(struct lodge *l, const struct usage_table *before,
	       struct usage_table *now)
{
	const struct usage *old;
	struct usage *more;
	uint64_t ns;
	int err;

	*now = (struct usage_table){ 0 };
	err = lodge_machine(l, &now->machine);
	if (err)
		return err;
	now->time = now->machine.uptime;
	for (struct usage u = { 0 }; !lodge_next(l, u.d.domid, &u.d);) {
		more = realloc(now->u, (now->count + 1) * sizeof(u));
		if (!more) {
			usage_free(now);
			return -ENOMEM;
		}
		now->u = more;
		old = find(before, u.d.domid);
		ns = now->time - (old ? before->time : u.d.created);
		look(l, &u, old, ns);
		look_at_devices(l, &u, old, ns);
		now->u[now->count++] = u;
		u = (struct usage){ .d.domid = u.d.domid + 1 };
	}
	return 0;
}

void usage_free(struct usage_table *t)
{
	free(t->u);
	*t = (struct usage_table){ 0 };
}

static int compare(const void *a, const void *b, void *order)
{
	const struct usage *x = a, *y = b;

	switch (*(enum usage_order *)order) {
	case USAGE_CPU:
		if (x->cpu != y->cpu)
			return x->cpu < y->cpu ? 1 : -1;
		break;
	case USAGE_MEMORY:
		if (x->d.frames != y->d.frames)
			return x->d.frames < y->d.frames ? 1 : -1;
		break;
	case USAGE_NAME:
		return strcmp(x->d.name, y->d.name);
	case USAGE_ID:
		break;
	}
	return x->d.domid < y->d.domid ? -1 : 1;
}

void usage_sort(struct usage_table *t, enum usage_order order)
{
	if (t->count)
		qsort_r(t->u, t->count, sizeof(*t->u), compare, &order);
}
