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

#define MAX_MEMORY (1UL << 39) /* one top-level slot is mapped */
#define SPARE_FRAMES (8UL << (20 - PAGE_SHIFT)) /* kept when sharing all */

extern char _end[];

static mpa_t table_start, table_end;

static mpa_t modules_end(void)
{
	mpa_t end = ALIGN_UP((mpa_t)_end, PAGE_SIZE);
	unsigned int i;

	for (i = 0; i < boot_info.module_count; i++)
		end = MAX(end, ALIGN_UP(boot_info.module[i].end, PAGE_SIZE));
	return end;
}

/* Gives the RAM between two addresses to the frame allocator. */
static void add_frames(mpa_t from, mpa_t to)
{
	for (unsigned int i = 0; i < boot_info.region_count; i++) {
		mpa_t start = MAX(boot_info.region[i].start, from);
		mpa_t end = MIN(boot_info.region[i].end, to);

		if (start < end)
			frame_add(start, end);
	}
}

/* The frame table goes into the first region that has room above it all. */
static void init_frames(void)
{
	mpa_t floor = modules_end(), max = 0;
	unsigned int i;
	size_t size;

	for (i = 0; i < boot_info.region_count; i++)
		max = MAX(max, MIN(boot_info.region[i].end, MAX_MEMORY));
	size = ALIGN_UP(frame_table_size(max >> PAGE_SHIFT), PAGE_SIZE);
	for (i = 0; i < boot_info.region_count && !table_start; i++) {
		const struct boot_region *r = &boot_info.region[i];
		mpa_t start = ALIGN_UP(MAX(r->start, floor), PAGE_SIZE);

		/* boot.S maps 4 GiB */
		if (start + size <= MIN(r->end, 1UL << 32)) {
			table_start = start;
			table_end = start + size;
		}
	}
	if (!table_start)
		panic("no room for the frame table (%lu KiB)", size >> 10);
	memset(mpa_to_virt(table_start), 0, size);
	frame_init(mpa_to_virt(table_start), max >> PAGE_SHIFT);
	add_frames(table_end, MAX_MEMORY);
}

static const struct boot_region *module(s64 index)
{
	if (index < 0 || index >= boot_info.module_count)
		return NULL;
	return &boot_info.module[index];
}

static void start_domain(struct domain_config *cfg, u64 share)
{
	const struct boot_region *k = module(cfg->kernel);
	const struct boot_region *r = module(cfg->initrd);
	u64 mib = cfg->mem_mib ? cfg->mem_mib : share;
	const char *err = cfg->error[0] ? cfg->error : NULL;
	struct domain *d;

	if (!err && !k)
		err = "there is no such kernel module";
	if (!err && cfg->initrd >= 0 && !r)
		err = "there is no such initrd module";
	if (!err && mib << (20 - PAGE_SHIFT) > frame_free_count())
		err = "not enough memory in the machine";
	d = err ? NULL :
		  domain_create(cfg->name, cfg->vcpus,
				mib << (20 - PAGE_SHIFT));
	if (!d) {
		printk("lodge: domain %s cannot start: %s\n", cfg->name,
		       err ? err : "no memory");
		domain_failed();
		return;
	}
	err = domain_build(d, cfg, mpa_to_virt(k->start), k->end - k->start,
			   r ? mpa_to_virt(r->start) : NULL,
			   r ? r->end - r->start : 0);
	if (err) {
		printk("lodge: domain %s cannot start: %s\n", cfg->name, err);
		domain_failed();
		domain_discard(d);
		return;
	}
	printk("lodge: domain %u %s: %lu MiB, %u vCPUs\n", d->id, d->name, mib,
	       d->vcpu_count);
	domain_start(d);
}

/* Domains without mem= share what the others and we ourselves leave. */
static u64 memory_share(void)
{
	u64 named = 0, free = frame_free_count();
	unsigned int i, sharers = 0;

	for (i = 0; i < cmdline.domain_count; i++) {
		named += cmdline.domain[i].mem_mib << (20 - PAGE_SHIFT);
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

	if (!cmdline.domain_count)
		printk("lodge: the command line names no domain\n");
	for (i = 0; i < cmdline.domain_count; i++)
		start_domain(&cmdline.domain[i], share);
	/* the modules have been copied */
	add_frames(ALIGN_UP((mpa_t)_end, PAGE_SIZE), table_start);
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
	init_frames();
	acpi_parse(boot_info.rsdp);
	paging_init();
	entry_area_setup();
	apic_init_cpu();
	p = pcpu_create(0, apic_id());
	if (!p)
		panic("no memory for the boot processor");
	/* from the boot stack to the processor's own */
	write_cr3(virt_to_mpa(p->pml4));
	__asm__ volatile("movq %0, %%rsp\n\t"
			 "xorl %%ebp, %%ebp\n\t"
			 "call start_on_own_stack" ::"r"((u64)p->stack +
							 STACK_SIZE)
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
