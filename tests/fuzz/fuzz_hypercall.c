// SPDX-License-Identifier: GPL-2.0
// modules: CORE x86/area x86/cpuid x86/decode x86/desc x86/emulate x86/fpu
// modules: x86/callbacks x86/debugreg x86/inject x86/msr x86/physdev x86/traps
// modules: core/cmdline
// extra: world world_control
/*
 * A guest that does anything: hypercalls with any arguments, page tables and
 * vCPU page full of nonsense, faults and interrupts at any point, on two
 * processors with three vCPUs, while allocations may fail. The input is a
 * program of such steps. Whatever it does: nothing of the hypervisor breaks
 * (sanitizers, its own BUG_ON), only frames of the domain are ever mapped,
 * another domain's memory stays as it is, what goes to the processor is what
 * the entry code may load, and the end of the domain leaves nothing behind.
 */
#include <stdlib.h>
#include <string.h>
#include <lodge/control.h>
#include <lodge/grant.h>
#include <lodge/memory.h>
#include "world.h"
#include "x86/cpu.h"
#include "x86/entry.h"

#define KERNEL 0xffff888000000000UL
#define STEPS_MAX 400

/* Pages of the page tables that the guest starts with. */
enum { L4, L3_USER, L2_USER, L1_USER, L3_KERNEL, L2_KERNEL, L1_KERNEL, L4_B };

struct input {
	const u8 *at;
	size_t left;
};

static u8 byte(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++;
}

static u64 raw(struct input *in)
{
	u64 value = 0;

	for (int i = 0; i < 8; i++)
		value |= (u64)byte(in) << (8 * i);
	return value;
}

static gpa_t pick_page(struct input *in)
{
	u8 b = byte(in);

	if (b < 0x80)
		return (gpa_t)(b % WORLD_SMALL) << PAGE_SHIFT;
	return WORLD_LARGE + ((gpa_t)(b & 0x3f) << PAGE_SHIFT);
}

/* Values near what means something, and some that mean nothing. */
static u64 pick(struct input *in)
{
	static const u64 special[] = {
		~0UL,
		1UL << 63,
		1UL << 47,
		(1UL << 47) - 1,
		0xffff800000000000,
		0xffff800000005000,
		0xffff87ffffffffff,
		0xffff880000000000,
		1UL << 32,
		4096,
		4095,
		8192,
		WORLD_SMALL * PAGE_SIZE,
		WORLD_LARGE + LARGE_SIZE,
		0x00cff3000000ffff,
		0x00affb000000ffff,
	};
	u8 kind = byte(in);

	switch (kind & 7) {
	case 0:
		return byte(in);
	case 1:
		return pick_page(in);
	case 2:
		return pick_page(in) + (byte(in) << 4);
	case 3:
		return (u64)byte(in) << PAGE_SHIFT | (u64)(kind >> 3) << 21;
	case 4:
		return KERNEL + ((u64)byte(in) << PAGE_SHIFT) +
		       ((u64)(kind >> 3) << 21);
	case 5:
		return special[kind >> 3 & 15];
	case 6:
		return MSR_FS_BASE + (kind >> 3);
	default:
		return raw(in);
	}
}

static u64 pick_entry(struct input *in)
{
	u8 flags = byte(in);
	u64 e = pick_page(in) | (flags & 0x67) | PTE_P;

	if (flags & 0x08)
		e |= PTE_NX;
	if (flags & 0x10)
		e |= PTE_PS;
	if (flags & 0x80)
		e = raw(in);
	return e;
}

static void build_tables(void)
{
	static const u64 link[][3] = {
		{ L4, 0, L3_USER },	     { L3_USER, 0, L2_USER },
		{ L2_USER, 0, L1_USER },     { L4, 273, L3_KERNEL },
		{ L3_KERNEL, 0, L2_KERNEL }, { L2_KERNEL, 0, L1_KERNEL },
		{ L4_B, 0, L3_USER },	     { L4_B, 273, L3_KERNEL },
	};
	const u64 flags = PTE_P | PTE_W | PTE_U | PTE_A | PTE_D;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(link); i++)
		world_ram(link[i][0] * PAGE_SIZE)[link[i][1]] =
			link[i][2] * PAGE_SIZE | flags;
	for (i = 0; i < WORLD_SMALL; i++) {
		world_ram(L1_USER * PAGE_SIZE)[i] = i * PAGE_SIZE | flags;
		world_ram(L1_KERNEL * PAGE_SIZE)[i] = i * PAGE_SIZE |
						      (flags & ~PTE_U);
	}
	world_ram(L2_USER * PAGE_SIZE)[1] = WORLD_LARGE | flags | PTE_PS;
	world_ram(L2_KERNEL * PAGE_SIZE)[1] = WORLD_LARGE | (flags & ~PTE_U) |
					      PTE_PS;
}

static void start_vcpu(void)
{
	struct vcpu *v = world_domain->vcpu[0];

	check(!shadow_load_root(v, L4 * PAGE_SIZE));
	v->regs->rip = KERNEL;
	v->regs->rsp = KERNEL + 0x2000;
	v->regs->cs = LODGE_KERNEL_CS;
	v->regs->ss = LODGE_KERNEL_DS;
	v->initialised = true;
	domain_start(world_domain);
}

/* Callbacks are checked strictly: offer some that pass. */
static void good_callbacks(struct vcpu *v, u64 flags)
{
	struct lodge_callbacks *cb = (void *)world_ram(20 * PAGE_SIZE);

	*cb = (struct lodge_callbacks){
		.syscall = KERNEL + 0x100,
		.exception = KERNEL + 0x200,
		.exception_end = KERNEL + 0x280,
		.iret = KERNEL + 0x300,
		.iret_end = KERNEL + 0x340,
		.iret_saved = KERNEL + 0x310,
		.iret_restored = KERNEL + 0x330,
		.flags = flags,
	};
	v->regs->rax = LODGE_HC_SET_CALLBACKS;
	v->regs->rdi = 20 * PAGE_SIZE;
}

/* A list of entries that are mostly there. */
static void good_memory(struct input *in, struct vcpu *v)
{
	u64 *list = world_ram(21 * PAGE_SIZE);
	u8 n = byte(in);

	v->regs->rdi = n & 1;
	v->regs->rsi = 21 * PAGE_SIZE;
	v->regs->rdx = n % 9;
	for (unsigned int i = 0; i < n % 9; i++) {
		list[i] = pick_page(in);
		if (byte(in) > 0xf0)
			list[i] = WORLD_LARGE | LODGE_MEMORY_LARGE;
	}
}

/* Page 22 is its grant table; it grants to itself, and uses that. */
static void good_grant(struct input *in, struct vcpu *v)
{
	struct lodge_grant *table = (void *)world_ram(22 * PAGE_SIZE);
	u64 *page = world_ram(23 * PAGE_SIZE);
	struct lodge_grant_copy *copy = (void *)page;
	struct lodge_grant_map *map = (void *)page;
	u32 domid = v->domain->id;
	u8 op = byte(in) % 8, ref = byte(in) % 16;

	table[ref].access = (byte(in) & 7) | (u64)domid << 32;
	table[ref].page = pick_page(in);
	v->regs->rdi = MIN(op, LODGE_GRANT_COPY);
	v->regs->rsi = 23 * PAGE_SIZE;
	v->regs->rdx = 1;
	if (op == LODGE_GRANT_SETUP)
		page[0] = 22 * PAGE_SIZE;
	else if (op == LODGE_GRANT_MAP)
		*map = (struct lodge_grant_map){ .domid = domid,
						 .ref = ref,
						 .flags = byte(in) & 3,
						 .gpa = (1UL << 30) +
							byte(in) * PAGE_SIZE };
	else if (op == LODGE_GRANT_UNMAP)
		page[0] = byte(in) % 8;
	else
		*copy = (struct lodge_grant_copy){
			.from = { op & 1 ? domid : 0, ref, pick_page(in) },
			.to = { op & 2 ? domid : 0, byte(in) % 16,
				pick_page(in), byte(in) },
			.length = byte(in)
		};
}

static void step_hypercall(struct input *in, struct vcpu *v)
{
	struct regs *r = v->regs;

	r->rax = byte(in) % (LODGE_HC_COUNT + 1);
	r->rdi = pick(in);
	r->rsi = pick(in);
	r->rdx = pick(in);
	r->r10 = pick(in);
	r->r8 = 0;
	if (r->rax == LODGE_HC_SET_CALLBACKS) {
		u8 flags = byte(in);

		if (flags & 1)
			good_callbacks(v, flags >> 1 & LODGE_CB_KERNEL_FAULTS);
	}
	if (r->rax == LODGE_HC_MEMORY && byte(in) & 1)
		good_memory(in, v);
	if (r->rax == LODGE_HC_GRANT && byte(in) & 1)
		good_grant(in, v);
	world_exit(v, LODGE_VEC_HYPERCALL, 0, 0);
}

/* The stub loads a root that it finds in its cache. */
static void step_stub_root(struct input *in, struct vcpu *v)
{
	const struct entry_root *c =
		&v->arch.area.cfg->root[byte(in) % CFG_ROOT_COUNT];

	if (c->hardware)
		world_cr3[host_pcpu->id] = c->hardware;
	world_exit(v, 0xe0, 0, 0);
}

static void step_instruction(struct input *in, struct vcpu *v)
{
	u8 *code = (u8 *)world_ram(30 * PAGE_SIZE);

	for (int i = 0; i < 8; i++)
		code[i] = byte(in);
	v->regs->rcx = pick(in);
	v->regs->rax = pick(in);
	v->regs->rdx = byte(in);
	v->regs->rip = KERNEL + 30 * PAGE_SIZE;
	v->regs->cs = LODGE_KERNEL_CS;
	v->regs->ss = LODGE_KERNEL_DS;
	world_exit(v, 13, 0, 0);
}

/* Writes an entry of a page table, or any word. */
static void step_entry(struct input *in, bool upper)
{
	u64 *table = world_ram(pick_page(in));
	unsigned int index = byte(in) + (upper ? 256 : 0);

	table[index] = pick_entry(in);
}

/* The vCPU page is the guest's to write. */
static void step_page(struct input *in, struct vcpu *v)
{
	u8 *field = (u8 *)v->page + (byte(in) & 0xf8);

	*(u64 *)field = pick(in);
}

static void step_registers(struct input *in, struct vcpu *v)
{
	struct regs *r = v->regs;
	u64 *reg = (u64 *)r + byte(in) % 15;

	*reg = pick(in);
	r->rip = byte(in) & 1 ? KERNEL + (byte(in) << 2) : pick(in);
	r->rsp = pick(in);
	r->rflags = (u32)pick(in);
	/* the processor can be in ring 1 or 3 only */
	if (byte(in) & 1) {
		r->cs = LODGE_USER_CS;
		r->ss = LODGE_USER_DS;
	} else {
		r->cs = LODGE_KERNEL_CS;
		r->ss = LODGE_KERNEL_DS;
	}
}

/* An exception that the processor raises of itself. */
static void step_exception(struct input *in, struct vcpu *v)
{
	u8 vector = byte(in) % 32;

	switch (vector) {
	case 1:
	case 2:
	case 8:
		world_exit_ist(v, vector, 0);
		break;
	case 14:
	case 18: /* a machine check is the end of everything */
		world_exit(v, 13, byte(in), 0);
		break;
	default:
		world_exit(v, vector, byte(in), 0);
	}
}

/* After flushing everything, no shadow may allow more than the tables do. */
static void step_audit(struct vcpu *v)
{
	struct domain *d = v->domain;

	v->regs->rax = LODGE_HC_FLUSH;
	v->regs->rdi = LODGE_FLUSH_EVERYTHING;
	world_exit(v, LODGE_VEC_HYPERCALL, 0, 0);
	if (host_pcpu->current != v || domain_is_dying(d))
		return;
	shadow_audit(d, false);
	check(shadow_audit(d, false) == 0);
}

/* The other domain offers ports, binds, sends, closes; or ends. */
static void step_peer(struct input *in)
{
	u8 op = byte(in);
	u64 arg0 = byte(in), arg1 = byte(in);

	if (op == 0xff && !world_mapped(0)) /* it is no control domain */
		domain_shutdown(world_peer, LODGE_SHUTDOWN_POWEROFF);
	if (!domain_is_dying(world_peer))
		do_event(world_peer->vcpu[0], op % 10, arg0, arg1);
}

/*
 * The other domain is the control domain for a moment, and operates on the
 * attacker or on a domain of its own. Its page is the shared one: writing to
 * that is the guest's right. No PAUSE: it would wait for processors that are
 * all ours; no START: one attacker is enough.
 */
static void step_control(struct input *in)
{
	static const u8 ops[] = {
		LODGE_CONTROL_CREATE,	    LODGE_CONTROL_POPULATE,
		LODGE_CONTROL_MAP,	    LODGE_CONTROL_UNMAP,
		LODGE_CONTROL_DESTROY,	    LODGE_CONTROL_REQUEST,
		LODGE_CONTROL_INFO,	    LODGE_CONTROL_VCPU,
		LODGE_CONTROL_SCHED,	    LODGE_CONTROL_PIN,
		LODGE_CONTROL_RENAME,	    LODGE_CONTROL_MEMORY,
		LODGE_CONTROL_VCPUS,	    LODGE_CONTROL_RAM,
		LODGE_CONTROL_CONSOLE_READ, LODGE_CONTROL_CONSOLE_WRITE,
		LODGE_CONTROL_COUNTERS,	    LODGE_CONTROL_MACHINE,
		LODGE_CONTROL_DEVICES,
	};
	u8 op = ops[byte(in) % ARRAY_SIZE(ops)], flags = byte(in);
	u64 domid = flags & 1 ? world_child : world_domain->id;
	const u64 arg[2] = { pick(in), flags & 2 ? byte(in) : pick(in) };
	u64 at = 2048, *buffer;

	if (domain_is_dying(world_peer))
		return;
	buffer = world_peer_page() + at / 8;
	if (flags & 4)
		at = pick(in);
	if (op == LODGE_CONTROL_CREATE && flags & 8)
		*(struct lodge_control_create *)buffer =
			(struct lodge_control_create){ "child", 1, 0, 64, 9, 1 };
	else if (op == LODGE_CONTROL_MAP)
		buffer[0] = pick_page(in);
	else if (op == LODGE_CONTROL_UNMAP)
		buffer[0] = world_mapped(byte(in));
	else if (flags & 16)
		buffer[0] = pick(in);
	world_control(op, domid, at, arg);
}

static void step(struct input *in)
{
	u8 what = byte(in);
	struct vcpu *v = world_run(what >> 7);

	if (!v && world_alive())
		v = world_run(!(what >> 7));
	if (!world_alive())
		return;
	if (!v) {
		world_timer(NULL, (u64)byte(in) << 16);
		return;
	}
	switch (what & 15) {
	case 0 ... 3:
		step_hypercall(in, v);
		break;
	case 4:
	case 5:
		world_exit(v, 14, byte(in) & 0x17, pick(in));
		break;
	case 6:
	case 7:
		step_entry(in, what >> 4 & 1);
		break;
	case 8:
		step_page(in, v);
		break;
	case 9:
		step_registers(in, v);
		break;
	case 10:
		step_instruction(in, v);
		break;
	case 11:
		step_exception(in, v);
		break;
	case 12:
		if (what & 0x40)
			step_control(in);
		else if (what & 0x20)
			step_peer(in);
		else
			world_exit(v, LODGE_VEC_IRET, 0, 0);
		break;
	case 13:
		step_stub_root(in, v);
		break;
	case 14:
		world_timer(v, (u64)byte(in) << 16);
		break;
	case 15:
		if (what & 0x10)
			step_audit(v);
		else
			world_fail_after = byte(in);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	world_start();
	build_tables();
	start_vcpu();
	for (int i = 0; i < STEPS_MAX && in.left && world_alive(); i++) {
		step(&in);
		if (i % 8 == 7 && host_pcpu->mode == PCPU_GUEST)
			world_check_tables(host_pcpu->current);
	}
	if (world_alive() && host_pcpu->mode == PCPU_GUEST)
		world_check_tables(host_pcpu->current);
	world_end();
	return 0;
}
