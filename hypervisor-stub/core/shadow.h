/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shadow page tables: what the processor really walks while a guest runs.
 * See the essay at the top of shadow.c.
 */
#ifndef CORE_SHADOW_H
#define CORE_SHADOW_H

#include <lodge/abi.h>
#include "list.h"
#include "lock.h"
#include "types.h"

struct domain;
struct vcpu;

#define ROOT_HASH_SIZE 256

/*
 * A guest top-level table and the shadow of its user half. Lives in the
 * second half of its own master page, of which slots 0..255 are used.
 */
struct root {
	gpa_t gpa;
	struct domain *domain;
	struct spinlock lock; /* user half: master and all below it */
	u64 *master;
	mpa_t l4[LODGE_MAX_VCPUS]; /* private top-level tables; 0: none */
	struct list hash, all; /* shadow.roots_lock */
	u64 flushed; /* by flushes of everything up to this one; lock */
	bool foreign; /* may have leaves of P2M_FOREIGN; lock */
};

_Static_assert(sizeof(struct root) <= PAGE_SIZE / 2, "shares a page");

/* Per domain. */
struct shadow {
	struct spinlock roots_lock; /* hash, list, the stubs' caches */
	struct list hash[ROOT_HASH_SIZE];
	struct list all; /* oldest load first */
	u32 root_count;

	struct spinlock kernel_lock; /* kernel half */
	u64 *kernel; /* level-4 page; slots 272..511 are used */

	u64 page_count, page_limit; /* frames in use (atomic) and allowed */
	u64 reclaims;
	u64 flush_gen; /* flushes of everything that have begun; atomic */
};

/* What a guest table walk found; level 1 is the last. */
struct guest_walk {
	int level; /* of the leaf; 0: not present, or bad */
	bool bad; /* an entry names what is no RAM, or has reserved bits */
	u64 entry[5]; /* as read, by level, 4 down to the leaf's */
	u64 *ptr[5]; /* where they stand, in hypervisor memory */
	u64 perm; /* PTE_W | PTE_U | PTE_NX of all levels together */
	u64 upper; /* the same, of the levels above the leaf */
	gpa_t gpa; /* that va translates to */
};

enum fault_result {
	FAULT_FILLED, /* the shadow allows the access now: go on */
	FAULT_AGAIN, /* the entry was changed at that moment: look again */
	FAULT_GUEST, /* the guest's tables forbid it: inject #PF */
	FAULT_BAD_GPA, /* its entry names no RAM: #PF with RSVD */
	FAULT_WAIT, /* no frame for reported memory: try later */
	FAULT_NOMEM, /* no shadow memory at all: the domain must die */
};

/* 0 or -ENOMEM. */
int shadow_init(struct domain *d);
/* No vCPU of d runs, or will. */
void shadow_destroy(struct domain *d);
/*
 * Resolves a fault of v's current root. error: as the processor pushed it;
 * *guest_error: what to inject.
 */
enum fault_result shadow_fault(struct vcpu *v, gva_t va, u32 error,
			       u32 *guest_error);
/*
 * Makes the root at gpa v's current one; 0, -EINVAL, -EFAULT, -ENOMEM. v is
 * this processor's vCPU, or not up.
 */
int shadow_load_root(struct vcpu *v, gpa_t gpa);
/* v goes down: it has no root any more. */
void shadow_unload(struct vcpu *v);
/* LODGE_HC_FLUSH and LODGE_HC_DROP_ROOT. */
s64 shadow_flush(struct vcpu *v, u64 flags, gpa_t root, gva_t start, gva_t end);
s64 shadow_drop_root(struct vcpu *v, gpa_t gpa);
/* The p2m has lost entries, of v's domain: no shadow has them afterwards. */
void shadow_flush_all(struct vcpu *v);
/*
 * Takes out of all shadows of the control domain d what its p2m no longer
 * shows of others' frames. A grace period has passed since it did: no fill is
 * under way that has seen it there. Locks: below LOCK_ROOTS.
 */
void shadow_purge(struct domain *d);
/* v left the guest with table cr3: find out which root that is. */
void shadow_sync_root(struct vcpu *v, mpa_t cr3);
/* The guest's own top-level table that is v's current one; 0: none. */
gpa_t shadow_root_gpa(struct vcpu *v);
/*
 * d may have another amount of memory now; its shadows will find the frames
 * that they may need then. False: there are not enough for that.
 */
bool shadow_set_limit(struct domain *d);
/* The top-level table to enter v with. */
mpa_t shadow_cr3(const struct vcpu *v);

/* walk.c: walks the guest's tables from root; true if there is a leaf. */
bool guest_walk(struct domain *d, gpa_t root, gva_t va, struct guest_walk *w);

/* shootdown.c: no processor uses old translations of d when this returns. */
void shootdown(struct domain *d);

/* audit.c: checks all shadows against the guest's tables; debug builds. */
u64 shadow_audit(struct domain *d, bool print);
/* Audits d if the last audit is some time ago. No locks held. */
void audit_poll(struct domain *d);

#endif
