// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPUs, exceptions, events and time. Each vCPU has three stacks: one for C,
 * one for entries from user mode (sp0; its top holds the struct cpu pointer),
 * one for #DF.
 */
#include "guest.h"

#define STACK_PAGES 4

struct cpu cpus[LODGE_MAX_VCPUS];
struct lodge_shared shared __attribute__((aligned(4096)));
volatile struct lodge_time time_record[LODGE_MAX_VCPUS]
	__attribute__((aligned(4096)));
static port_fn handlers[LODGE_EVENT_PORTS];
static bool have_time, want_callbacks, kernel_faults;

/* ------------------------------------------------------------ exceptions */

/* Clear what is pending and call the handlers; virtual IF is off. */
static void upcall(struct cpu *cpu)
{
	u64 words, bits;

	cpu->upcalls++;
	vcpu_page->pending = 0;
	words = __atomic_exchange_n((u64 *)&vcpu_page->event_sel, 0,
				    __ATOMIC_SEQ_CST);
	while (words) {
		u64 word = __builtin_ctzl(words);

		words &= words - 1;
		bits = *(volatile u64 *)&shared.pending[word] &
		       ~*(volatile u64 *)&shared.mask[word];
		while (bits) {
			u64 bit = __builtin_ctzl(bits);

			bits &= bits - 1;
			__atomic_fetch_and(&shared.pending[word], ~(1UL << bit),
					   __ATOMIC_SEQ_CST);
			if (handlers[word * 64 + bit])
				handlers[word * 64 + bit](word * 64 + bit);
		}
	}
}

/* A #PF that the tables allow is a shadow miss: have it filled. */
static bool shadow_miss(struct cpu *cpu, struct regs *r, u64 cr2)
{
	s64 result;

	if (r->vector != PF || (s64)cr2 < 0 || cr2 >> 47)
		return false;
	result = hc(LODGE_HC_FILL, cr2, r->error);
	if (result)
		return false;
	if (cpu->fill_rip == r->rip && ++cpu->fill_count > 100000) {
		show_regs(r);
		test_fatal("FILL returns 0 but %lx still faults", cr2);
	}
	if (cpu->fill_rip != r->rip)
		cpu->fill_count = 0;
	cpu->fill_rip = r->rip;
	return true;
}

void exception_main(struct regs *r)
{
	u64 cr2 = vcpu_page->cr2;
	struct cpu *cpu = this_cpu();

	if (r->vector == LODGE_VEC_UPCALL) {
		upcall(cpu);
		return;
	}
	if (r->vector != DF && shadow_miss(cpu, r, cr2))
		return;
	cpu->fault_cr2 = cr2;
	if (cpu->hook && cpu->hook(r))
		return;
	if (from_user(r) && cpu->user_save) {
		cpu->fault = *r;
		user_leave(cpu->user_save);
	}
	if (cpu->probe_save) { /* ring 1, or where it has jumped to */
		u64 save = cpu->probe_save;

		cpu->probe_save = 0;
		cpu->fault = *r;
		probe_leave(save);
	}
	show_regs(r);
	test_fatal("unexpected %s at %lx", vector_name(r->vector), r->rip);
}

void syscall_main(struct regs *r)
{
	struct cpu *cpu = this_cpu();

	if (cpu->hook && cpu->hook(r))
		return;
	if (!cpu->user_save && cpu->probe_save) {
		u64 save = cpu->probe_save;

		cpu->probe_save = 0;
		cpu->fault = *r;
		probe_leave(save);
	}
	if (!cpu->user_save) {
		show_regs(r);
		test_fatal("unexpected system call from %lx", r->rip);
	}
	cpu->fault = *r;
	user_leave(cpu->user_save);
}

u64 probe(u64 (*fn)(u64, u64, u64), u64 a, u64 b, u64 c)
{
	struct cpu *cpu = this_cpu();
	u8 vif = vcpu_page->vif;
	u64 result;

	cpu->fault.vector = NO_FAULT;
	result = probe_enter(fn, a, b, c, &cpu->probe_save);
	cpu->probe_save = 0;
	vcpu_page->vif = vif;
	if (cpu->fault.vector == NO_FAULT)
		cpu->fault.rax = result;
	return cpu->fault.vector;
}

void user_regs(struct regs *r, void (*rip)(void))
{
	memset(r, 0, sizeof(*r));
	r->rip = (u64)rip;
	r->cs = LODGE_USER_CS;
	r->ss = LODGE_USER_DS;
	r->rsp = USER_STACK_TOP - 64 - this_cpu()->id * 1024;
	r->rflags = 2 | X86_IF;
}

u64 user_run(struct regs *r)
{
	struct cpu *cpu = this_cpu();
	struct {
		char slack[1024];
		struct regs regs;
	} enter;
	u8 vif = vcpu_page->vif;

	enter.regs = *r;
	vcpu_page->vif = 0;
	user_enter(&enter.regs, &cpu->user_save);
	cpu->user_save = 0;
	*r = cpu->fault;
	vcpu_page->vif = vif;
	if (vif)
		irq_on();
	return r->vector;
}

/* ----------------------------------------------------------------- events */

void port_handler(u64 port, port_fn fn)
{
	handlers[port] = fn;
	hc_event(UNMASK, port, 0);
}

static u64 bound(s64 port, port_fn fn)
{
	if (port <= 0 || port >= LODGE_EVENT_PORTS)
		test_fatal("binding an event returned %ld", port);
	port_handler(port, fn);
	return port;
}

u64 bind_virq(u64 virq, u64 cpu, port_fn fn)
{
	return bound(hc_event(BIND_VIRQ, virq, cpu), fn);
}

u64 bind_ipi(u64 cpu, port_fn fn)
{
	return bound(hc_event(BIND_IPI, cpu, 0), fn);
}

u64 now(void)
{
	volatile struct lodge_time *record = &time_record[this_cpu()->id];
	u32 version;
	u64 delta, time;

	if (!have_time)
		return rdtsc() / (start_info->tsc_khz + 1) * 1000000;
	do {
		version = record->version;
		barrier();
		delta = rdtsc() - record->tsc_timestamp;
		if (record->tsc_shift < 0)
			delta >>= -record->tsc_shift;
		else
			delta <<= record->tsc_shift;
		time = record->system_time +
		       (u64)((unsigned __int128)delta *
				     record->tsc_to_system_mul >>
			     32);
		barrier();
	} while (version & 1 || version != record->version);
	return time;
}

void delay(u64 ns)
{
	u64 end = now() + ns;

	while (now() < end)
		pause();
}

/* ------------------------------------------------------------------ vCPUs */

void default_callbacks(struct lodge_callbacks *callbacks)
{
	memset(callbacks, 0, sizeof(*callbacks));
	callbacks->syscall = (u64)syscall_entry;
	callbacks->syscall32 = (u64)syscall32_entry;
	callbacks->exception = (u64)exception_entry;
	callbacks->exception_end = (u64)exception_entry_end;
	callbacks->iret = (u64)iret_sequence;
	callbacks->iret_end = (u64)iret_sequence_end;
	callbacks->iret_saved = (u64)iret_saved;
	callbacks->iret_restored = (u64)iret_restored;
	callbacks->flags = kernel_faults ? LODGE_CB_KERNEL_FAULTS : 0;
}

void set_callbacks(void)
{
	static struct lodge_callbacks all[LODGE_MAX_VCPUS]
		__attribute__((aligned(128)));
	struct lodge_callbacks *callbacks = &all[this_cpu()->id];
	s64 result;

	default_callbacks(callbacks);
	result = hc(LODGE_HC_SET_CALLBACKS, gpa(callbacks));
	if (result)
		test_fatal("SET_CALLBACKS returned %ld", result);
}

static char *make_stack(void)
{
	char *stack = alloc_pages(STACK_PAGES, PAGE_SIZE);

	return stack + STACK_PAGES * PAGE_SIZE - 64;
}

static void make_stacks(struct cpu *cpu)
{
	if (cpu->exc_stack)
		return;
	cpu->self = cpu;
	cpu->id = cpu - cpus;
	cpu->stack = make_stack();
	cpu->exc_stack = make_stack();
	cpu->df_stack = make_stack();
	*(struct cpu **)cpu->exc_stack = cpu;
}

/* Makes this vCPU able to take exceptions and events. */
void cpu_setup(struct cpu *cpu)
{
	vcpu_page->sp0 = (u64)cpu->exc_stack;
	vcpu_page->df_sp = (u64)cpu->df_stack;
	vcpu_page->kernel_gs = (u64)cpu;
	wrgsbase((u64)cpu);
	if (want_callbacks)
		set_callbacks();
	hc_vcpu(TIME_AREA, cpu->id, gpa(&time_record[cpu->id]));
}

void cpu_main(struct cpu *cpu)
{
	cpu_setup(cpu);
	cpu->up = true;
	cpu->fn(cpu, cpu->arg);
	irq_off();
	__atomic_store_n(&cpu->done, true, __ATOMIC_SEQ_CST);
	for (;;)
		hc_vcpu(DOWN, cpu->id, 0);
}

void cpu_start(int id, void (*fn)(struct cpu *cpu, void *arg), void *arg)
{
	static struct lodge_vcpu_init init __attribute__((aligned(64)));
	struct cpu *cpu = &cpus[id];
	s64 result;

	make_stacks(cpu);
	cpu->fn = fn;
	cpu->arg = arg;
	cpu->up = cpu->done = false;
	init.rip = (u64)cpu_entry;
	init.rsp = (u64)cpu->stack;
	init.root = root_gpa;
	init.gs_base = (u64)cpu;
	init.rdi = (u64)cpu;
	/* It sets `done` before it goes down: wait for the latter. */
	do {
		result = hc_vcpu(INIT, id, gpa(&init));
	} while (result == -LODGE_EEXIST);
	if (!result)
		result = hc_vcpu(UP, id, 0);
	if (result)
		test_fatal("starting vCPU %d returned %ld", id, result);
}

void cpu_join(int id)
{
	while (!cpus[id].done)
		hc(LODGE_HC_YIELD);
}

/* guest_main(gpa of the start info): on vCPU 0, from _start. */
void guest_main(u64 info)
{
	u32 i;

	start_info = va(info);
	for (i = 0; i < start_info->region_count; i++) {
		struct lodge_region *region = &start_info->region[i];

		if (region->type == LODGE_REGION_RAM &&
		    region->base <= gpa(guest_main) &&
		    region->base + region->size > gpa(guest_main))
			ram_end = region->base + region->size;
	}
	if (ram_end > SIZE_1G)
		ram_end = SIZE_1G;
	/* kf=1: take ring 1's faults on user addresses directly. */
	kernel_faults = arg_u64("kf", 0) &&
			start_info->features & LODGE_FEATURE_KERNEL_FAULTS;
	want_callbacks = !arg_is("callbacks", "no");
	make_stacks(&cpus[0]);
	map_user(root_gpa);
	cpu_setup(&cpus[0]);
	cpus[0].up = true;
	have_time = time_record[0].version && !(time_record[0].version & 1) &&
		    time_record[0].tsc_to_system_mul;
	if (!arg_is("shared", "no")) {
		s64 result = hc(LODGE_HC_SET_SHARED, gpa(&shared));

		if (result)
			test_fatal("SET_SHARED returned %ld", result);
	}
	test_main();
	test_done();
}
