// SPDX-License-Identifier: GPL-2.0
/* lodge info: all about the machine, or about a domain. */
#include <json-c/json.h>
#include <stdio.h>
#include "cmd.h"
#include "cpus.h"
#include "devices.h"
#include "output.h"
#include "words.h"

static void megabytes(struct record *r, const char *heading, const char *name,
		      uint64_t frames)
{
	if (r->json)
		record_number(r, NULL, name, frames, NULL);
	else
		record_number(r, heading, name, frames / FRAMES_PER_MIB, "MiB");
}

static int show_machine(struct lodge *l, bool json)
{
	struct lodge_machine_info m;
	struct lodge_domain_info d;
	char version[16];
	uint64_t domains = 0;
	struct record r;
	int err = lodge_machine(l, &m);

	if (err)
		return cmd_error(err, "machine");
	lodge_for_each_domain(l, d)
		domains++;
	snprintf(version, sizeof(version), "%u.%u", m.version >> 16,
		 m.version & 0xffff);
	record_begin(&r, json);
	record_text(&r, "ABI", "abi", version);
	record_bool(&r, "debug build", "debug", m.debug);
	record_number(&r, "processors", "cpus", m.cpus, NULL);
	record_number(&r, "frequency", "tsc_khz", m.tsc_khz, "kHz");
	megabytes(&r, "memory", "frames", m.frames);
	megabytes(&r, "free", "free_frames", m.free_frames);
	megabytes(&r, "free for domains", "spare_frames", m.spare_frames);
	record_number(&r, "domains", "domains", domains, NULL);
	if (json)
		record_number(&r, NULL, "uptime_ns", m.uptime, NULL);
	else
		record_number(&r, "up for", "", m.uptime / 1000000000, "s");
	record_end(&r);
	return EXIT_DONE;
}

static const struct {
	const char *heading, *name;
	bool frames;
} stats[LODGE_STAT_COUNT] = {
	[LODGE_STAT_TOTAL] = { "guest: total", "total", true },
	[LODGE_STAT_FREE] = { "guest: free", "free", true },
	[LODGE_STAT_AVAILABLE] = { "guest: available", "available", true },
	[LODGE_STAT_CACHE] = { "guest: file cache", "cache", true },
	[LODGE_STAT_BALLOON] = { "guest: given back", "balloon", true },
	[LODGE_STAT_ADDED] = { "guest: added", "added", true },
	[LODGE_STAT_SWAP_IN] = { "guest: swapped in", "swap_in", true },
	[LODGE_STAT_SWAP_OUT] = { "guest: swapped out", "swap_out", true },
	[LODGE_STAT_FAULTS] = { "guest: faults", "faults", false },
	[LODGE_STAT_MAJOR_FAULTS] = { "guest: major faults", "major_faults",
				      false },
	[LODGE_STAT_OOM_KILLS] = { "guest: OOM kills", "oom_kills", false },
	[LODGE_STAT_OOM_DEFLATED] = { "guest: taken in need", "oom_deflated",
				      true },
	[LODGE_STAT_TARGET_MISSED] = { "guest: target missed", "target_missed",
				       false },
};

/* What the guest says of itself; only what it has filled in. */
static void show_stats(struct record *r, const struct lodge_request *q)
{
	struct json_object *o = json_object_new_object();
	int i;

	for (i = 0; i < LODGE_STAT_COUNT; i++) {
		if (!stats[i].name)
			continue;
		json_object_object_add(o, stats[i].name,
				       json_object_new_uint64(q->stat[i]));
		if (r->json || !q->heeds || !q->stat[i])
			continue;
		if (stats[i].frames)
			megabytes(r, stats[i].heading, "", q->stat[i]);
		else
			record_number(r, stats[i].heading, "", q->stat[i],
				      NULL);
	}
	record_add(r, "guest", o);
}

static struct json_object *vcpu_json(uint32_t n,
				     const struct lodge_vcpu_info *v)
{
	struct json_object *o = json_object_new_object();
	char cpus[CPUS_TEXT];

	cpus_format(v->mask, cpus);
	json_object_object_add(o, "vcpu", json_object_new_int(n));
	json_object_object_add(
		o, "state", json_object_new_string(vcpu_state_word(v->state)));
	json_object_object_add(o, "cpu", json_object_new_int(v->cpu));
	json_object_object_add(o, "cpus", json_object_new_string(cpus));
	json_object_object_add(o, "ran_ns", json_object_new_uint64(v->ran));
	json_object_object_add(o, "stolen_ns",
			       json_object_new_uint64(v->stolen));
	return o;
}

static void show_vcpus(struct lodge *l, struct record *r,
		       const struct lodge_domain_info *d)
{
	struct json_object *all = json_object_new_array();
	struct lodge_vcpu_info v;
	char cpus[CPUS_TEXT];
	uint32_t i;

	for (i = 0; i < d->vcpu_count; i++) {
		if (lodge_vcpu(l, d->domid, i, &v))
			break; /* it ends */
		json_object_array_add(all, vcpu_json(i, &v));
		if (r->json)
			continue;
		cpus_format(v.mask, cpus);
		printf("vCPU %-17u %s on %u of %s, ran %.1f s, waited %.1f s\n",
		       i, vcpu_state_word(v.state), v.cpu, cpus, v.ran / 1e9,
		       v.stolen / 1e9);
	}
	record_add(r, "vcpus", all);
}

static struct json_object *device_json(const struct lodge_dev_device *d)
{
	struct json_object *o = json_object_new_object();
	bool disk = d->type == LODGE_DEVICE_BLOCK;
	char name[8], mac[18], text[sizeof(d->source)];

	device_name(d, name);
	mac_format(d->mac, mac);
	json_object_object_add(o, "type",
			       json_object_new_string(disk ? "disk" : "vif"));
	json_object_object_add(o, "name", json_object_new_string(name));
	json_object_object_add(
		o, disk ? "source" : "mac",
		json_object_new_string(
			disk ? safe_text(d->source, text, sizeof(text)) : mac));
	json_object_object_add(o, "state",
			       json_object_new_string(devices_state(d)));
	return o;
}

static void print_device(const struct lodge_dev_device *d)
{
	char name[8], mac[18], text[sizeof(d->source)];

	device_name(d, name);
	mac_format(d->mac, mac);
	if (d->type == LODGE_DEVICE_BLOCK)
		printf("disk %-17s %s%s, %s\n", name,
		       safe_text(d->source, text, sizeof(text)),
		       d->flags & LODGE_DEV_READ_ONLY ? ", read-only" : "",
		       devices_state(d));
	else
		printf("network %-14s %s%s%s, %s\n", name, mac,
		       *d->bridge ? " on " : "",
		       safe_text(d->bridge, text, sizeof(text)),
		       devices_state(d));
}

static void show_devices(struct lodge *l, struct record *r, uint32_t domid)
{
	struct json_object *all = json_object_new_array();
	struct lodge_dev_device d = { .domid = domid };

	for (; !lodge_device_next(l, &d) && d.domid == domid; d.index++) {
		json_object_array_add(all, device_json(&d));
		if (!r->json)
			print_device(&d);
	}
	record_add(r, "devices", all);
}

static void show_heeds(struct record *r, uint64_t heeds)
{
	record_bool(r, "heeds shutdown", "heeds_shutdown",
		    heeds & LODGE_HEEDS_BITS);
	record_bool(r, "heeds mem-set", "heeds_memory",
		    heeds & LODGE_HEEDS_MEMORY);
	record_bool(r, "heeds vcpu-set", "heeds_vcpus",
		    heeds & LODGE_HEEDS_VCPUS);
}

static int show_domain(struct lodge *l, const char *which, bool json)
{
	struct lodge_domain_info d;
	char wanted[CPUS_TEXT];
	struct record r;
	int code = cmd_domain(l, which, &d);

	if (code)
		return code;
	record_begin(&r, json);
	record_number(&r, "id", "id", d.domid, NULL);
	record_text(&r, "name", "name", d.name);
	record_text(&r, "state", "state", state_word(&d));
	if (*reason_word(&d) || json)
		record_text(&r, "ended by", "shutdown_reason", reason_word(&d));
	if (d.crash_reason[0] || json)
		record_text(&r, "crash", "crash_reason", d.crash_reason);
	record_bool(&r, "control domain", "control",
		    d.flags & LODGE_DOMAIN_CONTROL);
	megabytes(&r, "memory", "frames", d.frames);
	megabytes(&r, "memory wanted", "target_frames", d.request.mem_target);
	megabytes(&r, "memory reported free", "reported_frames",
		  d.reported_frames);
	megabytes(&r, "memory maximum", "max_frames", d.max_frames);
	record_number(&r, "hypervisor's for it",
		      json ? "overhead_frames" : "overhead",
		      json ? d.overhead : d.overhead * 4, "KiB");
	record_number(&r, "event ports", "ports", d.ports, NULL);
	record_number(&r, "mapped grants", "maps", d.maps, NULL);
	record_number(&r, "vCPUs", "vcpu_count", d.vcpu_count, NULL);
	record_number(&r, "vCPUs online", "vcpus_online", d.vcpu_up, NULL);
	cpus_format(d.request.vcpus, wanted);
	if (json)
		record_text(&r, NULL, "vcpus_wanted", wanted);
	else
		record_number(&r, "vCPUs wanted", "",
			      __builtin_popcountll(d.request.vcpus), NULL);
	record_number(&r, "weight", "weight", d.weight, NULL);
	record_number(&r, "cap", "cap", d.cap,
		      d.cap ? "% of a processor" : "(none)");
	if (json)
		record_number(&r, NULL, "cpu_time_ns", d.cpu_time, NULL);
	else
		record_number(&r, "CPU time", "", d.cpu_time / 1000000, "ms");
	record_number(&r, NULL, "created_ns", d.created, NULL);
	show_heeds(&r, d.request.heeds);
	show_stats(&r, &d.request);
	show_vcpus(l, &r, &d);
	show_devices(l, &r, d.domid);
	record_end(&r);
	return EXIT_DONE;
}

static int run(int argc, char **argv)
{
	bool json = false;
	const struct option_spec options[] = {
		OPT_FLAG(0, "json", &json,
			 "an object; memory in frames of 4096 bytes"),
		{ 0 }
	};
	struct lodge *l;
	int n, code;

	n = cmd_options(&verb_info, options, argc, argv, 0, 1);
	l = cmd_open();
	code = n ? show_domain(l, argv[1], json) : show_machine(l, json);
	lodge_close(l);
	return code;
}

const struct verb verb_info = {
	.name = "info",
	.args = "[DOMAIN]",
	.summary = "show all about a domain, or about the machine",
	.run = run,
};
