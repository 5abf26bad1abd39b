// SPDX-License-Identifier: GPL-2.0
/*
 * Loop devices for tests, in place of loop.c: a descriptor of the file itself
 * is one. Those of other people are in fake.foreign_loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "fake_lodge.h"
#include "loop.h"

int loop_make(int file, const char *path, bool read_only,
	      unsigned int block_size)
{
	if (fake.loop_err)
		return fake.loop_err;
	fake.loop_block_size = block_size;
	return dup(file);
}

int loop_next(const struct stat *st, unsigned int *number)
{
	if (!fake.foreign_loop || *number > 7)
		return -ENOENT;
	*number = 7;
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

bool loop_is_over(const struct stat *st)
{
	return !fake.other_file;
}

bool loop_writes(int loop)
{
	return true;
}

unsigned int loop_block_size(int loop)
{
	return 512;
}

int loop_resize(int loop)
{
	return 0;
}
