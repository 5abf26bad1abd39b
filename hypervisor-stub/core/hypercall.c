// SPDX-License-Identifier: GPL-2.0
/*
 * Hypercalls: dispatch, and the handlers that have no file of their own. What
 * each does, takes and returns is in include/lodge/hypercall.h. All arguments
 * are hostile. A handler returns its result; those that let the vCPU wait or
 * stop only change its state, which the exit loop then acts on.
 */
#include <lodge/time.h>
#include "../x86/cpu.h"
#include "../x86/cpufeat.h"
#include "../x86/entry.h"
#include "../x86/pcpu.h"
#include "domain.h"
#include "printk.h"
#include "string.h"
#include "time.h"

#define HYPERCALL_INSN_SIZE 2 /* int $LODGE_VEC_HYPERCALL */
/*
 * Result of a handler that wants to be called again when the vCPU runs next,
 * with the registers as it left them; the guest never sees it.
 */
#define HYPERCALL_AGAIN (-512)

/* A place for kernel code: upper half, not the hypervisor's slots. */
static bool code_address(u64 va)
{
	return va >> 63 && is_canonical(va) &&
	       pt_index(va, 4) > LODGE_SLOT_LAST;
}

static bool code_range(u64 start, u64 end)
{
	return code_address(start) && code_address(end) && start <= end;
}

static struct iret_frame kernel_frame(u64 rip)
{
	return (struct iret_frame){
		.rip = rip,
		.cs = LODGE_KERNEL_CS,
		.rflags = RFLAGS_IF | RFLAGS_ONE,
		.ss = LODGE_KERNEL_DS,
	};
}

/* A SYSCALL that comes first ends at address 0 of ring 1. */
void callbacks_reset(struct vcpu *v)
{
	struct entry_cfg *cfg = v->arch.area.cfg;

	v->cb_valid = false;
	cfg->syscall = kernel_frame(0);
	cfg->syscall32 = (struct iret_frame){ 0 };
	memset(cfg->direct, 0, sizeof(cfg->direct));
	cfg->direct_kernel = 0;
}

/* Vectors of ring 3 that the stub hands over; the rest come to us. */
#define DIRECT_VECTORS                                                   \
	(BIT(0) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(10) | \
	 BIT(11) | BIT(12) | BIT(13) | BIT(14) | BIT(16) | BIT(17) | BIT(19))

static s64 do_set_callbacks(struct vcpu *v, gpa_t gpa)
{
	struct entry_cfg *cfg = v->arch.area.cfg;
	struct lodge_callbacks cb;
	unsigned int i;

	if (copy_from_guest(v->domain, &cb, gpa, sizeof(cb)))
		return -LODGE_EFAULT;
	for (i = 0; i < ARRAY_SIZE(cb.reserved); i++)
		if (cb.reserved[i])
			return -LODGE_EINVAL;
	if (cb.flags & ~(u64)LODGE_CB_KERNEL_FAULTS ||
	    !code_address(cb.syscall) ||
	    (cb.syscall32 && !code_address(cb.syscall32)) ||
	    !code_range(cb.exception, cb.exception_end) ||
	    !code_range(cb.iret, cb.iret_end) ||
	    !code_range(cb.iret_saved, cb.iret_restored) ||
	    cb.iret_saved < cb.iret || cb.iret_restored > cb.iret_end)
		return -LODGE_EINVAL;
	v->cb = cb;
	v->cb_valid = true;
	cfg->syscall = kernel_frame(cb.syscall);
	cfg->syscall32 = kernel_frame(cb.syscall32);
	cfg->exception = kernel_frame(cb.exception);
	cfg->exception_end = cb.exception_end;
	cfg->direct[0] = DIRECT_VECTORS;
	cfg->direct[2] = BIT(0); /* vector 0x80 */
	cfg->direct_kernel = cb.flags & LODGE_CB_KERNEL_FAULTS ?
				     BIT(3) | BIT(6) | BIT(14) :
				     0;
	if (host_is_tcg)
		cfg->direct_kernel &= ~BIT(3); /* for stale_breakpoint() */
	return 0;
}

static __hot s64 do_fill(struct vcpu *v, gva_t va, u64 error)
{
	u32 ignored;

	if (!is_canonical(va) || (pt_index(va, 4) >= LODGE_SLOT_FIRST &&
				  pt_index(va, 4) <= LODGE_SLOT_LAST))
		return -LODGE_EINVAL;
	switch (shadow_fault(v, va, error & (PF_W | PF_U | PF_I), &ignored)) {
	case FAULT_FILLED:
		return 0;
	case FAULT_NOMEM:
		return -LODGE_ENOMEM;
	default:
		return 1;
	}
}

static s64 do_set_timer(struct vcpu *v, u64 deadline)
{
	if (deadline > time_now()) {
		timer_set(&v->timer, deadline);
		return 0;
	}
	timer_stop(&v->timer); /* also an older one, not yet due */
	if (deadline)
		event_send_vcpu_virq(v, LODGE_VIRQ_TIMER);
	return 0;
}

static s64 do_block(struct vcpu *v)
{
	WRITE_ONCE(v->page->vif, 1);
	sched_self_wants(v, SCHED_WANT_BLOCK);
	return 0;
}

static s64 vcpu_wait(struct vcpu *v)
{
	if (__atomic_exchange_n(&v->kicked, false, __ATOMIC_SEQ_CST))
		return 0;
	v->waiting = true; /* until it runs again */
	sched_self_wants(v, SCHED_WANT_BLOCK);
	return 0;
}

static s64 vcpu_init(struct vcpu *v, struct vcpu *target, gpa_t gpa)
{
	struct lodge_vcpu_init init;
	struct regs *r = target->regs;
	s64 err;

	if (copy_from_guest(v->domain, &init, gpa, sizeof(init)))
		return -LODGE_EFAULT;
	if (!code_address(init.rip) || !is_canonical(init.gs_base))
		return -LODGE_EINVAL;
	spin_lock(&v->domain->lock);
	if (READ_ONCE(target->sched.state) != VCPU_OFFLINE) {
		spin_unlock(&v->domain->lock);
		return -LODGE_EEXIST;
	}
	target->initialised = false;
	err = shadow_load_root(target, init.root);
	if (!err) {
		memset(r, 0, sizeof(*r));
		r->rip = init.rip;
		r->rsp = init.rsp;
		r->rdi = init.rdi;
		r->cs = LODGE_KERNEL_CS;
		r->ss = LODGE_KERNEL_DS;
		r->rflags = RFLAGS_IF | RFLAGS_ONE;
		memset(target->page, 0, sizeof(*target->page));
		vcpu_reset(target);
		target->arch.gs_base = init.gs_base;
		target->initialised = true;
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

static s64 do_vcpu(struct vcpu *v, u64 op, u64 id, u64 arg)
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

static s64 do_debug(struct vcpu *v, u64 op, u64 arg)
{
	struct lodge_counters sum;

	switch (op) {
	case LODGE_DEBUG_COUNTERS:
		domain_counters(v->domain, &sum);
		return copy_to_guest(v->domain, arg, &sum, sizeof(sum));
	case LODGE_DEBUG_AUDIT:
#ifdef LODGE_DEBUG
		return shadow_audit(v->domain, true);
#else
		return -LODGE_ENOSYS;
#endif
	default:
		return -LODGE_ENOSYS;
	}
}

static s64 do_load_root(struct vcpu *v, gpa_t gpa)
{
	v->counters.root_loads++;
	return shadow_load_root(v, gpa);
}

static s64 do_shutdown(struct vcpu *v, u64 reason)
{
	if (reason > LODGE_SHUTDOWN_CRASH)
		return -LODGE_EINVAL;
	domain_shutdown(v->domain, reason);
	return 0;
}

static s64 do_batch(struct vcpu *v, gpa_t gpa, u64 count);

static __hot s64 call(struct vcpu *v, u64 number, const u64 a[5])
{
	if (number < ARRAY_SIZE(v->counters.hypercall))
		v->counters.hypercall[number]++;
	switch (number) {
	case LODGE_HC_VERSION:
		return LODGE_ABI_VERSION;
	case LODGE_HC_CONSOLE_WRITE:
		return do_console_write(v, a[0], a[1]);
	case LODGE_HC_CONSOLE_READ:
		return do_console_read(v, a[0], a[1]);
	case LODGE_HC_SET_CALLBACKS:
		return do_set_callbacks(v, a[0]);
	case LODGE_HC_LOAD_ROOT:
		return do_load_root(v, a[0]);
	case LODGE_HC_FLUSH:
		return shadow_flush(v, a[0], a[1], a[2], a[3]);
	case LODGE_HC_DROP_ROOT:
		return shadow_drop_root(v, a[0]);
	case LODGE_HC_FILL:
		return do_fill(v, a[0], a[1]);
	case LODGE_HC_SET_TIMER:
		return do_set_timer(v, a[0]);
	case LODGE_HC_BLOCK:
		return do_block(v);
	case LODGE_HC_YIELD:
		sched_self_wants(v, SCHED_WANT_YIELD);
		return 0;
	case LODGE_HC_EVENT:
		return do_event(v, a[0], a[1], a[2]);
	case LODGE_HC_CPUID:
		return do_cpuid(v, a[0], a[1], a[2]);
	case LODGE_HC_SET_DESCRIPTOR:
		return do_set_descriptor(v, a[0], a[1]);
	case LODGE_HC_SET_LDT:
		return do_set_ldt(v, a[0], a[1]);
	case LODGE_HC_SET_DEBUGREG:
		return do_set_debugreg(v, a[0], a[1]);
	case LODGE_HC_VCPU:
		return do_vcpu(v, a[0], a[1], a[2]);
	case LODGE_HC_SHUTDOWN:
		return do_shutdown(v, a[0]);
	case LODGE_HC_BATCH:
		return do_batch(v, a[0], a[1]);
	case LODGE_HC_SET_SHARED:
		return do_set_shared(v, a[0]);
	case LODGE_HC_DEBUG:
		return do_debug(v, a[0], a[1]);
	default:
		return -LODGE_ENOSYS;
	}
}

static bool allowed_in_batch(const struct lodge_batch *b)
{
	switch (b->number) {
	case LODGE_HC_BATCH:
	case LODGE_HC_BLOCK:
	case LODGE_HC_SHUTDOWN:
		return false;
	case LODGE_HC_VCPU:
		return b->arg[0] != LODGE_VCPU_DOWN &&
		       b->arg[0] != LODGE_VCPU_WAIT;
	default:
		return true;
	}
}

static s64 do_batch(struct vcpu *v, gpa_t gpa, u64 count)
{
	struct lodge_batch *array, b;
	u64 i = count >> 32; /* done already, when it is begun again */

	count = (u32)count;
	if (i >= count || count > LODGE_BATCH_MAX || gpa & 7 ||
	    (gpa & ~PAGE_MASK) + count * sizeof(b) > PAGE_SIZE)
		return -LODGE_EINVAL;
	array = guest_ptr(v->domain, gpa, count * sizeof(b));
	if (!array)
		return -LODGE_EFAULT;
	for (; i < count; i++) {
		memcpy(&b, &array[i], sizeof(b)); /* check and use the copy */
		array[i].result = allowed_in_batch(&b) ?
					  call(v, b.number, b.arg) :
					  -LODGE_EINVAL;
		irq_window();
		if (i + 1 < count && sched_need_resched()) {
			/* somebody else first, then what is left */
			v->regs->rsi = (i + 1) << 32 | count;
			return HYPERCALL_AGAIN;
		}
	}
	v->regs->rsi = count; /* as the guest gave it */
	return 0;
}

void __hot hypercall(struct vcpu *v)
{
	struct regs *r = v->regs;
	u64 args[5] = { r->rdi, r->rsi, r->rdx, r->r10, r->r8 };

	s64 result = call(v, r->rax, args);

	if (result == HYPERCALL_AGAIN)
		r->rip -= HYPERCALL_INSN_SIZE;
	else
		r->rax = result;
}
