// SPDX-License-Identifier: GPL-2.0-only
/* System calls that do little, so that entry and exit are what is seen. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

static int fd = -1;

static void null_syscall(unsigned long n)
{
	while (n--)
		syscall(SYS_getppid);
}

static int open_zero(void)
{
	fd = open("/dev/zero", O_RDONLY);
	return fd < 0 ? -1 : 0;
}

static int open_null(void)
{
	fd = open("/dev/null", O_WRONLY);
	return fd < 0 ? -1 : 0;
}

static void close_it(void)
{
	close(fd);
}

static void read_1(unsigned long n)
{
	char c;

	while (n--)
		if (read(fd, &c, 1) != 1)
			fail("read");
}

static void write_1(unsigned long n)
{
	char c = 0;

	while (n--)
		if (write(fd, &c, 1) != 1)
			fail("write");
}

static void stat_file(unsigned long n)
{
	struct stat s;

	while (n--)
		if (stat("/etc/passwd", &s))
			fail("stat");
}

static void open_close(unsigned long n)
{
	while (n--) {
		int f = open("/etc/passwd", O_RDONLY);

		if (f < 0)
			fail("open");
		close(f);
	}
}

const struct bench syscall_benches[] = {
	{ "null_syscall", 0, null_syscall, 0, 0 },
	{ "read_1", open_zero, read_1, close_it, 0 },
	{ "write_1", open_null, write_1, close_it, 0 },
	{ "stat", 0, stat_file, 0, 0 },
	{ "open_close", 0, open_close, 0, 0 },
	{ 0 },
};
