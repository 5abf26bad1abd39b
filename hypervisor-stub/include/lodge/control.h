/* SPDX-License-Identifier: MIT */
/*
 * Control of domains: LODGE_HC_CONTROL(operation, domid, gpa, arg0, arg1), for
 * the privileged domain alone (-EPERM for others).
 *
 * gpa names a buffer of the caller, 8-byte aligned and in one page, where the
 * operation has one. A bad gpa is -EFAULT. An operation that has no buffer, or
 * does not use arg0 or arg1, does not look at them. Where nothing else is
 * said: -ENOENT: there is no such domain. -EAGAIN: it is about to end; when
 * that is done LODGE_VIRQ_DOMAIN comes. -EBUSY: it is in a state in which that
 * cannot be done. -EPERM: also for the caller's own domain, where it would
 * lose itself.
 *
 * Life of a domain: CREATE makes one in state BUILDING, with vCPUs but without
 * memory. POPULATE gives it RAM, which the builder fills through MAP. START
 * lets vCPU 0 run: RUNNING. When it powers off, reboots or crashes it is ENDING
 * for a short time, then ENDED: nothing of it runs, memory and registers are as
 * they were. DESTROY takes it away, from any state. Each change of a state is
 * a LODGE_VIRQ_DOMAIN.
 */
#ifndef LODGE_CONTROL_H
#define LODGE_CONTROL_H

#include <lodge/request.h>

#define LODGE_NAME_SIZE 32 /* of a domain's name, with the NUL */

/*
 * CREATE: buffer struct lodge_control_create; domid is not looked at. Returns
 * the new domain's number. -EEXIST: the name is taken. -EINVAL: bad name (one
 * to 31 of A-Z a-z 0-9 . _ + -, not beginning with - or a digit) or number of
 * vCPUs. -ENOMEM.
 */
#define LODGE_CONTROL_CREATE 0
/*
 * POPULATE: RAM of zeroes for the arg1 (at least 1) frames at arg0; BUILDING
 * only. Returns how many were done, at least 1: call again for the rest.
 * -EINVAL: arg0 is not aligned, or beyond 2^47. -EEXIST: something is there.
 * -ENOSPC: over the maximum. -ENOMEM. -EAGAIN: memory is about to become free.
 */
#define LODGE_CONTROL_POPULATE 1
/*
 * MAP: buffer of arg0 (1 to 512) addresses of pages of the domain's RAM; each
 * becomes the address in the caller where that page is mapped, which is its
 * machine address. Returns how many were mapped, from the first on; an error
 * means that the first one failed. The frame stays what it is until it is
 * unmapped, even if the domain ends. -EFAULT: not the domain's RAM. -EINVAL:
 * not aligned. -ENOMEM.
 */
#define LODGE_CONTROL_MAP 2
/*
 * UNMAP: buffer of arg0 (1 to 512) addresses as MAP gave them; domid is not
 * looked at. Each must be unmapped as often as it was mapped. The caller may
 * reach the page until the domain has it no more. Returns how many were
 * unmapped, from the first on. -ENOENT: not mapped. -EINVAL.
 */
#define LODGE_CONTROL_UNMAP 3
/*
 * START: buffer struct lodge_control_start. -EBUSY: not BUILDING. -EINVAL: rip
 * is no kernel address, or root not page-aligned. -EFAULT: root is not RAM.
 */
#define LODGE_CONTROL_START 4
/* PAUSE, UNPAUSE: no vCPU runs in between. Harmless if it is so already. */
#define LODGE_CONTROL_PAUSE 5
#define LODGE_CONTROL_UNPAUSE 6
/*
 * DESTROY: end it at once if it has not ended, and take everything back. When
 * that is done, its number is no longer found. arg0 = 1: only if it is
 * BUILDING, else -EBUSY. -EAGAIN: it is about to end, and all the same is not
 * kept as ENDED (but for arg0 = 1).
 */
#define LODGE_CONTROL_DESTROY 7
/* REQUEST: arg0 = LODGE_REQUEST_* to set. -EINVAL: unknown bits. */
#define LODGE_CONTROL_REQUEST 8
/*
 * INFO: buffer struct lodge_domain_info: of the domain with the lowest number
 * not below domid, dying ones too. -ENOENT: there is none.
 */
#define LODGE_CONTROL_INFO 9
/* VCPU: buffer struct lodge_vcpu_info, of vCPU arg0. -ENOENT: also: no vCPU. */
#define LODGE_CONTROL_VCPU 10
/* SCHED: arg0 = weight (1 to 65535), arg1 = cap (percent; 0: none). -EINVAL. */
#define LODGE_CONTROL_SCHED 11
/*
 * PIN: arg0 = vCPU, arg1 = processors it may run on, a bit for each. -EINVAL:
 * none of them is there. -ENOENT: also: no such vCPU.
 */
#define LODGE_CONTROL_PIN 12
/* RENAME: buffer char[LODGE_NAME_SIZE]. -EEXIST, -EINVAL as of CREATE. */
#define LODGE_CONTROL_RENAME 13
/*
 * MEMORY: arg0 = target in frames, told to the guest; arg1 = maximum that it
 * may have; what it has above that it keeps. -EINVAL: target above maximum.
 */
#define LODGE_CONTROL_MEMORY 14
/*
 * VCPUS: arg0 = vCPUs that should be online, a bit for each; told to the guest.
 * -EINVAL: vCPU 0 is not among them, or one that it does not have.
 */
#define LODGE_CONTROL_VCPUS 15
/*
 * RAM: buffer struct lodge_ram: the first piece of RAM at or above arg0 (not
 * all of it, maybe). -ENOENT: also: there is no more. -EAGAIN: nothing up to
 * the gpa written to the buffer: go on there.
 */
#define LODGE_CONTROL_RAM 16
/*
 * CONSOLE_READ: buffer struct lodge_console_read with up to arg0 bytes of data
 * behind it, from `position` on, which is advanced. Positions count the bytes
 * that were ever written; those that are kept no more are left out. domid 0:
 * messages of the hypervisor. Returns the number of bytes; 0: no more now.
 * LODGE_VIRQ_OUTPUT comes when there is more.
 */
#define LODGE_CONTROL_CONSOLE_READ 17
/*
 * CONSOLE_WRITE: buffer of arg0 bytes that are input for the domain. Returns
 * how many were taken; 0: its buffer is full.
 */
#define LODGE_CONTROL_CONSOLE_WRITE 18
/* COUNTERS: buffer struct lodge_counters. */
#define LODGE_CONTROL_COUNTERS 19
/* DEBUG_KEY: arg0 = key, as on the serial console; domid is not looked at. */
#define LODGE_CONTROL_DEBUG_KEY 20
/* MACHINE: buffer struct lodge_machine_info; domid is not looked at. */
#define LODGE_CONTROL_MACHINE 21
/*
 * DEVICES: arg0 = reference in the caller's grant table of a page that is the
 * domain's directory of devices (lodge/io/bus.h), or LODGE_NO_DEVICES. It is
 * shown to the domain as request.devices, with LODGE_VIRQ_CONTROL each time, so
 * that this also tells it of a change in the directory. What the grant says is
 * not looked at. -EINVAL: no table has such a reference.
 */
#define LODGE_CONTROL_DEVICES 22
#define LODGE_NO_DEVICES 0xffffffff

/* lodge_domain_info.state */
#define LODGE_DOMAIN_BUILDING 0
#define LODGE_DOMAIN_RUNNING 1
#define LODGE_DOMAIN_ENDING 2
#define LODGE_DOMAIN_ENDED 3

/* lodge_domain_info.flags */
#define LODGE_DOMAIN_PAUSED (1 << 0) /* by the operator */
#define LODGE_DOMAIN_CONTROL (1 << 1) /* the privileged domain */

/* lodge_vcpu_info.state */
#define LODGE_VCPU_STATE_OFFLINE 0
#define LODGE_VCPU_STATE_BLOCKED 1
#define LODGE_VCPU_STATE_RUNNABLE 2 /* waits for a processor */
#define LODGE_VCPU_STATE_RUNNING 3
#define LODGE_VCPU_STATE_PARKED 4 /* its domain has used up its cap */
#define LODGE_VCPU_STATE_PAUSED 5

#ifndef __ASSEMBLER__
struct lodge_control_create {
	char name[LODGE_NAME_SIZE]; /* NUL-terminated */
	uint32_t vcpus; /* 1 to LODGE_MAX_VCPUS: the most it can have */
	uint32_t pad0;
	uint64_t max_frames; /* that it may have */
	uint64_t target_frames; /* that it shall have: request.mem_target */
	uint64_t vcpus_online; /* request.vcpus; vCPU 0 among them */
	uint64_t reserved[4];
};

struct lodge_control_start {
	uint64_t rip; /* LODGE_NOTE_ENTRY */
	uint64_t root; /* LODGE_NOTE_ROOT */
	uint64_t info; /* gpa of the struct lodge_start_info that was written */
	uint64_t reserved[5];
};

struct lodge_domain_info {
	uint32_t domid;
	uint32_t state; /* LODGE_DOMAIN_BUILDING ... */
	uint32_t flags; /* LODGE_DOMAIN_PAUSED ... */
	uint32_t reason; /* LODGE_SHUTDOWN_*; from ENDING on */
	uint32_t vcpu_count; /* that it has */
	uint32_t vcpu_up; /* that are up now */
	uint32_t weight;
	uint32_t cap; /* percent of a processor; 0: none */
	uint64_t frames; /* of RAM, that it has */
	uint64_t max_frames; /* that it may have */
	uint64_t overhead; /* frames that the hypervisor needs for it */
	uint64_t cpu_time; /* ns that its vCPUs ran; 0 from ENDING on */
	uint64_t created; /* system time, ns */
	uint64_t output; /* position behind its last byte of console output */
	struct lodge_request request; /* the second part: hostile */
	char name[LODGE_NAME_SIZE];
	char crash_reason[128]; /* "" unless it crashed */
	uint32_t ports; /* of event channels, that it has in use */
	uint32_t maps; /* of pages that others grant, that it has */
	uint64_t reported_frames; /* of frames: reported free, others have them */
	uint64_t reserved[6];
};

struct lodge_vcpu_info {
	uint32_t state; /* LODGE_VCPU_STATE_* */
	uint32_t cpu; /* processor it runs on, or ran on last */
	uint64_t mask; /* processors it may run on */
	uint64_t ran; /* ns */
	uint64_t stolen; /* ns that it could have run, and did not */
	/* Registers; of a vCPU that runs, not those of one moment. */
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error; /* by which it came to the hypervisor last */
	uint64_t rip, cs, rflags, rsp, ss;
	uint64_t fs_base, gs_base, kernel_gs_base;
	uint64_t root; /* gpa of its top-level table; 0: none */
	uint64_t cr2;
	uint16_t ds, es, fs, gs;
	uint64_t reserved[8];
};

struct lodge_ram {
	uint64_t gpa;
	uint64_t frames;
};

struct lodge_console_read {
	uint64_t position; /* IN: first byte wanted; OUT: behind the last */
	/* bytes follow */
};

struct lodge_machine_info {
	uint32_t version; /* LODGE_ABI_VERSION */
	uint32_t cpus; /* processors, all online */
	uint64_t frames; /* of RAM that the hypervisor manages */
	uint64_t free_frames; /* kept for shadows or spare */
	uint64_t uptime; /* ns; system time */
	uint64_t log; /* position behind the last byte of its messages */
	uint32_t tsc_khz;
	uint32_t debug; /* 1: a debug build */
	uint64_t features; /* LODGE_FEATURE_*, for lodge_start_info */
	uint64_t spare_frames; /* of free_frames: that domains can have as RAM */
	uint64_t reserved[8];
};

LODGE_ASSERT(sizeof(struct lodge_control_create) == 96, "create");
LODGE_ASSERT(sizeof(struct lodge_control_start) == 64, "start");
LODGE_ASSERT(sizeof(struct lodge_domain_info) == 560, "domain info");
LODGE_ASSERT(sizeof(struct lodge_vcpu_info) == 320, "vcpu info");
LODGE_ASSERT(sizeof(struct lodge_machine_info) == 128, "machine info");
#endif

#endif /* LODGE_CONTROL_H */
