// SPDX-License-Identifier: GPL-2.0
/* lodge vcpu-set: how many vCPUs of a domain should be online. */
#include "cmd.h"
#include "wait.h"
#include "words.h"

static bool reached(const struct lodge_domain_info *d)
{
	return d->vcpu_up == (uint32_t)__builtin_popcountll(d->request.vcpus);
}

static int set(struct lodge *l, const char *which, unsigned long n,
	       unsigned long wait)
{
	struct lodge_domain_info d;
	int err, code = cmd_domain(l, which, &d);

	if (code)
		return code;
	if (!n || n > d.vcpu_count)
		return cmd_fail(EXIT_REFUSED,
				"%s: has %u vCPUs (maxvcpus), so 1 to %u can "
				"be online",
				which, d.vcpu_count, d.vcpu_count);
	err = lodge_vcpus(l, d.domid, first_vcpus(n));
	if (err)
		return cmd_error(err, which);
	if (!(d.request.heeds & LODGE_HEEDS_VCPUS))
		cmd_message("%s: its kernel does not heed this (yet); it is "
			    "told nevertheless",
			    which);
	if (!wait)
		return EXIT_DONE;
	code = wait_until(l, which, d.domid, wait, reached, &d);
	if (code == EXIT_TIMEOUT)
		cmd_message("%s: %u vCPUs are online after %lu s, not %lu",
			    which, d.vcpu_up, wait, n);
	return code;
}

static int run(int argc, char **argv)
{
	unsigned long n, timeout = 0;
	bool wait = false;
	const struct option_spec options[] = {
		OPT_FLAG('w', "wait", &wait, "until so many are online"),
		OPT_NUMBER('t', "timeout", "SECONDS", &timeout,
			   "how long to wait at most, 30 if not given"),
		{ 0 }
	};
	struct lodge *l;
	int code;

	cmd_options(&verb_vcpuset, options, argc, argv, 2, 2);
	if (!cmd_number(argv[2], LODGE_MAX_VCPUS, &n))
		return cmd_usage("%s: not a number of vCPUs", argv[2]);
	l = cmd_open();
	code = set(l, argv[1], n, wait || timeout ? timeout ?: 30 : 0);
	lodge_close(l);
	return code;
}

const struct verb verb_vcpuset = {
	.name = "vcpu-set",
	.args = "DOMAIN NUMBER",
	.summary = "say how many vCPUs of a domain should be online",
	.run = run,
};
