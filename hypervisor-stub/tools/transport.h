/* SPDX-License-Identifier: MIT */
/*
 * The system calls that liblodge stands on, as on /dev/lodge; each returns
 * what the call returns, or -errno. Tests link others in their place.
 */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

int transport_open(void);
void transport_close(int fd);
/* arg: of a request with a structure, the address of it */
int transport_ioctl(int fd, unsigned long request, unsigned long arg);
int transport_map(int fd, uint64_t offset, size_t size, int prot, void **where);
void transport_unmap(int fd, void *where, size_t size);
/* 1: readable; 0: not in this time (-1: for ever) */
int transport_poll(int fd, int timeout_ms);
ssize_t transport_read(int fd, void *data, size_t size);

#endif
