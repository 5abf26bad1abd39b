// SPDX-License-Identifier: GPL-2.0
/*
 * Reads the kernel half of a guest's page tables, which hold guest-physical
 * addresses. The tables may be anything: each is read once for each way that
 * leads to it, levels go down at each step, and the number of tables is
 * limited.
 */
#include <errno.h>
#include <stdlib.h>
#include "dump.h"

#define PRESENT 1ULL
#define LARGE (1ULL << 7)
#define ADDRESS 0x000ffffffffff000ULL
#define TABLES_MAX 20000
#define UPPER_HALF 0xffff000000000000ULL

struct walk {
	dump_read_page *read_page;
	void *arg;
	size_t limit;
	unsigned int tables;
	struct dump_ranges *out;
};

static int add(struct walk *w, uint64_t va, uint64_t gpa, uint64_t size)
{
	struct dump_ranges *o = w->out;
	struct dump_range *last = o->count ? &o->r[o->count - 1] : NULL, *more;

	if (last && last->va + last->size == va &&
	    last->gpa + last->size == gpa) {
		last->size += size;
		return 0;
	}
	if (o->count == w->limit)
		return 0;
	if (o->count == o->room) {
		o->room = o->room ? 2 * o->room : 64;
		more = realloc(o->r, o->room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		o->r = more;
	}
	o->r[o->count++] = (struct dump_range){ va, gpa, size };
	return 0;
}

static uint64_t size_at(int level)
{
	return 4096ULL << 9 * (level - 1);
}

/* Entries from first on, before end. */
static int walk(struct walk *w, uint64_t table, int level, uint64_t va,
		unsigned int first, unsigned int end)
{
	uint64_t entry[512], size = size_at(level);
	int err = 0;

	/* A table that is not there maps nothing. */
	if (w->tables++ == TABLES_MAX || w->read_page(w->arg, table, entry))
		return 0;
	for (unsigned int i = first; i < end && !err; i++) {
		uint64_t at = va + i * size, gpa = entry[i] & ADDRESS;

		if (!(entry[i] & PRESENT))
			continue;
		if (level == 1 || (level < 4 && entry[i] & LARGE))
			err = add(w, at, gpa & ~(size - 1), size);
		else
			err = walk(w, gpa, level - 1, at, 0, 512);
	}
	return err;
}

int dump_map(uint64_t root, dump_read_page *read_page, void *arg, size_t limit,
	     struct dump_ranges *out)
{
	struct walk w = {
		.read_page = read_page, .arg = arg, .limit = limit, .out = out
	};

	int err;

	*out = (struct dump_ranges){ 0 };
	root &= ADDRESS;
	/* Linux's own image is at the top, and goes first: there is a limit. */
	err = walk(&w, root, 4, UPPER_HALF, 511, 512);
	/* Below that are stacks for IRET (espfix): a page, 65536 times. */
	return err ?: walk(&w, root, 4, UPPER_HALF, 256, 510);
}
