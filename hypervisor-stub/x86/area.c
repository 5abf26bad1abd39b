// SPDX-License-Identifier: GPL-2.0
/*
 * Entry areas: the pages of slot 256 (entry.h draws the map).
 *
 * Two pages of stub text and the IDT are common to all; GDT with TSS, cfg,
 * entry stack and IST stacks exist once for each vCPU, and once for each
 * processor. In a vCPU's area only the vCPU page, the entry stack and the IST
 * stacks can be written, and they are mapped in tables that this vCPU alone
 * uses (R1, R2); every descriptor has its accessed bit set and the TSS is
 * marked busy, so the processor never writes to the read-only pages (R5).
 */
#include <lodge/abi.h>
#include "../core/domain.h"
#include "../core/frame.h"
#include "../core/printk.h"
#include "../core/string.h"
#include "cpu.h"
#include "entry.h"
#include "pcpu.h"
#include "platform.h"

extern const u64 stub_addr_isr_table, stub_addr_syscall, stub_addr_syscall32;
extern const u64 stub_addr_load_root;
extern char stub_lma[];

#define TSS_LIMIT 103
#define GATE_INTERRUPT 0x8e
#define GATE_DPL(n) ((n) << 5)

static u64 idt[512] __aligned(4096);

static void set_gate(unsigned int vec, u8 dpl, u8 ist)
{
	u64 handler = vec == LODGE_VEC_LOAD_ROOT ?
			      stub_addr_load_root :
			      stub_addr_isr_table + 16 * vec;
	u8 type = GATE_INTERRUPT | GATE_DPL(dpl);

	idt[2 * vec] = (handler & 0xffff) | (u64)SEL_HV_CODE << 16 |
		       (u64)ist << 32 | (u64)type << 40 |
		       ((handler >> 16) & 0xffff) << 48;
	idt[2 * vec + 1] = handler >> 32;
}

/*
 * Every gate leads to ring 0, as an interrupt gate; none aims at ring 1, so
 * R6, R7 and R8 hold by construction. Ring 3 may use int3, into and int 0x80.
 */
void entry_area_setup(void)
{
	static const u8 user_vectors[] = { 3, 4, 0x80 };
	static const u8 ist[][2] = { { 1, IST_DB },
				     { 2, IST_NMI },
				     { 8, IST_DF },
				     { 18, IST_MC } };
	unsigned int i;

	for (i = 0; i < 256; i++)
		set_gate(i, 0, 0);
	for (i = 0; i < ARRAY_SIZE(user_vectors); i++)
		set_gate(user_vectors[i], 3, 0);
	for (i = 0; i < ARRAY_SIZE(ist); i++)
		set_gate(ist[i][0], 0, ist[i][1]);
	set_gate(LODGE_VEC_HYPERCALL, 1, 0);
	set_gate(LODGE_VEC_IRET, 1, 0);
	set_gate(LODGE_VEC_LOAD_ROOT, 1, 0);
}

static void fill_gdt(u64 *gdt)
{
	u8 *tss = (u8 *)gdt + (AREA_TSS_OFF - AREA_GDT_OFF);
	u64 base = AREA_BASE + AREA_TSS_OFF;
	u64 stack_top = AREA_BASE + AREA_STACK_OFF + PAGE_SIZE;
	unsigned int i;

	gdt[2] = 0x00afbb000000ffff; /* kernel code: 64-bit, DPL 1 */
	gdt[3] = 0x00cfb3000000ffff; /* kernel data, DPL 1 */
	gdt[4] = 0x00cffb000000ffff; /* 32-bit user code */
	gdt[5] = 0x00cff3000000ffff; /* user data */
	gdt[6] = 0x00affb000000ffff; /* 64-bit user code */
	gdt[SEL_HV_CODE / 8] = 0x00af9b000000ffff;
	gdt[SEL_HV_DATA / 8] = 0x00cf93000000ffff;
	gdt[SEL_TSS / 8] = TSS_LIMIT | (base & 0xffffff) << 16 | 0x8bUL << 40 |
			   ((base >> 24) & 0xff) << 56;
	gdt[SEL_TSS / 8 + 1] = base >> 32;

	/* RSP0; RSP1 and RSP2 are never used, but shall not be wild. */
	for (i = 0; i < 3; i++)
		memcpy(tss + 4 + 8 * i, &stack_top, 8);
	for (i = 0; i < AREA_IST_PAGES; i++) {
		u64 top = AREA_BASE + AREA_IST_OFF + PAGE_SIZE * (i + 1);

		memcpy(tss + 36 + 8 * i, &top, 8);
	}
	*(u16 *)(tss + 102) = TSS_LIMIT + 1; /* no I/O bitmap */
}

static void map(struct entry_area *a, u64 off, const void *page, u64 flags)
{
	a->l1[off >> PAGE_SHIFT] = virt_to_mpa(page) | PTE_P | PTE_A | PTE_D |
				   flags;
}

/* host: the area of a processor, whose GDT `ltr` must be able to write. */
static int area_init(struct entry_area *a, bool host)
{
	void **page = (void **)a;
	unsigned int i;

	memset(a, 0, sizeof(*a));
	for (i = 0; i < sizeof(*a) / sizeof(*page); i++) {
		if (host && &page[i] == &a->vcpu_page)
			continue;
		page[i] = page_alloc();
		if (!page[i]) {
			entry_area_destroy(a);
			return -LODGE_ENOMEM;
		}
	}
	fill_gdt(a->gdt);
	a->l3[0] = virt_to_mpa(a->l2) | PTE_P | PTE_W | PTE_A;
	a->l2[0] = virt_to_mpa(a->l1) | PTE_P | PTE_W | PTE_A;
	map(a, AREA_TEXT_OFF, stub_lma, 0);
	map(a, AREA_TEXT_OFF + PAGE_SIZE, stub_lma + PAGE_SIZE, 0);
	map(a, AREA_IDT_OFF, idt, PTE_NX);
	map(a, AREA_GDT_OFF, a->gdt, PTE_NX | (host ? PTE_W : 0));
	map(a, AREA_CFG_OFF, a->cfg, PTE_NX);
	map(a, AREA_STACK_OFF, a->stack, PTE_NX | PTE_W);
	for (i = 0; i < AREA_IST_PAGES; i++)
		map(a, AREA_IST_OFF + i * PAGE_SIZE, a->ist[i], PTE_NX | PTE_W);
	if (!host)
		map(a, AREA_VCPU_OFF, a->vcpu_page, PTE_NX | PTE_W);
	return 0;
}

int entry_area_init_vcpu(struct vcpu *v)
{
	struct entry_area *a = &v->arch.area;
	int err = area_init(a, false);

	if (err)
		return err;
	v->page = a->vcpu_page;
	v->regs = (struct regs *)((char *)a->stack + PAGE_SIZE) - 1;
	return 0;
}

/* p's stacks and tables exist. */
int entry_area_init_host(struct pcpu *p)
{
	int err = area_init(&p->area, true);

	if (err)
		return err;
	entry_cfg_set_host(p->area.cfg, p);
	return 0;
}

/* The processor that c's vCPU is going to run on. */
void entry_cfg_set_host(struct entry_cfg *c, const struct pcpu *p)
{
	c->host_cr3 = virt_to_mpa(p->pml4);
	c->host_stack = (u64)p->stack + STACK_SIZE;
	for (unsigned int i = 0; i < AREA_IST_PAGES; i++)
		c->ist_stack[i] = (u64)p->ist_stack[i] + STACK_SIZE;
}

void entry_area_destroy(struct entry_area *a)
{
	void **page = (void **)a; /* it consists of pages */

	for (unsigned int i = 0; i < sizeof(*a) / sizeof(*page); i++)
		if (page[i])
			page_free(page[i]);
	memset(a, 0, sizeof(*a));
}

void entry_area_map_ldt(struct entry_area *a, unsigned int n, const void *page)
{
	BUG_ON(n >= LDT_PAGES);
	if (page)
		map(a, AREA_LDT_OFF + n * PAGE_SIZE, page, PTE_NX);
	else
		a->l1[(AREA_LDT_OFF >> PAGE_SHIFT) + n] = 0;
}

void entry_load_cpu(void)
{
	struct __packed {
		u16 limit;
		u64 base;
	} gdtr = { GDT_SLOTS * 8 - 1, AREA_BASE + AREA_GDT_OFF },
	  idtr = { sizeof(idt) - 1, AREA_BASE + AREA_IDT_OFF };
	u64 *gdt = this_pcpu()->area.gdt;

	gdt[SEL_TSS / 8] &= ~(2UL << 40); /* `ltr` wants it available */
	__asm__ volatile("lgdt %0\n\t"
			 "lidt %1\n\t"
			 "pushq %2\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\tmovl %3, %%eax\n\t"
			 "movl %%eax, %%ss\n\t"
			 "xorl %%eax, %%eax\n\t"
			 "movl %%eax, %%ds\n\t"
			 "movl %%eax, %%es\n\t"
			 "movl %%eax, %%fs\n\t"
			 "movl %%eax, %%gs\n\t"
			 "lldt %%ax\n\t"
			 "movl %4, %%eax\n\t"
			 "ltr %%ax\n\t" ::"m"(gdtr),
			 "m"(idtr), "i"(SEL_HV_CODE), "i"(SEL_HV_DATA),
			 "i"(SEL_TSS)
			 : "rax", "memory");

	wrmsr(MSR_STAR, (u64)SEL_HV_CODE << 32 | (u64)LODGE_USER32_CS << 48);
	wrmsr(MSR_LSTAR, stub_addr_syscall);
	wrmsr(MSR_CSTAR, stub_addr_syscall32);
	/* R11: IF TF DF NT AC IOPL RF and the arithmetic flags */
	wrmsr(MSR_SFMASK, 0x257fd5);
	wrmsr(MSR_SYSENTER_CS, 0); /* R13 */
}
