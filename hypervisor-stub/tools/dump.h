/* SPDX-License-Identifier: GPL-2.0 */
/* An ELF core of a domain: its memory and the registers of its vCPUs. */
#ifndef DUMP_H
#define DUMP_H

#include "liblodge.h"

/*
 * Writes the core to `path`, a regular file, which is made anew. The domain
 * should be paused or ENDED, or the core is of no one moment. 0, or -errno, or
 * (positive) errno if the reason is the file; one that is not complete does not
 * stay.
 */
int dump_core(struct lodge *l, uint32_t domid, const char *path);
/* Calls go_on(bytes done, of all) now and then; if it says no: -EINTR. */
int dump_core_while(struct lodge *l, uint32_t domid, const char *path,
		    bool (*go_on)(uint64_t done, uint64_t all));

/* dump_map.c: where the guest kernel's page tables map its RAM. */
struct dump_range {
	uint64_t va, gpa, size; /* bytes */
};

struct dump_ranges {
	struct dump_range *r;
	size_t count, room;
};

/* Copies the page at gpa; 0 or -errno. */
typedef int dump_read_page(void *arg, uint64_t gpa, uint64_t page[512]);

/*
 * The upper half of the tables at root, as ranges that are contiguous on both
 * sides, at most `limit`. Hostile tables give nonsense, but not much. 0, or
 * -ENOMEM. The caller frees out->r.
 */
int dump_map(uint64_t root, dump_read_page *read_page, void *arg, size_t limit,
	     struct dump_ranges *out);

#endif
