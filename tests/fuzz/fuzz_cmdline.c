// SPDX-License-Identifier: GPL-2.0
// modules: core/cmdline core/string core/printk
/*
 * Any bytes as a command line: every text is terminated, every domain that is
 * said to be good has values in their range and a name of its own, and one
 * that is not has a reason.
 */
#include <stdlib.h>
#include <string.h>
#include <lodge/abi.h>
#include "core/cmdline.h"

static void check(bool ok)
{
	if (!ok)
		abort();
}

static bool terminated(const char *s, size_t size)
{
	return strnlen(s, size) < size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct cmdline c;

	memset(&c, 0xa5, sizeof(c));
	cmdline_parse(&c, (const char *)data, size);
	check(c.domain_count <= CMDLINE_MAX_DOMAINS);
	check(c.cpuid <= CPUID_EMULATOR);
	for (unsigned int i = 0; i < c.domain_count + c.has_control; i++) {
		const struct domain_config *d =
			i < c.domain_count ? &c.domain[i] : &c.control;

		check(terminated(d->name, sizeof(d->name)) && d->name[0]);
		check(terminated(d->append, sizeof(d->append)));
		check(terminated(d->error, sizeof(d->error)));
		check(d->vcpus >= 1 && d->vcpus <= LODGE_MAX_VCPUS);
		check(d->mem_mib <= 1UL << 27);
		check(d->initrd >= -1);
		if (d->error[0])
			continue;
		for (unsigned int j = 0; j < i; j++)
			check(strcmp(d->name, c.domain[j].name));
	}
	return 0;
}
