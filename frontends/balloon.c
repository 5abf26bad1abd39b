// SPDX-License-Identifier: GPL-2.0
/*
 * The balloon: makes the domain's memory what it should be.
 *
 * The target is the least of what the operator wants (request.mem_target), the
 * domain's maximum, and a limit that root here may set in sysfs. One work item
 * compares it with what the domain has and moves memory, a few MiB at a time,
 * until they agree or nothing goes any more. Then it tries again later, each
 * time after a longer while: for memory that others have now, or programs that
 * will end here.
 *
 * Shrinking never takes what programs need. It stops at a reserve that must
 * remain available, allocates without pressing, and when Linux is out of memory
 * all the same, memory comes back before a program is killed, and is left
 * there for a while, each time a longer one.
 *
 * The work item owns the variables of `pace`, but for hold_until, which the OOM
 * notifier sets. Counters are only looked at.
 */
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/notifier.h>
#include <linux/oom.h>
#include <linux/swap.h>
#include <linux/workqueue.h>

#include <asm/lodge.h>

#include <lodge/request.h>

#include "balloon.h"

#define RETRY_FIRST (HZ / 50)
#define RETRY_MOST (10 * HZ)
#define HOLD_FIRST (10 * HZ)
#define HOLD_MOST (300 * HZ)
#define OOM_FRAMES LARGE_FRAMES /* taken back each time Linux has no memory */

static unsigned long reserve_kb;
module_param(reserve_kb, ulong, 0644);
MODULE_PARM_DESC(reserve_kb, "KiB that stay available; 0: 2 MiB and 1/32");

struct balloon_counters balloon_counters;

static u64 limit = U64_MAX; /* frames; root's own */
static struct workqueue_struct *queue;

static struct {
	u64 target; /* when we last looked */
	unsigned long retry; /* jiffies; 0: the last try went well */
	unsigned long hold; /* how long the last hold was */
	unsigned long hold_until; /* jiffies; 0: none */
} pace;

u64 balloon_target(u64 max)
{
	u64 wanted = 0;

	if (lodge_has_requests())
		wanted = READ_ONCE(lodge_request()->mem_target);
	return min3(wanted ?: max, max, READ_ONCE(limit));
}

static unsigned long reserve_frames(void)
{
	unsigned long kb = READ_ONCE(reserve_kb);

	if (kb)
		return kb >> (PAGE_SHIFT - 10);
	return LARGE_FRAMES + totalram_pages() / 32;
}

/* Frames that can be taken. Of what could be swapped out, half counts. */
static unsigned long spare_frames(void)
{
	unsigned long have = si_mem_available() + get_nr_swap_pages() / 2;
	unsigned long keep = reserve_frames();

	return have > keep ? have - keep : 0;
}

u64 balloon_least(u64 frames)
{
	return frames - min_t(u64, frames, spare_frames());
}

static long shrink(u64 frames)
{
	unsigned long spare = spare_frames();
	unsigned long until = READ_ONCE(pace.hold_until);

	if (until && time_before(jiffies, until))
		return -EBUSY;
	if (!spare)
		return -EBUSY;
	return balloon_release(min_t(u64, frames, spare));
}

static long grow(u64 frames)
{
	int err = balloon_absent() ? 0 : balloon_grow();

	return err ?: balloon_populate(frames);
}

/* One step to the target: frames moved, 0 when it is there, or an error. */
static long step(void)
{
	const struct lodge_memory_info info = balloon_info();
	const u64 frames = info.frames, target = balloon_target(info.max_frames);

	if (target != pace.target) {
		pace.target = target;
		pace.retry = 0;
		pace.hold = 0;
		WRITE_ONCE(pace.hold_until, 0);
	}
	if (frames == target)
		return 0;
	return frames < target ? grow(target - frames) :
				 shrink(frames - target);
}

static void balloon_move(struct work_struct *work)
{
	long ret;

	while ((ret = step()) > 0) {
		pace.retry = 0;
		cond_resched();
	}
	if (!ret) {
		pace.retry = 0;
		return;
	}
	if (ret != -EAGAIN)
		balloon_counters.target_missed++;
	pace.retry = clamp(pace.retry * 2, RETRY_FIRST, RETRY_MOST);
	queue_delayed_work(queue, to_delayed_work(work), pace.retry);
}
static DECLARE_DELAYED_WORK(move_work, balloon_move);

static void move_now(void)
{
	mod_delayed_work(queue, &move_work, 0);
}

void balloon_set_limit(u64 frames)
{
	WRITE_ONCE(limit, frames);
	move_now();
}

static void look_at_target(struct lodge_request *request)
{
	move_now();
}

static struct lodge_heeder memory_heeder = {
	.heeds = LODGE_HEEDS_MEMORY,
	.look = look_at_target,
};

static int out_of_memory_event(struct notifier_block *block,
			       unsigned long event, void *freed)
{
	long frames = balloon_absent() ? balloon_populate(OOM_FRAMES) : 0;
	unsigned long hold;

	if (frames <= 0)
		return NOTIFY_OK;
	*(unsigned long *)freed += frames;
	balloon_counters.oom_deflated += frames;
	hold = clamp(READ_ONCE(pace.hold) * 2, HOLD_FIRST, HOLD_MOST);
	if (!pace.hold_until || time_after(jiffies, pace.hold_until))
		WRITE_ONCE(pace.hold, hold);
	WRITE_ONCE(pace.hold_until, (jiffies + READ_ONCE(pace.hold)) | 1);
	return NOTIFY_OK;
}

static struct notifier_block oom_block = {
	.notifier_call = out_of_memory_event,
};

static int __init lodge_balloon_init(void)
{
	int err;

	if (!lodge_has_memory())
		return 0;
	/* Freezable: nothing moves while user space is stopped for good. */
	queue = alloc_ordered_workqueue("lodge_balloon", WQ_FREEZABLE);
	if (!queue)
		return -ENOMEM;
	balloon_grow_init();
	err = register_oom_notifier(&oom_block);
	if (err)
		pr_warn("lodge-balloon: watching for OOM: %d\n", err);
	err = balloon_sysfs_init();
	if (err)
		pr_warn("lodge-balloon: making files in sysfs: %d\n", err);
	balloon_stat_init();
	balloon_report_init();
	lodge_heed(&memory_heeder);
	return 0;
}
late_initcall(lodge_balloon_init);
