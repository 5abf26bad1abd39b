// SPDX-License-Identifier: GPL-2.0
/*
 * Hypercalls: dispatch, and the handlers that have no file of their own. What
 * each does, takes and returns is in include/lodge/hypercall.h. All arguments
 * are hostile. A handler returns its result; those that let the vCPU wait or
 * stop only change its state, which the exit loop then acts on.
 */
#include "../x86/cpufeat.h"
#include "../x86/platform.h"
#include "domain.h"
#include "string.h"
#include "time.h"

#define HYPERCALL_INSN_SIZE 2 /* int $LODGE_VEC_HYPERCALL */
/*
 * Result of a handler that wants to be called again when the vCPU runs next,
 * with the registers as it left them; the guest never sees it.
 */
#define HYPERCALL_AGAIN (-512)

static __hot s64 do_fill(struct vcpu *v, gva_t va, u64 error)
{
	u32 ignored;

	if (!is_canonical(va) || is_hypervisor_va(va))
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
	case LODGE_HC_MEMORY:
		return do_memory(v, a[0], a[1], a[2]);
	case LODGE_HC_GRANT:
		return do_grant(v, a[0], a[1], a[2]);
	case LODGE_HC_PHYSDEV:
		return do_physdev(v, a[0], a[1], a[2], a[3]);
	case LODGE_HC_CONTROL:
		return do_control(v, a[0], a[1], a[2], &a[3]);
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
