/* SPDX-License-Identifier: GPL-2.0 */
/* Unpacks the payload of a bzImage. */
#ifndef UNPACK_H
#define UNPACK_H

#include <stddef.h>
#include <stdint.h>
#include "complain.h"

#define UNPACK_MAX (512ULL << 20) /* bytes that may come out */

/*
 * Unpacks in[0..in_size), whose last 4 bytes tell the unpacked size, as in
 * each format of the kernel. *out is a private mapping of *out_size bytes,
 * given back by unpack_free(). 0, or -1 and a complaint.
 */
int unpack(const uint8_t *in, size_t in_size, uint8_t **out, size_t *out_size,
	   struct complaint *c);
void unpack_free(uint8_t *out, size_t size);

#endif
