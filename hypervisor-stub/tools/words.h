/* SPDX-License-Identifier: GPL-2.0 */
/* Words for what numbers of the ABI mean, and numbers from words. */
#ifndef WORDS_H
#define WORDS_H

#include "liblodge.h"

/* "building", "running", "paused", "ending", "ended", "crashed" */
const char *state_word(const struct lodge_domain_info *d);
/* Of a domain that ends: "poweroff", "reboot", "crash"; else "" */
const char *reason_word(const struct lodge_domain_info *d);
/* LODGE_VCPU_STATE_* */
const char *vcpu_state_word(uint32_t state);

/*
 * An amount of memory in frames, from "64", "64m" (MiB), "1g", "65536k". False:
 * it is none, not a whole number of frames, or 0.
 */
bool parse_memory(const char *text, uint64_t *frames);
/* The set with vCPUs 0 to n - 1. */
uint64_t first_vcpus(unsigned int n);

#endif
