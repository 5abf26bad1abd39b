// SPDX-License-Identifier: GPL-2.0-only
/* Page tables and faults. Where a name says so, an operation is one page. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define PAGE 4096
#define PAGES 256
#define AREA (PAGES * PAGE)
#define WALK (32 << 20)

static char *area;
static int file = -1;

static char *map(int prot, int flags, int fd, size_t size)
{
	char *p = mmap(0, size, prot, flags, fd, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	return p;
}

static void touch(char *p, unsigned long pages)
{
	for (unsigned long i = 0; i < pages; i++)
		((volatile char *)p)[i * PAGE] = 1;
}

/* Does n operations in mappings of up to PAGES pages. */
static void in_mappings(unsigned long n, int prot, int flags, int fd)
{
	volatile char *p;

	while (n) {
		unsigned long pages = n < PAGES ? n : PAGES;

		p = map(prot, flags, fd, AREA);
		for (unsigned long i = 0; i < pages; i++) {
			if (prot & PROT_WRITE)
				p[i * PAGE] = 1;
			else
				(void)p[i * PAGE];
		}
		munmap((void *)p, AREA);
		n -= pages;
	}
}

static void touch_page(unsigned long n)
{
	in_mappings(n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1);
}

static void populate_page(unsigned long n)
{
	in_mappings(n, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1);
}

static int make_file(void)
{
	char page[PAGE];

	file = memfd_create("bench", 0);
	if (file < 0)
		return -1;
	memset(page, 7, sizeof(page));
	for (int i = 0; i < PAGES; i++)
		if (write(file, page, PAGE) != PAGE)
			return -1;
	return 0;
}

static void close_file(void)
{
	close(file);
}

static void file_read_fault(unsigned long n)
{
	in_mappings(n, PROT_READ, MAP_SHARED, file);
}

static void file_cow_fault(unsigned long n)
{
	in_mappings(n, PROT_READ | PROT_WRITE, MAP_PRIVATE, file);
}

static void file_write_fault(unsigned long n)
{
	in_mappings(n, PROT_READ | PROT_WRITE, MAP_SHARED, file);
}

static void mmap_munmap(unsigned long n)
{
	while (n--)
		munmap(map(PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, PAGE),
		       PAGE);
}

/* A mapping, one page of it touched, and gone again. */
static void mmap_touch_munmap(unsigned long n)
{
	while (n--) {
		char *p = map(PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, PAGE);

		touch(p, 1);
		munmap(p, PAGE);
	}
}

static int make_area(void)
{
	area = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		   AREA);
	touch(area, PAGES);
	return 0;
}

static void drop_area(void)
{
	munmap(area, AREA);
}

static void protect_pair(size_t size)
{
	if (mprotect(area, size, PROT_READ) ||
	    mprotect(area, size, PROT_READ | PROT_WRITE))
		fail("mprotect");
}

static void mprotect_1(unsigned long n)
{
	while (n--) {
		protect_pair(PAGE);
		touch(area, 1);
	}
}

static void mprotect_256(unsigned long n)
{
	while (n--)
		protect_pair(AREA);
}

static void mprotect_touch_256(unsigned long n)
{
	while (n--) {
		protect_pair(AREA);
		touch(area, PAGES);
	}
}

static void madvise_256(unsigned long n)
{
	while (n--) {
		if (madvise(area, AREA, MADV_DONTNEED))
			fail("madvise");
		touch(area, PAGES);
	}
}

static int make_walk(void)
{
	area = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		   WALK);
	touch(area, WALK / PAGE);
	return 0;
}

static void drop_walk(void)
{
	munmap(area, WALK);
}

/* An operation is one read somewhere in 32 MiB: TLB misses, no faults. */
static void random_read(unsigned long n)
{
	static unsigned int seed = 1;

	while (n--) {
		seed = seed * 1664525 + 1013904223;
		(void)((volatile char *)area)[seed % WALK];
	}
}

const struct bench memory_benches[] = {
	{ "touch_page", 0, touch_page, 0, 0 },
	{ "populate_page", 0, populate_page, 0, 0 },
	{ "file_read_fault", make_file, file_read_fault, close_file, 0 },
	{ "file_write_fault", make_file, file_write_fault, close_file, 0 },
	{ "file_cow_fault", make_file, file_cow_fault, close_file, 0 },
	{ "mmap_munmap", 0, mmap_munmap, 0, 0 },
	{ "mmap_touch_munmap", 0, mmap_touch_munmap, 0, 0 },
	{ "mprotect_1", make_area, mprotect_1, drop_area, 0 },
	{ "mprotect_256", make_area, mprotect_256, drop_area, 0 },
	{ "mprotect_touch_256", make_area, mprotect_touch_256, drop_area, 0 },
	{ "madvise_256", make_area, madvise_256, drop_area, 0 },
	{ "random_read_32m", make_walk, random_read, drop_walk, 0 },
	{ 0 },
};
