// SPDX-License-Identifier: GPL-2.0
/*
 * lodge block-resize: makes the file behind a disk larger, and tells the guest.
 * A block device is made larger by whoever manages it; then this only tells.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "devices.h"
#include "loop.h"

static int grow_file(const char *path, uint64_t size, bool shrink)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), err = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		err = errno;
	else if (!S_ISREG(st.st_mode))
		err = ENOTSUP;
	else if (size < (uint64_t)st.st_size && !shrink)
		err = EFBIG;
	else if (ftruncate(fd, size))
		err = errno;
	if (fd >= 0)
		close(fd);
	return err;
}

/* Loop devices over this file learn its size. 0 or an error. */
static int tell_loops(const char *path)
{
	unsigned int number = 0;
	int loop, err = 0;
	struct stat st;

	if (stat(path, &st) || !S_ISREG(st.st_mode))
		return 0;
	while (!err && (loop = loop_next(&st, &number)) >= 0) {
		err = loop_resize(loop);
		close(loop);
		number++;
	}
	return err;
}

static int resize(struct lodge *l, const char *which, const char *name,
		  uint64_t size, bool shrink)
{
	struct lodge_dev_device d;
	int err, code = devices_find(l, which, LODGE_DEVICE_BLOCK, name, &d);
	const char *missing = code ? NULL : device_missing(&d);

	if (code)
		return code;
	if (missing)
		return cmd_fail(EXIT_FAILED, "%s: %s", d.source, missing);
	err = size ? grow_file(d.source, size, shrink) : 0;
	if (err == ENOTSUP)
		return cmd_fail(EXIT_REFUSED,
				"%s: %s is no file: change it by other means, "
				"then leave SIZE out",
				which, d.source);
	if (err == EFBIG)
		return cmd_fail(EXIT_REFUSED,
				"%s: %s is larger than that (--shrink cuts it "
				"off, with what is there)",
				which, d.source);
	if (err)
		return cmd_fail(EXIT_FAILED, "%s: %s", d.source, strerror(err));
	err = tell_loops(d.source);
	if (err)
		return cmd_fail(EXIT_FAILED, "%s: its loop device: %s",
				d.source, strerror(-err));
	err = lodge_rescan(l, &d);
	return err ? cmd_error(err, which) : EXIT_DONE;
}

static int run(int argc, char **argv)
{
	bool shrink = false;
	const struct option_spec options[] = {
		OPT_FLAG(0, "shrink", &shrink, "also make it smaller"), { 0 }
	};
	int n = cmd_options(&verb_blockresize, options, argc, argv, 2, 3), code;
	uint64_t size = 0;
	struct lodge *l;

	if (n > 2 && (!parse_amount(argv[3], &size) || !size || size % 4096))
		return cmd_usage("%s: not a size: bytes, in 4096s, or a number "
				 "with k, M, G or T",
				 argv[3]);
	l = cmd_open();
	code = resize(l, argv[1], argv[2], size, shrink);
	lodge_close(l);
	return code;
}

const struct verb verb_blockresize = {
	.name = "block-resize",
	.args = "DOMAIN VDEV [SIZE]",
	.summary = "make a disk larger while a domain uses it",
	.run = run,
	.help = "With SIZE, the file behind the disk gets that size; without, "
		"the guest is told\nwhat size the disk has now.\n",
};
