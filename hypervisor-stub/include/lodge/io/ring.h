/* SPDX-License-Identifier: MIT */
/*
 * Rings: how the two ends of a device hand each other requests and responses,
 * the same for all devices. docs/protocols.md has the rules in full.
 *
 * A queue is memory of the front-end, granted page by page for writing: one
 * page of struct lodge_ring_page, then the pages of the request entries, then
 * those of the response entries. Both rings have the same number of entries, a
 * power of two; the size of an entry is the device's, and divides a page.
 *
 * Each ring has one producer, which writes entries and then `produced`, and one
 * consumer, which never writes to what the producer writes. All counters run
 * freely through 2^32; entry n is at n modulo the number of entries. Each
 * request is answered by just one response, so neither ring can overflow as
 * long as the front-end has no more requests unanswered than there are entries;
 * nobody need tell how far he has read.
 *
 * Neither end trusts the other. A consumer copies an entry, checks the copy and
 * uses the copy. A `produced` that is ahead of what was read by more than the
 * number of entries, or a response to what was not asked, breaks the device:
 * see LODGE_DEVICE_FAILED.
 */
#ifndef LODGE_IO_RING_H
#define LODGE_IO_RING_H

#include <lodge/types.h>

#define LODGE_RING_PAGES 16 /* of one queue, at most */
#define LODGE_RING_ORDER_MAX 10 /* 2^order entries in each ring */

#ifndef __ASSEMBLER__
/* Each word has a cache line of its own. */
struct lodge_ring {
	/* by the producer, after the entries (release, acquire) */
	uint32_t produced;
	uint32_t pad0[15];
	/*
	 * By the consumer: it wants an event when `produced` goes beyond this.
	 * The producer sends one if (new - wanted - 1) < (new - old) in 32 bits,
	 * old and new being `produced` before and after, with a full barrier
	 * between the store of new and the load of wanted. The consumer looks
	 * at `produced` once more after a full barrier behind its store.
	 */
	uint32_t wanted;
	uint32_t pad1[15];
};

struct lodge_ring_page {
	struct lodge_ring requests; /* the front-end produces */
	struct lodge_ring responses; /* the back-end produces */
	uint32_t reserved[960]; /* 0 */
};

LODGE_ASSERT(sizeof(struct lodge_ring) == 128, "ring");
LODGE_ASSERT(sizeof(struct lodge_ring_page) == 4096, "ring page");
#endif

#endif /* LODGE_IO_RING_H */
