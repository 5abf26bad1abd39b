/* SPDX-License-Identifier: MIT */
/*
 * Block devices: entries of the rings of LODGE_DEVICE_BLOCK, and what the
 * back-end says of the device. Sectors are of 512 bytes, whatever the size of
 * the device's blocks; requests begin and end at the latter.
 */
#ifndef LODGE_IO_BLOCK_H
#define LODGE_IO_BLOCK_H

#include <lodge/io/bus.h>
#include <lodge/types.h>

/* Features */
#define LODGE_BLOCK_FLUSH (1 << 0) /* there is a cache: LODGE_BLOCK_OP_FLUSH */
#define LODGE_BLOCK_FUA (1 << 1) /* LODGE_BLOCK_FLAG_FUA */
#define LODGE_BLOCK_DISCARD (1 << 2)
#define LODGE_BLOCK_WRITE_ZEROES (1 << 3)
#define LODGE_BLOCK_KEEP (1 << 4) /* LODGE_BLOCK_FLAG_KEEP and KEEP_INDIRECT */
#define LODGE_BLOCK_FEATURES 0x1f /* all of them */

/* lodge_block_request.op */
#define LODGE_BLOCK_OP_READ 0
#define LODGE_BLOCK_OP_WRITE 1
#define LODGE_BLOCK_OP_FLUSH 2 /* all that was answered before stays */
#define LODGE_BLOCK_OP_DISCARD 3 /* no segments: sector, length */
#define LODGE_BLOCK_OP_WRITE_ZEROES 4 /* no segments: sector, length */

/* lodge_block_request.flags */
#define LODGE_BLOCK_FLAG_FUA (1 << 0) /* of WRITE: answered when it stays */
#define LODGE_BLOCK_FLAG_NOUNMAP (1 << 1) /* of WRITE_ZEROES: keep the space */
#define LODGE_BLOCK_FLAG_INDIRECT (1 << 2) /* segments are in other pages */
/*
 * The pages of the segments, or the page that the segments are in, stay granted
 * for writing as long as this generation lasts, and will be used again: a
 * back-end may keep them mapped.
 */
#define LODGE_BLOCK_FLAG_KEEP (1 << 3)
#define LODGE_BLOCK_FLAG_KEEP_INDIRECT (1 << 4)

#define LODGE_BLOCK_SEGMENTS 12 /* in the request itself */
#define LODGE_BLOCK_SEGMENTS_PAGE 512 /* in a page of segments */
#define LODGE_BLOCK_SEGMENTS_MAX 256 /* of a request; as a bio has */

/* lodge_block_config.flags */
#define LODGE_BLOCK_READ_ONLY (1 << 0)
#define LODGE_BLOCK_ROTATIONAL (1 << 1)

#ifndef __ASSEMBLER__
/*
 * Memory of the front-end: bytes of a page that ref grants. Offset and length are
 * multiples of the size of a logical block.
 */
struct lodge_block_segment {
	uint32_t ref;
	uint16_t offset; /* bytes */
	uint16_t length; /* bytes; offset + length at most 4096 */
};

struct lodge_block_request {
	uint64_t id; /* comes back in the response */
	uint64_t sector;
	uint32_t length; /* bytes in all */
	uint8_t op;
	uint8_t flags;
	uint16_t segments; /* their lengths add up to `length` */
	uint32_t indirect; /* INDIRECT: ref of one page of segments */
	uint32_t reserved;
	struct lodge_block_segment segment[LODGE_BLOCK_SEGMENTS];
};

struct lodge_block_response {
	uint64_t id;
	/* 0, -EIO, -EINVAL, -EFAULT, -EROFS, -ENOSPC, -EOPNOTSUPP */
	int32_t status;
	uint32_t reserved;
};

/* lodge_device_back.config */
struct lodge_block_config {
	uint64_t sectors; /* capacity; may change (resize) */
	uint32_t logical_block; /* bytes: 512 or 4096 */
	uint32_t physical_block; /* bytes */
	uint32_t io_min, io_opt; /* bytes; 0: not known */
	uint32_t max_length; /* bytes of READ and WRITE */
	uint32_t flags; /* LODGE_BLOCK_READ_ONLY ... */
	uint64_t max_discard; /* bytes of one request */
	uint64_t max_zeroes;
	uint32_t discard_granularity; /* bytes */
	uint32_t discard_alignment;
	char serial[64]; /* NUL-terminated; "": none */
	uint64_t reserved[9];
};

LODGE_ASSERT(sizeof(struct lodge_block_segment) == 8, "segment");
LODGE_ASSERT(offsetof(struct lodge_block_request, segment) == 32, "segments");
LODGE_ASSERT(sizeof(struct lodge_block_request) == 128, "request");
LODGE_ASSERT(sizeof(struct lodge_block_response) == 16, "response");
LODGE_ASSERT(sizeof(struct lodge_block_config) == 192, "config");
#endif

#endif /* LODGE_IO_BLOCK_H */
