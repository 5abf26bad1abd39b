// SPDX-License-Identifier: GPL-2.0
/*
 * Exceptions and upcalls into the guest.
 *
 * The hypervisor never writes to a guest's stack. It leaves the frame in the
 * vCPU page and starts the guest's exception entry, which pulls the frame to
 * the stack it wants (R3); user exceptions that the stub hands over arrive in
 * just the same way. While the entry pulls, virtual interrupts are off and
 * the page's frame is live: a fault of the guest's own there becomes #DF.
 */
#include "../core/domain.h"
#include "../core/printk.h"
#include "cpu.h"
#include "inject.h"

static bool in_exception_entry(const struct vcpu *v, u64 rip)
{
	return rip >= v->cb.exception && rip < v->cb.exception_end;
}

/* The base is the guest's word: never let it fault in ring 0. */
static void wrgsbase_guest(u64 base)
{
	if (is_canonical(base))
		wrgsbase(base);
}

bool in_iret_sequence(const struct vcpu *v, u64 rip)
{
	return v->cb_valid && rip >= v->cb.iret && rip < v->cb.iret_end;
}

void __hot inject(struct vcpu *v, u64 vector, u64 error)
{
	struct lodge_exception *exc = &v->page->exc;
	struct regs *r = v->regs;
	bool user = regs_user(r);

	if (!v->cb_valid) {
		domain_crash(v->domain, v,
			     "exception %lu (error %lx) before SET_CALLBACKS",
			     vector, error);
		return;
	}
	if (!user && in_exception_entry(v, r->rip)) {
		if (exc->vector == 8 || !READ_ONCE(v->page->df_sp)) {
			domain_crash(v->domain, v,
				     "exception %lu (error %lx) in the "
				     "exception entry",
				     vector, error);
			return;
		}
		vector = 8;
		error = 0;
	}
	v->counters.injected++;
	exc->vector = vector;
	exc->error = error;
	exc->rip = r->rip;
	exc->rsp = r->rsp;
	exc->rflags = r->rflags & ~(RFLAGS_IOPL | RFLAGS_IF);
	if (user) {
		exc->cs = r->cs;
		exc->ss = r->ss;
		exc->rflags |= RFLAGS_IF;
	} else {
		exc->cs = LODGE_FRAME_CS;
		exc->ss = LODGE_FRAME_SS;
		if (READ_ONCE(v->page->vif))
			exc->rflags |= RFLAGS_IF;
	}
	v->page->vif = 0;
	r->rip = v->cb.exception;
	r->cs = LODGE_KERNEL_CS;
	r->ss = LODGE_KERNEL_DS;
	r->rflags = RFLAGS_IF | RFLAGS_ONE;
}

bool complete_iret(struct vcpu *v, bool bad)
{
	struct regs *r = v->regs;
	u64 frame[5]; /* rip, cs, rflags, rsp, ss */

	v->counters.iret_completed++;
	if (r->rip >= v->cb.iret_saved && r->rip < v->cb.iret_restored)
		r->rax = READ_ONCE(v->page->scratch);
	if (copy_from_guest_va(v, frame, r->rsp, sizeof(frame))) {
		domain_crash(v->domain, v, "no iret frame at %lx", r->rsp);
		return false;
	}
	r->rip = frame[0];
	r->rsp = frame[3];
	if ((frame[1] & 3) < 2 && !bad) {
		if (!is_canonical(r->rip)) {
			domain_crash(v->domain, v, "iret to %lx", r->rip);
			return false;
		}
		r->cs = LODGE_KERNEL_CS;
		r->ss = LODGE_KERNEL_DS;
		v->page->vif = !!(frame[2] & RFLAGS_IF);
	} else {
		r->cs = bad ? LODGE_USER_CS : (frame[1] & 0xffff) | 3;
		r->ss = bad ? LODGE_USER_DS : (frame[4] & 0xffff) | 3;
		v->page->vif = 0;
		wrgsbase_guest(READ_ONCE(v->page->user_gs));
	}
	r->rflags = frame[2];
	if (bad)
		r->rflags &= ~(RFLAGS_TF | RFLAGS_NT);
	return true;
}
