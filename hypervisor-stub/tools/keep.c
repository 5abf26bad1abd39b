// SPDX-License-Identifier: GPL-2.0
/*
 * See keep.h. A list is a file of struct device_spec behind a head that says
 * how large one is, so that another version of the command does not take it.
 * Writers replace it as a whole, one after the other, each with what it finds
 * then: so the last one tells how things are.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "keep.h"
#include "loop.h"
#include "monitor.h"

#define MAGIC 0x6b656570

const char *keep_folder = MONITOR_RUN;

struct head {
	uint32_t magic, size, count;
};

static void path_of(uint32_t domid, char path[128])
{
	snprintf(path, 128, "%s/%u.devices", keep_folder, domid);
}

/* Of the loop device over the file; others have none of ours. */
static unsigned int block_size_of(const char *source)
{
	unsigned int number = 0, size = 512;
	struct stat st;
	int loop;

	if (stat(source, &st) || !S_ISREG(st.st_mode))
		return size;
	loop = loop_next(&st, &number);
	if (loop >= 0) {
		size = loop_block_size(loop);
		close(loop);
	}
	return size;
}

/* How it would be described. */
static void describe(const struct lodge_dev_device *d, struct device_spec *s)
{
	*s = (struct device_spec){
		.dev.type = d->type,
		.dev.index = d->index,
		.dev.flags = d->flags & LODGE_DEV_READ_ONLY,
		.dev.queues = d->queues,
		.dev.mtu = d->mtu,
		.dev.limit = d->limit,
	};
	memcpy(s->dev.mac, d->mac, sizeof(d->mac));
	strcpy(s->dev.label, d->label);
	strcpy(s->dev.bridge, d->bridge);
	strcpy(s->dev.serial, d->serial);
	strcpy(s->dev.source, d->source);
	strcpy(s->target, d->source);
	if (d->type == LODGE_DEVICE_BLOCK)
		s->block_size = block_size_of(d->source);
}

static bool write_list(FILE *f, struct lodge *l, uint32_t domid)
{
	struct lodge_dev_device d = { .domid = domid };
	struct head head = { MAGIC, sizeof(struct device_spec), 0 };
	struct device_spec s;

	fwrite(&head, sizeof(head), 1, f);
	for (; !lodge_device_next(l, &d) && d.domid == domid; d.index++) {
		if (d.back_state == LODGE_BACK_CLOSING)
			continue; /* it goes */
		describe(&d, &s);
		fwrite(&s, sizeof(s), 1, f);
		head.count++;
	}
	rewind(f);
	fwrite(&head, sizeof(head), 1, f);
	return !ferror(f);
}

static int replace_list(struct lodge *l, uint32_t domid)
{
	char path[128], fresh[144];
	bool good = false;
	int fd, err = 0;
	FILE *f;

	path_of(domid, path);
	snprintf(fresh, sizeof(fresh), "%s.%d", path, getpid());
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (f) {
		good = write_list(f, l, domid);
		good = !fclose(f) && good;
	}
	if (!good || rename(fresh, path)) {
		err = -errno;
		unlink(fresh);
	}
	return err;
}

int keep_devices(struct lodge *l, uint32_t domid)
{
	int folder = open(keep_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (folder < 0) /* no monitor has been here */
		return errno == ENOENT ? 0 : -errno;
	flock(folder, LOCK_EX);
	err = replace_list(l, domid);
	close(folder);
	return err;
}

static bool read_list(FILE *f, struct device_spec **devices,
		      unsigned int *count)
{
	struct device_spec *all;
	struct head head;

	if (fread(&head, sizeof(head), 1, f) != 1 || head.magic != MAGIC ||
	    head.size != sizeof(*all) || head.count > 2 * LODGE_DEVICE_SLOTS)
		return false;
	all = calloc(head.count + 1, sizeof(*all));
	if (!all || fread(all, sizeof(*all), head.count, f) != head.count) {
		free(all);
		return false;
	}
	*devices = all;
	*count = head.count;
	return true;
}

bool keep_take(uint32_t domid, struct device_spec **devices,
	       unsigned int *count)
{
	bool good = false;
	char path[128];
	FILE *f;

	path_of(domid, path);
	f = fopen(path, "re");
	if (f) {
		good = read_list(f, devices, count);
		fclose(f);
	}
	keep_drop(domid);
	return good;
}

void keep_drop(uint32_t domid)
{
	char path[128];

	path_of(domid, path);
	unlink(path);
}
