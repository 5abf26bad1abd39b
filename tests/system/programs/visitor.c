// SPDX-License-Identifier: GPL-2.0-only
/*
 * visitor NAME: a program of the control domain that has to do with a domain
 * while that dies: maps pieces of its memory over and over, binds the port that
 * the guest `tenant` offers, notifies it, and looks at it in each way there
 * is. It ends when the domain is gone, with all it had mapped and bound still
 * there (so the kernel has to give it back), or is killed before. 0 unless
 * something fails that cannot be explained by a domain that ends.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <lodge/dev.h>
#include <lodge/hypercall.h>

#include "check.h"

#define PORT 1 /* the first one that `tenant` offers */
#define PIECES 16
#define PIECE (64UL << 10)

static int fd;

static int control(uint32_t operation, uint32_t domid, uint64_t arg,
		   void *buffer, size_t n)
{
	struct lodge_dev_control c = {
		.operation = operation,
		.domid = domid,
		.arg = { arg },
		.buffer = (uintptr_t)buffer,
		.size = n,
	};

	return ioctl(fd, LODGE_DEV_CONTROL, &c);
}

/* Of the domain, or 0. */
static uint32_t find(const char *name)
{
	struct lodge_domain_info d = { 0 };

	while (!control(LODGE_CONTROL_INFO, d.domid + 1, 0, &d, sizeof(d)))
		if (!strcmp(d.name, name))
			return d.domid;
	return 0;
}

static int is_of_the_end(void)
{
	return errno == ENOENT || errno == EAGAIN || errno == EBUSY ||
	       errno == ENXIO || errno == ENODEV;
}

static void look(uint32_t domid)
{
	union {
		struct lodge_vcpu_info vcpu;
		struct lodge_ram ram;
		struct lodge_counters counters;
	} b;

	check(control(LODGE_CONTROL_VCPU, domid, 0, &b, sizeof(b)) >= 0 ||
		      is_of_the_end(),
	      "VCPU");
	check(control(LODGE_CONTROL_RAM, domid, 0, &b, sizeof(b)) >= 0 ||
		      is_of_the_end(),
	      "RAM");
	check(control(LODGE_CONTROL_COUNTERS, domid, 0, &b, sizeof(b)) >= 0 ||
		      is_of_the_end(),
	      "COUNTERS");
}

static void remap(char **piece, unsigned long i)
{
	if (piece[i] && munmap(piece[i], PIECE))
		check(0, "munmap");
	/* Its highest memory it may give back, so that is a hole at times. */
	piece[i] = mmap(NULL, PIECE, PROT_READ, MAP_SHARED, fd,
			(4UL << 20) - (i + 1) * PIECE);
	if (piece[i] == MAP_FAILED) {
		check(is_of_the_end(), "mmap");
		piece[i] = NULL;
	} else {
		*(volatile char *)piece[i];
	}
}

int main(int argc, char **argv)
{
	struct lodge_dev_channel channel = { .port = PORT };
	char *piece[PIECES] = { 0 };
	struct lodge_domain_info d;
	uint32_t domid;
	int bound = 0;

	fd = open(LODGE_DEV, O_RDWR);
	check(argc == 2 && fd >= 0, "visitor NAME");
	domid = find(argv[1]);
	if (!domid)
		return 0;
	check(!ioctl(fd, LODGE_DEV_TARGET, domid), "TARGET");
	channel.domid = domid;
	for (unsigned long i = 0;; i++) {
		if (!bound)
			bound = !ioctl(fd, LODGE_DEV_BIND, &channel);
		check(bound || is_of_the_end(), "BIND");
		if (bound)
			check(!ioctl(fd, LODGE_DEV_NOTIFY, channel.port) ||
				      is_of_the_end(),
			      "NOTIFY");
		remap(piece, i % PIECES);
		look(domid);
		if (control(LODGE_CONTROL_INFO, domid, 0, &d, sizeof(d)) ||
		    d.domid != domid)
			break;
	}
	/* What is mapped stays. */
	for (unsigned long i = 0; i < PIECES; i++)
		if (piece[i])
			*(volatile char *)piece[i];
	printf("visitor of %s: %s\n", argv[1], bound ? "bound" : "not bound");
	return 0;
}
