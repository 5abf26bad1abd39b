// SPDX-License-Identifier: GPL-2.0
/* lodge vcpu-pin: on which processors vCPUs may run. */
#include <errno.h>
#include <string.h>
#include "cmd.h"
#include "cpus.h"

static int pin(struct lodge *l, char **argv, uint64_t set)
{
	struct lodge_domain_info d;
	unsigned long first, last;
	int err = 0, code = cmd_domain(l, argv[1], &d);

	if (code)
		return code;
	if (!strcmp(argv[2], "all")) {
		first = 0;
		last = d.vcpu_count - 1;
	} else if (!cmd_number(argv[2], d.vcpu_count - 1, &first)) {
		return cmd_fail(EXIT_REFUSED, "%s: has vCPUs 0 to %u, not %s",
				argv[1], d.vcpu_count - 1, argv[2]);
	} else {
		last = first;
	}
	for (; first <= last && !err; first++)
		err = lodge_pin(l, d.domid, first, set);
	if (err == -EINVAL)
		return cmd_fail(EXIT_REFUSED,
				"%s: this machine has none of these processors",
				argv[3]);
	return err ? cmd_error(err, argv[1]) : EXIT_DONE;
}

static int run(int argc, char **argv)
{
	struct complaint c;
	struct lodge *l;
	uint64_t set;
	int code;

	cmd_options(&verb_vcpupin, NULL, argc, argv, 3, 3);
	if (cpus_parse(argv[3], &set, &c))
		return cmd_usage("%s", c.text);
	l = cmd_open();
	code = pin(l, argv, set);
	lodge_close(l);
	return code;
}

const struct verb verb_vcpupin = {
	.name = "vcpu-pin",
	.args = "DOMAIN VCPU|all CPUS",
	.summary = "say on which processors vCPUs may run",
	.run = run,
	.help = "CPUS is a list as 0-3,^1 or all.\n",
};
