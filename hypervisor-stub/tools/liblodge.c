// SPDX-License-Identifier: MIT
/*
 * liblodge: the handle and the operations; liblodge.h says what they do.
 * Every operation is one ioctl on /dev/lodge, made by control().
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "liblodge.h"
#include "transport.h"

#define BUFFER_MAX 4096 /* of one operation: a page */

struct lodge {
	int fd;
};

int lodge_open(struct lodge **out)
{
	struct lodge *l = malloc(sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->fd = transport_open();
	if (l->fd < 0) {
		int err = l->fd;

		free(l);
		return err;
	}
	*out = l;
	return 0;
}

void lodge_close(struct lodge *l)
{
	if (!l)
		return;
	transport_close(l->fd);
	free(l);
}

int lodge_fd(const struct lodge *l)
{
	return l->fd;
}

static int control(struct lodge *l, uint32_t operation, uint32_t domid,
		   uint64_t arg0, uint64_t arg1, void *buffer, size_t size)
{
	struct lodge_dev_control c = {
		.operation = operation,
		.domid = domid,
		.arg = { arg0, arg1 },
		.buffer = (uintptr_t)buffer,
		.size = size,
	};

	return transport_ioctl(l->fd, LODGE_DEV_CONTROL, (uintptr_t)&c);
}

/* An operation without a buffer */
static int control_arg(struct lodge *l, uint32_t operation, uint32_t domid,
		       uint64_t arg0, uint64_t arg1)
{
	return control(l, operation, domid, arg0, arg1, NULL, 0);
}

int lodge_next(struct lodge *l, uint32_t domid, struct lodge_domain_info *info)
{
	struct lodge_domain_info found;
	int r;

	memset(&found, 0, sizeof(found));
	r = control(l, LODGE_CONTROL_INFO, domid, 0, 0, &found, sizeof(found));
	if (r < 0)
		return r;
	/* Strings are printed: they end, whoever wrote them. */
	found.name[sizeof(found.name) - 1] = '\0';
	found.crash_reason[sizeof(found.crash_reason) - 1] = '\0';
	*info = found;
	return 0;
}

int lodge_info(struct lodge *l, uint32_t domid, struct lodge_domain_info *info)
{
	struct lodge_domain_info found;
	int r = lodge_next(l, domid, &found);

	if (r)
		return r;
	if (found.domid != domid)
		return -ENOENT;
	*info = found;
	return 0;
}

int lodge_find(struct lodge *l, const char *which,
	       struct lodge_domain_info *info)
{
	struct lodge_domain_info d;
	unsigned long domid;
	char *end;
	int r;

	/* No name begins with a digit. */
	if (isdigit((unsigned char)which[0])) {
		errno = 0;
		domid = strtoul(which, &end, 10);
		if (*end || errno || domid > LODGE_DOMID_MAX)
			return -ENOENT;
		return lodge_info(l, domid, info);
	}
	for (d.domid = 0; !(r = lodge_next(l, d.domid, &d)); d.domid++) {
		if (!strcmp(d.name, which)) {
			*info = d;
			return 0;
		}
	}
	return r;
}

int lodge_machine(struct lodge *l, struct lodge_machine_info *info)
{
	memset(info, 0, sizeof(*info));
	return control(l, LODGE_CONTROL_MACHINE, 0, 0, 0, info, sizeof(*info));
}

int lodge_counters(struct lodge *l, uint32_t domid,
		   struct lodge_counters *counters)
{
	memset(counters, 0, sizeof(*counters));
	return control(l, LODGE_CONTROL_COUNTERS, domid, 0, 0, counters,
		       sizeof(*counters));
}

int lodge_create(struct lodge *l, const struct lodge_control_create *create,
		 uint32_t *domid)
{
	struct lodge_control_create copy = *create;
	int r = control(l, LODGE_CONTROL_CREATE, 0, 0, 0, &copy, sizeof(copy));

	if (r < 0)
		return r;
	*domid = r;
	return 0;
}

ssize_t lodge_populate(struct lodge *l, uint32_t domid, uint64_t gpa,
		       uint64_t frames)
{
	/* The result of an ioctl is an int; what is left comes next time. */
	if (frames > 1 << 30)
		frames = 1 << 30;
	return control_arg(l, LODGE_CONTROL_POPULATE, domid, gpa, frames);
}

int lodge_start(struct lodge *l, uint32_t domid,
		const struct lodge_control_start *start)
{
	struct lodge_control_start copy = *start;

	return control(l, LODGE_CONTROL_START, domid, 0, 0, &copy,
		       sizeof(copy));
}

int lodge_pause(struct lodge *l, uint32_t domid)
{
	return control_arg(l, LODGE_CONTROL_PAUSE, domid, 0, 0);
}

int lodge_unpause(struct lodge *l, uint32_t domid)
{
	return control_arg(l, LODGE_CONTROL_UNPAUSE, domid, 0, 0);
}

int lodge_destroy(struct lodge *l, uint32_t domid)
{
	return control_arg(l, LODGE_CONTROL_DESTROY, domid, 0, 0);
}

int lodge_destroy_unstarted(struct lodge *l, uint32_t domid)
{
	return control_arg(l, LODGE_CONTROL_DESTROY, domid, 1, 0);
}

int lodge_request(struct lodge *l, uint32_t domid, uint64_t bits)
{
	return control_arg(l, LODGE_CONTROL_REQUEST, domid, bits, 0);
}

int lodge_rename(struct lodge *l, uint32_t domid, const char *name)
{
	char buffer[LODGE_NAME_SIZE] = "";

	if (strlen(name) >= sizeof(buffer))
		return -EINVAL;
	memcpy(buffer, name, strlen(name));
	return control(l, LODGE_CONTROL_RENAME, domid, 0, 0, buffer,
		       sizeof(buffer));
}

int lodge_sched(struct lodge *l, uint32_t domid, uint32_t weight, uint32_t cap)
{
	return control_arg(l, LODGE_CONTROL_SCHED, domid, weight, cap);
}

int lodge_pin(struct lodge *l, uint32_t domid, uint32_t vcpu, uint64_t cpus)
{
	return control_arg(l, LODGE_CONTROL_PIN, domid, vcpu, cpus);
}

int lodge_memory(struct lodge *l, uint32_t domid, uint64_t target_frames,
		 uint64_t max_frames)
{
	return control_arg(l, LODGE_CONTROL_MEMORY, domid, target_frames,
			   max_frames);
}

int lodge_vcpus(struct lodge *l, uint32_t domid, uint64_t online)
{
	return control_arg(l, LODGE_CONTROL_VCPUS, domid, online, 0);
}

int lodge_vcpu(struct lodge *l, uint32_t domid, uint32_t vcpu,
	       struct lodge_vcpu_info *info)
{
	memset(info, 0, sizeof(*info));
	return control(l, LODGE_CONTROL_VCPU, domid, vcpu, 0, info,
		       sizeof(*info));
}

int lodge_ram(struct lodge *l, uint32_t domid, uint64_t gpa,
	      struct lodge_ram *ram)
{
	int r;

	for (;;) {
		ram->gpa = gpa;
		ram->frames = 0;
		r = control(l, LODGE_CONTROL_RAM, domid, gpa, 0, ram,
			    sizeof(*ram));
		/* -EAGAIN with a gpa ahead: nothing up to there */
		if (r != -EAGAIN || ram->gpa <= gpa)
			return r;
		gpa = ram->gpa;
	}
}

ssize_t lodge_console_read(struct lodge *l, uint32_t domid, uint64_t *position,
			   void *data, size_t size)
{
	struct {
		struct lodge_console_read head;
		char data[BUFFER_MAX - sizeof(struct lodge_console_read)];
	} buffer;
	int r;

	if (size > sizeof(buffer.data))
		size = sizeof(buffer.data);
	buffer.head.position = *position;
	memset(buffer.data, 0, size);
	r = control(l, LODGE_CONTROL_CONSOLE_READ, domid, size, 0, &buffer,
		    sizeof(buffer.head) + size);
	if (r < 0)
		return r;
	if ((size_t)r > size)
		return -EIO;
	*position = buffer.head.position;
	memcpy(data, buffer.data, r);
	return r;
}

ssize_t lodge_console_write(struct lodge *l, uint32_t domid, const void *data,
			    size_t size)
{
	char buffer[BUFFER_MAX];

	if (size > sizeof(buffer))
		size = sizeof(buffer);
	memcpy(buffer, data, size);
	return control(l, LODGE_CONTROL_CONSOLE_WRITE, domid, size, 0, buffer,
		       size);
}

int lodge_debug_key(struct lodge *l, char key)
{
	return control_arg(l, LODGE_CONTROL_DEBUG_KEY, 0, (unsigned char)key,
			   0);
}

int lodge_target(struct lodge *l, uint32_t domid)
{
	return transport_ioctl(l->fd, LODGE_DEV_TARGET, domid);
}

int lodge_map(struct lodge *l, uint64_t gpa, size_t size, int prot,
	      void **where)
{
	return transport_map(l->fd, gpa, size, prot, where);
}

void lodge_unmap(struct lodge *l, void *where, size_t size)
{
	transport_unmap(l->fd, where, size);
}

int lodge_watch(struct lodge *l, unsigned int what)
{
	return transport_ioctl(l->fd, LODGE_DEV_WATCH, what);
}

int lodge_wait(struct lodge *l, int timeout_ms)
{
	uint32_t words[16];
	int happened = 0;
	ssize_t n;
	int r;

	r = transport_poll(l->fd, timeout_ms);
	if (r <= 0)
		return r;
	n = transport_read(l->fd, words, sizeof(words));
	if (n < 0)
		return n == -EAGAIN ? 0 : n;
	for (size_t i = 0; i < n / sizeof(words[0]); i++) {
		if (words[i] == LODGE_DEV_DOMAIN)
			happened |= LODGE_DEV_WATCH_DOMAINS;
		else if (words[i] == LODGE_DEV_OUTPUT)
			happened |= LODGE_DEV_WATCH_OUTPUT;
	}
	return happened;
}

/* --- devices --- */

int lodge_attach(struct lodge *l, struct lodge_dev_device *d)
{
	return transport_ioctl(l->fd, LODGE_DEV_ATTACH, (uintptr_t)d);
}

int lodge_detach(struct lodge *l, struct lodge_dev_device *d)
{
	return transport_ioctl(l->fd, LODGE_DEV_DETACH, (uintptr_t)d);
}

int lodge_device(struct lodge *l, struct lodge_dev_device *d)
{
	d->flags = 0;
	return transport_ioctl(l->fd, LODGE_DEV_DEVICE, (uintptr_t)d);
}

int lodge_device_next(struct lodge *l, struct lodge_dev_device *d)
{
	d->flags = LODGE_DEV_NEXT;
	return transport_ioctl(l->fd, LODGE_DEV_DEVICE, (uintptr_t)d);
}

int lodge_limit(struct lodge *l, const struct lodge_dev_limit *limit)
{
	return transport_ioctl(l->fd, LODGE_DEV_LIMIT, (uintptr_t)limit);
}

int lodge_rescan(struct lodge *l, struct lodge_dev_device *d)
{
	return transport_ioctl(l->fd, LODGE_DEV_RESCAN, (uintptr_t)d);
}
