// SPDX-License-Identifier: GPL-2.0
/*
 * Where the stub arrives: entries from a guest (guest_exit), traps of the
 * hypervisor itself (host_trap), and the IST vectors from anywhere (ist_trap).
 * All run with interrupts off on this processor's own stacks and tables.
 */
#include <lodge/abi.h>
#include "../core/domain.h"
#include "../core/printk.h"
#include "../core/string.h"
#include "cpu.h"
#include "cpufeat.h"
#include "entry.h"
#include "inject.h"
#include "pcpu.h"
#include "platform.h"

void __hot guest_exit(u64 guest_cr3, u64 cr2);
void guest_iret_fault(u64 offset);
void host_trap(struct regs *r);
void ist_trap(u64 vector, u64 offset, u64 old_cr3);

static void physical_interrupt(u64 vector)
{
	switch (vector) {
	case VEC_TIMER:
		apic_eoi();
		timer_interrupt();
		break;
	case VEC_KICK:
		apic_eoi();
		physdev_pause();
		break;
	case VEC_SERIAL:
		apic_eoi();
		serial_interrupt();
		break;
	case VEC_SPURIOUS:
		break;
	default:
		apic_eoi();
		if (!physdev_interrupt(vector))
			printk("lodge: unexpected interrupt %lx\n", vector);
	}
}

/* Bookkeeping common to all entries from a guest. */
static __hot struct vcpu *enter_host(struct pcpu *p, u64 guest_cr3)
{
	struct vcpu *v = p->current;

	debugreg_unload(v);
	shadow_sync_root(v, guest_cr3);
	/* Pairs with shootdown(): the root is known before we are out. */
	__atomic_store_n(&p->entry_count, p->entry_count + 1, __ATOMIC_RELEASE);
	/* Pairs with frame_collect(): before this looks into any p2m. */
	__atomic_store_n(&p->mode, PCPU_HOST, __ATOMIC_SEQ_CST);
	v->counters.entries++;
	return v;
}

static __hot void guest_page_fault(struct vcpu *v, u64 cr2)
{
	struct regs *r = v->regs;
	u32 guest_error = 0;

	v->counters.entry_fault++;
	switch (shadow_fault(v, cr2, r->error, &guest_error)) {
	case FAULT_FILLED:
	case FAULT_AGAIN:
		return;
	case FAULT_WAIT:
		sched_self_wants(v, SCHED_WANT_YIELD);
		return;
	case FAULT_NOMEM:
		domain_crash(v->domain, v, "out of shadow memory");
		return;
	case FAULT_GUEST:
	case FAULT_BAD_GPA:
		break;
	}
	if (!regs_user(r) && in_iret_sequence(v, r->rip)) {
		domain_crash(v->domain, v,
			     "page fault at %lx in the iret sequence", cr2);
		return;
	}
	v->page->cr2 = cr2;
	inject(v, 14, guest_error);
}

/*
 * QEMU 7.2, with a thread for each processor, can miss that one processor
 * changes code while another translates it; Linux then meets the int3 of its
 * code patching long after that has gone, and oopses. A write to the byte, be
 * it of what it holds already, has QEMU translate the code again.
 */
static bool stale_breakpoint(struct vcpu *v)
{
	struct guest_walk w;
	u8 *byte;

	if (!host_is_tcg || !v->root ||
	    !guest_walk(v->domain, v->root->gpa, v->regs->rip - 1, &w))
		return false;
	byte = guest_ptr(v->domain, w.gpa, 1);
	if (!byte || *byte == 0xcc || *byte == 0x03) /* int3; int $3 */
		return false;
	__atomic_fetch_or(byte, 0, __ATOMIC_SEQ_CST);
	v->regs->rip--;
	return true;
}

/* An exception other than #PF and those on ISTs. */
static void guest_exception(struct vcpu *v)
{
	struct regs *r = v->regs;

	v->counters.entry_exception++;
	if (!regs_user(r)) {
		if (in_iret_sequence(v, r->rip)) {
			/* the iretq itself: bad selector or address */
			if (complete_iret(v, true))
				inject(v, 13, r->error);
			return;
		}
		if (r->vector == 13 && !r->error && emulate_gp(v))
			return;
		if (r->vector == 3 && stale_breakpoint(v))
			return;
		if (domain_is_dying(v->domain))
			return;
	}
	inject(v, r->vector, r->error);
}

static __hot void dispatch(struct vcpu *v, u64 cr2)
{
	struct regs *r = v->regs;

	switch (r->vector) {
	case 14:
		guest_page_fault(v, cr2);
		break;
	case LODGE_VEC_HYPERCALL:
		v->counters.entry_hypercall++;
		hypercall(v);
		break;
	case LODGE_VEC_IRET:
		v->counters.entry_iret++;
		if (v->cb_valid)
			complete_iret(v, false);
		else
			domain_crash(v->domain, v, "iret before SET_CALLBACKS");
		break;
	case 0 ... 13:
	case 15 ... 31:
	case 0x80:
		guest_exception(v);
		break;
	default:
		v->counters.entry_interrupt++;
		physical_interrupt(r->vector);
	}
}

void guest_exit(u64 guest_cr3, u64 cr2)
{
	struct vcpu *v = enter_host(this_pcpu(), guest_cr3);

	dispatch(v, cr2);
	guest_return();
}

/*
 * The iretq of stub_enter, or of the stub's root switch, refused the guest's
 * context. offset: of the frame that the fault left in the entry stack page;
 * the context that iretq was given is still in place above it.
 */
void guest_iret_fault(u64 offset)
{
	struct pcpu *p = this_pcpu();
	struct vcpu *v = p->current;
	struct regs fault;

	debugreg_unload(v);
	memcpy(&fault, (char *)v->arch.area.stack + offset, sizeof(fault));
	__atomic_store_n(&p->entry_count, p->entry_count + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&p->mode, PCPU_HOST, __ATOMIC_SEQ_CST);
	memcpy(v->regs, &fault, offsetof(struct regs, rip));
	if (!regs_user(v->regs)) {
		domain_crash(v->domain, v, "cannot return to ring 1 at %lx",
			     v->regs->rip);
	} else {
		v->regs->cs = LODGE_USER_CS;
		v->regs->ss = LODGE_USER_DS;
		inject(v, fault.vector, fault.error);
	}
	guest_return();
}

static void __noreturn host_died(const struct regs *r)
{
	panic("exception %lu (error %lx) at %lx in the hypervisor\n"
	      "  cr2 %lx rsp %lx rflags %lx\n"
	      "  rax %lx rbx %lx rcx %lx rdx %lx rsi %lx rdi %lx rbp %lx\n"
	      "  r8 %lx r9 %lx r10 %lx r11 %lx r12 %lx r13 %lx r14 %lx r15 %lx",
	      r->vector, r->error, r->rip, read_cr2(), r->rsp, r->rflags,
	      r->rax, r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp, r->r8,
	      r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15);
}

/* Only the idle loop has interrupts on; any exception is a bug of ours. */
void host_trap(struct regs *r)
{
	if (r->vector < 32)
		host_died(r);
	/* One that idles wakes a vCPU and writes to its steal record. */
	__atomic_store_n(&this_pcpu()->mode, PCPU_HOST, __ATOMIC_SEQ_CST);
	physical_interrupt(r->vector);
}

/* The page that holds the frame: of this vCPU, or of this processor. */
static struct regs *ist_regs(struct pcpu *p, u64 vector, u64 offset,
			     u64 old_cr3)
{
	unsigned int ist = vector == 2	? IST_NMI :
			   vector == 18 ? IST_MC :
			   vector == 1	? IST_DB :
					  IST_DF;
	struct entry_area *a = old_cr3 == (u64)p->pml4 ? &p->area :
							 &p->current->arch.area;

	return (struct regs *)((char *)a->ist[ist - 1] + offset);
}

void ist_trap(u64 vector, u64 offset, u64 old_cr3)
{
	struct pcpu *p = this_pcpu();
	struct regs *r = ist_regs(p, vector, offset, old_cr3);
	struct vcpu *v;

	if (vector == 2)
		smp_nmi();
	if ((r->cs & 3) == 0) {
		/*
		 * Another NMI is nobody's. A #DB in ring 0 comes from a
		 * guest's breakpoint: on the operand of a MOV SS or POP SS
		 * before an instruction that entered the stub, or on an
		 * address of ours before they are unloaded. It is lost.
		 */
		if (vector == 2)
			return;
		if (vector == 1) {
			debugreg_host_trap();
			r->rflags &= ~RFLAGS_TF;
			return;
		}
		if (vector == 18)
			panic("machine check");
		host_died(r);
	}

	v = enter_host(p, old_cr3);
	memcpy(v->regs, r, sizeof(*r));
	switch (vector) {
	case 1:
		v->counters.entry_exception++;
		if (debugreg_trap(v))
			inject(v, 1, 0);
		break;
	case 2:
		v->counters.entry_interrupt++;
		break;
	case 18:
		panic("machine check");
	default:
		/* R7: a double fault in the guest is the guest's end */
		domain_crash(v->domain, v, "double fault (error %lx)",
			     v->regs->error);
	}
	guest_return();
}
