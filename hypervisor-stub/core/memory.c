// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of a domain: the frames that it has, gives back and gets.
 *
 * mem_frames is what the domain's p2m names of its own, changed atomically:
 * a frame is counted before it is allocated and until it is retired, so the
 * maximum holds at every moment. A frame goes back in four steps, each of
 * which is over before the next begins: out of the p2m, out of the shadows,
 * a grace period (retire.c), and then anybody may have it. It is cleared when
 * the next domain gets it.
 *
 * Reported memory stays counted, for the domain may touch it whenever it likes;
 * only its frames go. mem_reported says how many those are.
 */
#include <lodge/memory.h>
#include "domain.h"
#include "frame.h"
#include "printk.h"
#include "string.h"
#include "time.h"

#define LARGE_AT_ONCE 8 /* pieces of 2 MiB, whose clearing takes its time */
#define SMALL_AT_ONCE 512
#define RETIRED_MAX 4096 /* frames in grace periods: then wait for some */
#define STARVED_TELL 10000000000UL /* ns between two messages */
#define CHUNK 64 /* entries copied from the guest at a time */

/* False, and nothing is charged, if the domain would have more than it may. */
static bool charge(struct domain *d, unsigned int order)
{
	u64 had = READ_ONCE(d->mem_frames), n = 1UL << order;

	do {
		if (had + n > READ_ONCE(d->mem_max))
			return false;
	} while (!__atomic_compare_exchange_n(&d->mem_frames, &had, had + n,
					      false, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return true;
}

static void uncharge(struct domain *d, unsigned int order)
{
	__atomic_fetch_sub(&d->mem_frames, 1UL << order, __ATOMIC_RELAXED);
}

/* Whatever is dense needs 1/512 of its memory for the tables of its p2m. */
bool memory_set_max(struct domain *d, u64 frames)
{
	u64 old = d->mem_max;

	WRITE_ONCE(d->mem_max, frames);
	if (!shadow_set_limit(d)) {
		WRITE_ONCE(d->mem_max, old);
		shadow_set_limit(d);
		return false;
	}
	/* The control domain has devices, and maps what it likes of others. */
	d->p2m.table_max = frames / 64 + 1024;
	if (d->privileged)
		d->p2m.table_max += 2048 + frame_total_count() / 512;
	return true;
}

static s64 populate(struct domain *d, gpa_t gpa, unsigned int order)
{
	const u64 size = PAGE_SIZE << order;
	struct p2m_entry e;
	mpa_t mpa = 0;
	s64 err;

	/* What cannot succeed shall not take another vCPU's last frames. */
	if (gpa & (size - 1) || gpa >= P2M_LIMIT)
		return -LODGE_EINVAL;
	if (p2m_get(&d->p2m, gpa, &e) || p2m_reported(&d->p2m, gpa))
		return -LODGE_EEXIST;
	if (READ_ONCE(d->mem_retired) > RETIRED_MAX)
		return -LODGE_EAGAIN;
	if (!charge(d, order))
		return -LODGE_ENOSPC;
	if (!d->privileged)
		mpa = frame_alloc(order, d->id);
	else if (frame_claim(gpa, gpa + size, d->id)) /* one to one */
		mpa = gpa;
	if (!mpa) {
		uncharge(d, order);
		return frame_retired() ? -LODGE_EAGAIN : -LODGE_ENOMEM;
	}
	memset(mpa_to_virt(mpa), 0, size);
	err = p2m_map(&d->p2m, gpa, mpa, order, 0);
	if (err) {
		frame_free(mpa, order);
		uncharge(d, order);
	}
	return err;
}

/* In pieces of 2 MiB as long as there are any. */
s64 memory_populate(struct domain *d, gpa_t gpa, u64 frames)
{
	unsigned int order, large = 0, n = 0;
	u64 done = 0;
	s64 err = 0;

	while (done < frames && large < LARGE_AT_ONCE && n++ < SMALL_AT_ONCE) {
		order = LARGE_ORDER;
		err = -LODGE_ENOMEM;
		if (!(gpa & (LARGE_SIZE - 1)) && (frames - done) >> order)
			err = populate(d, gpa, order);
		if (err) {
			order = 0;
			err = populate(d, gpa, order);
		}
		if (err)
			break;
		large += order != 0;
		done += 1UL << order;
		gpa += PAGE_SIZE << order;
	}
	return done ? (s64)done : err;
}

/* A reported piece of memory gets a frame. */
static bool back(struct domain *d, gpa_t gpa, unsigned int order)
{
	const u64 size = PAGE_SIZE << order;
	mpa_t mpa = READ_ONCE(d->mem_retired) > RETIRED_MAX ?
			    0 :
			    frame_alloc(order, d->id);

	if (!mpa)
		return false;
	memset(mpa_to_virt(mpa), 0, size);
	if (p2m_map(&d->p2m, gpa & -size, mpa, order, P2M_REPORTED)) {
		frame_free(mpa, order);
		return false;
	}
	__atomic_fetch_sub(&d->mem_reported, 1UL << order, __ATOMIC_RELAXED);
	return true;
}

s64 memory_demand(struct domain *d, gpa_t gpa)
{
	u64 size = p2m_reported(&d->p2m, gpa);

	if ((size > PAGE_SIZE && back(d, gpa, LARGE_ORDER)) ||
	    (size && back(d, gpa, 0)) ||
	    p2m_lookup(&d->p2m, gpa) != INVALID_MPA) /* by another vCPU */
		return 0;
	if (!size)
		return -LODGE_EFAULT;
	if (!d->starved || time_now() - d->starved > STARVED_TELL) {
		d->starved = time_now();
		printk("lodge: domain %s waits for memory\n", d->name);
	}
	return -LODGE_ENOMEM;
}

mpa_t memory_pin(struct domain *d, gpa_t gpa)
{
	mpa_t mpa = p2m_pin(&d->p2m, gpa);

	if (mpa == INVALID_MPA && !memory_demand(d, gpa))
		mpa = p2m_pin(&d->p2m, gpa);
	return mpa;
}

/* RELEASE, or REPORT with kind P2M_REPORTED. */
static s64 give(struct domain *d, gpa_t gpa, unsigned int order, u64 kind,
		u32 *list)
{
	s64 err, n = 1L << order;
	mpa_t mpa;

	if (kind && d->privileged)
		return -LODGE_EPERM;
	err = p2m_unmap(&d->p2m, gpa, order, kind, &mpa);
	if (err)
		return err;
	if (mpa != INVALID_MPA)
		frame_push(list, mpa);
	if ((mpa == INVALID_MPA) == !kind)
		__atomic_fetch_add(&d->mem_reported, kind ? n : -n,
				   __ATOMIC_RELAXED);
	if (mpa == INVALID_MPA && !kind)
		uncharge(d, order);
	return 0;
}

/* What was taken out of the p2m goes on its way. */
static void retire(struct vcpu *v, u32 list, bool charged)
{
	unsigned int order;
	mpa_t mpa;

	if (!list)
		return;
	shadow_flush_all(v);
	while ((mpa = frame_pop(&list, &order))) {
		__atomic_fetch_add(&v->domain->mem_retired, 1UL << order,
				   __ATOMIC_RELAXED);
		frame_retire(mpa, order);
		if (!charged)
			uncharge(v->domain, order);
	}
}

static s64 change(struct vcpu *v, u64 op, gpa_t gpa, u64 count)
{
	const u64 kind = op == LODGE_MEMORY_REPORT ? P2M_REPORTED : 0;
	unsigned int order, large = 0;
	u64 entry[CHUNK], i, e;
	u32 list = 0;
	s64 err = 0;

	for (i = 0; i < count && large < LARGE_AT_ONCE; i++) {
		if (!(i % CHUNK) &&
		    copy_from_guest(v->domain, entry, gpa + i * sizeof(e),
				    MIN(count - i, CHUNK) * sizeof(e))) {
			err = -LODGE_EFAULT;
			break;
		}
		e = entry[i % CHUNK];
		order = e & LODGE_MEMORY_LARGE ? LARGE_ORDER : 0;
		large += order != 0;
		e &= ~(u64)LODGE_MEMORY_LARGE;
		if (op == LODGE_MEMORY_POPULATE)
			err = populate(v->domain, e, order);
		else
			err = give(v->domain, e, order, kind, &list);
		if (err)
			break;
	}
	retire(v, list, kind);
	return i ? (s64)i : err;
}

s64 do_memory(struct vcpu *v, u64 op, gpa_t gpa, u64 count)
{
	struct lodge_memory_info info = {
		.frames = READ_ONCE(v->domain->mem_frames),
		.max_frames = READ_ONCE(v->domain->mem_max),
		.reported_frames = READ_ONCE(v->domain->mem_reported),
	};

	if (op > LODGE_MEMORY_REPORT)
		return -LODGE_ENOSYS;
	if (op == LODGE_MEMORY_INFO)
		return count ? -LODGE_EINVAL :
			       copy_to_guest(v->domain, gpa, &info,
					     sizeof(info));
	if (!count || count > LODGE_MEMORY_MAX || gpa & 7 ||
	    (gpa & ~PAGE_MASK) + count * 8 > PAGE_SIZE)
		return -LODGE_EINVAL;
	return change(v, op, gpa, count);
}
