// SPDX-License-Identifier: GPL-2.0
/* See loop.h. No state: the kernel knows what there is. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "loop.h"

#define TRIES 64 /* somebody else may take it in between */
#define NUMBERS 4096

static int open_number(unsigned int number, int flags)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/loop%u", number);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Takes one that is free; -EBUSY: it is not any more. */
static int take(int control, const struct loop_config *config, int flags)
{
	int number = ioctl(control, LOOP_CTL_GET_FREE), loop, err;

	if (number < 0)
		return -errno;
	loop = open_number(number, flags);
	if (loop < 0)
		return loop;
	if (!ioctl(loop, LOOP_CONFIGURE, config))
		return loop;
	err = -errno;
	close(loop);
	return err;
}

int loop_make(int file, const char *path, bool read_only,
	      unsigned int block_size)
{
	/* Past the page cache, where the file system can do that. */
	struct loop_config config = {
		.fd = file,
		.block_size = block_size,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO |
				 (read_only ? LO_FLAGS_READ_ONLY : 0),
	};
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int loop = -EBUSY;

	if (control < 0)
		return -errno;
	snprintf((char *)config.info.lo_file_name,
		 sizeof(config.info.lo_file_name), "%s", path);
	for (int i = 0; i < TRIES && loop == -EBUSY; i++)
		loop = take(control, &config, read_only ? O_RDONLY : O_RDWR);
	close(control);
	return loop;
}

int loop_next(const struct stat *st, unsigned int *number)
{
	struct loop_info64 info;
	char path[48];
	int loop;

	for (; *number < NUMBERS; (*number)++) {
		/* Only those in use have this; the others stay untouched. */
		snprintf(path, sizeof(path), "/sys/block/loop%u/loop", *number);
		if (access(path, F_OK))
			continue;
		loop = open_number(*number, O_RDONLY);
		if (loop < 0)
			continue;
		if (!ioctl(loop, LOOP_GET_STATUS64, &info) &&
		    info.lo_inode == st->st_ino && info.lo_device == st->st_dev)
			return loop;
		close(loop);
	}
	return -ENOENT;
}

bool loop_is_over(const struct stat *st)
{
	unsigned int number = 0;
	int loop = loop_next(st, &number);

	if (loop >= 0)
		close(loop);
	return loop >= 0;
}

bool loop_writes(int loop)
{
	int read_only;

	return ioctl(loop, BLKROGET, &read_only) || !read_only;
}

unsigned int loop_block_size(int loop)
{
	int size;

	return ioctl(loop, BLKSSZGET, &size) ? 512 : size;
}

int loop_resize(int loop)
{
	return ioctl(loop, LOOP_SET_CAPACITY, 0) ? -errno : 0;
}
