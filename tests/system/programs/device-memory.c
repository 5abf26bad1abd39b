// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: lodge/dev.h, LODGE_DEV_TARGET and mmap(). How: memory of domains is
 * mapped, whole and with holes; data goes both ways between this program and a
 * domain that runs; all that the kernel could do to a mapping is tried; the
 * domain ends while it is mapped. No frame is lost.
 */
#define _GNU_SOURCE
#include <sys/uio.h>

#include "device.h"

#define FRAMES 2048UL /* of a domain that does not run */
#define HOLE 1500UL /* and from HOLE + 1 on */

static int fd; /* for all that belongs to no test */

/* ERRNO of an mmap() that must fail. */
static int map_error(int file, size_t size, int prot, int flags, off_t gpa)
{
	void *p = mmap(NULL, size, prot, flags, file, gpa);

	if (p == MAP_FAILED)
		return errno;
	munmap(p, size);
	return 0;
}

static void test_refused(void)
{
	int domid = create(fd, "holes", FRAMES), file = open_device();
	int rw = PROT_READ | PROT_WRITE, i, readonly;
	uint64_t ram = FRAMES * PAGE;

	expect(map_error(file, PAGE, rw, MAP_SHARED, 0) == EINVAL);
	expect(request(file, LODGE_DEV_TARGET, 0) == -EINVAL);
	expect(request(file, LODGE_DEV_TARGET, LODGE_DOMID_MAX + 1) == -EINVAL);
	expect(request(file, LODGE_DEV_TARGET, domid | 1UL << 32) == -EINVAL);
	expect(!request(file, LODGE_DEV_TARGET, domid));
	expect(request(file, LODGE_DEV_TARGET, domid) == -EBUSY);
	expect(request(file, LODGE_DEV_TARGET, 1) == -EBUSY);

	check(map_error(file, PAGE, rw, MAP_SHARED, 0) == ENXIO, "empty");
	expect(!populate(fd, domid, 0, HOLE));
	expect(!populate(fd, domid, (HOLE + 1) * PAGE, FRAMES - HOLE - 1));
	expect(!map_error(file, HOLE * PAGE, rw, MAP_SHARED, 0));
	for (i = 0; i < 3; i++) {
		expect(map_error(file, ram, rw, MAP_SHARED, 0) == ENXIO);
		expect(map_error(file, PAGE, rw, MAP_SHARED, HOLE * PAGE) ==
		       ENXIO);
		expect(map_error(file, 2 * PAGE, rw, MAP_SHARED,
				 (FRAMES - 1) * PAGE) == ENXIO);
		check(map_error(file, 1UL << 45, PROT_READ, MAP_SHARED, 0) ==
			      ENXIO,
		      "32 TiB");
		expect(map_error(file, PAGE, rw, MAP_SHARED, 1UL << 47) ==
		       ENXIO);
		expect(map_error(file, PAGE, rw, MAP_SHARED, ~0UL << 12) != 0);
	}
	expect(map_error(file, PAGE, rw, MAP_PRIVATE, 0) == EINVAL);
	expect(map_error(file, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, 0) ==
	       EINVAL);
	readonly = open(LODGE_DEV, O_RDONLY);
	expect(!request(readonly, LODGE_DEV_TARGET, domid));
	expect(map_error(readonly, PAGE, rw, MAP_SHARED, 0) == EACCES);
	expect(!map_error(readonly, PAGE, PROT_READ, MAP_SHARED, 0));
	close(readonly);
	destroy(fd, domid);
	expect(map_error(file, PAGE, rw, MAP_SHARED, 0) == ENOENT);
	close(file);

	file = open_target(own_domid);
	check(map_error(file, PAGE, rw, MAP_SHARED, 32 << 20) == EPERM, "own");
	close(file);
}

/* What the kernel may be asked to do with a mapping. */
static void test_operations(void)
{
	unsigned int domid = build_child(fd, "operations");
	int file = open_target(domid), rw = PROT_READ | PROT_WRITE, status;
	size_t size = CHILD_FRAMES * PAGE, half = size / 2;
	char *p = map(file, 0, size), *q, word[8];
	struct iovec local = { word, 8 }, remote = { p, 8 };
	uint64_t *w = (uint64_t *)(p + CHILD_DATA);

	w[0] = 0x1122334455667788;
	expect(munmap(p, half) && errno == EINVAL);
	expect(munmap(p + half, half) && errno == EINVAL);
	expect(munmap(p + PAGE, PAGE) && errno == EINVAL);
	expect(mprotect(p, half, PROT_READ) && errno == EINVAL);
	expect(mprotect(p, size, rw | PROT_EXEC) && errno == EACCES);
	expect(madvise(p, size, MADV_DOFORK) && errno == EINVAL);
	expect(madvise(p, size, MADV_DONTNEED) && errno == EINVAL);
	expect(madvise(p, size, MADV_REMOVE));
	expect(mremap(p, size, 2 * size, MREMAP_MAYMOVE) == MAP_FAILED);
	expect(mremap(p, size, half, 0) == MAP_FAILED);
	expect(mremap(p, 0, size, MREMAP_MAYMOVE) == MAP_FAILED);
	expect(mremap(p + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		      p + (1UL << 32)) == MAP_FAILED);
	expect(mremap(p, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
		      p + (1UL << 32)) == MAP_FAILED);
	expect(mremap(p, size, size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL) ==
	       MAP_FAILED);
	expect(mmap(p, half, rw, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1,
		    0) == MAP_FAILED);
	expect(process_vm_readv(getpid(), &local, 1, &remote, 1, 0) < 0);
	mlock(p, size);
	munlock(p, size);
	check(w[0] == 0x1122334455667788, "%lx", w[0]);
	q = mmap(NULL, size, rw, MAP_SHARED | MAP_LOCKED | MAP_POPULATE, file,
		 0);
	expect(q != MAP_FAILED && *(uint64_t *)(q + CHILD_DATA) == w[0]);
	munmap(q, size);

	/* All of it may be protected, and replaced. */
	expect(!mprotect(p, size, PROT_READ));
	expect(faults(w, 1) && !faults(w, 0));
	expect(!mprotect(p, size, PROT_NONE));
	expect(faults(w, 0));
	expect(!mprotect(p, size, rw));
	expect(!faults(w, 1) && w[0] == 1);
	q = mmap(p, size, rw, MAP_SHARED | MAP_FIXED, file, 0);
	expect(q == p && w[0] == 1);
	remap_file_pages(p, size, 0, 0, 0);
	expect(!faults(w, 0) && w[0] == 1);
	check(remap_file_pages(p, size, 0, ~0UL << 12, 0), "beyond");

	expect(!faults(w, 0) && w[0] == 1);
	expect(!munmap(p, size) && faults(w, 0));

	/* A child of fork() has none. */
	q = map(file, 0, size);
	w = (uint64_t *)(q + CHILD_DATA);
	if (!fork())
		_exit(!faults(w, 0));
	wait(&status);
	check(!status && w[0] == 1, "%x", status);
	close(file); /* q stays */
	w[0] = 5;
	expect(!munmap(q, size));
	expect(faults(w, 0));
	destroy(fd, domid);
}

static uint64_t pattern(uint64_t seed, uint64_t i)
{
	return (seed + i) * 0x9e3779b97f4a7c15;
}

/* Writes, lets the domain change it, compares; then the domain ends. */
static void test_data(void)
{
	unsigned int domid = build_child(fd, "data");
	int one = open_target(domid), two = open_target(domid);
	struct child_mail *mail = map(one, CHILD_MAIL, PAGE);
	uint64_t *out = map(one, CHILD_DATA, CHILD_WORDS * 8), *in, i, n;

	in = mmap(NULL, CHILD_WORDS * 8, PROT_READ, MAP_SHARED, two,
		  CHILD_DATA);
	expect(in != MAP_FAILED);
	expect(!start_child(fd, domid));
	for (n = 1; n <= 5; n++) {
		for (i = 0; i < CHILD_WORDS; i++)
			out[i] = pattern(n, i);
		order(mail, n);
		for (i = 0; i < CHILD_WORDS; i++)
			check(in[i] == ~pattern(n, i) + n, "%lx at %ld", in[i],
			      (long)i);
	}
	close(one);
	destroy(fd, domid);
	/* Still there, and written to by both ways. */
	for (i = 0; i < CHILD_WORDS; i += 512) {
		expect(out[i] == ~pattern(5, i) + 5);
		out[i] = i;
		expect(in[i] == i);
	}
	munmap(out, CHILD_WORDS * 8);
	munmap(mail, PAGE);
	expect(in[512] == 512);
	munmap(in, CHILD_WORDS * 8);
	close(two);
}

/* --- threads --- */

static volatile int stop;
static unsigned long rounds;

/* Maps what it likes, marks a word of its own, and looks at it again. */
static void *mapper(void *arg)
{
	unsigned long me = (unsigned long)arg, n = 0;
	unsigned int seed = me;
	int file = open_target(me >> 8);

	while (!stop) {
		uint64_t first = rand_r(&seed) % FRAMES;
		uint64_t count = 1 + rand_r(&seed) % (FRAMES - first);
		uint64_t *p = map(file, first * PAGE, count * PAGE), *q;
		uint64_t at = rand_r(&seed) % count;

		p[at * 512 + (me & 15)] = ++n;
		q = map(file, (first + at) * PAGE, PAGE);
		expect(q[me & 15] == n);
		munmap(p, count * PAGE);
		expect(q[me & 15] == n);
		munmap(q, PAGE);
		__atomic_add_fetch(&rounds, 1, __ATOMIC_RELAXED);
	}
	close(file);
	return NULL;
}

static void test_threads(void)
{
	int domid = create(fd, "threads", FRAMES);
	pthread_t thread[6];
	unsigned long i;

	expect(!populate(fd, domid, 0, FRAMES));
	for (i = 0; i < 6; i++)
		expect(!pthread_create(&thread[i], NULL, mapper,
				       (void *)((unsigned long)domid << 8 | i)));
	sleep(5);
	stop = 1;
	for (i = 0; i < 6; i++)
		pthread_join(thread[i], NULL);
	printf("device-memory: %lu mappings by threads\n", rounds);
	destroy(fd, domid);
}

int main(void)
{
	static const struct {
		const char *name;
		void (*test)(void);
	} tests[] = {
		{ "refused", test_refused },
		{ "operations", test_operations },
		{ "data", test_data },
		{ "threads", test_threads },
		{ NULL, NULL },
	}, *t;
	long before;

	find_own_domid();
	fd = open_device();
	catch_faults();
	destroy(fd, build_child(fd, "first")); /* what is made once, is now */
	for (t = tests; t->test; t++) {
		before = steady_frames(fd);
		t->test();
		expect_frames(fd, before);
		printf("device-memory: %s: passed\n", t->name);
		fflush(stdout);
	}
	return 0;
}
