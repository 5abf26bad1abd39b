// SPDX-License-Identifier: GPL-2.0
/*
 * What the operator wants of this domain: `request` of the shared page.
 *
 * The hypervisor writes a wish there and sends LODGE_VIRQ_CONTROL. Whoever
 * heeds one registers a function, which is called for each such event and once
 * at registration, so that no wish is missed. heeders_lock protects the list;
 * it is not held by anything that waits.
 *
 * The wish to end is carried out here. User space gets it first, by
 * /sbin/poweroff or /sbin/reboot, as for a power button. Nothing says whether
 * it does anything about it, so there is a limit, and a shorter one for an
 * init that could not notice (a shell script, say): then the kernel does it.
 */
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/list.h>
#include <linux/moduleparam.h>
#include <linux/pid_namespace.h>
#include <linux/reboot.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/suspend.h>
#include <linux/workqueue.h>

#include <lodge/request.h>

#include "lodge.h"

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "lodge."

#define SYNC_TIME (3 * HZ) /* for what has been written, in the end */
#define BOOT_POLL HZ

static unsigned int end_limit = 300;
module_param(end_limit, uint, 0644);
MODULE_PARM_DESC(end_limit, "Seconds until power-off is forced; 0: never");

static unsigned int deaf_limit = 10;
module_param(deaf_limit, uint, 0644);
MODULE_PARM_DESC(deaf_limit, "The same if init takes no signals");

static LIST_HEAD(heeders);
static DEFINE_SPINLOCK(heeders_lock);

bool lodge_has_requests(void)
{
	return lodge_guest() && lodge_start.features & LODGE_FEATURE_REQUESTS;
}

void lodge_heed(struct lodge_heeder *heeder)
{
	struct lodge_request *request = lodge_request();
	unsigned long flags;

	if (!lodge_has_requests())
		return;
	spin_lock_irqsave(&heeders_lock, flags);
	list_add_tail(&heeder->list, &heeders);
	heeder->look(request);
	WRITE_ONCE(request->heeds, request->heeds | heeder->heeds);
	spin_unlock_irqrestore(&heeders_lock, flags);
}

static irqreturn_t control_interrupt(int irq, void *data)
{
	struct lodge_heeder *heeder;
	unsigned long flags;

	spin_lock_irqsave(&heeders_lock, flags);
	list_for_each_entry(heeder, &heeders, list)
		heeder->look(lodge_request());
	spin_unlock_irqrestore(&heeders_lock, flags);
	return IRQ_HANDLED;
}

/* --- the wish to end --- */

/* LODGE_REQUEST_*, 0: none. Written by look_at_bits() alone. */
static unsigned long wanted_end;

static bool takes_signal(struct task_struct *task, int sig)
{
	void *handler = task->sighand->action[sig - 1].sa.sa_handler;

	return (handler != SIG_DFL && handler != SIG_IGN) ||
	       sigismember(&task->blocked, sig);
}

/* What the usual inits are told by: handled, or blocked for a signalfd. */
static bool init_takes_signals(void)
{
	struct task_struct *init = init_pid_ns.child_reaper;
	bool takes;

	spin_lock_irq(&init->sighand->siglock);
	takes = takes_signal(init, SIGTERM) || takes_signal(init, SIGUSR1) ||
		takes_signal(init, SIGUSR2) || takes_signal(init, SIGPWR);
	spin_unlock_irq(&init->sighand->siglock);
	return takes;
}

static void force_end(struct work_struct *work)
{
	mutex_lock(&system_transition_mutex);
	if (wanted_end & LODGE_REQUEST_REBOOT)
		kernel_restart(NULL);
	else
		kernel_power_off();
}
static DECLARE_DELAYED_WORK(force_work, force_end);

/* Does not wait for the writes: the device may be what does not work. */
static void lose_patience(struct work_struct *work)
{
	pr_warn("Lodge: user space did not end: syncing, then forcing it\n");
	emergency_sync();
	emergency_remount();
	schedule_delayed_work(&force_work, SYNC_TIME);
}
static DECLARE_DELAYED_WORK(patience_work, lose_patience);

static void begin_end(struct work_struct *work)
{
	bool reboot = wanted_end & LODGE_REQUEST_REBOOT;
	unsigned int limit;

	/* There is no init to be told yet. */
	if (system_state < SYSTEM_RUNNING) {
		schedule_delayed_work(to_delayed_work(work), BOOT_POLL);
		return;
	}
	if (system_state > SYSTEM_RUNNING)
		return;
	pr_notice("Lodge: the operator wants a %s\n",
		  reboot ? "reboot" : "power-off");
	if (reboot)
		orderly_reboot();
	else
		orderly_poweroff(true);

	limit = READ_ONCE(end_limit);
	if (!init_takes_signals())
		limit = min_not_zero(limit, READ_ONCE(deaf_limit));
	if (limit)
		schedule_delayed_work(&patience_work, limit * HZ);
}
static DECLARE_DELAYED_WORK(end_work, begin_end);

static void look_at_bits(struct lodge_request *request)
{
	u64 bits = xchg(&request->bits, 0);

	/* One end is enough, and power-off is the stronger one. */
	if (bits & (LODGE_REQUEST_POWEROFF | LODGE_REQUEST_REBOOT)) {
		WRITE_ONCE(wanted_end, bits & LODGE_REQUEST_POWEROFF ?
			   LODGE_REQUEST_POWEROFF : LODGE_REQUEST_REBOOT);
		queue_delayed_work(system_wq, &end_work, 0);
	}
}

static struct lodge_heeder bits_heeder = {
	.heeds = LODGE_HEEDS_BITS,
	.look = look_at_bits,
};

static int __init lodge_request_init(void)
{
	int irq, err;

	if (!lodge_has_requests())
		return 0;
	irq = lodge_bind_virq(LODGE_VIRQ_CONTROL);
	err = irq < 0 ? irq : request_irq(irq, control_interrupt, 0,
					  "lodge-control", NULL);
	if (err) {
		pr_err("Lodge: binding the control interrupt: %d\n", err);
		return err;
	}
	lodge_heed(&bits_heeder);
	return 0;
}
device_initcall(lodge_request_init);
