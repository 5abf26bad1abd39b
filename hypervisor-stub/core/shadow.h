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

/* A guest top-level table and the shadow of its user half. */
struct root {
	gpa_t gpa;
	struct domain *domain;
	struct spinlock lock; /* user half: master and all below it */
	u64 *master; /* level-4 page; slots 0..255 are the truth */
	mpa_t l4[LODGE_MAX_VCPUS]; /* private top-level tables; 0: none */
	struct list hash, all; /* shadow.roots_lock */
	bool dropped; /* no longer in the hash; roots_lock */
	u32 users; /* vCPUs that have it loaded or cached; roots_lock */
	u32 pages; /* shadow pages below master; lock */
};

/* Per domain. */
struct shadow {
	struct spinlock roots_lock; /* hash, list, users */
	struct list hash[ROOT_HASH_SIZE];
	struct list all; /* oldest load first */
	u32 root_count;

	struct spinlock kernel_lock; /* kernel half */
	u64 *kernel; /* level-4 page; slots 272..511 are the truth */
	u32 kernel_pages;

	u64 page_count, page_limit; /* atomic; frames in use and allowed */
	u64 reclaims;
};

/* What a guest table walk found; levels as in the manuals, 1 is the last. */
struct guest_walk {
	int level; /* of the leaf; 0: not present somewhere */
	u64 entry; /* the leaf as read */
	u64 *ptr; /* where it stands, in hypervisor memory */
	u64 perm; /* PTE_W | PTE_U | PTE_NX of all levels together */
	gpa_t gpa; /* that va translates to */
	u64 *path[5]; /* entries by level, 4 down to level */
	u64 upper; /* perm of the levels above the leaf's table */
};

enum fault_result {
	FAULT_FILLED, /* the shadow allows the access now: go on */
	FAULT_GUEST, /* the guest's tables forbid it: inject #PF */
	FAULT_NOMEM, /* no shadow memory at all: the domain must die */
	FAULT_BAD_GPA, /* the guest's entry names no RAM: #PF with RSVD */
};

int shadow_init(struct domain *d);
void shadow_destroy(struct domain *d);
/*
 * Resolves a fault of v's current root. error: as the processor pushed it;
 * *guest_error: what to inject. user: the access has user rights.
 */
enum fault_result shadow_fault(struct vcpu *v, gva_t va, u32 error,
			       u32 *guest_error);
/* Makes the root at gpa current; 0, -EINVAL, -EFAULT, -ENOMEM. */
int shadow_load_root(struct vcpu *v, gpa_t gpa);
/* LODGE_HC_FLUSH and LODGE_HC_DROP_ROOT. */
int shadow_flush(struct vcpu *v, u64 flags, gpa_t root, gva_t start,
		 gva_t end);
int shadow_drop_root(struct vcpu *v, gpa_t root);
/* The top-level table to load for v, after it left the guest with cr3. */
void shadow_sync_root(struct vcpu *v, mpa_t cr3);
mpa_t shadow_cr3(struct vcpu *v);

/* walk.c: walks the guest's tables from root. */
bool guest_walk(struct domain *d, gpa_t root, gva_t va, struct guest_walk *w);

/* audit.c: differences between shadows and tables; debug builds. */
u64 shadow_audit(struct domain *d, bool print);

#endif
