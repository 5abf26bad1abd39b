/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Domains and vCPUs.
 *
 * A domain is never freed while a processor runs one of its vCPUs. It dies in
 * two steps: domain_crash() or domain_shutdown() marks it; domain_reap(), in
 * each processor's exit loop, frees it when its last vCPU has been let go.
 */
#ifndef CORE_DOMAIN_H
#define CORE_DOMAIN_H

#include <lodge/errno.h>
#include <lodge/hypercall.h>
#include <lodge/vcpu.h>
#include "../x86/regs.h"
#include "../x86/vcpu_arch.h"
#include "cmdline.h"
#include "console.h"
#include "event.h"
#include "list.h"
#include "lock.h"
#include "p2m.h"
#include "sched.h"
#include "shadow.h"
#include "timer.h"
#include "types.h"

struct root;

enum domain_state {
	DOMAIN_BUILDING,
	DOMAIN_RUNNING,
	DOMAIN_DYING, /* no vCPU enters the guest any more */
	DOMAIN_DEAD, /* memory is gone */
};

struct vcpu {
	struct domain *domain;
	u32 id;

	/*
	 * Registers of the interrupted guest. Points into the vCPU's entry
	 * stack; valid while the vCPU is not in the guest. Checked before
	 * each return (x86/enter.c).
	 */
	struct regs *regs;
	/* The vCPU page. Hostile: every read once, every value checked. */
	struct lodge_vcpu_page *page;

	struct root *root; /* current root; changed by this vCPU alone */
	bool initialised; /* VCPU_INIT was done; domain->lock */
	bool kicked; /* KICK since the last WAIT */
	bool waiting; /* in a WAIT, which takes the kick with it */
	struct lodge_callbacks cb; /* checked copy */
	bool cb_valid;

	struct sched_vcpu sched;
	struct timer timer; /* LODGE_VIRQ_TIMER */
	u16 virq_port[LODGE_VIRQ_COUNT]; /* 0: not bound; domain->lock */

	gpa_t time_gpa, steal_gpa; /* 0: not registered */
	u32 time_version, steal_version;

	struct lodge_counters counters; /* written by this vCPU alone */
	struct vcpu_arch arch; /* descriptors, FPU, debug registers */
};

struct domain {
	u32 id; /* from 1 */
	char name[CMDLINE_NAME];
	struct list link; /* in the list of domains; LOCK_DOMAINS */

	struct spinlock lock; /* state, events, vCPU life cycle */
	enum domain_state state;
	char crash_reason[128]; /* "" unless it crashed */
	u32 shutdown_reason;

	u64 mem_frames;
	struct p2m p2m;
	struct shadow shadow;
	u64 audit_due; /* ns; of debug builds */

	u32 up_count; /* vCPUs that are up; lock */
	u32 vcpu_count;
	struct vcpu *vcpu[LODGE_MAX_VCPUS];

	struct event_port *ports; /* LODGE_EVENT_PORTS entries */
	struct lodge_shared *shared; /* guest page; NULL until registered */
	struct domain_console console;
};

extern struct list domain_list; /* running order of creation */
extern struct spinlock domains_lock;
/* Not yet dead; the start of the machine counts as one. domains_lock */
extern unsigned int domain_count;

/* Allocates an empty domain in state BUILDING; NULL: no memory. */
struct domain *domain_create(const char *name, u32 vcpus, u64 mem_frames);
/* Loads kernel and initrd and makes vCPU 0 runnable; NULL or an error text. */
const char *domain_build(struct domain *d, const struct domain_config *cfg,
			 const void *kernel, size_t kernel_size,
			 const void *initrd, size_t initrd_size);
/* No more domains will be started: when none is left, the machine ends. */
void domain_start_done(void);
/* Starts a built domain. */
void domain_start(struct domain *d);
/*
 * The guest broke a rule it cannot be told about: prints the reason with the
 * registers and stack of v, and stops the domain. v may be NULL.
 */
void domain_crash(struct domain *d, struct vcpu *v, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Orderly end; LODGE_SHUTDOWN_*. */
void domain_shutdown(struct domain *d, u32 reason);
/* One could not be started: the end of the machine shall show it. */
void domain_failed(void);
/* Frees a domain that was never started. */
void domain_discard(struct domain *d);
/* Frees the dying domains that no processor runs any more. No locks held. */
void domain_reap(void);

static inline bool domain_is_dying(const struct domain *d)
{
	return READ_ONCE(d->state) >= DOMAIN_DYING;
}

/*
 * Copy to and from guest-physical memory; ranges may cross pages.
 * 0 or -EFAULT (then a part may have been copied).
 */
int copy_from_guest(struct domain *d, void *dst, gpa_t gpa, size_t n);
int copy_to_guest(struct domain *d, gpa_t gpa, const void *src, size_t n);
/* Pointer to [gpa, gpa + n), which may not cross a page; or NULL. */
void *guest_ptr(struct domain *d, gpa_t gpa, size_t n);

/*
 * Guest-virtual access by the current root, as the guest kernel: only for
 * frames on its stack and for instructions it executed. 0 or -EFAULT.
 */
int copy_from_guest_va(struct vcpu *v, void *dst, gva_t va, size_t n);

/* An upcall can be delivered, or the kick of a WAIT has come: no sleep. */
bool vcpu_has_work(const struct vcpu *v);
/* An event became pending for v (bit and byte are set): wake or interrupt. */
void vcpu_notify(struct vcpu *v);
/* To the state that a vCPU starts with; v is offline. INIT sets what differs. */
void vcpu_reset(struct vcpu *v);
void vcpu_dump(struct vcpu *v);
void domain_counters(struct domain *d, struct lodge_counters *sum);

/* hypercall.c: as before SET_CALLBACKS; v does not run. */
void callbacks_reset(struct vcpu *v);
/* hypercall.c: dispatch by v->regs; sets the result. */
void hypercall(struct vcpu *v);

#endif
