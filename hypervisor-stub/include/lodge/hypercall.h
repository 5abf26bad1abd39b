/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls: int $LODGE_VEC_HYPERCALL in ring 1, number in rax, arguments in
 * rdi, rsi, rdx, r10, r8; result or negative error in rax, every other
 * register preserved. Any domain may make all of them unless a note says
 * otherwise. "gpa" is a guest-physical address of the caller's own RAM; an
 * address outside it is -EFAULT. A hypercall may be interrupted and started
 * again: then rip still points at the int instruction and the registers hold
 * what is left to do; to the guest it looks like one long instruction.
 */
#ifndef LODGE_HYPERCALL_H
#define LODGE_HYPERCALL_H

#include <lodge/abi.h>

/*
 * VERSION(): returns LODGE_ABI_VERSION. Also the call to make when `pending`
 * was found set after turning virtual interrupts on: events are delivered
 * before it returns.
 */
#define LODGE_HC_VERSION 0

/*
 * CONSOLE_WRITE(gpa, length): write up to 4096 bytes to the domain's console.
 * Returns the number of bytes taken. -EINVAL: length over 4096.
 */
#define LODGE_HC_CONSOLE_WRITE 1

/*
 * CONSOLE_READ(gpa, length): move up to length (at most 4096) bytes of input
 * to gpa. Returns their number, 0 if there are none.
 */
#define LODGE_HC_CONSOLE_READ 2

/*
 * SET_CALLBACKS(gpa): register struct lodge_callbacks for this vCPU. Every
 * address must be canonical, in the upper half and outside the hypervisor's
 * slots: else -EINVAL, and nothing changes.
 */
#define LODGE_HC_SET_CALLBACKS 3

/*
 * LOAD_ROOT(root): make the top-level table at gpa root current on this vCPU,
 * as MOV CR3 would. -EINVAL: root is not page-aligned. -EFAULT: it is not
 * RAM. -ENOMEM: no shadow memory. Needs no flush: a root that was flushed
 * properly is never stale. A bits may be set in the tables of a root that is
 * new. Try LODGE_VEC_LOAD_ROOT first.
 */
#define LODGE_HC_LOAD_ROOT 4

/*
 * FLUSH(flags, root, start, end): the guest has changed page-table entries
 * for [start, end) under root; when this returns, no vCPU of the domain sees
 * the old ones. LODGE_FLUSH_ALL: every address of the user half of root.
 * LODGE_FLUSH_KERNEL: [start, end) lies in the kernel half; root is ignored.
 * LODGE_FLUSH_EVERYTHING: all roots and the kernel half. Addresses are
 * rounded outwards to pages. A root that is not known is no error.
 * -EINVAL: unknown flag, end < start, or a range that is not in its half.
 */
#define LODGE_HC_FLUSH 5
#define LODGE_FLUSH_ALL (1 << 0)
#define LODGE_FLUSH_KERNEL (1 << 1)
#define LODGE_FLUSH_EVERYTHING (1 << 2)

/*
 * DROP_ROOT(root): the top-level table at gpa root is about to be freed;
 * forget its shadows. To be made before the page is used for anything else.
 * -EBUSY: it is current on some vCPU. -ENOENT: not known (no harm done).
 */
#define LODGE_HC_DROP_ROOT 6

/*
 * FILL(address, error): the guest's tables under the current root allow the
 * access that faulted with this #PF error code; make the shadow agree, with
 * the neighbourhood. Returns 0, or 1: they do not allow it, or were changed
 * at that moment: look again. -EINVAL: address is not canonical or in the
 * hypervisor's slots. -ENOMEM: no shadow memory.
 */
#define LODGE_HC_FILL 7

/*
 * SET_TIMER(deadline): send LODGE_VIRQ_TIMER to this vCPU at system time
 * `deadline` (ns), at once if that has passed. 0 stops the timer.
 */
#define LODGE_HC_SET_TIMER 8

/*
 * BLOCK(): turn virtual interrupts on and wait until an event is pending.
 * The upcall is delivered before it returns.
 */
#define LODGE_HC_BLOCK 9

/* YIELD(): let other vCPUs run. */
#define LODGE_HC_YIELD 10

/* EVENT(operation, arg0, arg1): see event.h. */
#define LODGE_HC_EVENT 11

/*
 * CPUID(leaf, subleaf, gpa): what this domain may use of the processor.
 * Writes struct lodge_cpuid. (The CPUID instruction itself is not filtered.)
 */
#define LODGE_HC_CPUID 12

/*
 * SET_DESCRIPTOR(slot, value): write GDT slot 12 to 15 of this vCPU. value
 * is 0 or a present code or data segment of DPL 3 that is not a 16-bit stack
 * segment; its accessed bit is set by the hypervisor. -EINVAL otherwise.
 */
#define LODGE_HC_SET_DESCRIPTOR 13

/*
 * SET_LDT(gpa, count): replace the LDT of this vCPU by `count` descriptors
 * (0 to 8192; 0 unloads it). gpa names an array of guest-physical page
 * addresses, one for every 512 descriptors; the descriptors are copied and
 * follow the rule of SET_DESCRIPTOR, but not-present ones are allowed.
 * -EINVAL: a bad descriptor; the old LDT stays. -ENOMEM.
 */
#define LODGE_HC_SET_LDT 14

/*
 * SET_DEBUGREG(n, value): n = 0 to 3, 6, 7. -EINVAL: another n, a breakpoint
 * in the hypervisor's slots, or reserved or general-detect bits in value.
 * GET is from the guest's own memory; DR6 is in the vCPU page.
 */
#define LODGE_HC_SET_DEBUGREG 15

/* VCPU(operation, vcpu, arg): operations below. -ENOENT: no such vCPU. */
#define LODGE_HC_VCPU 16
/*
 * INIT: arg = gpa of struct lodge_vcpu_init. -EEXIST: it is up. -EINVAL: rip
 * is no kernel address, gs_base not canonical, root not page-aligned. -EFAULT:
 * the structure or the root is not RAM. -ENOMEM: no shadow memory.
 */
#define LODGE_VCPU_INIT 0
/* UP: let an initialised vCPU run. -EINVAL: not initialised. -EEXIST: is up. */
#define LODGE_VCPU_UP 1
/* DOWN: stop for good, of itself (else -EINVAL); the last one crashes it all. */
#define LODGE_VCPU_DOWN 2
/* IS_UP: returns 1 or 0. */
#define LODGE_VCPU_IS_UP 3
/* TIME_AREA: arg = gpa of struct lodge_time, in one page; 0 removes it. */
#define LODGE_VCPU_TIME_AREA 4
/* STEAL_AREA: arg = gpa of struct lodge_steal, in one page; 0 removes it. */
#define LODGE_VCPU_STEAL_AREA 5
/* WAIT: of itself; sleep until KICK, or an event when interrupts are on. */
#define LODGE_VCPU_WAIT 6
/* KICK: end the WAIT of a vCPU, or make its next one return at once. */
#define LODGE_VCPU_KICK 7

/*
 * SHUTDOWN(reason): the domain ends. Does not return; -EINVAL: bad reason.
 */
#define LODGE_HC_SHUTDOWN 17
#define LODGE_SHUTDOWN_POWEROFF 0
#define LODGE_SHUTDOWN_REBOOT 1
#define LODGE_SHUTDOWN_CRASH 2

/*
 * BATCH(gpa, count): run `count` entries (1 to LODGE_BATCH_MAX) of struct
 * lodge_batch in order; each gets its own result. The array may not cross a
 * page. Returns 0 when all were run. BATCH, BLOCK, SHUTDOWN, VCPU_DOWN and
 * VCPU_WAIT are -EINVAL as entries. -EINVAL: bad count, or a page crossed.
 */
#define LODGE_HC_BATCH 18
#define LODGE_BATCH_MAX 64

/*
 * SET_SHARED(gpa): register the domain's struct lodge_shared (a whole page).
 * Clears pending, sets all mask bits, fills in the wall clock. -EEXIST: done
 * before. Needed before EVENT.
 */
#define LODGE_HC_SET_SHARED 19

/*
 * DEBUG(operation, arg): LODGE_DEBUG_COUNTERS: write the domain's struct
 * lodge_counters to gpa arg. LODGE_DEBUG_AUDIT: run the shadow auditor now;
 * returns the number of differences (-ENOSYS without it in the build).
 */
#define LODGE_HC_DEBUG 20
#define LODGE_DEBUG_COUNTERS 0
#define LODGE_DEBUG_AUDIT 1

/* MEMORY(operation, gpa, count): see memory.h. */
#define LODGE_HC_MEMORY 21

/* GRANT(operation, gpa, count): see grant.h. */
#define LODGE_HC_GRANT 22

/* PHYSDEV(operation, arg0, arg1, arg2): see physdev.h. */
#define LODGE_HC_PHYSDEV 23

/* CONTROL(operation, domid, gpa, arg0, arg1): see control.h. */
#define LODGE_HC_CONTROL 24

#define LODGE_HC_COUNT 25

/* flags of struct lodge_callbacks */
/*
 * The guest's entry takes #PF of ring 1 on user addresses directly, and the
 * vectors 3 and 6 of ring 1, without the hypervisor in between.
 */
#define LODGE_CB_KERNEL_FAULTS (1 << 0)

#ifndef __ASSEMBLER__
struct lodge_callbacks {
	/*
	 * 64-bit SYSCALL: rcx, r11 as the processor leaves them; user rsp in
	 * the vCPU page; virtual IF off; GS base still the user's.
	 */
	uint64_t syscall;
	/* SYSCALL in compatibility mode: likewise. 0: makes it a #UD. */
	uint64_t syscall32;
	/*
	 * Exceptions and upcalls: frame in vCPU page `exc`, all registers but
	 * rsp as interrupted, virtual IF off. [exception, exception_end) is
	 * the code that pulls the frame; a fault of the guest's own inside it
	 * becomes #DF.
	 */
	uint64_t exception;
	uint64_t exception_end;
	/*
	 * The iret sequence: in all of [iret, iret_end) rsp points at the
	 * frame. From iret_saved up to iret_restored, rax is in `scratch`. An
	 * event that is due inside the sequence makes the hypervisor complete
	 * the iret and deliver the event from there.
	 */
	uint64_t iret;
	uint64_t iret_end;
	uint64_t iret_saved;
	uint64_t iret_restored;
	uint64_t flags; /* LODGE_CB_* */
	uint64_t reserved[7];
};

struct lodge_vcpu_init {
	uint64_t rip;
	uint64_t rsp;
	uint64_t root; /* gpa of its first top-level table */
	uint64_t gs_base;
	uint64_t rdi; /* passed on */
	uint64_t reserved[3];
};

struct lodge_batch {
	uint64_t number; /* IN */
	uint64_t arg[5]; /* IN */
	int64_t result; /* OUT */
	uint64_t reserved;
};

struct lodge_cpuid {
	uint32_t eax, ebx, ecx, edx;
};

/* Counts since the domain was made, summed over its vCPUs. */
#define LODGE_COUNTERS_VERSION 1
struct lodge_counters {
	uint32_t version; /* OUT: LODGE_COUNTERS_VERSION */
	uint32_t size; /* OUT: bytes written */
	uint64_t entries; /* all entries into the hypervisor */
	uint64_t entry_fault; /* ... by #PF */
	uint64_t entry_interrupt; /* ... by a physical interrupt */
	uint64_t entry_exception; /* ... by another exception */
	uint64_t entry_hypercall;
	uint64_t entry_iret; /* ... by LODGE_VEC_IRET */
	uint64_t fills; /* shadow leaves made for a fault or FILL */
	uint64_t prefills; /* ... made along with those */
	uint64_t flushes; /* FLUSH operations carried out */
	uint64_t shootdowns; /* ... that had to interrupt a processor */
	uint64_t root_loads; /* LOAD_ROOT */
	uint64_t root_creates;
	uint64_t root_drops;
	uint64_t emulated; /* privileged instructions decoded */
	uint64_t injected; /* exceptions given to the guest */
	uint64_t upcalls;
	uint64_t shadow_pages; /* in use now */
	uint64_t shadow_reclaims;
	uint64_t iret_completed;
	uint64_t hypercall[32]; /* by number */
	uint64_t reserved[12];
};

/* From `entries` to `iret_completed`, for whoever shows them. */
#define LODGE_COUNTER_NAMES                                             \
	"entries", "entry_fault", "entry_interrupt", "entry_exception", \
		"entry_hypercall", "entry_iret", "fills", "prefills",   \
		"flushes", "shootdowns", "root_loads", "root_creates",  \
		"root_drops", "emulated", "injected", "upcalls",        \
		"shadow_pages", "shadow_reclaims", "iret_completed"

LODGE_ASSERT(sizeof(struct lodge_callbacks) == 128, "callbacks");
LODGE_ASSERT(sizeof(struct lodge_vcpu_init) == 64, "vcpu_init");
LODGE_ASSERT(sizeof(struct lodge_batch) == 64, "batch");
LODGE_ASSERT(sizeof(struct lodge_cpuid) == 16, "cpuid");
LODGE_ASSERT(sizeof(struct lodge_counters) == 512, "counters");
#endif /* __ASSEMBLER__ */

#endif /* LODGE_HYPERCALL_H */
