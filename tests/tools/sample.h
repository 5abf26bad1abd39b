/* SPDX-License-Identifier: GPL-2.0 */
/* A small kernel image with the notes of Lodge, for tests to spoil. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#define SAMPLE_TEXT 0x1000000ULL /* where it is loaded */
#define SAMPLE_DATA 0x1800000ULL
#define SAMPLE_ROOT (SAMPLE_DATA + 0x2000)
#define SAMPLE_END (SAMPLE_DATA + 0x3000)
#define SAMPLE_ENTRY 0xffffffff81000000ULL
#define SAMPLE_TEXT_SIZE 20000

struct sample_note {
	Elf64_Nhdr head;
	char name[8];
	uint64_t desc;
} __attribute__((packed));

struct sample {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[3]; /* text, data, notes */
	struct sample_note note[3];
	uint32_t pad;
	uint8_t text[SAMPLE_TEXT_SIZE];
};

void sample_fill(struct sample *s);

enum packing { PACK_GZIP, PACK_XZ, PACK_LZMA, PACK_LZ4, PACK_ZSTD, PACK_COUNT };

/*
 * A bzImage whose payload is `elf`, packed, with `told` as the size that it
 * says comes out (but for gzip, which has its own). malloc()ed.
 */
uint8_t *sample_bzimage(enum packing packing, const void *elf, size_t elf_size,
			uint32_t told, size_t *size);
/* Where the payload is in it. */
#define SAMPLE_PAYLOAD (2 * 512 + 64)

#endif
