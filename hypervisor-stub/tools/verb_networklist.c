// SPDX-License-Identifier: GPL-2.0
/* lodge network-list: the network devices of domains. */
#include <stdio.h>
#include "bridge.h"
#include "devices.h"
#include "output.h"

static const struct column columns[] = {
	{ "DOMAIN", "domain" },
	{ NULL, "domid" },
	{ "NUMBER", "number" },
	{ "DEVICE", "device" },
	{ "MAC", "mac" },
	{ "BRIDGE", "bridge" },
	{ NULL, "mtu" },
	{ "STATE", "state" },
	{ "SENT/KiB", "sent_kib" },
	{ "RECEIVED/KiB", "received_kib" },
	{ NULL, "sent_packets" },
	{ NULL, "sent_bytes" },
	{ NULL, "sent_dropped" },
	{ NULL, "sent_bad" },
	{ NULL, "received_packets" },
	{ NULL, "received_bytes" },
	{ NULL, "received_dropped" },
	{ NULL, "held_up" },
	{ "MAX/(B/s)", "bps" },
	{ NULL, "bps_burst" },
	{ "MAX/(1/s)", "pps" },
	{ NULL, "pps_burst" },
	{ NULL, "queues" },
	{ NULL, "generation" },
	{ NULL, "error" },
	{ "WHY", "reason" },
	{ NULL, NULL },
};

static void show_counts(struct output *o, const uint64_t *stat)
{
	output_number(o, stat[LODGE_DEV_SENT_BYTES] >> 10);
	output_number(o, stat[LODGE_DEV_RECEIVED_BYTES] >> 10);
	output_number(o, stat[LODGE_DEV_SENT_PACKETS]);
	output_number(o, stat[LODGE_DEV_SENT_BYTES]);
	output_number(o, stat[LODGE_DEV_SENT_DROPPED]);
	output_number(o, stat[LODGE_DEV_SENT_BAD]);
	output_number(o, stat[LODGE_DEV_RECEIVED_PACKETS]);
	output_number(o, stat[LODGE_DEV_RECEIVED_BYTES]);
	output_number(o, stat[LODGE_DEV_RECEIVED_DROPPED]);
	output_number(o, stat[LODGE_DEV_WAITED]);
}

/* Also what its driver does not see: a bridge that has let go of it. */
static void show_reason(struct output *o, const struct lodge_dev_device *d)
{
	char text[64];

	if (*d->reason || !*d->bridge || d->back_state == LODGE_BACK_NONE ||
	    bridge_has(d->bridge, d->domid, d->index)) {
		output_text(o, d->reason);
		return;
	}
	snprintf(text, sizeof(text), "%s: %s", d->bridge,
		 bridge_is_there(d->bridge) ?
			 "is not in this bridge any more" :
			 "there is no bridge of that name");
	output_text(o, text);
}

static void show(void *data, const char *name, const struct lodge_dev_device *d)
{
	struct output *o = data;
	char device[24], mac[18];

	snprintf(device, sizeof(device), "lodge%u.%u", d->domid, d->index);
	mac_format(d->mac, mac);
	output_text(o, name);
	output_number(o, d->domid);
	output_number(o, d->index);
	output_text(o, device);
	output_text(o, mac);
	output_text(o, d->bridge);
	output_number(o, d->mtu ?: 1500);
	output_text(o, devices_state(d));
	show_counts(o, d->stat);
	output_number(o, d->limit.bytes);
	output_number(o, d->limit.bytes_burst);
	output_number(o, d->limit.operations);
	output_number(o, d->limit.operations_burst);
	output_number(o, d->queues);
	output_number(o, d->generation);
	output_number(o, -d->error);
	show_reason(o, d);
}

static void show_name(void *data, const char *domain,
		      const struct lodge_dev_device *d)
{
	char name[8];

	(void)data;
	(void)domain;
	device_name(d, name);
	puts(name);
}

static int run(int argc, char **argv)
{
	bool json = false, names = false;
	const struct option_spec options[] = {
		OPT_FLAG(0, "json", &json, "an array of objects"),
		OPT_FLAG('n', "names", &names, "numbers alone, one a line"),
		{ 0 }
	};
	int n = cmd_options(&verb_networklist, options, argc, argv, 0, 1), code;
	const char *which = n ? argv[1] : NULL;
	struct output o;

	if (names)
		return devices_list(which, LODGE_DEVICE_NET, show_name, NULL);
	output_begin(&o, json, columns);
	code = devices_list(which, LODGE_DEVICE_NET, show, &o);
	if (code)
		output_drop(&o);
	else
		output_end(&o);
	return code;
}

const struct verb verb_networklist = {
	.name = "network-list",
	.args = "[DOMAIN]",
	.summary = "show the network devices of one domain or of all",
	.run = run,
};
