/* SPDX-License-Identifier: GPL-2.0 */
/* Giving exceptions and upcalls to a guest, and finishing its irets. */
#ifndef X86_INJECT_H
#define X86_INJECT_H

#include "../core/types.h"

struct vcpu;

/*
 * Makes v continue in its exception entry with this vector. A fault of the
 * guest inside that entry becomes #DF; one that cannot be delivered crashes
 * the domain.
 */
void inject(struct vcpu *v, u64 vector, u64 error);
/* Is rip within the guest's registered iret sequence? */
bool in_iret_sequence(const struct vcpu *v, u64 rip);
/*
 * Carries out the iret whose frame is at rsp. bad: it faulted, so continue
 * with plain user selectors for a #GP to be injected. False: domain crashed.
 */
bool complete_iret(struct vcpu *v, bool bad);

#endif
