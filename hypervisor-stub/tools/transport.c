// SPDX-License-Identifier: MIT
/* /dev/lodge itself, without blocking reads: transport_poll() waits. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <lodge/dev.h>
#include "transport.h"

int transport_open(void)
{
	int fd = open(LODGE_DEV, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

void transport_close(int fd)
{
	close(fd);
}

int transport_ioctl(int fd, unsigned long request, unsigned long arg)
{
	int r = ioctl(fd, request, arg);

	return r < 0 ? -errno : r;
}

int transport_map(int fd, uint64_t offset, size_t size, int prot, void **where)
{
	void *p = mmap(NULL, size, prot, MAP_SHARED, fd, offset);

	if (p == MAP_FAILED)
		return -errno;
	*where = p;
	return 0;
}

void transport_unmap(int fd, void *where, size_t size)
{
	(void)fd;
	munmap(where, size);
}

int transport_poll(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int r = poll(&p, 1, timeout_ms);

	return r < 0 ? -errno : r;
}

ssize_t transport_read(int fd, void *data, size_t size)
{
	ssize_t r = read(fd, data, size);

	return r < 0 ? -errno : r;
}
