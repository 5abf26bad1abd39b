// SPDX-License-Identifier: GPL-2.0
/*
 * Sample kernels: an ELF file of two segments and three notes, and a bzImage
 * around it. Packing is done by the libraries, as the tools of Linux's build
 * do it: with the size behind all but gzip's, and lz4 in its old frames.
 */
#include <stdlib.h>
#include <string.h>
#include <lodge/abi.h>
#include <lz4.h>
#include <lz4hc.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include "sample.h"

void sample_fill(struct sample *s)
{
	const uint64_t notes[] = { LODGE_ABI_VERSION, SAMPLE_ENTRY,
				   SAMPLE_ROOT };

	memset(s, 0, sizeof(*s));
	memcpy(s->eh.e_ident, "\177ELF\2\1\1", 7);
	s->eh.e_type = ET_EXEC;
	s->eh.e_machine = EM_X86_64;
	s->eh.e_version = EV_CURRENT;
	s->eh.e_ehsize = sizeof(s->eh);
	s->eh.e_phoff = offsetof(struct sample, ph);
	s->eh.e_phentsize = sizeof(s->ph[0]);
	s->eh.e_phnum = 3;
	s->ph[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
				 .p_offset = offsetof(struct sample, text),
				 .p_paddr = SAMPLE_TEXT,
				 .p_filesz = SAMPLE_TEXT_SIZE,
				 .p_memsz = 0x800000 };
	s->ph[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
				 .p_offset = sizeof(*s),
				 .p_paddr = SAMPLE_DATA,
				 .p_memsz = 0x3000 };
	s->ph[2] = (Elf64_Phdr){ .p_type = PT_NOTE,
				 .p_offset = offsetof(struct sample, note),
				 .p_filesz = sizeof(s->note),
				 .p_memsz = sizeof(s->note),
				 .p_align = 4 };
	for (unsigned int i = 0; i < 3; i++) {
		s->note[i].head = (Elf64_Nhdr){ 6, 8, i + 1 };
		strcpy(s->note[i].name, "Lodge");
		s->note[i].desc = notes[i];
	}
	for (unsigned int i = 0; i < SAMPLE_TEXT_SIZE; i++)
		s->text[i] = i / 7 + i % 251;
}

static size_t pack_gzip(const void *in, size_t n, uint8_t *out, size_t max)
{
	z_stream z = { .next_in = (void *)in,
		       .avail_in = n,
		       .next_out = out,
		       .avail_out = max };

	if (deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, 0) != Z_OK ||
	    deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	deflateEnd(&z);
	return z.total_out;
}

static size_t pack_lzma(const void *in, size_t n, uint8_t *out, size_t max,
			enum packing packing)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_options_lzma options;
	lzma_ret r;

	lzma_lzma_preset(&options, 6);
	if (packing == PACK_XZ)
		r = lzma_easy_encoder(&s, 6, LZMA_CHECK_CRC32);
	else
		r = lzma_alone_encoder(&s, &options);
	s.next_in = in;
	s.avail_in = n;
	s.next_out = out;
	s.avail_out = max;
	if (r != LZMA_OK || lzma_code(&s, LZMA_FINISH) != LZMA_STREAM_END)
		abort();
	n = s.total_out;
	lzma_end(&s);
	return n;
}

/* A magic number, then the size of each piece of at most 8 MiB before it. */
static size_t pack_lz4(const char *in, size_t n, uint8_t *out, size_t max)
{
	const size_t piece = 8 << 20;
	uint8_t *p = out;
	int32_t packed;

	memcpy(p, "\x02\x21\x4c\x18", 4);
	p += 4;
	for (size_t at = 0; at < n; at += piece) {
		packed = LZ4_compress_HC(in + at, (char *)p + 4,
					 n - at < piece ? n - at : piece,
					 out + max - p - 4, 9);
		if (packed <= 0)
			abort();
		memcpy(p, &packed, 4);
		p += 4 + packed;
	}
	return p - out;
}

static size_t pack(enum packing packing, const void *in, size_t n, uint8_t *out,
		   size_t max)
{
	switch (packing) {
	case PACK_GZIP:
		return pack_gzip(in, n, out, max);
	case PACK_LZ4:
		return pack_lz4(in, n, out, max);
	case PACK_ZSTD:
		n = ZSTD_compress(out, max, in, n, 19);
		if (ZSTD_isError(n))
			abort();
		return n;
	default:
		return pack_lzma(in, n, out, max, packing);
	}
}

uint8_t *sample_bzimage(enum packing packing, const void *elf, size_t elf_size,
			uint32_t told, size_t *size)
{
	const size_t max = elf_size + elf_size / 8 + 65536;
	uint8_t *image = calloc(1, max);
	uint16_t version = 0x20f;
	uint32_t field = SAMPLE_PAYLOAD - 2 * 512, n;

	n = pack(packing, elf, elf_size, image + SAMPLE_PAYLOAD,
		 max - SAMPLE_PAYLOAD - 4);
	if (packing != PACK_GZIP) {
		memcpy(image + SAMPLE_PAYLOAD + n, &told, 4);
		n += 4;
	}
	image[0x1f1] = 1;
	memcpy(image + 0x202, "HdrS", 4);
	memcpy(image + 0x206, &version, 2);
	memcpy(image + 0x248, &field, 4);
	memcpy(image + 0x24c, &n, 4);
	*size = SAMPLE_PAYLOAD + n;
	return image;
}
