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

static void show_domain(struct domain *d)
{
	static const char *const state[] = { "building", "running", "ending",
					     "ended" };
	static const char *const vcpu_state[] = { "offline", "blocked",
						  "runnable", "running",
						  "parked", "paused" };
	unsigned int i;

	printk("d%u %s: %s, %lu frames, p2m %lu, %u roots, shadow %lu of %lu\n",
	       d->id, d->name, state[READ_ONCE(d->state)], d->mem_frames,
	       d->p2m.table_count, READ_ONCE(d->shadow.root_count),
	       READ_ONCE(d->shadow.page_count),
	       READ_ONCE(d->shadow.page_limit));
	printk("  weight %u, cap %u%%, %s\n",
	       READ_ONCE(d->sched.weight), READ_ONCE(d->sched.cap),
	       READ_ONCE(d->sched.paused) ? "paused" : "not paused");
	for (i = 0; i < d->vcpu_count; i++) {
		struct sched_info s;

		sched_info(d->vcpu[i], &s);
		printk("  v%u: %s on cpu%u of %lx, ran %lu ms, waited %lu ms\n",
		       i, vcpu_state[s.state], s.cpu, s.mask, s.ran / 1000000,
		       s.stolen / 1000000);
	}
}

static void show_vcpus(struct domain *d)
{
	unsigned int i;

	for (i = 0; i < d->vcpu_count; i++)
		vcpu_dump(d->vcpu[i]);
}

/* --- counters --- */

static const char *const counter_names[] = { LODGE_COUNTER_NAMES };

_Static_assert(offsetof(struct lodge_counters, entries) +
			       sizeof(u64) * ARRAY_SIZE(counter_names) ==
		       offsetof(struct lodge_counters, hypercall),
	       "a name for each counter");

static void show_counters(struct domain *d)
{
	struct lodge_counters sum;
	const u64 *count = &sum.entries;
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

/* --- the rest --- */

static void audit_domain(struct domain *d)
{
	if (!DEBUG_BUILD)
		printk("d%u %s: this build has no auditor\n", d->id, d->name);
	else if (!domain_is_dying(d))
		printk("d%u %s: %lu differences\n", d->id, d->name,
		       shadow_audit(d, true));
}

static void key_sched(void)
{
	u64 now = time_now();

	printk("system time %lu.%03lu s, %lu frames free\n", now / 1000000000,
	       now / 1000000 % 1000, frame_free_count());
	sched_dump();
}

static void key_help(void);

static const struct {
	char key;
	const char *what;
	void (*fn)(void);
	void (*each)(struct domain *d); /* instead: for all of them */
} keys[] = {
	{ 'h', "this help", key_help, NULL },
	{ 'd', "domains, their memory and vCPUs", NULL, show_domain },
	{ 'v', "registers and stacks of all vCPUs", NULL, show_vcpus },
	{ 'c', "counters that are not zero", NULL, show_counters },
	{ 'a', "compare shadows with page tables", NULL, audit_domain },
	{ 's', "time, memory and run queues", key_sched, NULL },
	{ 'R', "restart the machine", machine_reboot, NULL },
	{ 'O', "turn the machine off", machine_poweroff, NULL },
};

static void key_help(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		printk("  %c  %s\n", keys[i].key, keys[i].what);
}

void debugkey_handle(char c)
{
	struct domain *d;
	unsigned int i = 0;

	while (i < ARRAY_SIZE(keys) && keys[i].key != c)
		i++;
	if (i == ARRAY_SIZE(keys))
		return;
	printk("lodge: %s\n", keys[i].what);
	if (keys[i].fn) {
		keys[i].fn();
		return;
	}
	spin_lock(&domains_lock);
	list_for_each(d, &domain_list, link)
		if (READ_ONCE(d->state) != DOMAIN_DEAD)
			keys[i].each(d);
	spin_unlock(&domains_lock);
}
