// SPDX-License-Identifier: GPL-2.0
/*
 * Grants.
 *
 * Owns, of the domain that grants, the pinned pages of its table and a count
 * of uses for each reference; of the domain that maps, a table of its maps.
 * The entries are guest memory and change at any time: `access` is read once
 * and marked in use by a compare-and-exchange from just that value, `page` is
 * read once and believed only as far as the p2m of the granting domain goes.
 *
 * A use is: a count in `uses`, LODGE_GRANT_IN_USE in the entry as long as the
 * count is not 0, and a reference to the frame, which keeps the frame from
 * going back to the allocator (frame.c). The frame is found by p2m_pin(); who
 * unmaps gives the reference back when its shadows are flushed.
 *
 * Deaths. A map holds a reference to the granting domain's structure. When
 * that domain dies its table is taken down, so uses of it end without a trace,
 * and its frames stay for as long as they are mapped. When the mapping domain
 * dies its maps end here, and its p2m gives the frames back (domain.c).
 *
 * Locks: maps->lock of the caller, then table->lock of the other domain.
 */
#include <lodge/errno.h>
#include "domain.h"
#include "frame.h"
#include "grant.h"
#include "string.h"

#define REFS_PER_PAGE (PAGE_SIZE / sizeof(struct lodge_grant))
#define MAPS_PER_PIECE (PAGE_SIZE / sizeof(struct grant_map))
#define NO_HANDLE (~0U)
#define FLAGS_ALL (LODGE_GRANT_READ | LODGE_GRANT_WRITE)

struct grant_map {
	struct domain *owner; /* referenced; NULL: free */
	gpa_t gpa; /* in the p2m of the domain that maps */
	mpa_t mpa; /* pinned */
	u32 ref;
	u32 next; /* of a free one: the free handle behind it */
};

_Static_assert(LODGE_GRANT_MAPS % MAPS_PER_PIECE == 0, "whole pieces");
_Static_assert(LODGE_GRANT_CONTROL_MAPS / MAPS_PER_PIECE * sizeof(void *) <=
		       PAGE_SIZE,
	       "a page names all pieces");

void grant_init(struct domain *d)
{
	spin_init(&d->grants.lock, LOCK_GRANT_TABLE);
	spin_init(&d->grant_maps.lock, LOCK_GRANT_MAPS);
	d->grant_maps.free = NO_HANDLE;
}

static u32 maps_max(const struct domain *d)
{
	return d->privileged ? LODGE_GRANT_CONTROL_MAPS : LODGE_GRANT_MAPS;
}

/* All devices stand on its maps: others' RAM shall leave room for them. */
void grant_reserve(struct domain *d)
{
	frame_promise(maps_max(d) / MAPS_PER_PIECE + 1);
}

/* Of the frames that hold the counts of uses. */
static unsigned int uses_order(u32 pages)
{
	unsigned int order = 0;

	while (PAGE_SIZE << order < pages * REFS_PER_PAGE * sizeof(u16))
		order++;
	return order;
}

u64 grant_frames(const struct domain *d)
{
	const struct grant_maps *m = &d->grant_maps;

	return (d->grants.uses ? 1 << uses_order(d->grants.pages) : 0) +
	       READ_ONCE(m->pieces) + (m->piece ? 1 : 0);
}

/* --- the side that grants --- */

static s64 setup(struct domain *d, gpa_t gpa, u64 count)
{
	struct grant_table *t = &d->grants;
	u64 list[LODGE_GRANT_PAGES];
	unsigned int order;
	s64 err = 0;
	mpa_t uses;
	u32 n;

	if (!count || count > LODGE_GRANT_PAGES)
		return -LODGE_EINVAL;
	if (copy_from_guest(d, list, gpa, count * sizeof(list[0])))
		return -LODGE_EFAULT;
	order = uses_order(count);
	uses = frame_alloc(order, FRAME_DOM_NONE);
	if (!uses)
		return -LODGE_ENOMEM;
	memset(mpa_to_virt(uses), 0, PAGE_SIZE << order);
	spin_lock(&t->lock);
	if (t->uses)
		err = -LODGE_EEXIST;
	for (n = 0; n < count && !err; n++) {
		mpa_t mpa = p2m_pin(&d->p2m, list[n]);

		if (mpa == INVALID_MPA) {
			err = list[n] & ~PAGE_MASK ? -LODGE_EINVAL :
						     -LODGE_EFAULT;
			break;
		}
		t->page[n] = mpa_to_virt(mpa);
	}
	if (!err) {
		t->uses = mpa_to_virt(uses);
		t->pages = count;
	}
	while (err && err != -LODGE_EEXIST && n--)
		frame_unref(virt_to_mpa(t->page[n]));
	spin_unlock(&t->lock);
	if (err)
		frame_free(uses, order);
	return err;
}

/* The entry of ref; its table is locked and has it. */
static struct lodge_grant *entry_of(struct grant_table *t, u32 ref)
{
	return &t->page[ref / REFS_PER_PAGE][ref % REFS_PER_PAGE];
}

static s64 check_and_mark(struct grant_table *t, u32 ref, u32 domid, u32 want,
			  gpa_t *page)
{
	struct lodge_grant *e = entry_of(t, ref);
	u64 access = __atomic_load_n(&e->access, __ATOMIC_ACQUIRE);

	if (access >> 32 != domid || (access & want) != want ||
	    t->uses[ref] == UINT16_MAX)
		return -LODGE_EPERM;
	*page = READ_ONCE(e->page);
	if (!__atomic_compare_exchange_n(&e->access, &access,
					 access | LODGE_GRANT_IN_USE, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		return -LODGE_EAGAIN;
	t->uses[ref]++;
	return 0;
}

static void unmark(struct grant_table *t, u32 ref)
{
	if (!--t->uses[ref])
		__atomic_fetch_and(&entry_of(t, ref)->access,
				   ~(u64)LODGE_GRANT_IN_USE, __ATOMIC_SEQ_CST);
}

/* Begins a use of owner's ref by domain domid: *mpa is the frame, pinned. */
static s64 use(struct domain *owner, u32 ref, u32 domid, u32 want, mpa_t *mpa)
{
	struct grant_table *t = &owner->grants;
	gpa_t page;
	s64 err;

	spin_lock(&t->lock);
	err = -LODGE_ENOENT;
	if (ref / REFS_PER_PAGE < t->pages)
		err = check_and_mark(t, ref, domid, want, &page);
	if (!err) {
		*mpa = memory_pin(owner, page);
		if (*mpa == INVALID_MPA) {
			unmark(t, ref);
			err = -LODGE_EFAULT;
		}
	}
	spin_unlock(&t->lock);
	return err;
}

/* Ends it, but for the reference to the frame. */
static void unuse(struct domain *owner, u32 ref)
{
	struct grant_table *t = &owner->grants;

	spin_lock(&t->lock);
	if (t->pages)
		unmark(t, ref);
	spin_unlock(&t->lock);
}

/* Lock: t. */
static s64 pass_on(struct grant_table *t, u32 ref, u64 domid, u64 to)
{
	u64 access, *slot;

	if (ref / REFS_PER_PAGE >= t->pages)
		return -LODGE_ENOENT;
	slot = &entry_of(t, ref)->access;
	access = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
	if (access >> 32 != domid || !(access & LODGE_GRANT_PASS_ON))
		return -LODGE_EPERM;
	if (t->uses[ref])
		return -LODGE_EBUSY;
	if (!__atomic_compare_exchange_n(slot, &access, (u32)access | to << 32,
					 false, __ATOMIC_SEQ_CST,
					 __ATOMIC_RELAXED))
		return -LODGE_EAGAIN;
	return 0;
}

static s64 transfer(struct domain *d, const struct lodge_grant_transfer *op)
{
	struct domain *owner;
	s64 err;

	if (!op->to || op->to > LODGE_DOMID_MAX)
		return -LODGE_EINVAL;
	owner = domain_get(op->domid);
	if (!owner)
		return -LODGE_ENOENT;
	spin_lock(&owner->grants.lock);
	err = pass_on(&owner->grants, op->ref, d->id, op->to);
	spin_unlock(&owner->grants.lock);
	domain_put(owner);
	return err;
}

/* --- the side that maps --- */

/* The map of that handle, NULL: there is none. Lock: m. */
static struct grant_map *map_of(struct grant_maps *m, u32 handle)
{
	if (handle / MAPS_PER_PIECE >= m->pieces)
		return NULL;
	return &m->piece[handle / MAPS_PER_PIECE][handle % MAPS_PER_PIECE];
}

static void *maps_page(struct domain *d)
{
	void *page = page_alloc();

	if (page && d->privileged)
		frame_promise(-1); /* of grant_reserve() */
	return page;
}

/* Sees to it that some handle is free. Lock: d's maps. */
static s64 grow(struct domain *d)
{
	struct grant_maps *m = &d->grant_maps;
	struct grant_map *piece;
	u32 i, first = m->pieces * MAPS_PER_PIECE;

	if (m->free != NO_HANDLE)
		return 0;
	if (first >= maps_max(d))
		return -LODGE_ENOSPC;
	if (!m->piece)
		m->piece = maps_page(d);
	piece = m->piece ? maps_page(d) : NULL;
	if (!piece)
		return -LODGE_ENOMEM;
	for (i = 0; i < MAPS_PER_PIECE; i++)
		piece[i].next = first + i + 1;
	piece[MAPS_PER_PIECE - 1].next = NO_HANDLE;
	m->piece[m->pieces] = piece;
	WRITE_ONCE(m->pieces, m->pieces + 1);
	m->free = first;
	return 0;
}

/*
 * For the control domain the address is the machine's, so that devices can be
 * told, and one entry serves all maps of a frame. It may write to all of them,
 * as it may to any memory of others.
 */
static s64 show(struct domain *d, gpa_t gpa, mpa_t mpa, u32 flags)
{
	if (d->privileged)
		return p2m_share(&d->p2m, mpa);
	return p2m_map(&d->p2m, gpa, mpa, 0,
		       P2M_FOREIGN |
			       (flags & LODGE_GRANT_WRITE ? 0 : P2M_READ_ONLY));
}

/* *stale: the shadows may still have it. */
static s64 hide(struct domain *d, gpa_t gpa, bool *stale)
{
	mpa_t mpa;

	if (d->privileged)
		return p2m_unshare(&d->p2m, gpa, stale);
	*stale = true;
	return p2m_unmap(&d->p2m, gpa, 0, P2M_FOREIGN, &mpa);
}

/* Lock: the caller's maps. */
static s64 map_locked(struct domain *d, struct domain *owner,
		      struct lodge_grant_map *op)
{
	struct grant_maps *m = &d->grant_maps;
	struct grant_map *map;
	mpa_t mpa;
	s64 err;

	err = grow(d);
	if (err)
		return err;
	err = use(owner, op->ref, d->id, op->flags, &mpa);
	if (err)
		return err;
	if (d->privileged)
		op->gpa = mpa;
	err = show(d, op->gpa, mpa, op->flags);
	if (err) {
		unuse(owner, op->ref);
		frame_unref(mpa);
		return err;
	}
	op->handle = m->free;
	map = map_of(m, m->free);
	m->free = map->next;
	m->count++;
	*map = (struct grant_map){
		.owner = owner, .gpa = op->gpa, .mpa = mpa, .ref = op->ref
	};
	return 0;
}

static s64 map(struct domain *d, struct lodge_grant_map *op)
{
	struct domain *owner;
	s64 err;

	if (op->flags & ~FLAGS_ALL || !(op->flags & LODGE_GRANT_READ))
		return -LODGE_EINVAL;
	owner = domain_get(op->domid);
	if (!owner)
		return -LODGE_ENOENT;
	spin_lock(&d->grant_maps.lock);
	err = map_locked(d, owner, op);
	spin_unlock(&d->grant_maps.lock);
	if (err)
		domain_put(owner);
	return err;
}

/* Takes the map, which *old is, out of table and p2m. *stale: as of hide(). */
static s64 unmap(struct domain *d, u32 handle, struct grant_map *old,
		 bool *stale)
{
	struct grant_maps *m = &d->grant_maps;
	s64 err = -LODGE_ENOENT;
	struct grant_map *map;

	spin_lock(&m->lock);
	map = map_of(m, handle);
	if (map && map->owner) {
		*old = *map;
		err = hide(d, old->gpa, stale);
		if (!err) {
			*map = (struct grant_map){ .next = m->free };
			m->free = handle;
			m->count--;
		}
	}
	spin_unlock(&m->lock);
	return err;
}

static void end_map(const struct grant_map *map)
{
	unuse(map->owner, map->ref);
	domain_put(map->owner);
}

static void unmap_all(struct vcpu *v, struct lodge_grant_unmap *op, u64 count)
{
	struct grant_map old[LODGE_GRANT_MAX];
	bool stale = false;
	u64 i, n = 0;

	for (i = 0; i < count; i++) {
		op[i].status = unmap(v->domain, op[i].handle, &old[n], &stale);
		n += !op[i].status;
	}
	if (stale)
		shadow_flush_all(v);
	for (i = 0; i < n; i++) {
		frame_unref(old[i].mpa);
		end_map(&old[i]);
	}
}

void grant_take_down(struct domain *d)
{
	struct grant_maps *m = &d->grant_maps;
	struct grant_table *t = &d->grants;
	unsigned int order = uses_order(t->pages);
	u32 i;

	for (i = 0; i < m->pieces * MAPS_PER_PIECE; i++)
		if (map_of(m, i)->owner)
			end_map(map_of(m, i)); /* the p2m has the frame */
	for (i = 0; i < m->pieces; i++)
		page_free(m->piece[i]);
	if (m->piece)
		page_free(m->piece);
	m->pieces = 0;
	m->piece = NULL;

	spin_lock(&t->lock);
	for (i = 0; i < t->pages; i++)
		frame_unref(virt_to_mpa(t->page[i]));
	t->pages = 0;
	if (t->uses)
		frame_free(virt_to_mpa(t->uses), order);
	t->uses = NULL;
	spin_unlock(&t->lock);
}

/* --- copies --- */

struct copy_side {
	struct domain *owner; /* NULL: the caller itself */
	mpa_t mpa; /* pinned */
};

static s64 begin_side(struct domain *d, const struct lodge_grant_side *s,
		      u32 want, struct copy_side *side)
{
	s64 err;

	side->owner = NULL;
	if (!s->domid) {
		side->mpa = memory_pin(d, s->gpa);
		return side->mpa == INVALID_MPA ? -LODGE_EFAULT : 0;
	}
	side->owner = domain_get(s->domid);
	if (!side->owner)
		return -LODGE_ENOENT;
	err = use(side->owner, s->ref, d->id, want, &side->mpa);
	if (err)
		domain_put(side->owner);
	return err;
}

static void end_side(const struct lodge_grant_side *s, struct copy_side *side)
{
	frame_unref(side->mpa);
	if (side->owner) {
		unuse(side->owner, s->ref);
		domain_put(side->owner);
	}
}

static s64 copy(struct domain *d, const struct lodge_grant_copy *op)
{
	struct copy_side from, to;
	s64 err;

	if (op->from.offset + (u64)op->length > PAGE_SIZE ||
	    op->to.offset + (u64)op->length > PAGE_SIZE)
		return -LODGE_EINVAL;
	err = begin_side(d, &op->from, LODGE_GRANT_READ, &from);
	if (err)
		return err;
	err = begin_side(d, &op->to, FLAGS_ALL, &to);
	if (!err) {
		if (from.mpa == to.mpa)
			err = -LODGE_EINVAL;
		else
			memcpy((u8 *)mpa_to_virt(to.mpa) + op->to.offset,
			       (u8 *)mpa_to_virt(from.mpa) + op->from.offset,
			       op->length);
		end_side(&op->to, &to);
	}
	end_side(&op->from, &from);
	return err;
}

/* --- the hypercall --- */

static const size_t entry_size[] = {
	[LODGE_GRANT_SETUP] = sizeof(u64),
	[LODGE_GRANT_MAP] = sizeof(struct lodge_grant_map),
	[LODGE_GRANT_UNMAP] = sizeof(struct lodge_grant_unmap),
	[LODGE_GRANT_COPY] = sizeof(struct lodge_grant_copy),
	[LODGE_GRANT_TRANSFER] = sizeof(struct lodge_grant_transfer),
};

s64 do_grant(struct vcpu *v, u64 op, gpa_t gpa, u64 count)
{
	union {
		struct lodge_grant_map map[LODGE_GRANT_MAX];
		struct lodge_grant_copy copy[LODGE_GRANT_MAX];
		struct lodge_grant_transfer transfer[LODGE_GRANT_MAX];
		struct lodge_grant_unmap unmap[LODGE_GRANT_MAX];
	} e;
	struct domain *d = v->domain;
	size_t size;
	u64 i;

	if (op >= ARRAY_SIZE(entry_size))
		return -LODGE_ENOSYS;
	size = entry_size[op];
	if (!count || count > LODGE_GRANT_MAX || gpa & 7 ||
	    (gpa & ~PAGE_MASK) + count * size > PAGE_SIZE)
		return -LODGE_EINVAL;
	if (op == LODGE_GRANT_SETUP)
		return setup(d, gpa, count);
	if (copy_from_guest(d, &e, gpa, count * size))
		return -LODGE_EFAULT;
	if (op == LODGE_GRANT_UNMAP)
		unmap_all(v, e.unmap, count);
	for (i = 0; i < count; i++) {
		if (op == LODGE_GRANT_MAP)
			e.map[i].status = map(d, &e.map[i]);
		else if (op == LODGE_GRANT_TRANSFER)
			e.transfer[i].status = transfer(d, &e.transfer[i]);
		else if (op == LODGE_GRANT_COPY)
			e.copy[i].status = copy(d, &e.copy[i]);
	}
	return copy_to_guest(d, gpa, &e, count * size);
}
