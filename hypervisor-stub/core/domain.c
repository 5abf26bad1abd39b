// SPDX-License-Identifier: GPL-2.0
/*
 * Life and death of domains.
 *
 * A domain dies asynchronously: domain_crash() and domain_shutdown() only
 * mark it and interrupt all processors; each lets go of its vCPUs in its exit
 * loop. Once every processor has been in domain_reap() since the mark, and
 * none has a vCPU of it loaded, whichever finds so takes everything down.
 * Nobody ever waits for another processor with domains_lock held, except for
 * one that is about to let go by itself.
 *
 * So there are two ways to keep a domain in one's hands:
 *
 * 1. For the time of one entry, with no lock and no count. A processor comes
 *    through domain_reap() between two entries and never within one, holding
 *    nothing. Whoever sees a domain that is not dying may therefore use all
 *    of it, vCPUs and memory too, until its processor's next domain_reap().
 *    domain_find() gives such a pointer: a domain is in by_id from its start
 *    until the first processor finds it dying, and no bit in `passed` is set
 *    before it is out.
 * 2. For longer, by a reference (domain_get() and domain_put()). It keeps
 *    struct domain and the port table, not the vCPUs, memory and shadows,
 *    which go as soon as the domain is dead: the holder looks at
 *    domain_is_dying() first, and then the first rule holds. References delay
 *    nothing but the return of these few pages; hold none without need.
 *
 * A domain that the control domain looks after (`held`) comes to rest as ENDED
 * instead: what was reaped then is its vCPUs alone. It goes through DYING once
 * more when it is destroyed, so the first rule holds for ENDED ones, too.
 *
 * Locks: domains_lock protects domain_list, ids, the counts and changes of
 * by_id and `passed`. refs is atomic.
 */
#include "../x86/pcpu.h"
#include "../x86/platform.h"
#include "domain.h"
#include "event_port.h"
#include "frame.h"
#include "printk.h"
#include "string.h"
#include "time.h"

struct list domain_list = { &domain_list, &domain_list };
struct spinlock domains_lock = SPINLOCK_INIT(LOCK_DOMAINS);
unsigned int domain_count = 1;
unsigned int serial_domain_count = 1;

#define ID_BUCKETS 256

static u32 next_id = 1; /* where the search for a free one begins */
static struct domain *by_id[ID_BUCKETS]; /* running ones, by id % ID_BUCKETS */
static unsigned int dying_count;
static u32 last_reason; /* of the domain that ended last */
static bool any_crash;
static bool control_ended;
static struct domain *control_domain; /* once it was started, for ever */

#define DOMAIN_ORDER 2
_Static_assert(sizeof(struct domain) <= PAGE_SIZE << DOMAIN_ORDER, "order");

/* --- domains by number --- */

/* In the list, which is short. Lock: domains_lock. */
static struct domain *find_listed(u32 id)
{
	struct domain *d;

	list_for_each(d, &domain_list, link)
		if (d->id == id)
			return d;
	return NULL;
}

/*
 * Round robin, so that a number comes back as late as can be; there are more
 * of them than domains have room in any machine. Lock: domains_lock.
 */
static u32 new_id(void)
{
	u32 id;

	do {
		id = next_id;
		next_id = id == LODGE_DOMID_MAX ? 1 : id + 1;
	} while (find_listed(id));
	return id;
}

struct domain *domain_find(u32 id)
{
	struct domain *d =
		__atomic_load_n(&by_id[id % ID_BUCKETS], __ATOMIC_ACQUIRE);

	while (d && d->id != id)
		d = __atomic_load_n(&d->next_by_id, __ATOMIC_ACQUIRE);
	return d && !domain_is_dying(d) ? d : NULL;
}

static void publish(struct domain *d)
{
	struct domain **head = &by_id[d->id % ID_BUCKETS];

	spin_lock(&domains_lock);
	if (!d->passed) { /* does not die already */
		d->next_by_id = *head;
		d->findable = true;
		__atomic_store_n(head, d, __ATOMIC_RELEASE);
	}
	spin_unlock(&domains_lock);
}

/* Who stands at d in its chain goes on from there. Lock: domains_lock. */
static void unpublish(struct domain *d)
{
	struct domain **at = &by_id[d->id % ID_BUCKETS];

	if (!d->findable)
		return;
	while (*at != d)
		at = &(*at)->next_by_id;
	__atomic_store_n(at, d->next_by_id, __ATOMIC_RELEASE);
	d->findable = false;
}

struct domain *domain_get(u32 id)
{
	struct domain *d = domain_find(id);

	if (d) { /* has the reference that it ends with */
		__atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED);
		return d;
	}
	spin_lock(&domains_lock);
	d = find_listed(id);
	if (d && d->state != DOMAIN_DEAD)
		__atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED);
	else
		d = NULL;
	spin_unlock(&domains_lock);
	return d;
}

void domain_put(struct domain *d)
{
	if (__atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL))
		return;
	event_destroy(d);
	frame_free(virt_to_mpa(d), DOMAIN_ORDER);
}

struct domain *domain_control(void)
{
	return READ_ONCE(control_domain);
}

void domain_tell_control(unsigned int virq)
{
	struct domain *c = domain_control();

	if (c && !domain_is_dying(c))
		event_send_domain_virq(c, virq);
}

/* --- making and unmaking --- */

struct domain *domain_create(const char *name, u32 vcpus, u64 mem_max,
			     bool held)
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
	d->vcpu_count = vcpus;
	d->held = held;
	d->created = time_now();
	d->wanted.mem_target = mem_max;
	d->wanted.vcpus = BIT(vcpus - 1) * 2 - 1;
	grant_init(d);
	d->refs = 1; /* until it has been taken down */
	sched_domain_init(d);
	if (p2m_init(&d->p2m))
		goto err_domain;
	if (event_init(d))
		goto err_p2m;
	if (held && console_domain_keep(d))
		goto err_event;
	if (!memory_set_max(d, mem_max) || shadow_init(d))
		goto err_shadow;
	for (i = 0; i < vcpus; i++) {
		d->vcpu[i] = vcpu_create(d, i);
		if (!d->vcpu[i])
			goto err_vcpus;
	}

	spin_lock(&domains_lock);
	d->id = new_id();
	list_add_tail(&domain_list, &d->link);
	domain_count++;
	serial_domain_count += !held;
	spin_unlock(&domains_lock);
	domain_tell_control(LODGE_VIRQ_DOMAIN);
	return d;

err_vcpus:
	while (i--)
		vcpu_destroy(d->vcpu[i]);
err_shadow:
	d->vcpu_count = 0;
	shadow_destroy(d);
	console_domain_destroy(d);
err_event:
	event_destroy(d);
err_p2m:
	p2m_destroy(&d->p2m);
err_domain:
	frame_free(mpa, DOMAIN_ORDER);
	return NULL;
}

static void free_memory(gpa_t gpa, const struct p2m_entry *e)
{
	if (e->flags & P2M_FOREIGN)
		frame_unref(e->mpa);
	else if (!e->flags)
		frame_retire(e->mpa, e->order);
}

/* Takes d down, whose vCPUs do not run and are in no queue or list. */
static void domain_free(struct domain *d)
{
	u32 i;

	/* The machine is about to end, and p2m and shadows name others' RAM. */
	if (d == control_domain)
		return;
	event_end(d);
	grant_take_down(d);
	shadow_destroy(d);
	console_domain_destroy(d);
	for (i = 0; i < d->vcpu_count; i++)
		vcpu_destroy(d->vcpu[i]);
	/* Devices may still write to that of the control domain. */
	if (!d->privileged)
		p2m_for_each(&d->p2m, free_memory);
	p2m_destroy(&d->p2m);
	domain_put(d);
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

/* One of those that domain_count counts is gone: d, or (NULL) the start. */
static void count_down(struct domain *d)
{
	bool last;

	spin_lock(&domains_lock);
	if (d)
		list_del(&d->link);
	last = --domain_count == 0;
	serial_domain_count -= !d || !d->held;
	spin_unlock(&domains_lock);
	if (d)
		domain_free(d);
	domain_tell_control(LODGE_VIRQ_DOMAIN);
	if (last)
		all_domains_ended();
}

/* There is one more domain that dies: let all processors come by. */
static void summon(void)
{
	unsigned int i;

	__atomic_fetch_add(&dying_count, 1, __ATOMIC_SEQ_CST);
	for (i = 0; i < pcpu_count; i++)
		if (pcpus[i] != this_pcpu())
			smp_kick(i);
}

/* False if somebody else was faster. */
static bool mark_dying(struct domain *d, u32 reason)
{
	bool first = false;

	spin_lock(&d->lock);
	if (d->state < DOMAIN_DYING) {
		WRITE_ONCE(d->state, DOMAIN_DYING);
		d->shutdown_reason = reason;
		first = true;
	}
	spin_unlock(&d->lock);
	if (first)
		summon();
	return first;
}

/*
 * Marks d to be taken away, also one that has ended: all processors then come
 * by once more, for those that found it. False if that has been done before.
 * Lock: domains_lock.
 */
static bool mark_destroyed(struct domain *d)
{
	bool first = !d->destroyed;

	d->destroyed = true;
	if (!mark_dying(d, LODGE_SHUTDOWN_POWEROFF) &&
	    d->state == DOMAIN_ENDED) {
		d->passed = 0;
		WRITE_ONCE(d->state, DOMAIN_DYING);
		summon();
	}
	return first;
}

s64 domain_destroy(struct domain *d)
{
	bool first;

	spin_lock(&domains_lock);
	first = mark_destroyed(d);
	spin_unlock(&domains_lock);
	return first ? 0 : -LODGE_EAGAIN;
}

/* With the control domain go all others. */
static void end_all(void)
{
	struct domain *d;

	spin_lock(&domains_lock);
	control_ended = true;
	list_for_each(d, &domain_list, link)
		if (!d->privileged && mark_destroyed(d))
			printk("lodge: domain %s ends with the control domain\n",
			       d->name);
	spin_unlock(&domains_lock);
}

static void take_down(struct domain *d)
{
	console_domain_flush(d);
	/* How the machine ends is the control domain's affair. */
	if (d->privileged || !cmdline.has_control) {
		last_reason = d->shutdown_reason;
		if (d->shutdown_reason == LODGE_SHUTDOWN_CRASH)
			any_crash = true;
	}
	if (d->privileged)
		end_all();
	count_down(d);
}

void domain_start_done(void)
{
	if (READ_ONCE(control_ended)) /* there may be more since */
		end_all();
	count_down(NULL);
}

void domain_discard(struct domain *d)
{
	any_crash = true; /* the end of the machine shall show it */
	if (d)
		count_down(d);
	/* The next one may need the memory; this is the top of the stack. */
	while (frame_retired())
		frame_collect();
}

void domain_start(struct domain *d)
{
	bool first;

	spin_lock(&d->lock);
	first = d->state == DOMAIN_BUILDING;
	if (first) {
		d->state = DOMAIN_RUNNING;
		d->up_count = 1;
	}
	spin_unlock(&d->lock);
	if (!first) /* it dies before it has begun */
		return;
	if (d->privileged)
		WRITE_ONCE(control_domain, d);
	publish(d);
	sched_vcpu_online(d->vcpu[0]);
	domain_tell_control(LODGE_VIRQ_DOMAIN);
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

/*
 * This processor holds no domain: notes that for each of those that die.
 * Returns one that no processor can hold any more. Lock: domains_lock.
 */
static struct domain *find_dying(void)
{
	const u64 all = BIT(pcpu_count - 1) * 2 - 1;
	struct domain *d, *found = NULL;

	list_for_each(d, &domain_list, link) {
		if (READ_ONCE(d->state) != DOMAIN_DYING)
			continue;
		unpublish(d);
		d->passed |= BIT(this_pcpu()->id);
		if (d->passed == all && !domain_is_loaded(d))
			found = d;
	}
	return found;
}

/* It is dead, but for that the control domain shall see it. */
static bool keep(struct domain *d)
{
	bool kept;

	spin_lock(&domains_lock);
	kept = d->held && !d->destroyed && !control_ended;
	if (kept)
		WRITE_ONCE(d->state, DOMAIN_ENDED);
	spin_unlock(&domains_lock);
	if (kept)
		domain_tell_control(LODGE_VIRQ_DOMAIN);
	return kept;
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
			WRITE_ONCE(d->state, DOMAIN_DEAD);
			__atomic_fetch_sub(&dying_count, 1, __ATOMIC_SEQ_CST);
		}
		spin_unlock(&domains_lock);
		if (!d)
			return;
		for (i = 0; i < d->vcpu_count; i++) {
			sched_vcpu_stop(d->vcpu[i]);
			timer_stop(&d->vcpu[i]->timer);
		}
		sched_domain_stop(d);
		channel_close_all(d); /* also of one that is kept */
		if (!keep(d))
			take_down(d);
	}
}

u64 domain_overhead(const struct domain *d)
{
	return (1 << DOMAIN_ORDER) + EVENT_FRAMES + console_frames(d) +
	       grant_frames(d) + d->vcpu_count * VCPU_FRAMES +
	       READ_ONCE(d->p2m.table_count) + READ_ONCE(d->shadow.page_count);
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
