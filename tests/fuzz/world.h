/* SPDX-License-Identifier: GPL-2.0 */
/* The machine that fuzz_hypercall.c runs the hypervisor on; see world.c. */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include "core/domain.h"

#define WORLD_CPUS 2
#define WORLD_VCPUS 3
#define WORLD_SMALL 64 /* pages of 4 KiB at guest-physical 0 */
#define WORLD_LARGE LARGE_SIZE /* where one large page stands */

/* The domain under attack, while world_alive(). */
extern struct domain *world_domain;
/* Another, which has a shared page for events and never runs; it may die. */
extern struct domain *world_peer;
/* Page allocations to go until one fails; -1: none does. */
extern int world_fail_after;
/* What is in the processors' CR3 while they are in the guest. */
extern u64 world_cr3[WORLD_CPUS];

void check(bool ok);

/* A fresh domain, vCPU 0 of it running. */
void world_start(void);
/* Has the domain not been destroyed yet? */
bool world_alive(void);
/* Ends the domain, if it has not ended, and looks for what is left of it. */
void world_end(void);

/*
 * An operation of CONTROL by the other domain. MAP and UNMAP are of the one
 * address in the middle of its page; what is mapped is unmapped in the end.
 */
void world_control(u64 op, u64 domid, gpa_t gpa, const u64 arg[2]);
u64 *world_peer_page(void);
/* One of the addresses that are mapped so; i if none is. */
u64 world_mapped(unsigned int i);
/* The last domain that it created; 0: none, in this world. */
extern u32 world_child;
/* Of world_end(). */
void world_control_end(void);

/* A pointer to guest memory for the attacker. */
u64 *world_ram(gpa_t gpa);

/*
 * Makes cpu the current processor and lets it run until it is in the guest;
 * returns its vCPU, or NULL if it is idle.
 */
struct vcpu *world_run(unsigned int cpu);
/* v, current and in the guest, is interrupted by this vector. */
void world_exit(struct vcpu *v, u64 vector, u64 error, u64 cr2);
/* The same for a vector that comes on an IST stack. */
void world_exit_ist(struct vcpu *v, u64 vector, u64 error);
/* A timer interrupt on the current processor, idle or not, ns later. */
void world_timer(struct vcpu *v, u64 ns);
/* Everything that must hold of what the processor is given. */
void world_check_tables(struct vcpu *v);

#endif
