// SPDX-License-Identifier: GPL-2.0
/*
 * The debug keys: single letters that show what the hypervisor is doing.
 *
 * Owns the table of keys. They run from the serial interrupt, with no locks
 * held. The list of domains is held for the length of a command, since that
 * is what keeps a domain from being freed; every other lock is left to the
 * functions that are called, which copy before they print.
 */
#include "console.h"
#include "domain.h"
#include "frame.h"
#include "printk.h"
#include "time.h"
#include "../x86/platform.h"

static void for_each_domain(void (*fn)(struct domain *d))
{
	struct domain *d;

	spin_lock(&domains_lock);
	list_for_each(d, &domain_list, link)
		if (READ_ONCE(d->state) != DOMAIN_DEAD)
			fn(d);
	spin_unlock(&domains_lock);
}

static void show_domain(struct domain *d)
{
	static const char *const state[] = { "building", "running", "dying",
					     "dead" };
	static const char *const vcpu_state[] = { "offline", "blocked",
						  "runnable", "running" };
	unsigned int i;

	printk("d%u %s: %s, %lu frames, p2m %lu, %u roots, shadow %lu of %lu\n",
	       d->id, d->name, state[READ_ONCE(d->state)], d->mem_frames,
	       d->p2m.table_count, READ_ONCE(d->shadow.root_count),
	       READ_ONCE(d->shadow.page_count),
	       READ_ONCE(d->shadow.page_limit));
	for (i = 0; i < d->vcpu_count; i++) {
		struct vcpu *v = d->vcpu[i];
		u64 ran, stolen;

		sched_times(v, &ran, &stolen);
		printk("  v%u: %s on cpu%u, ran %lu ms, waited %lu ms\n", i,
		       vcpu_state[READ_ONCE(v->sched.state)],
		       READ_ONCE(v->sched.cpu), ran / 1000000,
		       stolen / 1000000);
	}
}

static void key_domains(void)
{
	printk("%lu frames free\n", frame_free_count());
	for_each_domain(show_domain);
}

static void show_vcpus(struct domain *d)
{
	unsigned int i;

	for (i = 0; i < d->vcpu_count; i++)
		vcpu_dump(d->vcpu[i]);
}

static void key_vcpus(void)
{
	for_each_domain(show_vcpus);
}

/* --- counters --- */

/* In the order of struct lodge_counters, from `entries` on. */
static const char *const counter_names[] = {
	"entries",	   "entry_fault",     "entry_interrupt",
	"entry_exception", "entry_hypercall", "entry_iret",
	"fills",	   "prefills",	      "flushes",
	"shootdowns",	   "root_loads",      "root_creates",
	"root_drops",	   "emulated",	      "injected",
	"upcalls",	   "shadow_pages",    "shadow_reclaims",
	"iret_completed",
};

#define FIRST_COUNTER offsetof(struct lodge_counters, entries)
_Static_assert(FIRST_COUNTER + sizeof(u64) * ARRAY_SIZE(counter_names) ==
		       offsetof(struct lodge_counters, hypercall),
	       "counter names");

static void show_counters(struct domain *d)
{
	struct lodge_counters sum;
	const u64 *count = (const u64 *)((const char *)&sum + FIRST_COUNTER);
	unsigned int i;

	domain_counters(d, &sum);
	printk("d%u %s:\n", d->id, d->name);
	for (i = 0; i < ARRAY_SIZE(counter_names); i++)
		if (count[i])
			printk("  %-16s %lu\n", counter_names[i], count[i]);
	for (i = 0; i < ARRAY_SIZE(sum.hypercall); i++)
		if (sum.hypercall[i])
			printk("  hypercall %2u     %lu\n", i,
			       sum.hypercall[i]);
}

static void key_counters(void)
{
	for_each_domain(show_counters);
}

/* --- the rest --- */

static void audit_domain(struct domain *d)
{
	if (!domain_is_dying(d))
		printk("d%u %s: %lu differences\n", d->id, d->name,
		       shadow_audit(d, true));
}

static void key_audit(void)
{
	for_each_domain(audit_domain);
}

static void key_sched(void)
{
	u64 now = time_now();

	printk("system time %lu.%03lu s\n", now / 1000000000,
	       now / 1000000 % 1000);
	sched_dump();
}

static void key_help(void);

static const struct {
	char key;
	void (*fn)(void);
	const char *what;
} keys[] = {
	{ 'h', key_help, "this help" },
	{ 'd', key_domains, "domains, their memory and vCPUs" },
	{ 'v', key_vcpus, "registers and stacks of all vCPUs" },
	{ 'c', key_counters, "counters that are not zero" },
	{ 'a', key_audit, "compare shadows with page tables" },
	{ 's', key_sched, "run queues" },
	{ 'R', machine_reboot, "restart the machine" },
	{ 'O', machine_poweroff, "turn the machine off" },
};

static void key_help(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		printk("  %c  %s\n", keys[i].key, keys[i].what);
}

void debugkey_handle(char c)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].key == c) {
			printk("lodge: %s\n", keys[i].what);
			keys[i].fn();
			return;
		}
	}
}
