// SPDX-License-Identifier: GPL-2.0
/*
 * Reading a kernel image. Pure: works on the bytes it is given, allocates
 * nothing, keeps no state; fuzzed on the host. The image is hostile, so every
 * number in it is checked before it is used, sums are written so that they
 * cannot wrap, and headers are copied out because they may be unaligned.
 *
 * What the caller may rely on afterwards is written at struct elf_image.
 */
#include <lodge/abi.h>
#include "../x86/cpufeat.h"
#include "elf.h"
#include "string.h"

#define ELF_MAX_HEADERS 64
#define ELF_MAX_NOTES (1UL << 20) /* bytes in one note segment */
#define ELF_GPA_MIN (1UL << 20)
#define ELF_GPA_LIMIT (1UL << 47)

#define ET_EXEC 2
#define EM_X86_64 62
#define PT_LOAD 1
#define PT_NOTE 4

struct elf_header {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_phdr {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_note {
	u32 namesz, descsz, type;
};

_Static_assert(sizeof(struct elf_header) == 64, "ELF");
_Static_assert(sizeof(struct elf_phdr) == 56, "ELF");

struct parser {
	const u8 *data;
	size_t size;
	struct elf_image *img;
	unsigned int notes_seen; /* bit per note type */
};

/* [offset, offset + n) lies in [0, size) */
static bool in_range(u64 offset, u64 n, u64 size)
{
	return offset <= size && n <= size - offset;
}

static const char *check_header(const struct parser *p, struct elf_header *eh)
{
	static const u8 ident[] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };

	if (p->size < sizeof(*eh))
		return "shorter than an ELF header";
	memcpy(eh, p->data, sizeof(*eh));
	if (memcmp(eh->ident, ident, 4))
		return "not an ELF file";
	if (memcmp(eh->ident, ident, sizeof(ident)))
		return "not a 64-bit little-endian ELF file";
	if (eh->machine != EM_X86_64)
		return "not for x86-64";
	if (eh->type != ET_EXEC)
		return "not an executable (ET_EXEC)";
	if (eh->phentsize != sizeof(struct elf_phdr))
		return "program headers of an unknown size";
	if (!eh->phnum || eh->phnum > ELF_MAX_HEADERS)
		return "no or too many program headers";
	if (!in_range(eh->phoff, eh->phnum * sizeof(struct elf_phdr), p->size))
		return "program headers outside the file";
	return NULL;
}

static const char *add_segment(struct parser *p, const struct elf_phdr *ph)
{
	struct elf_image *img = p->img;
	struct elf_segment *s;

	if (!in_range(ph->offset, ph->filesz, p->size))
		return "segment outside the file";
	if (ph->memsz < ph->filesz)
		return "segment smaller in memory than in the file";
	if (!in_range(ph->paddr, ph->memsz, ELF_GPA_LIMIT))
		return "segment above the physical address space";
	if (!ph->memsz)
		return NULL;
	if (ph->paddr < ELF_GPA_MIN)
		return "segment below 1 MiB, where the start information is";
	for (unsigned int i = 0; i < img->segment_count; i++) {
		s = &img->segment[i];
		if (ph->paddr < s->paddr + s->memsz &&
		    s->paddr < ph->paddr + ph->memsz)
			return "segments overlap";
	}
	if (img->segment_count == ELF_MAX_SEGMENTS)
		return "too many segments";
	img->segment[img->segment_count++] =
		(struct elf_segment){ ph->offset, ph->filesz, ph->paddr,
				      ph->memsz };
	img->start = img->end ? MIN(img->start, ph->paddr) : ph->paddr;
	img->end = MAX(img->end, ph->paddr + ph->memsz);
	return NULL;
}

/* One note of ours. */
static const char *take_note(struct parser *p, const struct elf_note *note,
			     const u8 *desc)
{
	u64 *const where[] = {
		[LODGE_NOTE_VERSION] = &p->img->abi_version,
		[LODGE_NOTE_ENTRY] = &p->img->entry,
		[LODGE_NOTE_ROOT] = &p->img->root,
	};

	if (note->type < LODGE_NOTE_VERSION || note->type > LODGE_NOTE_ROOT)
		return NULL; /* of a later version */
	if (note->descsz != sizeof(u64))
		return "Lodge note of a wrong size";
	if (p->notes_seen & BIT(note->type))
		return "Lodge note given twice";
	p->notes_seen |= BIT(note->type);
	memcpy(where[note->type], desc, sizeof(u64));
	return NULL;
}

static const char *read_notes(struct parser *p, const struct elf_phdr *ph)
{
	const u64 align = ph->align == 8 ? 8 : 4;
	const char *error;
	struct elf_note note;
	const u8 *data;
	u64 at = 0, desc;

	if (!in_range(ph->offset, ph->filesz, p->size))
		return "notes outside the file";
	if (ph->filesz > ELF_MAX_NOTES)
		return "notes too long";
	data = p->data + ph->offset;
	/* Sizes are 32 bits wide and positions small: no sum can wrap. */
	while (at < ph->filesz) {
		if (!in_range(at, sizeof(note), ph->filesz))
			return "truncated note";
		memcpy(&note, data + at, sizeof(note));
		at += sizeof(note);
		desc = ALIGN_UP(at + note.namesz, align);
		if (!in_range(at, note.namesz, ph->filesz) ||
		    !in_range(desc, note.descsz, ph->filesz))
			return "truncated note";
		if (note.namesz == sizeof(LODGE_NOTE_OWNER) &&
		    !memcmp(data + at, LODGE_NOTE_OWNER, note.namesz)) {
			error = take_note(p, &note, data + desc);
			if (error)
				return error;
		}
		at = ALIGN_UP(desc + note.descsz, align);
	}
	return NULL;
}

static bool root_is_loaded(const struct elf_image *img)
{
	for (unsigned int i = 0; i < img->segment_count; i++) {
		const struct elf_segment *s = &img->segment[i];

		if (img->root >= s->paddr &&
		    in_range(img->root - s->paddr, PAGE_SIZE, s->memsz))
			return true;
	}
	return false;
}

static const char *check_image(const struct parser *p)
{
	const struct elf_image *img = p->img;

	if (!img->segment_count)
		return "nothing to load";
	if (p->notes_seen != (BIT(LODGE_NOTE_VERSION) | BIT(LODGE_NOTE_ENTRY) |
			      BIT(LODGE_NOTE_ROOT)))
		return "no Lodge notes: not a kernel for Lodge";
	if (img->abi_version >> 16 != LODGE_ABI_MAJOR)
		return "built for another version of the Lodge ABI";
	if (!is_kernel_va(img->entry))
		return "entry point is not a kernel address";
	if (img->root & ~PAGE_MASK)
		return "root is not page-aligned";
	if (!root_is_loaded(img))
		return "root is not in a segment";
	return NULL;
}

const char *elf_parse(const void *data, size_t size, struct elf_image *img)
{
	struct parser p = { .data = data, .size = size, .img = img };
	struct elf_header eh;
	struct elf_phdr ph;
	const char *error;

	memset(img, 0, sizeof(*img));
	error = check_header(&p, &eh);
	if (error)
		return error;

	for (unsigned int i = 0; i < eh.phnum; i++) {
		memcpy(&ph, p.data + eh.phoff + i * sizeof(ph), sizeof(ph));
		if (ph.type == PT_LOAD)
			error = add_segment(&p, &ph);
		else if (ph.type == PT_NOTE)
			error = read_notes(&p, &ph);
		if (error)
			return error;
	}
	return check_image(&p);
}
