/* SPDX-License-Identifier: MIT */
/*
 * The fixed points of the Lodge ABI: version, features, vectors, selectors,
 * addresses, and the ELF notes by which a kernel says that it can be started.
 * docs/abi.md is the prose to these headers.
 */
#ifndef LODGE_ABI_H
#define LODGE_ABI_H

#include <lodge/types.h>

/*
 * Version: the major number changes when an existing guest would break, the
 * minor number when something is added. Additions also get a feature bit.
 */
#define LODGE_ABI_MAJOR 1
#define LODGE_ABI_MINOR 2
#define LODGE_ABI_VERSION ((LODGE_ABI_MAJOR << 16) | LODGE_ABI_MINOR)

/* Feature bits: CPUID leaf LODGE_CPUID_FEATURES, eax; start_info.features. */
#define LODGE_FEATURE_STUB_ROOTS (1 << 0) /* LODGE_VEC_LOAD_ROOT works */
#define LODGE_FEATURE_PVCLOCK (1 << 1) /* LODGE_VCPU_TIME_AREA works */
#define LODGE_FEATURE_STEAL (1 << 2) /* LODGE_VCPU_STEAL_AREA works */
#define LODGE_FEATURE_KERNEL_FAULTS (1 << 3) /* see LODGE_CB_KERNEL_FAULTS */
#define LODGE_FEATURE_CHANNELS (1 << 4) /* LODGE_EVENT_ALLOC, BIND_REMOTE */
#define LODGE_FEATURE_MEMORY (1 << 5) /* memory.h */
#define LODGE_FEATURE_GRANTS (1 << 6) /* grant.h */
#define LODGE_FEATURE_REQUESTS (1 << 7) /* request.h */
#define LODGE_FEATURE_REPORT (1 << 8) /* LODGE_MEMORY_REPORT */
#define LODGE_FEATURE_DEVICES \
	(1 << 9) /* request.devices, LODGE_CONTROL_DEVICES */

/*
 * CPUID. 0x40000000: eax = highest leaf, ebx/ecx/edx = "LodgeLodgeLd".
 * 0x40000001: eax = feature bits, ebx = ABI version, ecx = this vCPU's number.
 * 0x40000002: eax = TSC frequency in kHz.
 */
#define LODGE_CPUID_BASE 0x40000000
#define LODGE_CPUID_FEATURES 0x40000001
#define LODGE_CPUID_TSC 0x40000002
#define LODGE_CPUID_EBX 0x67646f4c /* "Lodg" */
#define LODGE_CPUID_ECX 0x646f4c65 /* "eLod" */
#define LODGE_CPUID_EDX 0x644c6567 /* "geLd" */

/*
 * The three software interrupts that ring 1 may use (gates of DPL 1; the same
 * instruction in ring 3 is a #GP).
 */
#define LODGE_VEC_HYPERCALL 0x82 /* rax = number; see hypercall.h */
#define LODGE_VEC_IRET 0x83 /* complete the iret whose frame is at rsp */
#define LODGE_VEC_LOAD_ROOT 0x84 /* rdi = guest root; rax = 0, or 1: a miss */

/* The vector under which an event upcall reaches the exception entry. */
#define LODGE_VEC_UPCALL 0xf3

/*
 * Selectors. The GDT belongs to the hypervisor and keeps Linux's numbers. The
 * kernel's frames show RPL 0 (LODGE_FRAME_*), though it runs in ring 1: its
 * iret sequence sets bit 0 of CS and SS just before the iretq.
 */
#define LODGE_KERNEL_CS 0x11
#define LODGE_KERNEL_DS 0x19
#define LODGE_FRAME_CS 0x10
#define LODGE_FRAME_SS 0x18
#define LODGE_USER32_CS 0x23
#define LODGE_USER_DS 0x2b
#define LODGE_USER_CS 0x33
#define LODGE_GDT_TLS_MIN 12 /* first of the slots that SET_DESCRIPTOR takes */
#define LODGE_GDT_CPUNODE 15 /* the last of them */

/*
 * Top-level slot 256 is the hypervisor's: the guest's own entries 256 to 271
 * are ignored. Each vCPU sees its own pages there.
 */
#define LODGE_AREA_BASE LODGE_U64(0xffff800000000000)
#define LODGE_AREA_VCPU LODGE_U64(0xffff800000005000) /* vcpu.h */
#define LODGE_SLOT_FIRST 256
#define LODGE_SLOT_LAST 271

/* ELF notes of owner "Lodge"; descriptors are 8 bytes each. */
#define LODGE_NOTE_OWNER "Lodge"
#define LODGE_NOTE_VERSION 1 /* ABI version that the kernel was built for */
#define LODGE_NOTE_ENTRY 2 /* virtual address of the entry point */
#define LODGE_NOTE_ROOT 3 /* guest-physical address of its first root */

#define LODGE_MAX_VCPUS 64 /* in one domain */

/*
 * Domains have numbers from 1 to LODGE_DOMID_MAX, given out in turn: that of
 * a domain that has ended comes back only after all the others.
 */
#define LODGE_DOMID_MAX 0x7fff
#define LODGE_DOMID_SELF 0x8000 /* as an argument: the caller's domain */

#endif /* LODGE_ABI_H */
