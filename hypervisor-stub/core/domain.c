// SPDX-License-Identifier: GPL-2.0
/*
 * Life and death of domains.
 *
 * A domain dies asynchronously: domain_crash() and domain_shutdown() only
 * mark it and interrupt its vCPUs; each processor lets go of them in its exit
 * loop, and whichever processor finds in domain_reap() that none is running
 * any more frees everything. Nobody ever waits for another processor with
 * domains_lock held, except for one that is about to let go by itself.
 */
#include "../x86/cpu.h"
#include "../x86/cpufeat.h"
#include "../x86/entry.h"
#include "../x86/pcpu.h"
#include "../x86/platform.h"
#include "domain.h"
#include "frame.h"
#include "printk.h"
#include "string.h"

struct list domain_list = { &domain_list, &domain_list };
struct spinlock domains_lock = SPINLOCK_INIT(LOCK_DOMAINS);
unsigned int domain_count = 1;

static u32 next_id = 1;
static unsigned int dying_count;
static u32 last_reason; /* of the domain that ended last */
static bool any_crash;

static void vcpu_destroy(struct vcpu *v)
{
	desc_vcpu_reset(v);
	fpu_vcpu_destroy(v);
	entry_area_destroy(&v->arch.area);
	page_free(v);
}

static void vcpu_timer_expired(void *arg)
{
	event_send_vcpu_virq(arg, LODGE_VIRQ_TIMER);
}

_Static_assert(sizeof(struct vcpu) <= PAGE_SIZE, "page_alloc() gives a page");
_Static_assert(sizeof(struct domain) <= 4 * PAGE_SIZE, "frame_alloc(2)");

#define DOMAIN_ORDER 2

void vcpu_reset(struct vcpu *v)
{
	struct vcpu_arch *arch = &v->arch;

	callbacks_reset(v);
	fpu_vcpu_reset(v);
	msr_vcpu_reset(v);
	desc_vcpu_reset(v);
	memset(arch->dr, 0, sizeof(arch->dr));
	arch->dr7 = 0;
	arch->fs_base = arch->gs_base = 0;
	arch->ds = arch->es = arch->fs = arch->gs = 0;
	arch->segs_fresh = true;
}

static struct vcpu *vcpu_create(struct domain *d, u32 id)
{
	struct vcpu *v = page_alloc();

	if (!v)
		return NULL;
	v->domain = d;
	v->id = id;
	if (entry_area_init_vcpu(v))
		goto err_free;
	if (fpu_vcpu_init(v))
		goto err_area;
	timer_init(&v->timer, vcpu_timer_expired, v);
	sched_vcpu_init(v);
	vcpu_reset(v);
	return v;
err_area:
	entry_area_destroy(&v->arch.area);
err_free:
	page_free(v);
	return NULL;
}

struct domain *domain_create(const char *name, u32 vcpus, u64 mem_frames)
{
	mpa_t mpa = frame_alloc(DOMAIN_ORDER, FRAME_DOM_NONE);
	struct domain *d;
	u32 i;

	if (!mpa)
		return NULL;
	d = mpa_to_virt(mpa);
	memset(d, 0, PAGE_SIZE << DOMAIN_ORDER);
	str_copy(d->name, name, sizeof(d->name));
	spin_init(&d->lock, LOCK_DOMAIN);
	d->mem_frames = mem_frames;
	d->vcpu_count = vcpus;
	if (p2m_init(&d->p2m))
		goto err_domain;
	if (event_init(d))
		goto err_p2m;
	if (shadow_init(d))
		goto err_event;
	for (i = 0; i < vcpus; i++) {
		d->vcpu[i] = vcpu_create(d, i);
		if (!d->vcpu[i])
			goto err_vcpus;
	}

	spin_lock(&domains_lock);
	d->id = next_id++;
	list_add_tail(&domain_list, &d->link);
	domain_count++;
	spin_unlock(&domains_lock);
	return d;

err_vcpus:
	while (i--)
		vcpu_destroy(d->vcpu[i]);
	d->vcpu_count = 0;
	shadow_destroy(d);
err_event:
	event_destroy(d);
err_p2m:
	p2m_destroy(&d->p2m);
err_domain:
	frame_free(mpa, DOMAIN_ORDER);
	return NULL;
}

static void free_memory(gpa_t gpa, mpa_t mpa, unsigned int order)
{
	frame_free(mpa, order);
}

/* Frees d, whose vCPUs do not run and are in no queue; it is in no list. */
static void domain_free(struct domain *d)
{
	u32 i;

	shadow_destroy(d);
	for (i = 0; i < d->vcpu_count; i++)
		vcpu_destroy(d->vcpu[i]);
	event_destroy(d);
	p2m_for_each(&d->p2m, free_memory);
	p2m_destroy(&d->p2m);
	frame_free(virt_to_mpa(d), DOMAIN_ORDER);
}

static void __noreturn all_domains_ended(void)
{
	if (any_crash) {
		printk("lodge: no domain left, and not all ended well\n");
		machine_fail();
	}
	printk("lodge: no domain left, %s\n",
	       last_reason == LODGE_SHUTDOWN_REBOOT ? "rebooting" :
						      "powering off");
	if (last_reason == LODGE_SHUTDOWN_REBOOT)
		machine_reboot();
	machine_poweroff();
}

static void domain_destroy(struct domain *d)
{
	bool last;

	console_domain_flush(d);
	spin_lock(&domains_lock);
	list_del(&d->link);
	last_reason = d->shutdown_reason;
	any_crash |= d->crash_reason[0] ||
		     d->shutdown_reason == LODGE_SHUTDOWN_CRASH;
	last = --domain_count == 0;
	spin_unlock(&domains_lock);
	domain_free(d);
	if (last)
		all_domains_ended();
}

void domain_start_done(void)
{
	bool last;

	spin_lock(&domains_lock);
	last = --domain_count == 0;
	spin_unlock(&domains_lock);
	if (last)
		all_domains_ended();
}

/* Only the starter writes it before domain_start_done(). */
void domain_failed(void)
{
	any_crash = true;
}

void domain_discard(struct domain *d)
{
	spin_lock(&domains_lock);
	list_del(&d->link);
	domain_count--;
	spin_unlock(&domains_lock);
	domain_free(d);
}

void domain_start(struct domain *d)
{
	spin_lock(&d->lock);
	d->state = DOMAIN_RUNNING;
	d->up_count = 1;
	spin_unlock(&d->lock);
	sched_vcpu_online(d->vcpu[0]);
}

/* False if somebody else was faster. */
static bool mark_dying(struct domain *d, u32 reason)
{
	bool first = false;
	unsigned int i;

	spin_lock(&d->lock);
	if (d->state < DOMAIN_DYING) {
		d->state = DOMAIN_DYING;
		d->shutdown_reason = reason;
		first = true;
	}
	spin_unlock(&d->lock);
	if (!first)
		return false;
	__atomic_fetch_add(&dying_count, 1, __ATOMIC_SEQ_CST);
	for (i = 0; i < pcpu_count; i++)
		if (pcpus[i] != this_pcpu())
			smp_kick(i);
	return true;
}

void domain_crash(struct domain *d, struct vcpu *v, const char *fmt, ...)
{
	char reason[sizeof(d->crash_reason)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintk(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	if (!mark_dying(d, LODGE_SHUTDOWN_CRASH))
		return;
	str_copy(d->crash_reason, reason, sizeof(d->crash_reason));
	console_domain_flush(d);
	printk("lodge: domain %s crashed: %s\n", d->name, reason);
	if (v)
		vcpu_dump(v);
}

void domain_shutdown(struct domain *d, u32 reason)
{
	static const char *const words[] = { "powered off", "reboots",
					     "reports a crash" };

	if (!mark_dying(d, reason))
		return;
	console_domain_flush(d);
	printk("lodge: domain %s %s\n", d->name, words[reason]);
}

/* Some processor still has a vCPU of d loaded. */
static bool domain_is_loaded(const struct domain *d)
{
	unsigned int i;

	for (i = 0; i < pcpu_count; i++) {
		struct vcpu *v = READ_ONCE(pcpus[i]->current);

		if (v && v->domain == d)
			return true;
	}
	return false;
}

static struct domain *find_dying(void)
{
	struct domain *d;

	list_for_each(d, &domain_list, link)
		if (d->state == DOMAIN_DYING && !domain_is_loaded(d))
			return d;
	return NULL;
}

void domain_reap(void)
{
	struct domain *d;
	u32 i;

	while (READ_ONCE(dying_count)) {
		/* Wait: who holds it may have seen this processor loaded. */
		spin_lock(&domains_lock);
		d = find_dying();
		if (d) {
			d->state = DOMAIN_DEAD;
			__atomic_fetch_sub(&dying_count, 1, __ATOMIC_SEQ_CST);
		}
		spin_unlock(&domains_lock);
		if (!d)
			return;
		for (i = 0; i < d->vcpu_count; i++) {
			sched_vcpu_stop(d->vcpu[i]);
			timer_stop(&d->vcpu[i]->timer);
		}
		domain_destroy(d);
	}
}

bool vcpu_has_work(const struct vcpu *v)
{
	if (READ_ONCE(v->page->pending) && READ_ONCE(v->page->vif))
		return true;
	return v->waiting && READ_ONCE(v->kicked);
}

void vcpu_notify(struct vcpu *v)
{
	unsigned int cpu;

	/* If it is just about to block, the wake-up makes it think again. */
	sched_wake(v);
	cpu = READ_ONCE(v->sched.cpu);
	if (cpu < pcpu_count && READ_ONCE(pcpus[cpu]->current) == v &&
	    pcpus[cpu] != this_pcpu())
		smp_kick(cpu);
}

void vcpu_dump(struct vcpu *v)
{
	const struct regs *r = v->regs;
	u64 word;
	int i;

	printk("lodge: vCPU %u of %s, %s\n", v->id, v->domain->name,
	       regs_user(r) ? "user mode" : "kernel mode");
	printk("  rip %016lx cs %04lx rflags %08lx\n"
	       "  rsp %016lx ss %04lx vector %lu error %lx\n",
	       r->rip, r->cs, r->rflags, r->rsp, r->ss, r->vector, r->error);
	printk("  rax %016lx rbx %016lx rcx %016lx rdx %016lx\n"
	       "  rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n",
	       r->rax, r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp, r->r8);
	printk("  r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n"
	       "  r13 %016lx r14 %016lx r15 %016lx cr2 %016lx\n",
	       r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15,
	       v->page->cr2);
	printk("  root %lx vif %u pending %u sp0 %016lx\n",
	       v->root ? v->root->gpa : 0, v->page->vif, v->page->pending,
	       v->page->sp0);
	printk("  stack:");
	for (i = 0; i < 40; i++) {
		if (copy_from_guest_va(v, &word, r->rsp + 8 * i, 8))
			break;
		printk("%s%016lx", i % 4 ? " " : "\n    ", word);
	}
	printk("\n");
}

void domain_counters(struct domain *d, struct lodge_counters *sum)
{
	u32 i, j;

	memset(sum, 0, sizeof(*sum));
	for (i = 0; i < d->vcpu_count; i++) {
		const u64 *from = (const u64 *)&d->vcpu[i]->counters;
		u64 *to = (u64 *)sum;

		for (j = 1; j < sizeof(*sum) / sizeof(u64); j++)
			to[j] += READ_ONCE(from[j]);
	}
	sum->version = LODGE_COUNTERS_VERSION;
	sum->size = sizeof(*sum);
	sum->shadow_pages = READ_ONCE(d->shadow.page_count);
	sum->shadow_reclaims = READ_ONCE(d->shadow.reclaims);
}
