/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hypervisor's command line: words separated by blanks, with "double
 * quotes" and backslash escapes anywhere in a word. Options:
 *
 *   domain="kernel=M,initrd=N,mem=MIB,vcpus=V,name=NAME,append=REST"
 *   control="..." as domain=, at most one: the control domain
 *   cpuid=auto|host|emulator   debug-exit   smp=N   seed=N
 */
#ifndef CORE_CMDLINE_H
#define CORE_CMDLINE_H

#include "types.h"

#define CMDLINE_MAX_DOMAINS 64
#define CMDLINE_MAX_APPEND 1024
#define CMDLINE_NAME 32

struct domain_config {
	/* "d1", "d2", ... if not given; "control" for the control domain */
	char name[CMDLINE_NAME];
	u32 kernel; /* module index */
	s32 initrd; /* module index, -1: none */
	u32 mem_mib; /* 0: share what is left */
	u32 vcpus;
	char append[CMDLINE_MAX_APPEND];
	/* Why this domain cannot be started; "" if it can. */
	char error[96];
};

enum cpuid_policy { CPUID_AUTO, CPUID_HOST, CPUID_EMULATOR, CPUID_POLICIES };
extern const char *const cpuid_policy_names[CPUID_POLICIES];

struct cmdline {
	struct domain_config domain[CMDLINE_MAX_DOMAINS];
	unsigned int domain_count;
	struct domain_config control;
	bool has_control;
	enum cpuid_policy cpuid;
	bool debug_exit; /* leave QEMU through port 0xf4 on panic */
	unsigned int smp; /* processors to use, 0: all */
	u64 seed; /* random vCPU placement for tests; 0: off */
	unsigned int unknown_count; /* options that were not understood */
};

extern struct cmdline cmdline;

/*
 * May a domain have this name? Letters, digits, ., _, + and -; neither a digit
 * nor - first.
 */
bool name_is_valid(const char *name);
/*
 * Parses text (at most size bytes, NUL-terminated) into c. Never fails: what
 * is wrong with one domain goes to its error text (with a message), what is
 * wrong elsewhere is printed and skipped.
 */
void cmdline_parse(struct cmdline *c, const char *text, size_t size);

#endif
