// SPDX-License-Identifier: GPL-2.0
/*
 * vCPUs: their making and end, going up and down, waiting and being woken.
 *
 * A vCPU's state of the scheduler is sched.c's; `initialised` and the count
 * of those that are up are under domain->lock. An offline vCPU may be written
 * to by another of its domain (VCPU_INIT), under that lock; all else of a
 * vCPU belongs to the processor that runs it.
 */
#include <lodge/time.h>
#include "../x86/cpufeat.h"
#include "../x86/entry.h"
#include "../x86/pcpu.h"
#include "../x86/platform.h"
#include "domain.h"
#include "frame.h"
#include "printk.h"
#include "string.h"
#include "time.h"

void vcpu_destroy(struct vcpu *v)
{
	desc_vcpu_reset(v);
	fpu_vcpu_destroy(v);
	entry_area_destroy(&v->arch.area);
	page_free(v);
}

static void vcpu_timer_expired(void *arg)
{
	event_send_vcpu_virq(arg, LODGE_VIRQ_TIMER);
}

_Static_assert(sizeof(struct vcpu) <= PAGE_SIZE, "page_alloc() gives a page");

void vcpu_reset(struct vcpu *v)
{
	struct vcpu_arch *arch = &v->arch;

	callbacks_reset(v);
	fpu_vcpu_reset(v);
	msr_vcpu_reset(v);
	desc_vcpu_reset(v);
	memset(arch->dr, 0, sizeof(arch->dr));
	arch->dr7 = 0;
	arch->fs_base = arch->gs_base = 0;
	arch->ds = arch->es = arch->fs = arch->gs = 0;
	arch->segs_fresh = true;
}

struct vcpu *vcpu_create(struct domain *d, u32 id)
{
	struct vcpu *v = page_alloc();

	if (!v)
		return NULL;
	v->domain = d;
	v->id = id;
	if (entry_area_init_vcpu(v))
		goto err_free;
	if (fpu_vcpu_init(v))
		goto err_area;
	timer_init(&v->timer, vcpu_timer_expired, v);
	sched_vcpu_init(v);
	vcpu_reset(v);
	return v;
err_area:
	entry_area_destroy(&v->arch.area);
err_free:
	page_free(v);
	return NULL;
}

bool vcpu_has_work(const struct vcpu *v)
{
	if (READ_ONCE(v->page->pending) && READ_ONCE(v->page->vif))
		return true;
	return v->waiting && READ_ONCE(v->kicked);
}

void vcpu_notify(struct vcpu *v)
{
	unsigned int cpu;

	/* If it is just about to block, the wake-up makes it think again. */
	if (sched_wake(v))
		return; /* it will look on its way into the guest */
	cpu = READ_ONCE(v->sched.cpu);
	if (cpu < pcpu_count && READ_ONCE(pcpus[cpu]->current) == v &&
	    pcpus[cpu] != this_pcpu())
		smp_kick(cpu);
}

void vcpu_dump(struct vcpu *v)
{
	const struct regs *r = v->regs;
	u64 word;
	int i;

	printk("lodge: vCPU %u of %s, %s\n", v->id, v->domain->name,
	       regs_user(r) ? "user mode" : "kernel mode");
	printk("  rip %016lx cs %04lx rflags %08lx\n"
	       "  rsp %016lx ss %04lx vector %lu error %lx\n",
	       r->rip, r->cs, r->rflags, r->rsp, r->ss, r->vector, r->error);
	printk("  rax %016lx rbx %016lx rcx %016lx rdx %016lx\n"
	       "  rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n",
	       r->rax, r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp, r->r8);
	printk("  r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n"
	       "  r13 %016lx r14 %016lx r15 %016lx cr2 %016lx\n",
	       r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15,
	       v->page->cr2);
	printk("  root %lx vif %u pending %u sp0 %016lx\n", shadow_root_gpa(v),
	       v->page->vif, v->page->pending, v->page->sp0);
	printk("  stack:");
	for (i = 0; i < 40; i++) {
		if (copy_from_guest_va(v, &word, r->rsp + 8 * i, 8))
			break;
		printk("%s%016lx", i % 4 ? " " : "\n    ", word);
	}
	printk("\n");
}

/* --- LODGE_HC_VCPU --- */

static s64 vcpu_wait(struct vcpu *v)
{
	if (__atomic_exchange_n(&v->kicked, false, __ATOMIC_SEQ_CST))
		return 0;
	v->waiting = true; /* until it runs again */
	sched_self_wants(v, SCHED_WANT_BLOCK);
	return 0;
}

s64 vcpu_set_start(struct vcpu *v, u64 rip, gpa_t root)
{
	s64 err = shadow_load_root(v, root);

	v->initialised = !err;
	if (err)
		return err;
	*v->regs = (struct regs){ .rip = rip,
				  .cs = LODGE_KERNEL_CS,
				  .ss = LODGE_KERNEL_DS,
				  .rflags = RFLAGS_IF | RFLAGS_ONE };
	return 0;
}

static s64 vcpu_init(struct vcpu *v, struct vcpu *target, gpa_t gpa)
{
	struct lodge_vcpu_init init;
	s64 err;

	if (copy_from_guest(v->domain, &init, gpa, sizeof(init)))
		return -LODGE_EFAULT;
	if (!is_kernel_va(init.rip) || !is_canonical(init.gs_base))
		return -LODGE_EINVAL;
	spin_lock(&v->domain->lock);
	if (READ_ONCE(target->sched.state) != VCPU_OFFLINE) {
		spin_unlock(&v->domain->lock);
		return -LODGE_EEXIST;
	}
	err = vcpu_set_start(target, init.rip, init.root);
	if (!err) {
		target->regs->rsp = init.rsp;
		target->regs->rdi = init.rdi;
		memset(target->page, 0, sizeof(*target->page));
		vcpu_reset(target);
		target->arch.gs_base = init.gs_base;
	}
	spin_unlock(&v->domain->lock);
	return err;
}

static s64 vcpu_up(struct vcpu *target)
{
	s64 err = 0;

	spin_lock(&target->domain->lock);
	if (READ_ONCE(target->sched.state) != VCPU_OFFLINE)
		err = -LODGE_EEXIST;
	else if (!target->initialised)
		err = -LODGE_EINVAL;
	else {
		target->domain->up_count++;
		sched_vcpu_online(target);
	}
	spin_unlock(&target->domain->lock);
	return err;
}

static s64 vcpu_down(struct vcpu *v)
{
	bool last;

	spin_lock(&v->domain->lock);
	last = --v->domain->up_count == 0;
	spin_unlock(&v->domain->lock);
	if (last) {
		domain_crash(v->domain, v, "its last vCPU went down");
		return 0;
	}
	timer_stop(&v->timer);
	v->initialised = false;
	v->time_gpa = v->steal_gpa = 0;
	shadow_unload(v);
	sched_self_wants(v, SCHED_WANT_OFFLINE);
	return 0;
}

/* Registers a record of the vCPU in guest memory; 0 takes it back. */
static s64 set_area(struct vcpu *v, struct vcpu *target, gpa_t gpa, size_t size,
		    gpa_t *where)
{
	if (gpa & 7)
		return -LODGE_EINVAL;
	if (gpa && !guest_ptr(v->domain, gpa, size))
		return -LODGE_EFAULT;
	WRITE_ONCE(*where, gpa);
	if (target == v) {
		time_update_vcpu(v);
		sched_update_steal(v);
	}
	return 0;
}

s64 do_vcpu(struct vcpu *v, u64 op, u64 id, u64 arg)
{
	struct vcpu *target;

	if (id >= v->domain->vcpu_count)
		return -LODGE_ENOENT;
	target = v->domain->vcpu[id];
	switch (op) {
	case LODGE_VCPU_INIT:
		return vcpu_init(v, target, arg);
	case LODGE_VCPU_UP:
		return vcpu_up(target);
	case LODGE_VCPU_DOWN:
		return target == v ? vcpu_down(v) : -LODGE_EINVAL;
	case LODGE_VCPU_IS_UP:
		return READ_ONCE(target->sched.state) != VCPU_OFFLINE;
	case LODGE_VCPU_TIME_AREA:
		return set_area(v, target, arg, sizeof(struct lodge_time),
				&target->time_gpa);
	case LODGE_VCPU_STEAL_AREA:
		return set_area(v, target, arg, sizeof(struct lodge_steal),
				&target->steal_gpa);
	case LODGE_VCPU_WAIT:
		return target == v ? vcpu_wait(v) : -LODGE_EINVAL;
	case LODGE_VCPU_KICK:
		__atomic_store_n(&target->kicked, true, __ATOMIC_SEQ_CST);
		sched_wake(target);
		return 0;
	default:
		return -LODGE_ENOSYS;
	}
}
