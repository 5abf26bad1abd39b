// SPDX-License-Identifier: GPL-2.0
/*
 * Privileged instructions of a guest kernel. A kernel for Lodge uses
 * hypercalls and the vCPU page; what arrives here is what Linux has no hook
 * for (reading CR4, a few MSRs, XSETBV, probing of I/O ports), so this is
 * about being right, not about speed.
 *
 * All state that is changed belongs to the current vCPU; no locks are taken
 * here. The bytes come from guest memory and may change under our hands, so
 * they are read once. An instruction that natively has a fault gets its #GP;
 * one that natively would wreck the machine crashes the domain.
 */
#include "../core/domain.h"
#include "../core/printk.h"
#include "cpu.h"
#include "cpufeat.h"

#define CR0_ALLOWED (0xe005003fUL)
#define CR0_NEEDED (CR0_PE | CR0_PG)
#define CR4_NEEDED CR4_PAE
/* All that a guest may believe to have turned on; see cpuid.c. */
#define CR4_ALLOWED                                                           \
	(CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_PGE | \
	 CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_FSGSBASE | CR4_OSXSAVE | \
	 CR4_SMEP)

static u64 *gpr(struct regs *r, unsigned int n)
{
	u64 *const map[16] = {
		&r->rax, &r->rcx, &r->rdx, &r->rbx, &r->rsp, &r->rbp,
		&r->rsi, &r->rdi, &r->r8,  &r->r9,  &r->r10, &r->r11,
		&r->r12, &r->r13, &r->r14, &r->r15,
	};

	return map[n & 15];
}

/* The bytes at rip, at most 15; fewer if the next page is not there. */
static size_t fetch(struct vcpu *v, u8 bytes[15])
{
	const u64 rip = v->regs->rip;
	const size_t left = PAGE_SIZE - (rip & ~PAGE_MASK);

	if (!copy_from_guest_va(v, bytes, rip, 15))
		return 15;
	if (left < 15 && !copy_from_guest_va(v, bytes, rip, left))
		return left;
	return 0;
}

static void raw_interrupt_flag(struct vcpu *v, bool on)
{
	struct vcpu *first = v->domain->vcpu[0];

	/* pushf and popf around it will not do what the guest thinks. */
	if (!__atomic_exchange_n(&first->arch.raw_if_seen, true,
				 __ATOMIC_RELAXED))
		printk("%s: guest bug: %s at %lx instead of the virtual "
		       "interrupt flag\n",
		       v->domain->name, on ? "sti" : "cli", v->regs->rip);
	WRITE_ONCE(v->page->vif, on);
}

static bool emulate_hlt(struct vcpu *v)
{
	if (!READ_ONCE(v->page->vif)) {
		domain_crash(v->domain, v,
			     "hlt with virtual interrupts off: would sleep "
			     "for ever");
		return false;
	}
	/* As BLOCK. The scheduler looks for events before it lets v sleep. */
	v->waiting = false;
	sched_self_wants(v, SCHED_WANT_BLOCK);
	return true;
}

/* Where the guest's view of a control register is; NULL: no such register. */
static u64 *cr_slot(struct vcpu *v, unsigned int n)
{
	return n == 0 ? &v->arch.cr0 :
	       n == 2 ? &v->page->cr2 :
	       n == 4 ? &v->arch.cr4 :
			NULL;
}

static bool read_cr(struct vcpu *v, unsigned int n, u64 *value)
{
	const u64 *slot = cr_slot(v, n);

	if (slot)
		*value = READ_ONCE(*slot);
	else if (n == 3)
		*value = v->root->gpa;
	return slot || n == 3;
}

static bool write_guest_cr3(struct vcpu *v, u64 value)
{
	const gpa_t gpa = value & PTE_ADDR;
	int error;

	if (value & ~(PTE_ADDR | 0xfff))
		return false;
	shadow_flush(v, LODGE_FLUSH_ALL, gpa, 0, 0);
	error = shadow_load_root(v, gpa);
	if (error)
		domain_crash(v->domain, v, "cr3 = %lx: %s", value,
			     error == -LODGE_ENOMEM ? "no shadow memory" :
						      "not in its memory");
	return !error;
}

static bool write_cr(struct vcpu *v, unsigned int n, u64 value)
{
	static const u64 allowed[] = { CR0_ALLOWED, 0, ~0UL, 0, CR4_ALLOWED };
	static const u64 needed[] = { CR0_NEEDED, 0, 0, 0, CR4_NEEDED };
	u64 *slot = cr_slot(v, n);

	if (n == 3)
		return write_guest_cr3(v, value);
	if (!slot || value & ~allowed[n] || (value & needed[n]) != needed[n])
		return false;
	WRITE_ONCE(*slot, value);
	return true;
}

static bool read_dr(struct vcpu *v, unsigned int n, u64 *value)
{
	if (n >= 4 && n != 6 && n != 7)
		return false;
	*value = n < 4	? v->arch.dr[n] :
		 n == 6 ? READ_ONCE(v->page->dr6) :
			  v->arch.dr7;
	return true;
}

static u64 operand_address(const struct vcpu *v, const struct insn *insn)
{
	struct regs *r = v->regs;
	u64 address = (s64)insn->disp;

	if (insn->base == INSN_RIP)
		address += r->rip + insn->length;
	else if (insn->base != INSN_NO_REG)
		address += *gpr(r, insn->base);
	if (insn->index != INSN_NO_REG)
		address += *gpr(r, insn->index) << insn->scale;
	if (insn->addr32)
		address = (u32)address;
	/* The bases stay in the processor while a vCPU is current. */
	if (insn->segment == INSN_SEG_FS)
		address += rdfsbase();
	else if (insn->segment == INSN_SEG_GS)
		address += rdgsbase();
	return address;
}

/* An address that has no translation of the guest's is no error. */
static void emulate_invlpg(struct vcpu *v, u64 va)
{
	const gva_t page = va & PAGE_MASK;

	if (!is_canonical(va) || is_hypervisor_va(va))
		return;
	shadow_flush(v, va >> 63 ? LODGE_FLUSH_KERNEL : 0, v->root->gpa, page,
		     page + PAGE_SIZE);
}

static bool emulate_rdmsr(struct vcpu *v)
{
	u64 value;

	if (!msr_read(v, (u32)v->regs->rcx, &value))
		return false;
	v->regs->rax = (u32)value;
	v->regs->rdx = value >> 32;
	return true;
}

/* False: it stays a #GP, or the domain has crashed. */
static bool execute(struct vcpu *v, const struct insn *insn)
{
	struct regs *r = v->regs;
	const u64 edx_eax = (u32)r->rax | r->rdx << 32;

	switch (insn->op) {
	case INSN_CLI:
	case INSN_STI:
		raw_interrupt_flag(v, insn->op == INSN_STI);
		return true;
	case INSN_HLT:
		return emulate_hlt(v);
	case INSN_IN:
		/* There are no ports: nobody answers, and the bus is ones. */
		r->rax = insn->width == 4 ?
				 0xffffffff :
				 r->rax | (insn->width == 2 ? 0xffff : 0xff);
		return true;
	case INSN_OUT:
		return true;
	case INSN_MOV_FROM_CR:
		return read_cr(v, insn->reg, gpr(r, insn->gpr));
	case INSN_MOV_TO_CR:
		return write_cr(v, insn->reg, *gpr(r, insn->gpr));
	case INSN_MOV_FROM_DR:
		return read_dr(v, insn->reg, gpr(r, insn->gpr));
	case INSN_MOV_TO_DR:
		return !do_set_debugreg(v, insn->reg, *gpr(r, insn->gpr));
	case INSN_RDMSR:
		return emulate_rdmsr(v);
	case INSN_WRMSR:
		return msr_write(v, (u32)r->rcx, edx_eax);
	case INSN_XSETBV:
		return !(u32)r->rcx && fpu_set_xcr0(v, edx_eax);
	case INSN_CLTS:
		v->arch.cr0 &= ~CR0_TS;
		return true;
	case INSN_INVD:
	case INSN_WBINVD:
		return true; /* no device of the guest bypasses caches */
	case INSN_INVLPG:
		emulate_invlpg(v, operand_address(v, insn));
		return true;
	case INSN_UNKNOWN:
		break;
	}
	return false;
}

bool emulate_gp(struct vcpu *v)
{
	struct regs *r = v->regs;
	struct insn insn;
	u8 bytes[15];
	size_t n;

	if (regs_user(r) || r->error)
		return false;
	n = fetch(v, bytes);
	if (!n || !insn_decode(bytes, n, &insn) || !execute(v, &insn))
		return false;
	r->rip += insn.length;
	r->rflags &= ~RFLAGS_RF;
	v->counters.emulated++;
	return true;
}
