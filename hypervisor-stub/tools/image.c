// SPDX-License-Identifier: GPL-2.0
/*
 * Reading kernel images: the file, and the bzImage around the ELF image. The
 * setup header is the one of Linux's boot protocol ("The Linux/x86 Boot
 * Protocol", fields setup_sects, header, version, payload_offset,
 * payload_length). image_elf.c reads what is in it.
 */
#include <endian.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "image.h"
#include "unpack.h"

#define SETUP_SECTS 0x1f1
#define SETUP_HEADER 0x202 /* "HdrS" */
#define SETUP_VERSION 0x206
#define SETUP_PAYLOAD_OFFSET 0x248
#define SETUP_PAYLOAD_LENGTH 0x24c
#define SETUP_END 0x250
#define VERSION_PAYLOAD 0x0208 /* the first with payload fields */
#define SECTOR 512

static int map_open_file(int fd, struct file_data *f, struct complaint *c)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st))
		return complain(c, "%s", strerror(errno));
	if (S_ISDIR(st.st_mode))
		return complain(c, "it is a directory");
	if (!S_ISREG(st.st_mode))
		return complain(c, "it is not a regular file");
	*f = (struct file_data){ .size = st.st_size };
	if (!st.st_size)
		return 0;
	p = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return complain(c, "%s", strerror(errno));
	f->bytes = p;
	return 0;
}

int file_map(const char *path, struct file_data *f, struct complaint *c)
{
	/* without waiting for the other end of a FIFO */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;

	if (fd < 0)
		return complain(c, "%s", strerror(errno));
	r = map_open_file(fd, f, c);
	close(fd);
	return r;
}

void file_unmap(struct file_data *f)
{
	if (f->bytes)
		munmap((void *)f->bytes, f->size);
	*f = (struct file_data){ 0 };
}

static uint32_t read32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

/* Finds the payload of a bzImage and unpacks it. */
static int open_bzimage(const uint8_t *bytes, size_t size, struct image *img,
			struct complaint *c)
{
	unsigned int version = bytes[SETUP_VERSION] | bytes[SETUP_VERSION + 1]
							      << 8;
	unsigned int sectors = bytes[SETUP_SECTS] ?: 4;
	uint64_t offset = read32(bytes + SETUP_PAYLOAD_OFFSET);
	uint64_t length = read32(bytes + SETUP_PAYLOAD_LENGTH);

	if (version < VERSION_PAYLOAD)
		return complain(
			c,
			"a bzImage of boot protocol %u.%02u; expected 2.08 or "
			"later",
			version >> 8, version & 0xff);
	offset += (sectors + 1ULL) * SECTOR;
	if (offset > size || length > size - offset)
		return complain(
			c,
			"a bzImage cut short: its payload ends at %llu, the "
			"file at %zu",
			(unsigned long long)(offset + length), size);
	if (unpack(bytes + offset, length, &img->unpacked, &img->elf_size, c))
		return -1;
	img->elf = img->unpacked;
	return 0;
}

int image_parse(const uint8_t *bytes, size_t size, struct image *img,
		struct complaint *c)
{
	*img = (struct image){ .elf = bytes, .elf_size = size };
	if (!size)
		return complain(c, "the file is empty");
	if (size >= SELFMAG && !memcmp(bytes, ELFMAG, SELFMAG)) {
		/* as it is */
	} else if (size >= SETUP_END &&
		   !memcmp(bytes + SETUP_HEADER, "HdrS", 4)) {
		if (open_bzimage(bytes, size, img, c))
			return -1;
	} else {
		return complain(
			c, "not a kernel: neither an ELF file (vmlinux) nor a "
			   "bzImage");
	}
	if (image_parse_elf(img, c)) {
		image_close(img);
		return -1;
	}
	return 0;
}

int image_open(const char *path, struct image *img, struct complaint *c)
{
	struct file_data file;

	*img = (struct image){ 0 };
	if (file_map(path, &file, c))
		return -1;
	if (image_parse(file.bytes, file.size, img, c)) {
		file_unmap(&file);
		return -1;
	}
	img->file = file;
	return 0;
}

void image_close(struct image *img)
{
	unpack_free(img->unpacked, img->elf_size);
	file_unmap(&img->file);
	*img = (struct image){ 0 };
}
