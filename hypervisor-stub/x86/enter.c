// SPDX-License-Identifier: GPL-2.0
/*
 * The way out of the hypervisor: choose a vCPU, make its state the
 * processor's, give it what is pending, and enter ring 1 or ring 3.
 *
 * Each processor has one main stack, and every entry starts at its top, so
 * nothing here returns: guest_return() is where all paths through the
 * hypervisor end. Interrupts are off throughout, except while idle.
 *
 * A vCPU's registers lie in its entry stack, which nobody else maps. What is
 * loaded from there is checked just before (check_regs): CS and SS of ring 1
 * are constants, flags keep IF set and IOPL 0.
 */
#include "../core/domain.h"
#include "../core/frame.h"
#include "../core/printk.h"
#include "../core/time.h"
#include "cpu.h"
#include "cpufeat.h"
#include "entry.h"
#include "inject.h"
#include "pcpu.h"
#include "platform.h"

extern const u64 stub_addr_enter;

#define FLAGS_FORBIDDEN \
	(RFLAGS_IOPL | RFLAGS_VM | RFLAGS_VIF | RFLAGS_VIP | (~0UL << 22))

/*
 * Selectors are the processor's, unless segs_fresh says that v's copy has not
 * been loaded yet: only stub_enter can, on the guest's descriptors.
 */
static void segs_save(struct vcpu *v)
{
	if (v->arch.segs_fresh)
		return;
	__asm__ volatile("movw %%ds, %0" : "=r"(v->arch.ds));
	__asm__ volatile("movw %%es, %0" : "=r"(v->arch.es));
	__asm__ volatile("movw %%fs, %0" : "=r"(v->arch.fs));
	__asm__ volatile("movw %%gs, %0" : "=r"(v->arch.gs));
	v->arch.segs_fresh = true;
}

/* v's state goes from the processor to memory; it may run elsewhere next. */
static void state_save(struct vcpu *v)
{
	segs_save(v);
	v->arch.fs_base = rdfsbase();
	v->arch.gs_base = rdgsbase();
	fpu_save(v);
}

static void state_load(struct vcpu *v, struct pcpu *p)
{
	entry_cfg_set_host(v->arch.area.cfg, p);
	fpu_restore(v);
	wrfsbase(v->arch.fs_base);
	wrgsbase(v->arch.gs_base);
	if (v->arch.tsc_aux_valid)
		wrmsr(MSR_TSC_AUX, v->arch.tsc_aux);
	v->arch.segs_reload = RELOAD_ALL;
}

/* Selectors, LDT and bases that stub_enter loads on the guest's tables. */
static void segs_prepare(struct vcpu *v)
{
	struct entry_cfg *c = v->arch.area.cfg;

	c->ldt = v->arch.ldt_count ? SEL_LDT : 0;
	if (v->arch.segs_reload == RELOAD_LDT)
		return;
	segs_save(v);
	c->ds = v->arch.ds;
	c->es = v->arch.es;
	c->fs = v->arch.fs;
	c->gs = v->arch.gs;
	c->fs_base = rdfsbase(); /* loading a selector changes them */
	c->gs_base = rdgsbase();
	v->arch.segs_fresh = false;
}

/*
 * Two vCPUs that wait for each other in turn: a halted processor takes an
 * interrupt to wake, and on an emulator a thread of its host, 30 us in all. So
 * who was not idle for long last time looks out for work before it halts.
 */
#define POLL_NS 60000
#define POLL_IF_IDLE_NS 250000

/* True if it did: a kick may have come, that was not for the scheduler. */
static bool poll(struct pcpu *p, u64 start)
{
	if (p->idle_last > POLL_IF_IDLE_NS || pcpu_count == 1 ||
	    time_now() - start >= POLL_NS)
		return false;
	/* Pairs with run_queue_resched(), which then sends no interrupt. */
	__atomic_store_n(&p->polling, true, __ATOMIC_SEQ_CST);
	__asm__ volatile("sti" ::: "memory");
	while (!sched_need_resched() && time_now() - start < POLL_NS)
		cpu_relax();
	__asm__ volatile("cli" ::: "memory");
	__atomic_store_n(&p->polling, false, __ATOMIC_SEQ_CST);
	return true;
}

static void idle(struct pcpu *p)
{
	u64 start = time_now();

	domain_reap();
	while (!sched_need_resched()) {
		frame_collect();
		__atomic_store_n(&p->mode, PCPU_IDLE, __ATOMIC_SEQ_CST);
		if (!poll(p, start)) {
			if (frame_retired()) /* not for long */
				irq_window();
			else
				__asm__ volatile("sti\n\thlt\n\tcli" ::
							 : "memory");
		}
		__atomic_store_n(&p->mode, PCPU_HOST, __ATOMIC_SEQ_CST);
		domain_reap();
	}
	p->idle_last = time_now() - start;
	p->idle_ns += p->idle_last;
}

/* Lets the scheduler decide; returns what is current now, or NULL. */
static struct vcpu *reschedule(struct pcpu *p, struct vcpu *prev)
{
	struct vcpu *next;

	if (prev)
		state_save(prev);
	/* prev may run elsewhere, or be freed, from here on. */
	p->current = NULL;
	next = sched_pick(prev);
	if (!next)
		return NULL;
	state_load(next, p);
	p->current = next;
	sched_update_steal(next);
	time_update_vcpu(next);
	return next;
}

/* Gives v an upcall if events are pending and it can take one. */
static __hot void deliver_events(struct vcpu *v)
{
	struct regs *r = v->regs;

	if (!READ_ONCE(v->page->pending) || !v->cb_valid)
		return;
	if (!regs_user(r) && in_iret_sequence(v, r->rip)) {
		if (!complete_iret(v, false))
			return;
	}
	if (!regs_user(r) && !READ_ONCE(v->page->vif))
		return;
	v->counters.upcalls++;
	inject(v, LODGE_VEC_UPCALL, 0);
}

/* Last look at what iretq will load; see the top of the file. */
static __hot void check_regs(struct vcpu *v)
{
	struct regs *r = v->regs;

	if (!regs_user(r)) {
		r->cs = LODGE_KERNEL_CS;
		r->ss = LODGE_KERNEL_DS;
	}
	r->rflags = (r->rflags & ~FLAGS_FORBIDDEN) | RFLAGS_IF | RFLAGS_ONE;
}

static void __hot __noreturn enter_guest(struct pcpu *p, struct vcpu *v)
{
	void (*enter)(u64 cr3, u64 reload) = (void *)stub_addr_enter;
	enum segs_reload reload = v->arch.segs_reload;

	if (reload != RELOAD_NONE)
		segs_prepare(v);
	v->arch.segs_reload = RELOAD_NONE;
	if (v->waiting) {
		v->waiting = false;
		WRITE_ONCE(v->kicked, false);
	}
	check_regs(v);
	debugreg_load(v);
	WRITE_ONCE(p->domain, v->domain);
	WRITE_ONCE(p->mode, PCPU_GUEST);
	/*
	 * Pairs with shootdown(): either it sees us in guest mode and sends
	 * an interrupt, or the table load below sees its changes.
	 */
	smp_mb();
	enter(shadow_cr3(v), reload);
	__builtin_unreachable();
}

static void __hot __noreturn __attribute__((used)) guest_loop(void)
{
	struct pcpu *p = this_pcpu();
	struct vcpu *v;

	for (;;) {
		v = p->current;
		domain_reap();
		frame_collect();
		if (v && domain_is_dying(v->domain))
			sched_self_wants(v, SCHED_WANT_OFFLINE);
		if (!v || sched_need_resched() ||
		    v->sched.state != VCPU_RUNNING) {
			v = reschedule(p, v);
			if (!v) {
				idle(p);
				continue;
			}
			/* the one before may have been its domain's last */
			domain_reap();
			if (domain_is_dying(v->domain))
				continue;
		}
		audit_poll(v->domain);
		deliver_events(v);
		if (domain_is_dying(v->domain) || sched_need_resched())
			continue;
		enter_guest(p, v);
	}
}

void __hot guest_return(void)
{
	u64 top = (u64)this_pcpu()->stack + STACK_SIZE;

	DEBUG_BUG_ON(this_pcpu()->locks_held);
	__asm__ volatile("movq %0, %%rsp\n\t"
			 "xorl %%ebp, %%ebp\n\t"
			 "call guest_loop" ::"r"(top)
			 : "memory");
	__builtin_unreachable();
}
