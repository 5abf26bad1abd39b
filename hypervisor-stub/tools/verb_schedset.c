// SPDX-License-Identifier: GPL-2.0
/* lodge sched-set: weight and cap of a domain. */
#include "cmd.h"
#include "output.h"

#define WEIGHT_MAX 65535
#define CAP_MAX 6400
#define UNSET (-1UL)

static int show(const struct lodge_domain_info *d, bool json)
{
	struct record r;

	record_begin(&r, json);
	record_number(&r, "weight", "weight", d->weight, NULL);
	record_number(&r, "cap", "cap", d->cap,
		      d->cap ? "% of a processor" : "(none)");
	record_end(&r);
	return EXIT_DONE;
}

static int run(int argc, char **argv)
{
	unsigned long weight = UNSET, cap = UNSET;
	bool json = false;
	const struct option_spec options[] = {
		OPT_NUMBER('w', "weight", "N", &weight,
			   "its share against others: 1 to 65535"),
		OPT_NUMBER('c', "cap", "PERCENT", &cap,
			   "of one processor, at most; 0: no cap"),
		OPT_FLAG(0, "json", &json, "show them as an object"),
		{ 0 }
	};
	struct lodge_domain_info d;
	struct lodge *l;
	int err, code;

	cmd_options(&verb_schedset, options, argc, argv, 1, 1);
	if (weight != UNSET && (!weight || weight > WEIGHT_MAX))
		return cmd_usage("--weight=%lu: not from 1 to %d", weight,
				 WEIGHT_MAX);
	if (cap != UNSET && cap > CAP_MAX)
		return cmd_usage("--cap=%lu: more than %d", cap, CAP_MAX);
	l = cmd_open();
	code = cmd_domain(l, argv[1], &d);
	if (code)
		return code;
	if (weight == UNSET && cap == UNSET)
		return show(&d, json);
	err = lodge_sched(l, d.domid, weight == UNSET ? d.weight : weight,
			  cap == UNSET ? d.cap : cap);
	lodge_close(l);
	return err ? cmd_error(err, argv[1]) : EXIT_DONE;
}

const struct verb verb_schedset = {
	.name = "sched-set",
	.args = "DOMAIN",
	.summary = "set or show a domain's share of the processors",
	.run = run,
};
