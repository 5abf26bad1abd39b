/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whether a request of a front-end is one: docs/protocols.md, section 4. On
 * copies alone. Also compiled for the host by the unit tests.
 */
#ifndef _LODGE_BLOCK_CHECK_H
#define _LODGE_BLOCK_CHECK_H

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/types.h>
#endif

#include <lodge/io/block.h>

#define BLOCK_KEEP_FLAGS \
	(LODGE_BLOCK_FLAG_KEEP | LODGE_BLOCK_FLAG_KEEP_INDIRECT)
#define BLOCK_FLAGS                                          \
	(LODGE_BLOCK_FLAG_FUA | LODGE_BLOCK_FLAG_NOUNMAP |   \
	 LODGE_BLOCK_FLAG_INDIRECT | LODGE_BLOCK_FLAG_KEEP | \
	 LODGE_BLOCK_FLAG_KEEP_INDIRECT)

/* sector and length, in units of 512 and 1, lie on the disk and on blocks. */
static inline int block_check_range(const struct lodge_block_config *c,
				    const struct lodge_block_request *r)
{
	u64 count = r->length >> 9;

	if (!r->length || r->length & (c->logical_block - 1) ||
	    (r->sector & ((c->logical_block >> 9) - 1)))
		return -EINVAL;
	return r->sector > c->sectors || count > c->sectors - r->sector ? -EIO :
									  0;
}

static inline int block_check_data(const struct lodge_block_config *c,
				   const struct lodge_block_request *r)
{
	unsigned int most = r->flags & LODGE_BLOCK_FLAG_INDIRECT ?
				    LODGE_BLOCK_SEGMENTS_MAX :
				    LODGE_BLOCK_SEGMENTS;

	if (r->flags & LODGE_BLOCK_FLAG_KEEP_INDIRECT &&
	    !(r->flags & LODGE_BLOCK_FLAG_INDIRECT))
		return -EINVAL;
	if (r->length > c->max_length || !r->segments || r->segments > most ||
	    r->flags & LODGE_BLOCK_FLAG_NOUNMAP)
		return -EINVAL;
	return block_check_range(c, r);
}

static inline int block_check_blank(const struct lodge_block_config *c,
				    const struct lodge_block_request *r,
				    u64 most, u32 flags)
{
	if (r->segments || r->flags & ~flags || r->length > most)
		return -EINVAL;
	return block_check_range(c, r);
}

/* All but the segments. 0, -EINVAL, -EIO (beyond the end), -EROFS, -EOPNOTSUPP */
static inline int block_check(const struct lodge_block_config *c, u64 features,
			      const struct lodge_block_request *r)
{
	bool read_only = c->flags & LODGE_BLOCK_READ_ONLY;

	if (r->flags & ~BLOCK_FLAGS)
		return -EINVAL;
	if ((r->flags & LODGE_BLOCK_FLAG_FUA &&
	     !(features & LODGE_BLOCK_FUA)) ||
	    (r->flags & BLOCK_KEEP_FLAGS && !(features & LODGE_BLOCK_KEEP)))
		return -EOPNOTSUPP;
	switch (r->op) {
	case LODGE_BLOCK_OP_READ:
		return r->flags & LODGE_BLOCK_FLAG_FUA ? -EINVAL :
							 block_check_data(c, r);
	case LODGE_BLOCK_OP_WRITE:
		return read_only ? -EROFS : block_check_data(c, r);
	case LODGE_BLOCK_OP_FLUSH:
		if (!(features & LODGE_BLOCK_FLUSH))
			return -EOPNOTSUPP;
		return r->segments || r->length || r->flags ? -EINVAL : 0;
	case LODGE_BLOCK_OP_DISCARD:
		if (!(features & LODGE_BLOCK_DISCARD))
			return -EOPNOTSUPP;
		return read_only ? -EROFS :
				   block_check_blank(c, r, c->max_discard, 0);
	case LODGE_BLOCK_OP_WRITE_ZEROES:
		if (!(features & LODGE_BLOCK_WRITE_ZEROES))
			return -EOPNOTSUPP;
		return read_only ? -EROFS :
				   block_check_blank(c, r, c->max_zeroes,
						     LODGE_BLOCK_FLAG_NOUNMAP);
	default:
		return -EOPNOTSUPP;
	}
}

/*
 * The segments of READ and WRITE, `segments` of them: each within its page and of
 * whole blocks, together `length`. Linux cannot cut a request within a block,
 * which it may have to at the end of any segment; it would not notice.
 */
static inline int block_check_segments(const struct lodge_block_config *c,
				       const struct lodge_block_request *r,
				       const struct lodge_block_segment *s)
{
	u32 part = c->logical_block - 1;
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < r->segments; i++) {
		if (!s[i].length || (s[i].length | s[i].offset) & part ||
		    (u32)s[i].offset + s[i].length > PAGE_SIZE)
			return -EINVAL;
		sum += s[i].length;
	}
	return sum == r->length ? 0 : -EINVAL;
}

#endif /* _LODGE_BLOCK_CHECK_H */
