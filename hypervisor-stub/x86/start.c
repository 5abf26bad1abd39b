// SPDX-License-Identifier: GPL-2.0
/*
 * How the hypervisor starts, in order. boot.S enters start() on the boot
 * processor in long mode with a one-to-one map of the first 4 GiB; the end is
 * that every processor runs the exit loop (enter.c) and the domains described
 * on the command line are running.
 */
#include "../core/cmdline.h"
#include "../core/domain.h"
#include "../core/frame.h"
#include "../core/printk.h"
#include "../core/string.h"
#include "../core/time.h"
#include "cpu.h"
#include "cpufeat.h"
#include "entry.h"
#include "pcpu.h"
#include "platform.h"

#define SPARE_FRAMES (8UL << (20 - PAGE_SHIFT)) /* kept when sharing all */

/* False: it could not be started. */
static bool start_domain(struct domain_config *cfg, u64 share)
{
	const struct boot_region *k = layout_module(cfg->kernel);
	const struct boot_region *r = layout_module(cfg->initrd);
	bool control = cfg == &cmdline.control;
	u64 mib = cfg->mem_mib ? cfg->mem_mib : share;
	const char *err = cfg->error[0] ? cfg->error : NULL;
	struct domain *d;

	if (control)
		mib = (control_memory.end - control_memory.start) >> 20;
	if (!err && !k)
		err = "there is no such kernel module";
	if (!err && cfg->initrd >= 0 && !r)
		err = "there is no such initrd module";
	if (!err && !control && mib << (20 - PAGE_SHIFT) > frame_spare_count())
		err = "not enough memory in the machine";
	d = err ? NULL :
		  domain_create(cfg->name, cfg->vcpus, mib << (20 - PAGE_SHIFT),
				false);
	if (!d) {
		printk("lodge: domain %s cannot start: %s\n", cfg->name,
		       err ? err : "no memory");
		domain_discard(NULL);
		return false;
	}
	d->privileged = control;
	memory_set_max(d, d->mem_max); /* which depends on that */
	if (control)
		grant_reserve(d);
	err = domain_build(d, cfg, mpa_to_virt(k->start), k->end - k->start,
			   r ? mpa_to_virt(r->start) : NULL,
			   r ? r->end - r->start : 0);
	if (err) {
		printk("lodge: domain %s cannot start: %s\n", cfg->name, err);
		domain_discard(d);
		return false;
	}
	printk("lodge: domain %u %s: %lu MiB, %u vCPUs\n", d->id, d->name, mib,
	       d->vcpu_count);
	domain_start(d);
	return true;
}

/* Domains without mem= share what the others and we ourselves leave. */
static u64 memory_share(void)
{
	u64 named = 0, free = frame_free_count();
	unsigned int i, sharers = 0;

	for (i = 0; i < cmdline.domain_count; i++) {
		named += (u64)cmdline.domain[i].mem_mib << (20 - PAGE_SHIFT);
		sharers += !cmdline.domain[i].mem_mib;
	}
	/* shadow tables and the like: 1/16 and a bit */
	named += free / 16 + SPARE_FRAMES;
	if (!sharers || named >= free)
		return 0;
	return (free - named) / sharers >> (20 - PAGE_SHIFT);
}

static void start_domains(void)
{
	u64 share = memory_share();
	unsigned int i;

	if (!cmdline.domain_count && !cmdline.has_control)
		printk("lodge: the command line names no domain\n");
	/* Without it nobody would have the devices, or end the machine. */
	if (cmdline.has_control && !start_domain(&cmdline.control, 0)) {
		printk("lodge: no control domain, and the machine stops\n");
		machine_fail();
	}
	for (i = 0; i < cmdline.domain_count; i++)
		start_domain(&cmdline.domain[i], share);
	/* the modules have been copied */
	layout_free_modules();
	domain_start_done();
}

void start(u32 magic, u32 info)
{
	struct pcpu *p;

	serial_init();
	printk("lodge: hypervisor%s, ABI %u.%u\n",
	       DEBUG_BUILD ? " (debug build)" : "", LODGE_ABI_MAJOR,
	       LODGE_ABI_MINOR);
	multiboot_parse(magic, info);
	cmdline_parse(&cmdline, boot_info.cmdline, sizeof(boot_info.cmdline));
	layout_init();
	acpi_parse(boot_info.rsdp);
	paging_init();
	layout_add_high();
	entry_area_setup();
	apic_init_cpu();
	p = pcpu_create(0, apic_id());
	if (!p)
		panic("no memory for the boot processor");
	/* from the boot stack to the processor's own */
	write_cr3(virt_to_mpa(p->pml4));
	__asm__ volatile(
		"movq %0, %%rsp\n\t"
		"xorl %%ebp, %%ebp\n\t"
		"call start_on_own_stack" ::"r"((u64)p->stack + STACK_SIZE)
		: "memory");
	__builtin_unreachable();
}

/* The rest of start(), where this_pcpu() is the real one. */
void start_on_own_stack(void);
void start_on_own_stack(void)
{
	entry_load_cpu();
	fpu_init_cpu();
	time_init(tsc_calibrate());
	apic_timer_calibrate();
	cpuid_init();
	ioapic_init();
	this_pcpu()->online = true;
	timer_cpu_init(0);
	sched_cpu_init(0);
	smp_start(cmdline.smp);
	printk("lodge: %u processors, %lu MiB free\n", pcpu_count,
	       frame_free_count() >> (20 - PAGE_SHIFT));
	serial_enable_irq();
	start_domains();
	guest_return();
}

void cpu_start_secondary(void)
{
	fpu_init_cpu();
	timer_cpu_init(this_pcpu()->id);
	sched_cpu_init(this_pcpu()->id);
	WRITE_ONCE(this_pcpu()->online, true);
	guest_return();
}
