// SPDX-License-Identifier: GPL-2.0
/*
 * Which vCPUs are there: as many as the operator wants.
 *
 * The domain has vcpu_count of them. Those outside of request.vcpus are
 * possible CPUs that are not present, as if they were not plugged in. When a
 * bit changes, a work item plugs its CPU in and brings it online, or takes it
 * offline and out. In between user space may do as it likes: a CPU that it
 * has taken offline stays so, until the operator takes it away and adds it.
 *
 * `done` has what has been carried out; it belongs to the work item, and
 * before that to the boot CPU. vCPU 0 always stays.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/device.h>
#include <linux/workqueue.h>

#include "lodge.h"

#define RETRY_FIRST HZ
#define RETRY_MOST (60 * HZ)

static u64 done;

/* A hypervisor that wants nothing wants all. */
static u64 vcpus_wanted(void)
{
	u64 all = lodge_start.vcpu_count >= LODGE_MAX_VCPUS ? U64_MAX :
		  BIT_ULL(lodge_start.vcpu_count) - 1;
	u64 wanted = lodge_has_requests() ?
		     READ_ONCE(lodge_request()->vcpus) : 0;

	return wanted ? (wanted & all) | 1 : all;
}

/* Before the others are brought up. */
void __init lodge_init_vcpus(void)
{
	unsigned int cpu;

	done = vcpus_wanted();
	for_each_possible_cpu(cpu)
		if (!(done & BIT_ULL(cpu)))
			set_cpu_present(cpu, false);
}

#ifdef CONFIG_HOTPLUG_CPU
static void set_present(unsigned int cpu, bool present)
{
	cpus_write_lock();
	set_cpu_present(cpu, present);
	cpus_write_unlock();
}

static int plug_in(unsigned int cpu)
{
	int err;

	if (!cpu_present(cpu)) {
		set_present(cpu, true);
		err = arch_register_cpu(cpu);
		if (err) {
			set_present(cpu, false);
			return err;
		}
	}
	err = device_online(get_cpu_device(cpu));
	return min(err, 0); /* 1: it was */
}

static int take_out(unsigned int cpu)
{
	int err;

	if (!cpu_present(cpu))
		return 0;
	err = device_offline(get_cpu_device(cpu));
	if (err < 0)
		return err;
	arch_unregister_cpu(cpu);
	set_present(cpu, false);
	return 0;
}

static int change_vcpu(unsigned int cpu, bool wanted)
{
	int err;

	lock_device_hotplug();
	err = wanted ? plug_in(cpu) : take_out(cpu);
	unlock_device_hotplug();
	return err;
}

static void change_vcpus(struct work_struct *work)
{
	static unsigned long delay = RETRY_FIRST;
	bool failed = false;
	unsigned int cpu;
	u64 wanted = vcpus_wanted();
	int err;

	for_each_possible_cpu(cpu) {
		if (!((wanted ^ done) & BIT_ULL(cpu)))
			continue;
		err = change_vcpu(cpu, wanted & BIT_ULL(cpu));
		if (!err)
			done ^= BIT_ULL(cpu);
		else if (delay == RETRY_FIRST)
			pr_warn("Lodge: CPU %u is to be %s: %d, trying again\n",
				cpu, wanted & BIT_ULL(cpu) ? "added" :
				"taken away", err);
		failed |= err;
	}
	if (!failed) {
		delay = RETRY_FIRST;
		return;
	}
	/* Sooner if the operator says something else. */
	queue_delayed_work(system_unbound_wq, to_delayed_work(work), delay);
	delay = min(delay * 2, RETRY_MOST);
}
static DECLARE_DELAYED_WORK(vcpus_work, change_vcpus);

static void look_at_vcpus(struct lodge_request *request)
{
	mod_delayed_work(system_unbound_wq, &vcpus_work, 0);
}

static struct lodge_heeder vcpus_heeder = {
	.heeds = LODGE_HEEDS_VCPUS,
	.look = look_at_vcpus,
};

/* After all initcalls that bring CPUs' devices and services into being. */
static int __init lodge_vcpus_init(void)
{
	lodge_heed(&vcpus_heeder);
	return 0;
}
late_initcall(lodge_vcpus_init);
#endif
