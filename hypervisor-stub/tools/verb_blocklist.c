// SPDX-License-Identifier: GPL-2.0
/* lodge block-list: the disks of domains. */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "devices.h"
#include "output.h"

static const struct column columns[] = {
	{ "DOMAIN", "domain" },
	{ NULL, "domid" },
	{ "NAME", "name" },
	{ "SOURCE", "source" },
	{ "SIZE/MiB", "mib" },
	{ NULL, "bytes" },
	{ "MODE", "mode" },
	{ "STATE", "state" },
	{ "READ/MiB", "read_mib" },
	{ "WRITTEN/MiB", "written_mib" },
	{ NULL, "reads" },
	{ NULL, "read_bytes" },
	{ NULL, "writes" },
	{ NULL, "written_bytes" },
	{ NULL, "flushes" },
	{ NULL, "discards" },
	{ NULL, "io_errors" },
	{ NULL, "bad_requests" },
	{ NULL, "held_up" },
	{ "MAX/(B/s)", "bps" },
	{ NULL, "bps_burst" },
	{ "MAX/(1/s)", "iops" },
	{ NULL, "iops_burst" },
	{ NULL, "queues" },
	{ NULL, "serial" },
	{ NULL, "generation" },
	{ NULL, "error" },
	{ "WHY", "reason" },
	{ NULL, NULL },
};

/* Of the file, or of the block device, as it is now; 0: nobody knows. */
static uint64_t size_of(const char *source)
{
	uint64_t size = 0;
	struct stat st;
	int fd;

	if (stat(source, &st))
		return 0;
	if (S_ISREG(st.st_mode))
		return st.st_size;
	fd = open(source, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (!S_ISBLK(st.st_mode) || ioctl(fd, BLKGETSIZE64, &size))
		size = 0;
	close(fd);
	return size;
}

static void show_counts(struct output *o, const uint64_t *stat)
{
	output_number(o, stat[LODGE_DEV_READ_BYTES] >> 20);
	output_number(o, stat[LODGE_DEV_WRITE_BYTES] >> 20);
	output_number(o, stat[LODGE_DEV_READS]);
	output_number(o, stat[LODGE_DEV_READ_BYTES]);
	output_number(o, stat[LODGE_DEV_WRITES]);
	output_number(o, stat[LODGE_DEV_WRITE_BYTES]);
	output_number(o, stat[LODGE_DEV_FLUSHES]);
	output_number(o, stat[LODGE_DEV_DISCARDS]);
	output_number(o, stat[LODGE_DEV_IO_ERRORS]);
	output_number(o, stat[LODGE_DEV_BAD_REQUESTS]);
	output_number(o, stat[LODGE_DEV_WAITED]);
}

static void show(void *data, const char *name, const struct lodge_dev_device *d)
{
	uint64_t size = size_of(d->source);
	const char *missing = *d->reason ? NULL : device_missing(d);
	struct output *o = data;
	char vdev[8];

	vdev_name(d->index, vdev);
	output_text(o, name);
	output_number(o, d->domid);
	output_text(o, vdev);
	output_text(o, d->source);
	output_number(o, size >> 20);
	output_number(o, size);
	output_text(o, d->flags & LODGE_DEV_READ_ONLY ? "ro" : "rw");
	output_text(o, devices_state(d));
	show_counts(o, d->stat);
	output_number(o, d->limit.bytes);
	output_number(o, d->limit.bytes_burst);
	output_number(o, d->limit.operations);
	output_number(o, d->limit.operations_burst);
	output_number(o, d->queues);
	output_text(o, d->serial);
	output_number(o, d->generation);
	output_number(o, -d->error);
	output_text(o, missing ?: d->reason);
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
		OPT_FLAG('n', "names", &names, "names alone, one a line"),
		{ 0 }
	};
	int n = cmd_options(&verb_blocklist, options, argc, argv, 0, 1), code;
	const char *which = n ? argv[1] : NULL;
	struct output o;

	if (names)
		return devices_list(which, LODGE_DEVICE_BLOCK, show_name, NULL);
	output_begin(&o, json, columns);
	code = devices_list(which, LODGE_DEVICE_BLOCK, show, &o);
	if (code)
		output_drop(&o);
	else
		output_end(&o);
	return code;
}

const struct verb verb_blocklist = {
	.name = "block-list",
	.args = "[DOMAIN]",
	.summary = "show the disks of one domain or of all",
	.run = run,
};
