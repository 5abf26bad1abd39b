/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whether requests of a front-end are a packet: docs/protocols.md, section 5. On
 * copies alone. Also compiled for the host by the unit tests.
 */
#ifndef _LODGE_NET_CHECK_H
#define _LODGE_NET_CHECK_H

#include <lodge/io/net.h>

#define NET_PAGE 4096
#define NET_HEADER 14 /* of Ethernet */

/* An entry by itself. */
static inline bool net_check_entry(const struct lodge_net_request *r)
{
	return r->length && (uint32_t)r->offset + r->length <= NET_PAGE;
}

/* The first entry of a packet of `length` bytes. */
static inline bool net_check_packet(const struct lodge_net_request *r,
				    uint64_t features, uint32_t length)
{
	if (length < NET_HEADER || length > LODGE_NET_PACKET)
		return false;
	if (r->flags & LODGE_NET_CSUM &&
	    (!(features & LODGE_NET_SEND_CSUM) ||
	     (uint32_t)r->csum_start + r->csum_offset + 2 > length))
		return false;
	if (r->gso_type == LODGE_NET_GSO_NONE)
		return true;
	return (r->gso_type == LODGE_NET_GSO_TCP4 ||
		r->gso_type == LODGE_NET_GSO_TCP6) &&
	       features & LODGE_NET_SEND_TSO && r->flags & LODGE_NET_CSUM &&
	       r->gso_size && r->header < length;
}

#endif /* _LODGE_NET_CHECK_H */
