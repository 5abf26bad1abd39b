// SPDX-License-Identifier: GPL-2.0
/*
 * Roots: the guest top-level tables that a domain's vCPUs use.
 *
 * A root has one master for its user half and, for each vCPU that loads it, a
 * private hardware top-level table (R1): slots 0..255 copied from the master,
 * 272..511 from the domain's kernel half, 256 the vCPU's entry area. Copies
 * are brought up to date by faults, and entries are taken out of them at once
 * (tree.c). Slot 257, never present, holds the address of the struct root, by
 * which an entry finds out what the stub has loaded meanwhile.
 *
 * v->root is written by the processor that runs v, on leaving the guest or
 * with roots_lock held. So after a shootdown under roots_lock, with the stub's
 * caches emptied of a root, nobody has it loaded unless v->root says so.
 */
#include "../x86/cpu.h"
#include "../x86/entry.h"
#include "frame.h"
#include "printk.h"
#include "shadow_tree.h"
#include "string.h"

#define SLOT_AREA 256
#define SLOT_ROOT 257
#define SLOT_KERNEL (LODGE_SLOT_LAST + 1)

#define TABLE_FLAGS (PTE_P | PTE_W | PTE_A | PTE_D)

static unsigned int root_hash(gpa_t gpa)
{
	return (gpa >> PAGE_SHIFT) * 0x9e3779b97f4a7c15UL >> 56;
}

static __hot struct root *root_find(struct shadow *s, gpa_t gpa)
{
	struct root *r;

	list_for_each(r, &s->hash[root_hash(gpa)], hash)
		if (r->gpa == gpa)
			return r;
	return NULL;
}

static struct root *root_create(struct domain *d, gpa_t gpa)
{
	struct shadow *s = &d->shadow;
	u64 *master = shadow_page_alloc(d);
	struct root *r;

	if (!master)
		return NULL;
	r = (struct root *)&master[256];
	r->gpa = gpa;
	r->domain = d;
	r->master = master;
	r->flushed = READ_ONCE(s->flush_gen); /* all that it will read is new */
	spin_init(&r->lock, LOCK_ROOT);
	list_add(&s->hash[root_hash(gpa)], &r->hash);
	list_add_tail(&s->all, &r->all);
	s->root_count++;
	return r;
}

/* The private table of r for v; the first one finds some leaves made. */
static bool root_attach(struct root *r, struct vcpu *v, bool fresh)
{
	struct shadow *s = &r->domain->shadow;
	u64 *l4;

	if (r->l4[v->id])
		return true;
	l4 = shadow_page_alloc(r->domain);
	if (!l4)
		return false;
	l4[SLOT_AREA] = virt_to_mpa(v->arch.area.l3) | TABLE_FLAGS;
	l4[SLOT_ROOT] = (u64)r;
	spin_lock(&r->lock);
	if (fresh) {
		struct tree t = tree_of(r->domain, r, r->gpa);

		tree_prefill(&t, &v->counters);
	}
	memcpy(l4, r->master, SLOT_AREA * sizeof(*l4));
	spin_lock(&s->kernel_lock);
	memcpy(&l4[SLOT_KERNEL], &s->kernel[SLOT_KERNEL],
	       (512 - SLOT_KERNEL) * sizeof(*l4));
	spin_unlock(&s->kernel_lock);
	r->l4[v->id] = virt_to_mpa(l4);
	spin_unlock(&r->lock);
	return true;
}

/* Lets the stub load r on v by itself. v is not in the guest. */
static void cache_add(struct root *r, struct vcpu *v)
{
	struct entry_root *cache = v->arch.area.cfg->root;
	unsigned int i;

	for (i = 0; i < CFG_ROOT_COUNT; i++)
		if (cache[i].hardware == r->l4[v->id])
			return;
	i = v->arch.cache_next++ % CFG_ROOT_COUNT;
	cache[i].guest = r->gpa;
	cache[i].hardware = r->l4[v->id];
}

/*
 * Takes r out of all stubs' caches. A stub that is looking at the very entry
 * may still load it once; the shootdown that follows ends that.
 */
static void cache_remove(struct domain *d, const struct root *r)
{
	unsigned int i, j;

	for (i = 0; i < d->vcpu_count; i++) {
		struct entry_root *cache = d->vcpu[i]->arch.area.cfg->root;

		for (j = 0; j < CFG_ROOT_COUNT; j++)
			if (cache[j].hardware &&
			    (!r || cache[j].guest == r->gpa))
				WRITE_ONCE(cache[j].hardware, 0);
	}
}

bool root_in_use(struct domain *d, const struct root *r)
{
	unsigned int i;

	for (i = 0; i < d->vcpu_count; i++)
		if (READ_ONCE(d->vcpu[i]->root) == r)
			return true;
	return false;
}

/* roots_lock is held, no vCPU has r loaded or can load it. */
static void root_free(struct root *r)
{
	struct domain *d = r->domain;
	struct tree t = tree_of(d, r, r->gpa);
	struct garbage g;
	unsigned int i;

	garbage_init(&g, d);
	list_del(&r->hash);
	list_del(&r->all);
	d->shadow.root_count--;
	spin_lock(&r->lock);
	tree_clear(&t, 0, 255, &g);
	/* nobody can walk these pages any more: no shootdown */
	for (i = 0; i < g.count; i++)
		shadow_page_free(d, g.page[i]);
	for (i = 0; i < d->vcpu_count; i++)
		if (r->l4[i])
			shadow_page_free(d, mpa_to_virt(r->l4[i]));
	spin_unlock(&r->lock);
	shadow_page_free(d, r->master);
}

s64 shadow_drop_root(struct vcpu *v, gpa_t gpa)
{
	struct domain *d = v->domain;
	struct shadow *s = &d->shadow;
	struct root *r;
	s64 err = 0;

	spin_lock(&s->roots_lock);
	r = root_find(s, gpa);
	if (!r) {
		err = -LODGE_ENOENT;
	} else {
		cache_remove(d, r);
		shootdown(d);
		if (root_in_use(d, r))
			err = -LODGE_EBUSY;
		else
			root_free(r);
	}
	spin_unlock(&s->roots_lock);
	if (!err)
		v->counters.root_drops++;
	return err;
}

/* Empties the user half of r or (NULL) the kernel half. */
static void clear_half(struct domain *d, struct root *r)
{
	struct tree t = tree_of(d, r, 0);
	struct garbage g;

	tree_lock(&t);
	garbage_init(&g, d);
	tree_clear(&t, r ? 0 : SLOT_KERNEL, r ? 255 : 511, &g);
	garbage_finish(&g);
	tree_unlock(&t);
}

/*
 * Frees shadow memory: the roots that were loaded longest ago; if there is
 * none, v's own user half and the kernel half. False if nothing was freed.
 */
bool shadow_reclaim(struct vcpu *v)
{
	struct domain *d = v->domain;
	struct shadow *s = &d->shadow;
	u64 before = READ_ONCE(s->page_count);
	u64 goal = s->page_limit - s->page_limit / 8;
	struct root *r, *tmp;

	s->reclaims++;
	spin_lock(&s->roots_lock);
	cache_remove(d, NULL);
	shootdown(d);
	list_for_each_safe(r, tmp, &s->all, all) {
		if (READ_ONCE(s->page_count) <= goal)
			break;
		if (!root_in_use(d, r))
			root_free(r);
	}
	spin_unlock(&s->roots_lock);
	if (READ_ONCE(s->page_count) < before)
		return true;

	if (v->root)
		clear_half(d, v->root);
	if (READ_ONCE(s->page_count) > goal)
		clear_half(d, NULL);
	return READ_ONCE(s->page_count) < before;
}

int __hot shadow_load_root(struct vcpu *v, gpa_t gpa)
{
	struct shadow *s = &v->domain->shadow;
	unsigned int tries;
	struct root *r;
	bool fresh;

	if (gpa & ~PAGE_MASK)
		return -LODGE_EINVAL;
	if (p2m_lookup(&v->domain->p2m, gpa) == INVALID_MPA)
		return -LODGE_EFAULT;
	for (tries = 0; tries < 4; tries++) {
		spin_lock(&s->roots_lock);
		r = root_find(s, gpa);
		fresh = !r;
		if (fresh) {
			r = root_create(v->domain, gpa);
			if (r)
				v->counters.root_creates++;
		}
		if (r && root_attach(r, v, fresh)) {
			list_del(&r->all);
			list_add_tail(&s->all, &r->all);
			cache_add(r, v);
			WRITE_ONCE(v->root, r);
			spin_unlock(&s->roots_lock);
			return 0;
		}
		spin_unlock(&s->roots_lock);
		if (!shadow_reclaim(v))
			break;
	}
	return -LODGE_ENOMEM;
}

void shadow_unload(struct vcpu *v)
{
	struct shadow *s = &v->domain->shadow;

	spin_lock(&s->roots_lock);
	memset(v->arch.area.cfg->root, 0, sizeof(v->arch.area.cfg->root));
	WRITE_ONCE(v->root, NULL);
	spin_unlock(&s->roots_lock);
}

void __hot shadow_sync_root(struct vcpu *v, mpa_t cr3)
{
	const u64 *l4 = pte_table(cr3);

	WRITE_ONCE(v->root, (struct root *)l4[SLOT_ROOT]);
}

gpa_t shadow_root_gpa(struct vcpu *v)
{
	struct shadow *s = &v->domain->shadow;
	gpa_t gpa;

	/* A root is not freed as long as any v->root names it. */
	spin_lock(&s->roots_lock);
	gpa = READ_ONCE(v->root) ? READ_ONCE(v->root)->gpa : 0;
	spin_unlock(&s->roots_lock);
	return gpa;
}

mpa_t __hot shadow_cr3(const struct vcpu *v)
{
	return v->root->l4[v->id];
}

struct root *shadow_get_root(struct domain *d, gpa_t gpa)
{
	struct root *r;

	spin_lock(&d->shadow.roots_lock);
	r = root_find(&d->shadow, gpa);
	if (r)
		spin_lock(&r->lock);
	spin_unlock(&d->shadow.roots_lock);
	return r;
}

/* 1/32 of memory shadows all of it 16 times over in full tables. */
bool shadow_set_limit(struct domain *d)
{
	u64 old = d->shadow.page_limit;
	u64 limit = READ_ONCE(d->mem_max) / 32 + 512 + 64 * d->vcpu_count;

	WRITE_ONCE(d->shadow.page_limit, limit);
	return frame_promise((s64)(limit - old)) || limit <= old;
}

int shadow_init(struct domain *d)
{
	struct shadow *s = &d->shadow;
	unsigned int i;

	spin_init(&s->roots_lock, LOCK_ROOTS);
	spin_init(&s->kernel_lock, LOCK_KERNEL);
	for (i = 0; i < ROOT_HASH_SIZE; i++)
		list_init(&s->hash[i]);
	list_init(&s->all);
	s->kernel = shadow_page_alloc(d);
	return s->kernel ? 0 : -LODGE_ENOMEM;
}

void shadow_destroy(struct domain *d)
{
	struct shadow *s = &d->shadow;
	struct root *r, *tmp;
	unsigned int i;

	frame_promise(-(s64)s->page_limit);
	s->page_limit = 0;
	if (!s->kernel)
		return;
	list_for_each_safe(r, tmp, &s->all, all)
		root_free(r);
	clear_half(d, NULL);
	for (i = SLOT_KERNEL; i < 512; i++)
		if (s->kernel[i] & PTE_P)
			shadow_page_free(d, pte_table(s->kernel[i]));
	shadow_page_free(d, s->kernel);
	s->kernel = NULL;
	if (s->page_count)
		printk("lodge: %s: %lu shadow pages lost\n", d->name,
		       s->page_count);
}
