// SPDX-License-Identifier: GPL-2.0
/*
 * Attaching a device: opens the disk, by a loop device if it is a file, and
 * hands it to the kernel, which keeps it open. The loop device goes by itself
 * when nobody has it open any more; so nothing has to be taken back.
 *
 * A file has one writer, or many readers, as a block device has: by flock(),
 * which the loop device keeps with the file. Disks of domains that have ended
 * go when somebody asks the kernel for devices, or a moment later; so who finds
 * a disk in use asks, and tries again for a while.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "cmd.h"
#include "device.h"
#include "loop.h"

#define BUSY_TRIES 20
#define BUSY_NS 50000000 /* between two of them */

/* --- in use --- */

static bool is_same(const struct stat *a, const char *path)
{
	struct stat b;

	if (stat(path, &b))
		return false;
	if (S_ISBLK(a->st_mode))
		return S_ISBLK(b.st_mode) && a->st_rdev == b.st_rdev;
	return a->st_dev == b.st_dev && a->st_ino == b.st_ino;
}

/* The domain that has this disk, and as what: into `who`. */
static bool find_user(struct lodge *l, const struct stat *st, char *who,
		      size_t size)
{
	struct lodge_dev_device d = { .type = LODGE_DEVICE_BLOCK };
	struct lodge_domain_info info;
	char name[8];

	for (; !lodge_device_next(l, &d); d.index++) {
		if (d.type != LODGE_DEVICE_BLOCK || !is_same(st, d.source) ||
		    lodge_info(l, d.domid, &info))
			continue;
		vdev_name(d.index, name);
		snprintf(who, size, "%s has it as %s", info.name, name);
		return true;
	}
	return false;
}

/* Says so. */
static int in_use(struct lodge *l, const char *path, const struct stat *st,
		  struct complaint *c)
{
	unsigned int number = 0;
	char who[64] = "";
	int loop;

	if (!find_user(l, st, who, sizeof(who)) && S_ISREG(st->st_mode)) {
		loop = loop_next(st, &number);
		if (loop >= 0) {
			close(loop);
			snprintf(who, sizeof(who), "/dev/loop%u is over it",
				 number);
		}
	}
	complain(c, "%s: in use%s%s", path, *who ? ": " : "", who);
	return EXIT_REFUSED;
}

/* Is it worth to wait: does nobody have it who lives? */
static bool may_go(struct lodge *l, const struct stat *st)
{
	char who[64];

	if (find_user(l, st, who, sizeof(who)))
		return false;
	nanosleep(&(struct timespec){ 0, BUSY_NS }, NULL);
	return true;
}

/* Somebody else's loop device, which knows of no flock(). */
static bool has_loop(const struct stat *st, bool read_only)
{
	unsigned int number = 0;
	bool found = false;
	int loop;

	while (!found && (loop = loop_next(st, &number)) >= 0) {
		found = !read_only || loop_writes(loop);
		close(loop);
		number++;
	}
	return found;
}

static bool lock_file(struct lodge *l, int fd, const struct stat *st,
		      bool read_only)
{
	int how = (read_only ? LOCK_SH : LOCK_EX) | LOCK_NB;

	for (int i = 0; i < BUSY_TRIES; i++) {
		if (!flock(fd, how) && !has_loop(st, read_only))
			return true;
		flock(fd, LOCK_UN);
		if (!may_go(l, st))
			break;
	}
	return false;
}

/* --- the disk --- */

/* In place of the file *fd its loop device; or an exit code. */
static int make_loop(struct lodge *l, int *fd, const struct stat *st,
		     const struct device_spec *s, struct complaint *c)
{
	bool read_only = s->dev.flags & LODGE_DEV_READ_ONLY;
	int file = *fd, code = EXIT_DONE;

	*fd = -1;
	if (st->st_size < s->block_size) {
		complain(c, "%s: %lld bytes are no disk", s->target,
			 (long long)st->st_size);
		code = EXIT_CONFIG;
	} else if (!lock_file(l, file, st, read_only)) {
		code = in_use(l, s->target, st, c);
	} else {
		*fd = loop_make(file, s->target, read_only, s->block_size);
		if (*fd < 0) {
			complain(c, "%s: no loop device: %s", s->target,
				 strerror(-*fd));
			code = EXIT_FAILED;
		}
	}
	close(file);
	return code;
}

/* Before it is opened, which may do something to a character device. */
static int look_at(const struct device_spec *s, struct stat *st,
		   struct complaint *c)
{
	if (stat(s->target, st))
		return complain(c, "%s: %s", s->target, strerror(errno));
	if (!S_ISBLK(st->st_mode) && !S_ISREG(st->st_mode))
		return complain(c, "%s: neither a block device nor a file",
				s->target);
	return 0;
}

int device_check(const struct device_spec *s, struct complaint *c)
{
	struct stat st;

	return s->dev.type == LODGE_DEVICE_BLOCK ? look_at(s, &st, c) : 0;
}

const char *device_missing(const struct lodge_dev_device *d)
{
	struct stat st;

	if (stat(d->source, &st))
		return strerror(errno);
	if (S_ISREG(st.st_mode) && !loop_is_over(&st))
		return "another file has this name now";
	return NULL;
}

/* Opens it: *fd of a block device, or an exit code. */
static int open_disk(struct lodge *l, const struct device_spec *s,
		     struct stat *st, int *fd, struct complaint *c)
{
	bool read_only = s->dev.flags & LODGE_DEV_READ_ONLY;

	if (look_at(s, st, c))
		return EXIT_CONFIG;
	*fd = open(s->target, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (*fd < 0) {
		complain(c, "%s: %s", s->target, strerror(errno));
		return EXIT_CONFIG;
	}
	return S_ISBLK(st->st_mode) ? EXIT_DONE : make_loop(l, fd, st, s, c);
}

static int refused(int err, const struct device_spec *s, struct complaint *c)
{
	const bool net = s->dev.type == LODGE_DEVICE_NET;
	const char *what = net ? "network device" : s->target;
	int code = EXIT_REFUSED;
	char name[8];

	if (*s->dev.reason) {
		complain(c, "%s: %s", what, s->dev.reason);
	} else if (err == -ENODEV) {
		complain(c, "%s: no driver is loaded: try `modprobe %s`", what,
			 net ? "lodge_net_backend" : "lodge_block_backend");
	} else if (err == -EEXIST) {
		device_name(&s->dev, name);
		complain(c, "%s: it has a device %s already", what, name);
	} else if (err == -ENOSPC) {
		complain(c, "%s: it has %u devices already, which is the most",
			 what, LODGE_DEVICE_SLOTS);
	} else if (err == -ENOTTY) {
		complain(c, "%s: this kernel has no devices for domains", what);
	} else {
		complain(c, "%s: %s", what, cmd_error_text(err, &code));
	}
	return code;
}

void device_target_absolute(struct device_spec *s)
{
	char *here, *full = NULL;

	if (s->dev.type != LODGE_DEVICE_BLOCK || *s->target == '/')
		return;
	here = getcwd(NULL, 0);
	if (here && asprintf(&full, "%s/%s", strcmp(here, "/") ? here : "",
			     s->target) < 0)
		full = NULL;
	if (full && strlen(full) < sizeof(s->target)) {
		strcpy(s->target, full);
		strcpy(s->dev.source, full);
	}
	free(full);
	free(here);
}

int device_attach(struct lodge *l, uint32_t domid, struct device_spec *s,
		  struct complaint *c)
{
	bool disk = s->dev.type == LODGE_DEVICE_BLOCK;
	int fd = -1, err = -EBUSY, code;
	struct stat st;

	device_target_absolute(s);
	devices_settle(l);
	if (disk) {
		code = open_disk(l, s, &st, &fd, c);
		if (code)
			return code;
	}
	s->dev.domid = domid;
	s->dev.fd = fd;
	for (int i = 0; i < BUSY_TRIES && err == -EBUSY; i++) {
		err = lodge_attach(l, &s->dev);
		if (err == -EBUSY && !(disk && may_go(l, &st)))
			break;
	}
	if (fd >= 0)
		close(fd);
	if (err == -EBUSY && disk)
		return in_use(l, s->target, &st, c);
	return err ? refused(err, s, c) : EXIT_DONE;
}

void devices_settle(struct lodge *l)
{
	struct lodge_dev_device d = { .domid = UINT32_MAX };

	lodge_device_next(l, &d);
}
