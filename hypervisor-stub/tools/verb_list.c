// SPDX-License-Identifier: GPL-2.0
/* lodge list: one line for each domain. */
#include <stdio.h>
#include <lodge/io/bus.h>
#include "cmd.h"
#include "output.h"
#include "words.h"

static const struct column columns[] = {
	{ "ID", "id" },	      { "NAME", "name" },
	{ "STATE", "state" }, { "MEM/MiB", "mib" },
	{ NULL, "frames" },   { "VCPUS", "vcpus" },
	{ "TIME/s", "time" }, { NULL, "shutdown_reason" },
	{ NULL, "disks" },    { NULL, "vifs" },
	{ NULL, NULL },
};

static unsigned int count(struct lodge *l, uint32_t domid, uint16_t type)
{
	struct lodge_dev_device d = { .domid = domid, .type = type };
	unsigned int n = 0;

	while (!lodge_device_next(l, &d) && d.domid == domid &&
	       d.type == type) {
		d.index++;
		n++;
	}
	return n;
}

static void show(struct lodge *l, struct output *o,
		 const struct lodge_domain_info *d)
{
	output_number(o, d->domid);
	output_text(o, d->name);
	output_text(o, state_word(d));
	output_number(o, d->frames / FRAMES_PER_MIB);
	output_number(o, d->frames);
	output_number(o, d->vcpu_up);
	output_fraction(o, d->cpu_time / 1e9, 1);
	output_text(o, reason_word(d));
	output_number(o, count(l, d->domid, LODGE_DEVICE_BLOCK));
	output_number(o, count(l, d->domid, LODGE_DEVICE_NET));
}

static int run(int argc, char **argv)
{
	bool json = false, names = false;
	const struct option_spec options[] = {
		OPT_FLAG(0, "json", &json, "an array of objects"),
		OPT_FLAG('n', "names", &names, "names alone, one a line"),
		{ 0 }
	};
	struct lodge_domain_info d;
	struct output o;
	struct lodge *l;

	cmd_options(&verb_list, options, argc, argv, 0, 0);
	l = cmd_open();
	if (names) {
		lodge_for_each_domain(l, d)
			puts(d.name);
		return EXIT_DONE;
	}
	output_begin(&o, json, columns);
	lodge_for_each_domain(l, d)
		show(l, &o, &d);
	output_end(&o);
	lodge_close(l);
	return EXIT_DONE;
}

const struct verb verb_list = {
	.name = "list",
	.args = "",
	.summary = "show all domains",
	.run = run,
};
