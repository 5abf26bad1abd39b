/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernel images: an ELF file (vmlinux) with the notes of Lodge, or a bzImage
 * with such a file in it.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "complain.h"

#define IMAGE_SEGMENTS 16

struct file_data {
	const uint8_t *bytes;
	size_t size;
};

/*
 * Maps a regular file, read-only. An empty one has bytes = NULL. 0, or -1 and
 * a complaint. Somebody who shortens the file meanwhile ends this process by
 * SIGBUS, which is no worse than other ways to do that.
 */
int file_map(const char *path, struct file_data *f, struct complaint *c);
void file_unmap(struct file_data *f);

struct image_segment {
	uint64_t offset; /* in elf; [offset, offset + filesz) lies in it */
	uint64_t filesz;
	uint64_t paddr; /* [paddr, paddr + memsz): above 1 MiB, no wrap */
	uint64_t memsz; /* >= filesz */
};

struct image {
	const uint8_t *elf;
	size_t elf_size;
	struct file_data file; /* owned; elf points into it, or to ... */
	uint8_t *unpacked; /* owned */
	unsigned int segment_count;
	struct image_segment segment[IMAGE_SEGMENTS]; /* none overlap */
	uint64_t version, entry, root; /* the notes */
	uint64_t end; /* first address above all segments */
};

/* Reads and checks. 0, or -1 and a complaint; then nothing is to be freed. */
int image_open(const char *path, struct image *img, struct complaint *c);
/* The same for bytes, which must stay as long as the image is used. */
int image_parse(const uint8_t *bytes, size_t size, struct image *img,
		struct complaint *c);
void image_close(struct image *img);

/* The ELF part: img->elf is set, the rest is filled in. */
int image_parse_elf(struct image *img, struct complaint *c);

#endif
