// SPDX-License-Identifier: GPL-2.0
/* The fake hypervisor and its /dev/lodge; see fake_lodge.h. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <lodge/abi.h>
#include <lodge/hypercall.h>
#include "fake_lodge.h"
#include "transport.h"

#define PAGE 4096ULL
#define FILES 64

struct fake fake;
static uint64_t total_frames;
static struct {
	bool open, watching;
	struct fake_domain *target;
} files[FILES]; /* by descriptor */

void fake_reset(uint64_t free_mib)
{
	for (unsigned int i = 0; i < FAKE_DOMAINS; i++) {
		fake_end_devices(fake.domain[i].info.domid);
		free(fake.domain[i].memory);
		free(fake.domain[i].populated);
	}
	fake = (struct fake){
		.next_domid = 2,
		.fail_operation = -1,
		.machine = {
			.version = LODGE_ABI_VERSION,
			.cpus = 2,
			.frames = free_mib * 256,
			.free_frames = free_mib * 256,
			.uptime = 1000000000000ULL,
			.tsc_khz = 1000000,
			.features = 0xf7,
		},
	};
	total_frames = fake.machine.free_frames;
}

struct fake_domain *fake_find(uint32_t domid)
{
	for (unsigned int i = 0; i < FAKE_DOMAINS; i++)
		if (fake.domain[i].there && fake.domain[i].info.domid == domid)
			return &fake.domain[i];
	return NULL;
}

bool fake_is_clean(void)
{
	for (unsigned int i = 0; i < FAKE_DEVICES; i++)
		if (fake.device[i].there)
			return false;
	for (unsigned int i = 0; i < FAKE_DOMAINS; i++)
		if (fake.domain[i].there)
			return false;
	return !fake.files && !fake.maps &&
	       fake.machine.free_frames == total_frames;
}

void fake_tell(void)
{
	uint64_t one = 1;

	for (int fd = 0; fd < FILES; fd++)
		if (files[fd].open && files[fd].watching &&
		    write(fd, &one, sizeof(one)) != sizeof(one))
			abort();
}

void fake_end(struct fake_domain *d, uint32_t reason, const char *crash)
{
	d->info.state = LODGE_DOMAIN_ENDED;
	d->info.reason = reason;
	strcpy(d->info.crash_reason, crash);
	fake_tell();
}

static void remove_domain(struct fake_domain *d)
{
	fake_end_devices(d->info.domid);
	fake.machine.free_frames += d->info.frames;
	free(d->memory);
	free(d->populated);
	memset(d, 0, sizeof(*d));
	fake_tell();
}

static int do_create(int fd, const struct lodge_control_create *c)
{
	struct fake_domain *d = NULL;

	for (unsigned int i = 0; i < FAKE_DOMAINS; i++) {
		if (fake.domain[i].there &&
		    !strcmp(fake.domain[i].info.name, c->name))
			return -EEXIST;
		if (!fake.domain[i].there)
			d = &fake.domain[i];
	}
	if (!d)
		return -ENOMEM;
	if (!c->vcpus || c->vcpus > LODGE_MAX_VCPUS || !c->target_frames ||
	    c->target_frames > c->max_frames || !(c->vcpus_online & 1))
		return -EINVAL;
	*d = (struct fake_domain){ .there = true, .owner = fd };
	d->info.domid = fake.next_domid++;
	d->info.vcpu_count = c->vcpus;
	d->info.max_frames = c->max_frames;
	d->info.weight = 256;
	d->info.created = fake.machine.uptime;
	d->info.request.mem_target = c->target_frames;
	d->info.request.vcpus = c->vcpus_online;
	strcpy(d->info.name, c->name);
	d->pages = c->max_frames + FAKE_HOLE;
	d->memory = calloc(d->pages, PAGE);
	d->populated = calloc(d->pages, 1);
	fake_tell();
	return d->info.domid;
}

static int do_populate(struct fake_domain *d, uint64_t gpa, uint64_t n)
{
	uint64_t first = gpa / PAGE, i;

	if (d->info.state != LODGE_DOMAIN_BUILDING)
		return -EBUSY;
	if (gpa % PAGE || !n)
		return -EINVAL;
	if (fake.populate_max && n > fake.populate_max)
		n = fake.populate_max;
	for (i = 0; i < n; i++) {
		int err = first + i >= d->pages		       ? -EINVAL :
			  d->populated[first + i]	       ? -EEXIST :
			  d->info.frames >= d->info.max_frames ? -ENOSPC :
			  !fake.machine.free_frames	       ? -ENOMEM :
								 0;

		if (err)
			return i ? (int)i : err;
		d->populated[first + i] = 1;
		d->info.frames++;
		fake.machine.free_frames--;
	}
	return n;
}

static int do_start(struct fake_domain *d, const struct lodge_control_start *s)
{
	if (d->info.state != LODGE_DOMAIN_BUILDING)
		return -EBUSY;
	if (!(s->rip >> 63) || s->root % PAGE)
		return -EINVAL;
	if (s->root / PAGE >= d->pages || !d->populated[s->root / PAGE])
		return -EFAULT;
	d->start = *s;
	d->info.state = LODGE_DOMAIN_RUNNING;
	fake_tell();
	return 0;
}

static int do_info(uint32_t domid, struct lodge_domain_info *info)
{
	struct fake_domain *found = NULL;

	for (unsigned int i = 0; i < FAKE_DOMAINS; i++) {
		struct fake_domain *d = &fake.domain[i];

		if (d->there && d->info.domid >= domid &&
		    (!found || d->info.domid < found->info.domid))
			found = d;
	}
	if (!found)
		return -ENOENT;
	if (found->dying && !--found->dying) {
		remove_domain(found);
		return do_info(domid, info);
	}
	if (fake.on_info)
		fake.on_info(found);
	*info = found->info;
	return 0;
}

static int do_ram(struct fake_domain *d, uint64_t gpa, struct lodge_ram *ram)
{
	uint64_t i = (gpa + PAGE - 1) / PAGE;

	while (i < d->pages && !d->populated[i])
		i++;
	if (i >= d->pages)
		return -ENOENT;
	*ram = (struct lodge_ram){ .gpa = i * PAGE };
	/* At most 100 a time: pieces may touch. */
	while (i < d->pages && d->populated[i] && ram->frames < 100) {
		i++;
		ram->frames++;
	}
	return 0;
}

static int do_console_read(struct fake_domain *d, struct lodge_console_read *r,
			   uint64_t n)
{
	d->input_room += 4;
	if (r->position >= d->info.output)
		return 0;
	if (n > d->info.output - r->position)
		n = d->info.output - r->position;
	memcpy(r + 1, d->output + r->position, n);
	r->position += n;
	return n;
}

static int do_console_write(struct fake_domain *d, const void *data, uint64_t n)
{
	if (d->info.state != LODGE_DOMAIN_RUNNING)
		return -EBUSY;
	if (n > d->input_room)
		n = d->input_room;
	if (n > sizeof(d->input) - d->taken)
		abort();
	memcpy(d->input + d->taken, data, n);
	d->taken += n;
	d->input_room -= n;
	return n;
}

static int do_operation(int fd, const struct lodge_dev_control *c)
{
	void *buffer = (void *)(uintptr_t)c->buffer;
	struct fake_domain *d = fake_find(c->domid);

	switch (c->operation) {
	case LODGE_CONTROL_CREATE:
		return do_create(fd, buffer);
	case LODGE_CONTROL_INFO:
		return do_info(c->domid, buffer);
	case LODGE_CONTROL_MACHINE:
		fake.machine.spare_frames = fake.machine.free_frames;
		memcpy(buffer, &fake.machine, sizeof(fake.machine));
		return 0;
	}
	if (!d)
		return -ENOENT;
	if (d->dying)
		return -EAGAIN;
	switch (c->operation) {
	case LODGE_CONTROL_POPULATE:
		return do_populate(d, c->arg[0], c->arg[1]);
	case LODGE_CONTROL_START:
		return do_start(d, buffer);
	case LODGE_CONTROL_DESTROY:
		d->dying = 2;
		d->info.state = LODGE_DOMAIN_ENDING;
		fake_tell();
		return 0;
	case LODGE_CONTROL_PAUSE:
		d->info.flags |= LODGE_DOMAIN_PAUSED;
		return 0;
	case LODGE_CONTROL_UNPAUSE:
		d->info.flags &= ~LODGE_DOMAIN_PAUSED;
		return 0;
	case LODGE_CONTROL_SCHED:
		d->info.weight = c->arg[0];
		d->info.cap = c->arg[1];
		return 0;
	case LODGE_CONTROL_PIN:
		if (!(c->arg[1] & ((1ULL << fake.machine.cpus) - 1)))
			return -EINVAL;
		d->pin[c->arg[0]] = c->arg[1];
		return 0;
	case LODGE_CONTROL_REQUEST:
		d->info.request.bits |= c->arg[0];
		return 0;
	case LODGE_CONTROL_VCPU:
		if (c->arg[0] >= d->info.vcpu_count)
			return -ENOENT;
		memcpy(buffer, &d->vcpu[c->arg[0]], sizeof(d->vcpu[0]));
		return 0;
	case LODGE_CONTROL_RAM:
		return do_ram(d, c->arg[0], buffer);
	case LODGE_CONTROL_CONSOLE_READ:
		return do_console_read(d, buffer, c->arg[0]);
	case LODGE_CONTROL_CONSOLE_WRITE:
		return do_console_write(d, buffer, c->arg[0]);
	default:
		return -ENOSYS;
	}
}

int transport_open(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0 || fd >= FILES)
		abort();
	files[fd].open = true;
	files[fd].watching = false;
	files[fd].target = NULL;
	fake.files++;
	return fd;
}

void transport_close(int fd)
{
	files[fd].open = false;
	fake.files--;
	for (unsigned int i = 0; i < FAKE_DOMAINS; i++)
		if (fake.domain[i].there && fake.domain[i].owner == fd &&
		    fake.domain[i].info.state == LODGE_DOMAIN_BUILDING)
			remove_domain(&fake.domain[i]);
	close(fd);
}

int transport_ioctl(int fd, unsigned long request, unsigned long arg)
{
	const struct lodge_dev_control *c = (void *)arg;

	if (request == LODGE_DEV_TARGET) {
		if (files[fd].target)
			return -EBUSY;
		files[fd].target = fake_find(arg);
		return files[fd].target ? 0 : -ENOENT;
	}
	if (request == LODGE_DEV_WATCH) {
		files[fd].watching = arg;
		fake_tell();
		return 0;
	}
	if (request == LODGE_DEV_ATTACH || request == LODGE_DEV_DETACH ||
	    request == LODGE_DEV_DEVICE || request == LODGE_DEV_LIMIT ||
	    request == LODGE_DEV_RESCAN)
		return fake_device_request(request, (void *)arg);
	if (request != LODGE_DEV_CONTROL)
		return -ENOTTY;
	fake.calls[c->operation]++;
	if ((int)c->operation == fake.fail_operation && fake.fail_count) {
		if (!fake.fail_at) {
			fake.fail_count--;
			return fake.fail_err;
		}
		fake.fail_at--;
	}
	return do_operation(fd, c);
}

int transport_map(int fd, uint64_t offset, size_t size, int prot, void **where)
{
	struct fake_domain *d = files[fd].target;

	if (!d || offset % PAGE || size % PAGE)
		return -EINVAL;
	for (uint64_t p = offset / PAGE; p < (offset + size) / PAGE; p++)
		if (p >= d->pages || !d->populated[p])
			return -ENXIO;
	fake.maps++;
	*where = d->memory + offset;
	return 0;
}

void transport_unmap(int fd, void *where, size_t size)
{
	fake.maps--;
}

int transport_poll(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int r = poll(&p, 1, timeout_ms);

	return r < 0 ? -errno : r;
}

ssize_t transport_read(int fd, void *data, size_t size)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) != sizeof(count))
		return -EAGAIN;
	*(uint32_t *)data = LODGE_DEV_DOMAIN;
	return sizeof(uint32_t);
}
