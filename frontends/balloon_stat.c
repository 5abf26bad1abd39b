// SPDX-License-Identifier: GPL-2.0
/*
 * Statistics for the operator: request.stat, written once a second. The timer
 * is deferrable: a domain that sleeps has nothing new to say and is not woken.
 */
#include <linux/mm.h>
#include <linux/vmstat.h>
#include <linux/workqueue.h>

#include <asm/lodge.h>

#include <lodge/request.h>

#include "balloon.h"

static void put(unsigned int index, u64 value)
{
	u64 *stat = &lodge_request()->stat[index];

	if (READ_ONCE(*stat) != value)
		WRITE_ONCE(*stat, value);
}

static void put_events(void)
{
	static unsigned long event[NR_VM_EVENT_ITEMS];

	all_vm_events(event);
	put(LODGE_STAT_SWAP_IN, event[PSWPIN]);
	put(LODGE_STAT_SWAP_OUT, event[PSWPOUT]);
	put(LODGE_STAT_FAULTS, event[PGFAULT]);
	put(LODGE_STAT_MAJOR_FAULTS, event[PGMAJFAULT]);
	put(LODGE_STAT_OOM_KILLS, event[OOM_KILL]);
}

static void balloon_stat_write(struct work_struct *work)
{
	put(LODGE_STAT_TOTAL, totalram_pages());
	put(LODGE_STAT_FREE, global_zone_page_state(NR_FREE_PAGES));
	put(LODGE_STAT_AVAILABLE, si_mem_available());
	put(LODGE_STAT_CACHE, global_node_page_state(NR_FILE_PAGES));
	put(LODGE_STAT_BALLOON, balloon_absent());
	put(LODGE_STAT_ADDED, balloon_added());
	put(LODGE_STAT_OOM_DEFLATED, balloon_counters.oom_deflated);
	put(LODGE_STAT_TARGET_MISSED, balloon_counters.target_missed);
	put_events();
	schedule_delayed_work(to_delayed_work(work), HZ);
}
static DECLARE_DEFERRABLE_WORK(stat_work, balloon_stat_write);

void balloon_stat_init(void)
{
	if (lodge_has_requests())
		schedule_delayed_work(&stat_work, 0);
}
