/* SPDX-License-Identifier: MIT */
/*
 * The bus: which devices a domain has, and how their two ends come together.
 *
 * The control domain keeps a *directory* for each domain that has devices, one
 * page, granted to it for reading. Each device has a *device page*, granted for
 * writing, whose first half the back-end writes and whose second half the
 * front-end. Nobody believes what is in the other's half, nor that it stays.
 * docs/protocols.md has the states in pictures and what each end checks.
 */
#ifndef LODGE_IO_BUS_H
#define LODGE_IO_BUS_H

#include <lodge/io/ring.h>
#include <lodge/types.h>

#define LODGE_BUS_VERSION 1

/* lodge_device_slot.type */
#define LODGE_DEVICE_NONE 0 /* the slot is free */
#define LODGE_DEVICE_BLOCK 1 /* lodge/io/block.h */
#define LODGE_DEVICE_NET 2 /* lodge/io/net.h */

#define LODGE_DEVICE_SLOTS 127 /* of one domain */
#define LODGE_DEVICE_QUEUES 16 /* of one device */

/*
 * lodge_device_back.state. The state is written after all that it speaks of
 * (release, acquire), then the other end is sent an event.
 */
#define LODGE_BACK_NONE 0 /* nobody is there now: wait, the device stays */
#define LODGE_BACK_OFFERS 1 /* what is here holds for this generation */
#define LODGE_BACK_RUNS 2 /* it has taken the answer of this generation */
#define LODGE_BACK_CLOSING 3 /* the device goes away: finish, then close */
#define LODGE_BACK_FAILED 4 /* the answer, or a ring, was wrong: see error */

/* lodge_device_front.state */
#define LODGE_FRONT_NONE 0 /* no driver */
#define LODGE_FRONT_ANSWERS 1 /* what is here holds for `generation` */
#define LODGE_FRONT_CLOSED 2 /* no queue is in use; all may be unmapped */

#ifndef __ASSEMBLER__
struct lodge_device_slot {
	uint16_t type; /* LODGE_DEVICE_* */
	uint16_t index; /* its number among those of its type, as in its name */
	uint32_t incarnation; /* another one: another device */
	uint32_t page_ref; /* of the device page, in the control domain's table */
	uint32_t reserved;
	char label[16]; /* for people; NUL-terminated */
};

struct lodge_directory {
	uint32_t version; /* LODGE_BUS_VERSION */
	/* Odd while slots are written: read it before and after a copy. */
	uint32_t sequence;
	uint32_t reserved[6];
	struct lodge_device_slot slot[LODGE_DEVICE_SLOTS];
};

struct lodge_device_back {
	uint32_t state; /* LODGE_BACK_* */
	uint32_t generation; /* of the offer; never 0, never twice in a row */
	uint64_t features; /* that the front-end may choose from */
	uint32_t port; /* event port of the back-end's domain, for both halves */
	int32_t error; /* errno of LODGE_BACK_FAILED */
	uint16_t max_queues;
	uint16_t max_order; /* of a ring */
	uint32_t config_sequence; /* odd while config is written */
	uint64_t reserved[12];
	uint8_t config[1920]; /* by type; may change in LODGE_BACK_RUNS */
};

struct lodge_device_queue {
	uint32_t ref[LODGE_RING_PAGES]; /* in the front-end's table */
	uint32_t port; /* event port of the front-end's domain */
	uint32_t reserved[3];
};

struct lodge_device_front {
	uint32_t state; /* LODGE_FRONT_* */
	uint32_t generation; /* of the offer that this answers */
	uint64_t features; /* chosen */
	uint16_t queues; /* that are described, 1 to max_queues */
	uint16_t order; /* of their rings */
	uint32_t reserved0;
	uint64_t reserved1[5];
	struct lodge_device_queue queue[LODGE_DEVICE_QUEUES];
	uint8_t config[704]; /* by type */
};

struct lodge_device_page {
	struct lodge_device_back back;
	struct lodge_device_front front;
};

LODGE_ASSERT(sizeof(struct lodge_device_slot) == 32, "slot");
LODGE_ASSERT(sizeof(struct lodge_directory) == 4096, "directory");
LODGE_ASSERT(offsetof(struct lodge_device_back, config) == 128, "config");
LODGE_ASSERT(sizeof(struct lodge_device_back) == 2048, "back");
LODGE_ASSERT(sizeof(struct lodge_device_queue) == 80, "queue");
LODGE_ASSERT(offsetof(struct lodge_device_front, queue) == 64, "queues");
LODGE_ASSERT(sizeof(struct lodge_device_front) == 2048, "front");
LODGE_ASSERT(sizeof(struct lodge_device_page) == 4096, "device page");
#endif

#endif /* LODGE_IO_BUS_H */
