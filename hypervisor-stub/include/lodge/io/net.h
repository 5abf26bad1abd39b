/* SPDX-License-Identifier: MIT */
/*
 * Network devices: entries of the rings of LODGE_DEVICE_NET. A pair of queues
 * serves both ways: queue 2n sends, queue 2n + 1 receives.
 *
 * Buffers are pages of the front-end, granted to the back-end once and used
 * again and again; the back-end may keep them mapped until the generation ends.
 * A packet is a chain of entries, all but the last with LODGE_NET_MORE. What
 * concerns the whole packet is in its first entry. In one generation a queue has
 * LODGE_NET_PAGES references at most, and a queue that receives has buffers for
 * a packet of LODGE_NET_PACKET bytes.
 */
#ifndef LODGE_IO_NET_H
#define LODGE_IO_NET_H

#include <lodge/io/bus.h>
#include <lodge/types.h>

/* Features; each way by itself */
#define LODGE_NET_SEND_CSUM (1 << 0) /* the back-end takes LODGE_NET_CSUM */
#define LODGE_NET_SEND_TSO (1 << 1) /* ... and LODGE_NET_TCP4 and TCP6 */
#define LODGE_NET_RECEIVE_CSUM (1 << 2) /* the front-end takes them */
#define LODGE_NET_RECEIVE_TSO (1 << 3)
#define LODGE_NET_FILTER (1 << 4) /* lodge_net_filter is heeded */

/* flags of an entry */
#define LODGE_NET_MORE (1 << 0) /* the packet goes on in the next entry */
/* of the first entry */
#define LODGE_NET_CSUM (1 << 1) /* csum_offset and csum_start: to be filled in */
#define LODGE_NET_VALID (1 << 2) /* receiving: checksums were found right */

/* gso_type */
#define LODGE_NET_GSO_NONE 0
#define LODGE_NET_GSO_TCP4 1
#define LODGE_NET_GSO_TCP6 2

#define LODGE_NET_FRAGMENTS 18 /* of a packet, at most; 64 KiB in all */
#define LODGE_NET_PACKET 65535 /* bytes, at most */
#define LODGE_NET_PAGES 1024 /* of one queue, at most */

/* lodge_net_config.flags */
#define LODGE_NET_LINK (1 << 0) /* carrier */

/* lodge_net_filter.flags */
#define LODGE_NET_ALL (1 << 0) /* whatever its address is */
/*
 * No LODGE_NET_CSUM nor gso_type to the front-end just now, whatever it has
 * chosen: XDP programs want packets as they are on a wire. One that is on its
 * way may still come.
 */
#define LODGE_NET_PLAIN (1 << 1)

#define LODGE_NET_FILTERS 64

#ifndef __ASSEMBLER__
/*
 * To send: the fragments of packets. To receive: empty buffers, of which
 * id, ref, offset and length (the room) count; each is used for one fragment.
 */
struct lodge_net_request {
	uint32_t ref;
	uint16_t offset; /* bytes */
	uint16_t length; /* bytes */
	uint16_t id; /* comes back in the response */
	uint16_t flags; /* LODGE_NET_* */
	uint16_t csum_start; /* bytes from the start of the packet */
	uint16_t csum_offset; /* bytes from csum_start */
	uint16_t gso_type;
	uint16_t gso_size; /* payload bytes of each segment */
	uint16_t header; /* gso: bytes of headers */
	uint16_t reserved0;
	uint64_t reserved1;
};

/* Sent: id and status. Received: the packets, in order. */
struct lodge_net_response {
	uint16_t id;
	int16_t status; /* 0, or an error, of the packet's first entry */
	uint16_t offset;
	uint16_t length; /* bytes that were received */
	uint16_t flags;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t gso_type;
	uint16_t gso_size;
	uint16_t header;
	uint32_t reserved0;
	uint64_t reserved1;
};

/* lodge_device_back.config */
struct lodge_net_config {
	uint8_t mac[6];
	uint16_t mtu_max; /* bytes, up to 9000 */
	uint32_t flags; /* LODGE_NET_LINK; may change */
	uint32_t speed; /* Mbit/s; 0: not known */
	uint64_t reserved[6];
};

/* lodge_device_front.config; may change in LODGE_FRONT_ANSWERS */
struct lodge_net_filter {
	uint32_t sequence; /* odd while it is written */
	uint16_t count; /* of addresses; above LODGE_NET_FILTERS: all multicast */
	uint16_t flags; /* LODGE_NET_ALL, LODGE_NET_PLAIN */
	uint8_t address[LODGE_NET_FILTERS][6];
};

LODGE_ASSERT(sizeof(struct lodge_net_request) == 32, "request");
LODGE_ASSERT(sizeof(struct lodge_net_response) == 32, "response");
LODGE_ASSERT(sizeof(struct lodge_net_config) == 64, "config");
LODGE_ASSERT(sizeof(struct lodge_net_filter) == 392, "filter");
#endif

#endif /* LODGE_IO_NET_H */
