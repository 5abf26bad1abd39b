// SPDX-License-Identifier: GPL-2.0
/*
 * Starting and stopping processors. They are started one at a time by the
 * boot processor, so the two ap_start_ words that boot.S reads need no lock;
 * a processor reports with p->online, when it is ready for work. Ids are
 * dense: one that does not answer leaves no hole.
 */
#include "cpu.h"
#include "entry.h"
#include "pcpu.h"
#include "platform.h"
#include "../core/frame.h"
#include "../core/printk.h"
#include "../core/string.h"

#define STACK_ORDER 2
#define ONLINE_TRIES 20000 /* times 50 us: a second */
#define STOP_TRIES 1000 /* times 10 us */

_Static_assert(PAGE_SIZE << STACK_ORDER == STACK_SIZE, "stack order");

extern struct pcpu boot_pcpu;
extern char boot_stack[], trampoline_start[], trampoline_end[];

/* For the processor that is being started; read by boot.S. */
u64 ap_start_cr3, ap_start_stack;

static bool stopping;
static unsigned int stopped_count;

void smp_ap_main(void) __noreturn;

static void *stack_create(struct pcpu *p)
{
	struct pcpu **stack;

	stack = mpa_to_virt(frame_alloc(STACK_ORDER, FRAME_DOM_NONE));
	if (stack)
		*stack = p;
	return stack;
}

static void stack_free(void *stack)
{
	if (stack && stack != boot_stack)
		frame_free(virt_to_mpa(stack), STACK_ORDER);
}

static void pcpu_free(struct pcpu *p)
{
	stack_free(p->stack);
	for (unsigned int i = 0; i < AREA_IST_PAGES; i++)
		stack_free(p->ist_stack[i]);
	if (p->area.l3)
		entry_area_destroy(&p->area);
	if (p->pml4)
		page_free(p->pml4);
	if (p != &boot_pcpu)
		page_free(p);
}

struct pcpu *pcpu_create(unsigned int id, u32 apic_id)
{
	struct pcpu *p = id ? page_alloc() : &boot_pcpu;

	if (!p)
		return NULL;
	p->id = id;
	p->apic_id = apic_id;
	p->stack = id ? stack_create(p) : boot_stack;
	for (unsigned int i = 0; i < AREA_IST_PAGES; i++) {
		p->ist_stack[i] = stack_create(p);
		if (!p->ist_stack[i])
			goto err_free;
	}
	if (!p->stack || entry_area_init_host(p))
		goto err_free;
	p->pml4 = paging_new_pml4(p->area.l3);
	if (!p->pml4)
		goto err_free;
	entry_cfg_set_host(p->area.cfg, p); /* now with the tables */
	pcpus[id] = p;
	return p;

err_free:
	pcpu_free(p);
	return NULL;
}

/* Called by boot.S on the new processor, on its own stack and tables. */
void smp_ap_main(void)
{
	entry_load_cpu();
	apic_init_cpu();
	cpu_start_secondary();
}

static bool start_one(struct pcpu *p)
{
	ap_start_cr3 = virt_to_mpa(p->pml4);
	ap_start_stack = (u64)p->stack + STACK_SIZE;
	smp_mb(); /* what the trampoline reads comes first */
	apic_send_init_sipi(p->apic_id, TRAMPOLINE_PAGE >> PAGE_SHIFT);
	for (int i = 0; i < ONLINE_TRIES; i++) {
		if (__atomic_load_n(&p->online, __ATOMIC_ACQUIRE))
			return true;
		delay_us(50);
	}
	/* It must not wake up later, on a stack that is another's. */
	apic_send(p->apic_id, APIC_INIT);
	delay_us(10000);
	return __atomic_load_n(&p->online, __ATOMIC_ACQUIRE);
}

void smp_start(unsigned int limit)
{
	unsigned int all = MAX(acpi_info.cpu_count, 1U);
	struct pcpu *p;
	u32 id;

	memcpy(mpa_to_virt(TRAMPOLINE_PAGE), trampoline_start,
	       trampoline_end - trampoline_start);
	if (!limit || limit > all)
		limit = all;
	for (unsigned int i = 0; i < all && pcpu_count < limit; i++) {
		id = acpi_info.apic_id[i];
		if (id == pcpus[0]->apic_id)
			continue;
		if (id > 0xfe && !apic_is_x2apic) {
			printk("smp: APIC id %u needs x2APIC\n", id);
			continue;
		}
		p = pcpu_create(pcpu_count, id);
		if (!p)
			panic("no memory for processor %u", pcpu_count);
		if (start_one(p)) {
			pcpu_count++;
			continue;
		}
		printk("smp: processor with APIC id %u does not start\n", id);
		pcpus[pcpu_count] = NULL;
		pcpu_free(p);
	}
	printk("smp: %u of %u processors\n", pcpu_count, all);
}

void smp_kick(unsigned int cpu)
{
	apic_send(pcpus[cpu]->apic_id, VEC_KICK);
}

void smp_nmi(void)
{
	if (!__atomic_load_n(&stopping, __ATOMIC_ACQUIRE))
		return;
	__atomic_fetch_add(&stopped_count, 1, __ATOMIC_RELEASE);
	cpu_stop();
}

/*
 * By NMI, which keeps the others' registers for a debugger. One that has lost
 * its way and does not answer gets an INIT; not the boot processor, which
 * would start the firmware.
 */
void smp_stop_others(void)
{
	struct pcpu *me = this_pcpu();
	unsigned int others = 0;

	__atomic_store_n(&stopping, true, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < MAX_CPUS; i++) {
		if (!pcpus[i] || pcpus[i] == me || !pcpus[i]->online)
			continue;
		apic_send(pcpus[i]->apic_id, APIC_NMI);
		others++;
	}
	for (int i = 0; i < STOP_TRIES; i++) {
		if (__atomic_load_n(&stopped_count, __ATOMIC_ACQUIRE) >= others)
			return;
		delay_us(10);
	}
	for (unsigned int i = 1; i < MAX_CPUS; i++)
		if (pcpus[i] && pcpus[i] != me && pcpus[i]->online)
			apic_send(pcpus[i]->apic_id, APIC_INIT);
}
