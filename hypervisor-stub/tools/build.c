// SPDX-License-Identifier: GPL-2.0
/*
 * Building a domain: CREATE, POPULATE, kernel, ramdisk and start information
 * through a mapping of its memory, scheduling; then START.
 *
 * All is done through a handle of its own, for a handle maps the memory of one
 * domain, and what was created through it and not started is destroyed by the
 * kernel when it is closed. So a process that is killed leaves nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "bridge.h"
#include "build.h"
#include "build_layout.h"
#include "cmd.h"
#include "cpus.h"
#include "device.h"
#include "image.h"

#define MIB (1ULL << 20)
#define WINDOW (4 * MIB) /* of guest memory, mapped at once */
#define POPULATE_FRAMES 16384ULL /* at once, so that progress is seen */
#define EAGAIN_PAUSE_MS 20
#define EAGAIN_TRIES 1000 /* 20 s in all */
#define SHORT_MS 1000 /* that memory may be short before it is a mistake */
#define PROGRESS_AFTER_MS 500

/* What is being loaded, and how it is told. */
struct work {
	struct build *b;
	const struct config *cfg;
	struct complaint *c;
	struct image img;
	struct file_data ramdisk;
	struct layout layout;
	struct lodge_machine_info machine;
	bool progress, told;
	struct timespec begun;
};

static int no_memory(struct work *w, uint64_t needed_frames)
{
	lodge_machine(w->b->l, &w->machine);
	complain(
		w->c,
		"%s: not enough memory: %llu MiB are needed, %llu MiB are free",
		w->cfg->name,
		(unsigned long long)(needed_frames + FRAMES_PER_MIB - 1) /
			FRAMES_PER_MIB,
		(unsigned long long)w->machine.spare_frames / FRAMES_PER_MIB);
	return EXIT_REFUSED;
}

static int refused(struct work *w, int err, const char *what)
{
	int code;

	complain(w->c, "%s: %s: %s", w->cfg->name, what,
		 cmd_error_text(err, &code));
	/* A domain that is being built cannot be unknown. */
	return code == EXIT_NO_DOMAIN ? EXIT_FAILED : code;
}

static void pause_ms(unsigned int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

static void progress(struct work *w, const char *what, uint64_t done,
		     uint64_t all)
{
	struct timespec now;

	if (!w->progress)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if ((now.tv_sec - w->begun.tv_sec) * 1000 +
		    (now.tv_nsec - w->begun.tv_nsec) / 1000000 <
	    PROGRESS_AFTER_MS)
		return;
	fprintf(stderr, "\r%s: %s %llu of %llu MiB\033[K", w->cfg->name, what,
		(unsigned long long)(done / MIB),
		(unsigned long long)((all + MIB - 1) / MIB));
	w->told = true;
}

static void progress_end(struct work *w)
{
	if (w->told)
		fputs("\r\033[K", stderr);
	w->told = false;
}

/*
 * Is there enough? Else the domain is not begun, so that others do not go
 * short meanwhile. What a domain that has just ended had comes in a moment.
 */
static int check_memory(struct work *w)
{
	uint64_t needed = w->cfg->memory * FRAMES_PER_MIB;
	int err;

	for (unsigned int ms = 0;; ms += EAGAIN_PAUSE_MS) {
		err = lodge_machine(w->b->l, &w->machine);
		if (err)
			return refused(w, err, "machine");
		if (w->machine.spare_frames >= needed)
			return EXIT_DONE;
		if (w->machine.frames < needed || ms >= SHORT_MS)
			return no_memory(w, needed);
		pause_ms(EAGAIN_PAUSE_MS);
	}
}

static int create(struct work *w)
{
	const struct config *cfg = w->cfg;
	struct lodge_control_create create = {
		.vcpus = cfg->maxvcpus,
		.max_frames = cfg->maxmem * FRAMES_PER_MIB,
		.target_frames = cfg->memory * FRAMES_PER_MIB,
		.vcpus_online = UINT64_MAX >> (64 - cfg->vcpus),
	};
	int err;

	strcpy(create.name, cfg->name);
	err = lodge_create(w->b->l, &create, &w->b->domid);
	if (err == -ENOMEM)
		return no_memory(w, create.target_frames);
	return err ? refused(w, err, "create") : EXIT_DONE;
}

static int populate(struct work *w)
{
	uint64_t all = w->cfg->memory * FRAMES_PER_MIB, n = 0, want;
	uint64_t low = w->layout.hole ? LAYOUT_HOLE / PAGE_SIZE : 0;
	unsigned int tries = 0;
	ssize_t r;

	while (n < all) {
		want = n < low ? low - n : all - n;
		want = want < POPULATE_FRAMES ? want : POPULATE_FRAMES;
		r = lodge_populate(w->b->l, w->b->domid,
				   layout_gpa(&w->layout, n * PAGE_SIZE), want);
		if (r == -EAGAIN && tries++ < EAGAIN_TRIES) {
			pause_ms(EAGAIN_PAUSE_MS);
			continue;
		}
		if (r == -ENOMEM || r == -EAGAIN)
			return no_memory(w, all - n);
		if (r < 0)
			return refused(w, r, "memory");
		if (!r || (uint64_t)r > want)
			return refused(w, -EIO, "memory");
		n += r;
		progress(w, "memory", n * PAGE_SIZE, all * PAGE_SIZE);
	}
	return EXIT_DONE;
}

/* One piece of its memory, of at most WINDOW. */
static int write_piece(struct work *w, uint64_t gpa, const uint8_t *data,
		       uint64_t size)
{
	uint64_t start = gpa & -PAGE_SIZE;
	uint64_t end = (gpa + size + PAGE_SIZE - 1) & -PAGE_SIZE;
	void *where;
	int err;

	err = lodge_map(w->b->l, start, end - start, PROT_READ | PROT_WRITE,
			&where);
	if (err)
		return err;
	memcpy((uint8_t *)where + (gpa - start), data, size);
	lodge_unmap(w->b->l, where, end - start);
	return 0;
}

static int write_guest(struct work *w, const char *what, uint64_t gpa,
		       const void *data, uint64_t size)
{
	uint64_t done, piece;
	int err;

	for (done = 0; done < size; done += piece) {
		piece = WINDOW - (gpa + done) % WINDOW;
		if (piece > size - done)
			piece = size - done;
		err = write_piece(w, gpa + done, (const uint8_t *)data + done,
				  piece);
		if (err)
			return refused(w, err, what);
		progress(w, what, done + piece, size);
	}
	return EXIT_DONE;
}

/* RAM is zero as it comes: what a segment does not have in the file is right. */
static int load(struct work *w)
{
	const struct image *img = &w->img;
	struct lodge_start_info si;
	int err, code = EXIT_DONE;

	err = lodge_target(w->b->l, w->b->domid);
	if (err)
		return refused(w, err, "its memory");
	for (unsigned int i = 0; i < img->segment_count && !code; i++)
		code = write_guest(w, "kernel", img->segment[i].paddr,
				   img->elf + img->segment[i].offset,
				   img->segment[i].filesz);
	if (!code)
		code = write_guest(w, "ramdisk", w->layout.ramdisk,
				   w->ramdisk.bytes, w->layout.ramdisk_size);
	layout_start_info(&w->layout, w->cfg, w->b->domid, &w->machine, &si);
	if (!code)
		code = write_guest(w, "start information", LAYOUT_INFO, &si,
				   sizeof(si));
	if (!code)
		code = write_guest(w, "command line", LAYOUT_CMDLINE,
				   w->cfg->cmdline,
				   strlen(w->cfg->cmdline) + 1);
	w->b->start = (struct lodge_control_start){
		.rip = img->entry,
		.root = img->root,
		.info = LAYOUT_INFO,
	};
	return code;
}

static int set_scheduling(struct work *w)
{
	const struct config *cfg = w->cfg;
	uint32_t domid = w->b->domid;
	char text[CPUS_TEXT];
	int err;

	err = lodge_sched(w->b->l, domid, cfg->weight, cfg->cap);
	if (err)
		return refused(w, err, "cpu_weight and cap");
	for (unsigned int i = 0; i < cfg->maxvcpus; i++) {
		if (cfg->cpus[i] == CPUS_ALL)
			continue;
		err = lodge_pin(w->b->l, domid, i, cfg->cpus[i]);
		if (err == -EINVAL) {
			cpus_format(cfg->cpus[i], text);
			complain(w->c,
				 "cpus: found %s for vCPU %u, but the machine "
				 "has processors 0 to %u",
				 text, i, w->machine.cpus - 1);
			return EXIT_CONFIG;
		}
		if (err)
			return refused(w, err, "cpus");
	}
	return EXIT_DONE;
}

/* They go with the domain, so nothing is taken back if one cannot be had. */
static int attach_devices(struct work *w)
{
	struct complaint c = { "" };
	int code;

	w->b->devices = w->cfg->device_count;
	for (unsigned int i = 0; i < w->cfg->device_count; i++) {
		struct device_spec s = w->cfg->devices[i];

		code = device_attach(w->b->l, w->b->domid, &s, &c);
		if (code) {
			complain(w->c, "%s: %s", w->cfg->name, c.text);
			return code;
		}
		/* What was chosen for it stays, when it is built again. */
		w->cfg->devices[i].dev.index = s.dev.index;
		memcpy(w->cfg->devices[i].dev.mac, s.dev.mac,
		       sizeof(s.dev.mac));
	}
	return EXIT_DONE;
}

static int open_files(struct work *w)
{
	const struct config *cfg = w->cfg;
	struct complaint c;

	if (image_open(cfg->kernel, &w->img, &c)) {
		complain(w->c, "kernel %s: %s", cfg->kernel, c.text);
		return EXIT_CONFIG;
	}
	if (cfg->ramdisk && file_map(cfg->ramdisk, &w->ramdisk, &c)) {
		complain(w->c, "ramdisk %s: %s", cfg->ramdisk, c.text);
		return EXIT_CONFIG;
	}
	for (unsigned int i = 0; i < cfg->device_count; i++) {
		if (device_check(&cfg->devices[i], &c)) {
			complain(w->c, "disk %s", c.text);
			return EXIT_CONFIG;
		}
	}
	if (layout_plan(&w->layout, cfg, &w->img, w->ramdisk.size, w->c))
		return EXIT_CONFIG;
	return EXIT_DONE;
}

static int check_bridges(struct work *w)
{
	const struct lodge_dev_device *d;

	for (unsigned int i = 0; i < w->cfg->device_count; i++) {
		d = &w->cfg->devices[i].dev;
		if (d->type != LODGE_DEVICE_NET || !*d->bridge ||
		    bridge_is_there(d->bridge))
			continue;
		complain(w->c, "vif %s: there is no bridge of that name",
			 d->bridge);
		return EXIT_REFUSED;
	}
	return EXIT_DONE;
}

static void close_files(struct work *w)
{
	image_close(&w->img);
	file_unmap(&w->ramdisk);
}

static int make_domain(struct work *w, unsigned int flags)
{
	int err, code = check_memory(w);

	if (!code)
		code = create(w);
	if (!code)
		code = populate(w);
	if (!code)
		code = load(w);
	if (!code)
		code = set_scheduling(w);
	if (!code)
		code = attach_devices(w);
	if (!code && flags & BUILD_PAUSED) {
		err = lodge_pause(w->b->l, w->b->domid);
		if (err)
			code = refused(w, err, "pause");
	}
	return code;
}

int build_prepare(struct build *b, const struct config *cfg, unsigned int flags,
		  struct complaint *c)
{
	struct work w = {
		.b = b,
		.cfg = cfg,
		.c = c,
		.progress = flags & BUILD_PROGRESS && isatty(STDERR_FILENO),
	};
	int err, code;

	*b = (struct build){ 0 };
	clock_gettime(CLOCK_MONOTONIC, &w.begun);
	code = open_files(&w);
	if (!code) {
		err = lodge_open(&b->l);
		code = err ? EXIT_FAILED : make_domain(&w, flags);
		if (err)
			complain(c, "%s: %s", LODGE_DEV, strerror(-err));
		progress_end(&w);
	}
	close_files(&w);
	if (code)
		build_abandon(b);
	return code;
}

int build_check(const struct config *cfg, struct complaint *c)
{
	struct work w = { .cfg = cfg, .c = c };
	int code = open_files(&w);

	close_files(&w);
	return code ?: check_bridges(&w);
}

int build_start(struct build *b, struct complaint *c)
{
	int err = lodge_start(b->l, b->domid, &b->start), code = EXIT_DONE;

	if (err) {
		complain(c, "starting it: %s", cmd_error_text(err, &code));
		code = EXIT_FAILED;
	} else {
		b->devices = false; /* nothing to be taken back */
	}
	build_abandon(b);
	return code;
}

void build_abandon(struct build *b)
{
	struct lodge *l;

	lodge_close(b->l); /* and what was not started is gone */
	b->l = NULL;
	/* Its devices go when somebody looks. */
	if (!b->devices || lodge_open(&l))
		return;
	devices_settle(l);
	lodge_close(l);
	b->devices = false;
}
