/* SPDX-License-Identifier: GPL-2.0 */
/* Reading a kernel image: 64-bit ELF with the Lodge notes. Input is hostile. */
#ifndef CORE_ELF_H
#define CORE_ELF_H

#include "types.h"

#define ELF_MAX_SEGMENTS 16

struct elf_segment {
	u64 offset; /* in the file; [offset, offset + filesz) lies in it */
	u64 filesz;
	gpa_t paddr; /* [paddr, paddr + memsz) does not wrap */
	u64 memsz; /* >= filesz */
};

struct elf_image {
	unsigned int segment_count;
	struct elf_segment segment[ELF_MAX_SEGMENTS];
	u64 abi_version; /* the three notes */
	gva_t entry;
	gpa_t root;
	gpa_t start, end; /* of all segments: lowest, and first above */
};

/*
 * Checks data[0..size) and fills *img. Returns NULL, or what is wrong in
 * words (a constant string).
 */
const char *elf_parse(const void *data, size_t size, struct elf_image *img);

#endif
