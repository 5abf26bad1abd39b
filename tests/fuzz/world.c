// SPDX-License-Identifier: GPL-2.0
/*
 * A machine for the hypervisor on the host, in one thread.
 *
 * Two processors take turns. Entering the guest is a longjmp back to here
 * (fake_enter), where what the processor would load is checked; leaving it is
 * a call of guest_exit() with registers that the attacker chose. An interrupt
 * from one processor to the other takes effect at once, so that a shootdown
 * never waits. Frames of guests come from the real allocator and a pool with a
 * fixed address; the hypervisor's own pages come from malloc, so that the
 * address sanitizer watches over them.
 *
 * A second domain lies idle beside the one under attack, and its memory must
 * never change. A third has event channels to the attacker; its vCPU never
 * runs, the fuzzer makes its hypercalls. References are held to the attacker
 * and to that one, so that what is left of them can be looked at.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
/* guest_return() changes stacks; everything else of enter.c is used as it is */
#define guest_return guest_return_on_stack
#include "../../hypervisor-stub/x86/enter.c"
#undef guest_return
#include "core/frame.h"
#include "core/string.h"
#include "world.h"

#define POOL_BASE 0x40000000UL
#define POOL_SIZE (16UL << 20)
#define WITNESS_PAGES 8

void guest_exit(u64 guest_cr3, u64 cr2);
void guest_return(void) __attribute__((noreturn));
void ist_trap(u64 vector, u64 offset, u64 old_cr3);
void host_trap(struct regs *r);

struct domain *world_domain, *world_peer;
int world_fail_after = -1;
u64 world_cr3[WORLD_CPUS];

static struct pcpu cpus[WORLD_CPUS];
struct pcpu *pcpus[MAX_CPUS];
unsigned int pcpu_count = WORLD_CPUS;
struct pcpu *host_pcpu = &cpus[0];
struct boot_info boot_info;
struct boot_region control_memory; /* there is no control domain */
const struct boot_region no_device[2];

static jmp_buf resume;
static bool running; /* resume is valid */
static struct domain *witness;
static mpa_t witness_page[WITNESS_PAGES];
static unsigned int pages_in_use;
static u64 frames_before;
static unsigned int pages_before;

/* Pages are counted here; from the pool nobody would find their pointers. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0:quarantine_size_mb=8";
}

void check(bool ok)
{
	if (!ok)
		abort();
}

/* --- what the platform would do --- */

char stub_lma[2 * PAGE_SIZE] __aligned(4096);
const u64 stub_addr_isr_table = AREA_BASE, stub_addr_syscall = AREA_BASE;
const u64 stub_addr_syscall32 = AREA_BASE, stub_addr_load_root = AREA_BASE;
static void fake_enter(u64 cr3, u64 reload);
const u64 stub_addr_enter = (u64)fake_enter;

void apic_eoi(void)
{
}
void apic_timer_set_ns(u64 delta)
{
}
void serial_putc(char c)
{
}
void serial_interrupt(void)
{
}
void debugkey_handle(char c)
{
}
u64 cmos_seconds(void)
{
	return 1000000000;
}
void fpu_save(struct vcpu *v)
{
}
void fpu_restore(struct vcpu *v)
{
}
void debugreg_load(struct vcpu *v)
{
}
void debugreg_unload(struct vcpu *v)
{
}
void debugreg_host_trap(void)
{
}

bool debugreg_trap(struct vcpu *v)
{
	v->page->dr6 = 0xffff0ff1;
	return true;
}

/* Only with the witness gone, too. */
bool is_device_memory(mpa_t page)
{
	return false;
}

void machine_poweroff(void)
{
	abort();
}
void machine_reboot(void)
{
	abort();
}
void machine_fail(void)
{
	abort();
}
void cpu_stop(void)
{
	abort();
}
void smp_nmi(void)
{
}
void smp_stop_others(void)
{
}

void *page_alloc(void)
{
	void *page;

	if (world_fail_after >= 0 && world_fail_after-- == 0)
		return NULL;
	page = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	memset(page, 0, PAGE_SIZE);
	pages_in_use++;
	return page;
}

void page_retire(void *page)
{
	page_free(page);
}

void page_free(void *page)
{
	pages_in_use--;
	free(page);
}

/* The other processor leaves the guest before this one goes on. */
void smp_kick(unsigned int cpu)
{
	struct pcpu *p = &cpus[cpu], *self = host_pcpu;

	check(cpu < WORLD_CPUS && p != self);
	if (p->mode != PCPU_GUEST)
		return;
	host_pcpu = p;
	shadow_sync_root(p->current, world_cr3[cpu]);
	p->entry_count++;
	p->mode = PCPU_HOST;
	host_pcpu = self;
}

/* --- into the guest and out --- */

static void __noreturn jump_back(void)
{
	check(running);
	longjmp(resume, 1);
}

void guest_return(void)
{
	guest_loop();
}

/* The processor would wait here for an interrupt. */
struct vcpu *__real_sched_pick(struct vcpu *prev);
struct vcpu *__wrap_sched_pick(struct vcpu *prev)
{
	struct vcpu *v = __real_sched_pick(prev);

	if (!v) {
		domain_reap();
		jump_back();
	}
	return v;
}

static void check_entry_regs(const struct vcpu *v)
{
	const struct regs *r = v->regs;

	check((const char *)r ==
	      (char *)v->arch.area.stack + PAGE_SIZE - sizeof(*r));
	check((r->cs & 3) == 3 || r->cs == LODGE_KERNEL_CS);
	check((r->cs & 3) == 3 || r->ss == LODGE_KERNEL_DS);
	check(r->rflags & RFLAGS_IF);
	check(!(r->rflags & (RFLAGS_IOPL | RFLAGS_VM)));
	check(r->cs >> 16 == 0 && r->ss >> 16 == 0);
}

static void check_cfg(const struct vcpu *v, u64 reload)
{
	const struct entry_cfg *c = v->arch.area.cfg;
	const struct iret_frame *f = &c->syscall;

	check(is_canonical(rdfsbase()) && is_canonical(rdgsbase()));
	if (reload)
		check(is_canonical(c->fs_base) && is_canonical(c->gs_base));
	check(c->host_cr3 == (u64)host_pcpu->pml4);
	for (unsigned int i = 0; i < 3; i++, f++) { /* the constant frames */
		if (!f->rip && !f->cs)
			continue; /* not registered */
		check(f->cs == LODGE_KERNEL_CS && f->ss == LODGE_KERNEL_DS);
		check(is_canonical(f->rip) && !is_hypervisor_va(f->rip));
		check(f->rflags == (RFLAGS_IF | RFLAGS_ONE));
	}
}

static void fake_enter(u64 cr3, u64 reload)
{
	struct vcpu *v = host_pcpu->current;

	check(v && v->domain == world_domain && !domain_is_dying(v->domain));
	check(v->sched.state == VCPU_RUNNING && v->initialised);
	check(cr3 == v->root->l4[v->id]);
	check_entry_regs(v);
	check_cfg(v, reload);
	host_machine.cr3 = cr3;
	world_cr3[host_pcpu->id] = cr3;
	jump_back();
}

struct vcpu *world_run(unsigned int cpu)
{
	host_pcpu = &cpus[cpu];
	if (host_pcpu->mode == PCPU_HOST) {
		running = true;
		if (!setjmp(resume))
			guest_loop();
		running = false;
	}
	return host_pcpu->mode == PCPU_GUEST ? host_pcpu->current : NULL;
}

void world_exit(struct vcpu *v, u64 vector, u64 error, u64 cr2)
{
	v->regs->vector = vector;
	v->regs->error = error;
	running = true;
	if (!setjmp(resume))
		guest_exit(world_cr3[host_pcpu->id], cr2);
	running = false;
}

void world_exit_ist(struct vcpu *v, u64 vector, u64 error)
{
	unsigned int ist = vector == 1 ? IST_DB :
			   vector == 2 ? IST_NMI :
					 IST_DF;
	u64 offset = PAGE_SIZE - sizeof(struct regs);
	struct regs *r =
		(struct regs *)((char *)v->arch.area.ist[ist - 1] + offset);

	*r = *v->regs;
	r->vector = vector;
	r->error = error;
	running = true;
	if (!setjmp(resume))
		ist_trap(vector, offset, world_cr3[host_pcpu->id]);
	running = false;
}

void world_timer(struct vcpu *v, u64 ns)
{
	struct regs r = { .vector = VEC_TIMER };

	host_machine.tsc += ns * 26 / 10;
	if (v)
		world_exit(v, VEC_TIMER, 0, 0);
	else
		host_trap(&r);
}

/* --- what must hold --- */

static bool owned(mpa_t mpa)
{
	return mpa >= POOL_BASE && mpa < POOL_BASE + POOL_SIZE &&
	       frame_owner(mpa) == world_domain->id;
}

/* R15, R17: leaves name frames of the domain, and are never global. */
static void check_table(const u64 *table, int level)
{
	for (unsigned int i = 0; i < 512; i++) {
		u64 e = table[i];

		if (!(e & PTE_P))
			continue;
		if (level == 1 || (level == 2 && (e & PTE_PS))) {
			check(!(e & PTE_G) && owned(e & PTE_ADDR));
			check(level == 1 || !(e & PTE_ADDR & (LARGE_SIZE - 1)));
			continue;
		}
		check(!(e & PTE_PS) && !owned(e & PTE_ADDR));
		check_table((u64 *)(e & PTE_ADDR), level - 1);
	}
}

void world_check_tables(struct vcpu *v)
{
	const u64 *l4 = (u64 *)world_cr3[host_pcpu->id];
	const struct entry_root *cache = v->arch.area.cfg->root;

	for (unsigned int i = 0; i < 512; i++) {
		if (!(l4[i] & PTE_P))
			continue;
		if (i == 256) { /* R1: this vCPU's own */
			check((l4[i] & PTE_ADDR) == (u64)v->arch.area.l3);
			check(!(l4[i] & PTE_U));
			continue;
		}
		check(i < LODGE_SLOT_FIRST || i > LODGE_SLOT_LAST);
		check_table((u64 *)(l4[i] & PTE_ADDR), 3);
	}
	for (unsigned int i = 0; i < CFG_ROOT_COUNT; i++) {
		const u64 *top = (u64 *)cache[i].hardware;

		if (top)
			check((top[256] & PTE_ADDR) == (u64)v->arch.area.l3);
	}
}

static void check_witness(void)
{
	for (unsigned int i = 0; i < WITNESS_PAGES; i++)
		for (unsigned int j = 0; j < 512; j++)
			check(((u64 *)witness_page[i])[j] == ~witness_page[i]);
}

/* --- making and unmaking --- */

u64 *world_ram(gpa_t gpa)
{
	static u64 scratch[PAGE_SIZE / 8]; /* for what it has given away */
	mpa_t mpa = p2m_lookup(&world_domain->p2m, gpa);

	return mpa == INVALID_MPA ? scratch : (u64 *)mpa;
}

static void machine_init(void)
{
	size_t size = frame_table_size((POOL_BASE + POOL_SIZE) >> PAGE_SHIFT);
	void *pool = mmap((void *)POOL_BASE, POOL_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			  0);

	check(pool == (void *)POOL_BASE);
	frame_init(calloc(1, size), (POOL_BASE + POOL_SIZE) >> PAGE_SHIFT);
	frame_add(POOL_BASE, POOL_BASE + POOL_SIZE);
	time_init(2600000);
	entry_area_setup();
	for (unsigned int i = 0; i < WORLD_CPUS; i++) {
		pcpus[i] = &cpus[i];
		cpus[i].id = i;
		cpus[i].online = true;
		cpus[i].pml4 = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
		cpus[i].stack = aligned_alloc(STACK_SIZE, STACK_SIZE);
		check(!entry_area_init_host(&cpus[i]));
		timer_cpu_init(i);
		sched_cpu_init(i);
	}
	fpu_init_cpu();
	cpuid_init();

	witness = domain_create("witness", 1, WITNESS_PAGES, false);
	check(witness);
	for (unsigned int i = 0; i < WITNESS_PAGES; i++) {
		witness_page[i] = frame_alloc(0, witness->id);
		for (unsigned int j = 0; j < 512; j++)
			((u64 *)witness_page[i])[j] = ~witness_page[i];
		check(!p2m_map(&witness->p2m, i * PAGE_SIZE, witness_page[i], 0,
			       0));
	}
	frames_before = frame_free_count();
	pages_before = pages_in_use;
}

/* A domain of that id, the same each time, and a reference to it. */
static struct domain *make_domain(const char *name, u32 id, u32 vcpus,
				  u64 frames)
{
	struct domain *d = domain_create(name, vcpus, frames, false);

	check(d);
	d->id = id;
	check(domain_get(id) == d);
	return d;
}

/* A running domain with a shared page, whose vCPU never gets a processor. */
static void make_peer(void)
{
	struct domain *d = make_domain("peer", 3, 1, 1);

	check(!p2m_map(&d->p2m, 0, frame_alloc(0, d->id), 0, 0));
	check(!do_set_shared(d->vcpu[0], 0));
	check(!shadow_load_root(d->vcpu[0], 0));
	sched_vcpu_stop(d->vcpu[0]);
	domain_start(d);
	world_peer = d;
}

void world_start(void)
{
	static bool initialised;
	struct domain *d;
	mpa_t mpa;

	world_fail_after = -1;
	if (!initialised)
		machine_init();
	initialised = true;
	host_pcpu = &cpus[0];
	d = make_domain("attacker", 2, WORLD_VCPUS, WORLD_SMALL + 512);
	world_domain = d;
	for (unsigned int i = 0; i < WORLD_VCPUS; i++)
		d->vcpu[i]->sched.cpu = i % WORLD_CPUS; /* the same each time */
	for (unsigned int i = 0; i < WORLD_SMALL; i++) {
		mpa = frame_alloc(0, d->id);
		memset((void *)mpa, 0, PAGE_SIZE);
		check(!p2m_map(&d->p2m, i * PAGE_SIZE, mpa, 0, 0));
	}
	mpa = frame_alloc(LARGE_ORDER, d->id);
	memset((void *)mpa, 0, LARGE_SIZE);
	check(!p2m_map(&d->p2m, WORLD_LARGE, mpa, LARGE_ORDER, 0));
	d->mem_frames = d->mem_max;
	make_peer();
}

/* --- the end --- */

bool world_alive(void)
{
	return READ_ONCE(world_domain->state) != DOMAIN_DEAD;
}

/* What d's ports say of channels, the other domain's ports say too. */
static void check_ports(struct domain *d, struct domain *other)
{
	for (u64 i = 1; i < LODGE_EVENT_PORTS && !domain_is_dying(d); i++) {
		const struct event_port p = d->ports[i], *end;

		check(!(d->port_used[i / 64] & BIT(i % 64)) == !p.kind);
		if (p.kind != LODGE_PORT_INTERDOMAIN)
			continue;
		check(p.domid == d->id || p.domid == other->id);
		if (p.domid == other->id && domain_is_dying(other)) {
			check(other->state != DOMAIN_DEAD);
			continue;
		}
		end = &(p.domid == d->id ? d : other)->ports[p.index];
		check(end->kind == LODGE_PORT_INTERDOMAIN);
		check(end->domid == d->id && end->index == i);
	}
}

void world_end(void)
{
	world_fail_after = -1;
	host_pcpu = &cpus[0];
	check_ports(world_domain, world_peer);
	check_ports(world_peer, world_domain);
	world_control_end();
	domain_shutdown(world_domain, LODGE_SHUTDOWN_POWEROFF);
	domain_shutdown(world_peer, LODGE_SHUTDOWN_POWEROFF);
	for (unsigned int i = 0; i < 2 * WORLD_CPUS || frame_retired(); i++) {
		struct vcpu *v = world_run(i % WORLD_CPUS);

		if (v)
			world_exit(v, VEC_KICK, 0, 0);
	}
	check(!world_alive() && world_peer->state == DOMAIN_DEAD);
	domain_put(world_domain);
	domain_put(world_peer);
	world_domain = world_peer = NULL;
	check_witness();
	check(frame_free_count() == frames_before);
	check(pages_in_use == pages_before);
}
