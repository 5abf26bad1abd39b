/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Domains and vCPUs.
 *
 * A domain is never freed while a processor runs one of its vCPUs or holds a
 * pointer to it. It dies in two steps: domain_crash() or domain_shutdown()
 * marks it; domain_reap(), in each processor's exit loop, takes it down when
 * its last vCPU has been let go. What one may keep, and how: domain.c.
 */
#ifndef CORE_DOMAIN_H
#define CORE_DOMAIN_H

#include <lodge/errno.h>
#include <lodge/hypercall.h>
#include <lodge/start.h>
#include <lodge/vcpu.h>
#include "../x86/regs.h"
#include "../x86/vcpu_arch.h"
#include "cmdline.h"
#include "console.h"
#include "event.h"
#include "grant.h"
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
	DOMAIN_ENDED, /* kept for the control domain: none ever will */
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
	u16 virq_port[LODGE_VIRQ_COUNT]; /* 0: not bound; ports_lock */

	gpa_t time_gpa, steal_gpa; /* 0: not registered */
	u32 time_version, steal_version;

	struct lodge_counters counters; /* written by this vCPU alone */
	struct vcpu_arch arch; /* descriptors, FPU, debug registers */
};

struct domain {
	u32 id; /* 1 to LODGE_DOMID_MAX */
	char name[CMDLINE_NAME];
	struct list link; /* in the list of domains; LOCK_DOMAINS */
	struct domain *next_by_id; /* of domain_find(); written by LOCK_DOMAINS */
	bool findable; /* is in there; LOCK_DOMAINS */
	u64 passed; /* processors that hold it no more; LOCK_DOMAINS */
	u32 refs; /* of domain_get(), and one until it is dead; atomic */

	bool privileged; /* may control the machine and other domains */
	bool held; /* once ended, it stays until it is destroyed */
	bool destroyed; /* that has been asked for; LOCK_DOMAINS */
	u64 created; /* system time */

	struct spinlock lock; /* state, vCPU life cycle */
	enum domain_state state;
	char crash_reason[128]; /* "" unless it crashed */
	u32 shutdown_reason;

	u64 mem_frames, mem_max; /* it has, and may have; memory.c */
	u64 mem_reported; /* of mem_frames: without a frame */
	u64 mem_retired; /* given back, and in a grace period; atomic */
	u64 starved; /* system time when it was told that there was none */
	struct p2m p2m;
	struct shadow shadow;
	u64 audit_due; /* ns; of debug builds */

	u32 up_count; /* vCPUs that are up; lock */
	u32 vcpu_count;
	struct vcpu *vcpu[LODGE_MAX_VCPUS];

	struct spinlock ports_lock; /* changes of what follows */
	u64 port_used[LODGE_EVENT_WORDS]; /* a bit for each that is not FREE */
	u32 port_count; /* of them; port 0 does not count */
	struct grant_table grants; /* to others */
	struct grant_maps grant_maps; /* of others */
	struct event_port *ports; /* LODGE_EVENT_PORTS entries */
	struct lodge_shared *shared; /* guest page; NULL until registered */
	struct lodge_request wanted; /* first part; requests.c, ports_lock */
	struct domain_console console;
	struct sched_domain sched;
};

extern struct list domain_list; /* running order of creation */
extern struct spinlock domains_lock;
/* Not yet dead; the start of the machine counts as one. domains_lock */
extern unsigned int domain_count;
extern unsigned int serial_domain_count; /* those on the serial line */

/*
 * Allocates an empty domain in state BUILDING. Everybody can find it at once if
 * it is held, which is for those that the control domain looks after. NULL: no
 * memory.
 */
struct domain *domain_create(const char *name, u32 vcpus, u64 mem_max,
			     bool held);
/*
 * control.c: the control domain, which is privileged. Its memory is mapped one
 * to one; what is no RAM of the machine it reaches as memory of devices.
 */
/* Gives d the memory that was kept for it; 0 or -ENOMEM. */
int control_populate(struct domain *d);
void control_regions(struct lodge_start_info *si);
/*
 * Maps the page of gpa if there may be a device; the p2m tells if it did. Locks
 * up to LOCK_KERNEL are held.
 */
void control_map_device(struct domain *d, gpa_t gpa);

/* Loads kernel and initrd and makes vCPU 0 runnable; NULL or an error text. */
const char *domain_build(struct domain *d, const struct domain_config *cfg,
			 const void *kernel, size_t kernel_size,
			 const void *initrd, size_t initrd_size);
/*
 * The domain of that number with a reference, or NULL: there is none, or it
 * is dead. It may be dying. No locks held.
 */
struct domain *domain_get(u32 id);
/* Gives a reference back; no lock above LOCK_FRAMES is held. */
void domain_put(struct domain *d);
/*
 * The running domain of that number, or NULL. No lock, no reference: good
 * until this processor leaves the hypervisor.
 */
struct domain *domain_find(u32 id);
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
/* Ends d if it has not ended, and takes it away. -LODGE_EAGAIN: it is dying. */
s64 domain_destroy(struct domain *d);
/*
 * The control domain, from its start on; NULL: there is none. Whatever becomes
 * of it, its structure, p2m and shadows stay until the machine ends.
 */
struct domain *domain_control(void);
/* To the control domain, if there is one: LODGE_VIRQ_DOMAIN, _OUTPUT. */
void domain_tell_control(unsigned int virq);
/* Frames that the hypervisor has in use for d, but for its RAM. */
u64 domain_overhead(const struct domain *d);
/* One could not be started: d, or NULL if it was not even created. */
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

/* --- vcpu.c --- */
/* Offline, as new; NULL: no memory. */
struct vcpu *vcpu_create(struct domain *d, u32 id);
void vcpu_destroy(struct vcpu *v);
/* LODGE_HC_VCPU; current vCPU is v. */
s64 do_vcpu(struct vcpu *v, u64 op, u64 id, u64 arg);
/* Lets v begin at rip, in ring 1 with root as its first top-level table. */
s64 vcpu_set_start(struct vcpu *v, u64 rip, gpa_t root);
/* Frames that vcpu_create() takes. */
#define VCPU_FRAMES (2 + sizeof(struct entry_area) / sizeof(void *))
/* An upcall can be delivered, or the kick of a WAIT has come: no sleep. */
bool vcpu_has_work(const struct vcpu *v);
/* An event became pending for v (bit and byte are set): wake or interrupt. */
void vcpu_notify(struct vcpu *v);
/* To the state that a vCPU starts with; v is offline. INIT sets what differs. */
void vcpu_reset(struct vcpu *v);
void vcpu_dump(struct vcpu *v);
void domain_counters(struct domain *d, struct lodge_counters *sum);

/* memory.c: LODGE_HC_MEMORY; current vCPU is v. */
s64 do_memory(struct vcpu *v, u64 op, gpa_t gpa, u64 count);
/*
 * memory.c: RAM of zeroes for frames (at least 1) at gpa, of a domain that does
 * not run. Returns how many were done, at least 1, or an error of POPULATE.
 */
/*
 * Gives reported memory at gpa a frame. -EFAULT: it is none; -ENOMEM: there is
 * no frame now. Locks: up to that of the p2m.
 */
s64 memory_demand(struct domain *d, gpa_t gpa);
/*
 * d may have so many frames, and tables and shadows for them. False, and
 * nothing has changed: there is no room for its shadows. Lock: LOCK_CONTROL,
 * or nobody knows d yet.
 */
bool memory_set_max(struct domain *d, u64 frames);
/* p2m_pin(), after that if it must be. */
mpa_t memory_pin(struct domain *d, gpa_t gpa);
s64 memory_populate(struct domain *d, gpa_t gpa, u64 frames);
/* requests.c: struct lodge_request of d. Any processor, locks to LOCK_DOMAIN. */
void request_send(struct domain *d, u64 bits, u64 mem_target, u64 vcpus);
void request_send_devices(struct domain *d, u64 devices);
/* The shared page has just been registered. Lock: ports_lock. */
void request_begin(struct domain *d);
/* domctl.c: LODGE_HC_CONTROL; current vCPU is v. */
s64 do_control(struct vcpu *v, u64 op, u64 domid, gpa_t gpa, const u64 arg[2]);
/* hypercall.c: dispatch by v->regs; sets the result. */
void hypercall(struct vcpu *v);

#endif
