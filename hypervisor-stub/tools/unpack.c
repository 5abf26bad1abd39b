// SPDX-License-Identifier: GPL-2.0
/*
 * The payload of a bzImage: gzip, xz, lzma, lz4 (the old frame format, which
 * the kernel uses) or zstd, told by its first bytes. The input is hostile:
 * output goes to a mapping of the size that the payload promises, at most
 * UNPACK_MAX, and never beyond; what comes out must be exactly as long. So a
 * bomb costs no more than an honest kernel, and memory that is promised and
 * not written is never touched.
 *
 * Each unpacker gets the payload and a buffer of the promised size. It returns
 * how many bytes it wrote, or -1 after a complaint.
 */
#include <endian.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include "unpack.h"

#define LZMA_MEMORY (192ULL << 20) /* for the dictionary */
#define LZ4_CHUNK (8U << 20) /* of output, in the old frame format */
#define LZ4_MAGIC 0x184c2102U
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define SIZE_FIELD 4 /* behind each payload but gzip's, which has its own */

static uint32_t read32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static ssize_t damaged(struct complaint *c, const char *format, const char *why)
{
	return complain(c, "its %s payload is damaged: %s", format,
			why ?: "no reason given");
}

static ssize_t unpack_gzip(const uint8_t *in, size_t in_size, uint8_t *out,
			   size_t max, struct complaint *c)
{
	z_stream z = {
		.next_in = (uint8_t *)in,
		.avail_in = in_size,
		.next_out = out,
		.avail_out = max,
	};
	ssize_t n;
	int r;

	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return complain(c, "no memory to unpack it");
	r = inflate(&z, Z_FINISH);
	n = z.total_out;
	if (r == Z_BUF_ERROR)
		n = damaged(c, "gzip",
			    z.avail_out ? "it ends too early" :
					  "it is longer than it says");
	else if (r != Z_STREAM_END)
		n = damaged(c, "gzip", z.msg);
	inflateEnd(&z);
	return n;
}

static const char *lzma_why(lzma_ret r, bool out_full)
{
	switch (r) {
	case LZMA_OK:
	case LZMA_BUF_ERROR:
		return out_full ? "it is longer than it says" :
				  "it ends too early";
	case LZMA_MEM_ERROR:
	case LZMA_MEMLIMIT_ERROR:
		return "it needs too much memory to unpack";
	case LZMA_FORMAT_ERROR:
		return "not in the format that its first bytes say";
	case LZMA_OPTIONS_ERROR:
		return "made with unknown options";
	default:
		return "the data makes no sense";
	}
}

/* xz, and the lzma of old */
static ssize_t unpack_lzma(const uint8_t *in, size_t in_size, uint8_t *out,
			   size_t max, struct complaint *c)
{
	const char *format = in[0] == 0xfd ? "xz" : "lzma";
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_ret r;
	ssize_t n;

	if (lzma_auto_decoder(&s, LZMA_MEMORY, 0) != LZMA_OK)
		return complain(c, "no memory to unpack it");
	s.next_in = in;
	s.avail_in = in_size - SIZE_FIELD;
	s.next_out = out;
	s.avail_out = max;
	r = lzma_code(&s, LZMA_FINISH);
	n = s.total_out;
	if (r != LZMA_STREAM_END)
		n = damaged(c, format, lzma_why(r, !s.avail_out));
	lzma_end(&s);
	return n;
}

/* A magic number, then chunks: a 32-bit size and that many bytes. */
static ssize_t unpack_lz4(const uint8_t *in, size_t in_size, uint8_t *out,
			  size_t max, struct complaint *c)
{
	size_t at = 0, end = in_size - SIZE_FIELD, n = 0, room;
	uint32_t chunk;
	int r;

	while (at < end) {
		if (end - at < 4)
			return damaged(c, "lz4", "it ends too early");
		chunk = read32(in + at);
		at += 4;
		if (chunk == LZ4_MAGIC) /* several frames may follow */
			continue;
		if (!chunk || chunk > (uint32_t)LZ4_compressBound(LZ4_CHUNK))
			return damaged(c, "lz4",
				       "a piece of an impossible size");
		if (chunk > end - at)
			return damaged(c, "lz4", "it ends too early");
		room = max - n < LZ4_CHUNK ? max - n : LZ4_CHUNK;
		r = LZ4_decompress_safe((const char *)in + at, (char *)out + n,
					chunk, room);
		if (r < 0)
			return damaged(
				c, "lz4",
				"the data makes no sense, or it is longer "
				"than it says");
		at += chunk;
		n += r;
	}
	return n;
}

static ssize_t unpack_zstd(const uint8_t *in, size_t in_size, uint8_t *out,
			   size_t max, struct complaint *c)
{
	ZSTD_inBuffer i = { in, in_size - SIZE_FIELD, 0 };
	ZSTD_outBuffer o = { out, max, 0 };
	ZSTD_DStream *z = ZSTD_createDStream();
	size_t r = 1, i_pos, o_pos;
	ssize_t n;

	if (!z)
		return complain(c, "no memory to unpack it");
	do {
		i_pos = i.pos;
		o_pos = o.pos;
		r = ZSTD_decompressStream(z, &o, &i);
		/* r: 0 at the end of a frame */
	} while (!ZSTD_isError(r) && r && (i.pos > i_pos || o.pos > o_pos));
	n = o.pos;
	if (ZSTD_isError(r))
		n = damaged(c, "zstd", ZSTD_getErrorName(r));
	else if (r)
		n = damaged(c, "zstd",
			    o.pos == o.size ? "it is longer than it says" :
					      "it ends too early");
	ZSTD_freeDStream(z);
	return n;
}

static const struct {
	const char *name;
	uint8_t magic[6];
	uint8_t magic_size;
	ssize_t (*unpack)(const uint8_t *in, size_t in_size, uint8_t *out,
			  size_t max, struct complaint *c);
} formats[] = {
	{ "gzip", { 0x1f, 0x8b }, 2, unpack_gzip },
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, unpack_lzma },
	{ "lzma", { 0x5d, 0, 0 }, 3, unpack_lzma },
	{ "lz4", { 0x02, 0x21, 0x4c, 0x18 }, 4, unpack_lz4 },
	{ "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, unpack_zstd },
	{ "bzip2", { 'B', 'Z', 'h' }, 3, NULL },
	{ "lzo", { 0x89, 'L', 'Z', 'O' }, 4, NULL },
};

static int find_format(const uint8_t *in, struct complaint *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (memcmp(in, formats[i].magic, formats[i].magic_size))
			continue;
		if (!formats[i].unpack)
			return complain(
				c,
				"its payload is packed by %s; can read gzip, "
				"xz, lzma, lz4, zstd",
				formats[i].name);
		return i;
	}
	return complain(
		c,
		"its payload begins with %02x %02x %02x %02x; expected gzip, "
		"xz, lzma, lz4 or zstd",
		in[0], in[1], in[2], in[3]);
}

int unpack(const uint8_t *in, size_t in_size, uint8_t **out, size_t *out_size,
	   struct complaint *c)
{
	uint8_t *buffer;
	ssize_t n;
	size_t max;
	int f;

	if (in_size < 6 + SIZE_FIELD)
		return complain(c, "its payload has %zu bytes only", in_size);
	f = find_format(in, c);
	if (f < 0)
		return -1;
	max = read32(in + in_size - SIZE_FIELD);
	if (!max || max > UNPACK_MAX)
		return complain(c,
				"its %s payload says that %zu bytes come out; "
				"expected 1 to %llu",
				formats[f].name, max, UNPACK_MAX);
	buffer = mmap(NULL, max, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (buffer == MAP_FAILED)
		return complain(c, "no memory to unpack it: %zu bytes", max);
	n = formats[f].unpack(in, in_size, buffer, max, c);
	if (n >= 0 && (size_t)n != max)
		n = complain(
			c,
			"its %s payload is damaged: %zd bytes came out, and "
			"it says %zu",
			formats[f].name, n, max);
	if (n < 0) {
		munmap(buffer, max);
		return -1;
	}
	*out = buffer;
	*out_size = max;
	return 0;
}

void unpack_free(uint8_t *out, size_t size)
{
	if (out)
		munmap(out, size);
}
