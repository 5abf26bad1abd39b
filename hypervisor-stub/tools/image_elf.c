// SPDX-License-Identifier: GPL-2.0
/*
 * The ELF image of a kernel, read through libelf: segments and the notes of
 * Lodge (lodge/abi.h). The same is refused as by the hypervisor for kernels
 * that it starts itself (core/elf.c), with more words. The image is hostile:
 * libelf sees to it that headers and notes lie in the file, and all numbers in
 * them are checked here; sums are written so that they cannot wrap.
 */
#include <gelf.h>
#include <libelf.h>
#include <string.h>
#include <lodge/abi.h>
#include "image.h"

#define MAX_HEADERS 64
#define MAX_NOTES (1ULL << 20) /* bytes in one note segment */
#define GPA_MIN (1ULL << 20)
#define GPA_LIMIT (1ULL << 47)
#define PAGE 4096ULL
#define SEEN_ALL \
	(1 << LODGE_NOTE_VERSION | 1 << LODGE_NOTE_ENTRY | 1 << LODGE_NOTE_ROOT)

#define ull unsigned long long

struct reader {
	struct image *img;
	struct complaint *c;
	Elf *elf;
	unsigned int seen; /* a bit for each note type */
};

/* [offset, offset + n) lies in [0, size) */
static bool in_range(uint64_t offset, uint64_t n, uint64_t size)
{
	return offset <= size && n <= size - offset;
}

static int check_header(struct reader *r, size_t *count)
{
	GElf_Ehdr eh;

	if (elf_kind(r->elf) != ELF_K_ELF || !gelf_getehdr(r->elf, &eh))
		return complain(r->c, "not an ELF file that can be read: %s",
				elf_errmsg(-1));
	if (eh.e_ident[EI_CLASS] != ELFCLASS64)
		return complain(r->c, "a 32-bit ELF file; expected 64-bit");
	if (eh.e_ident[EI_DATA] != ELFDATA2LSB || eh.e_machine != EM_X86_64)
		return complain(
			r->c,
			"an ELF file for machine %u; expected x86-64 (%u)",
			eh.e_machine, EM_X86_64);
	if (eh.e_type != ET_EXEC)
		return complain(
			r->c,
			"an ELF file of type %u; expected an executable (%u)",
			eh.e_type, ET_EXEC);
	if (elf_getphdrnum(r->elf, count) || !*count || *count > MAX_HEADERS)
		return complain(
			r->c,
			"no program headers that make sense; expected 1 to %u",
			MAX_HEADERS);
	return 0;
}

static int add_segment(struct reader *r, unsigned int n, const GElf_Phdr *ph)
{
	struct image *img = r->img;
	struct image_segment *s;

	if (!in_range(ph->p_offset, ph->p_filesz, img->elf_size))
		return complain(
			r->c,
			"program header %u: %llu bytes at %llu are outside of "
			"the file of %zu: cut short?",
			n, (ull)ph->p_filesz, (ull)ph->p_offset, img->elf_size);
	if (ph->p_memsz < ph->p_filesz)
		return complain(
			r->c,
			"program header %u: smaller in memory than in the file",
			n);
	if (!in_range(ph->p_paddr, ph->p_memsz, GPA_LIMIT))
		return complain(
			r->c,
			"program header %u: at 0x%llx, above the physical "
			"address space",
			n, (ull)ph->p_paddr);
	if (!ph->p_memsz)
		return 0;
	if (ph->p_paddr < GPA_MIN)
		return complain(
			r->c,
			"program header %u: at 0x%llx; expected 0x%llx or above",
			n, (ull)ph->p_paddr, GPA_MIN);
	for (unsigned int i = 0; i < img->segment_count; i++) {
		s = &img->segment[i];
		if (ph->p_paddr < s->paddr + s->memsz &&
		    s->paddr < ph->p_paddr + ph->p_memsz)
			return complain(
				r->c,
				"program header %u: overlaps another at 0x%llx",
				n, (ull)s->paddr);
	}
	if (img->segment_count == IMAGE_SEGMENTS)
		return complain(r->c, "more than %u segments to load",
				IMAGE_SEGMENTS);
	img->segment[img->segment_count++] =
		(struct image_segment){ ph->p_offset, ph->p_filesz, ph->p_paddr,
					ph->p_memsz };
	if (ph->p_paddr + ph->p_memsz > img->end)
		img->end = ph->p_paddr + ph->p_memsz;
	return 0;
}

static int take_note(struct reader *r, const GElf_Nhdr *note,
		     const uint8_t *desc)
{
	uint64_t *const where[] = {
		[LODGE_NOTE_VERSION] = &r->img->version,
		[LODGE_NOTE_ENTRY] = &r->img->entry,
		[LODGE_NOTE_ROOT] = &r->img->root,
	};

	if (note->n_type < LODGE_NOTE_VERSION || note->n_type > LODGE_NOTE_ROOT)
		return 0; /* of a later version */
	if (note->n_descsz != sizeof(uint64_t))
		return complain(r->c, "Lodge note %u has %u bytes; expected 8",
				note->n_type, note->n_descsz);
	if (r->seen & 1 << note->n_type)
		return complain(r->c, "Lodge note %u is there twice",
				note->n_type);
	r->seen |= 1 << note->n_type;
	memcpy(where[note->n_type], desc, sizeof(uint64_t));
	return 0;
}

static int read_notes(struct reader *r, unsigned int n, const GElf_Phdr *ph)
{
	size_t at = 0, next, name, desc;
	const uint8_t *bytes;
	GElf_Nhdr note;
	Elf_Data *data;

	if (!ph->p_filesz)
		return 0;
	if (ph->p_filesz > MAX_NOTES ||
	    !in_range(ph->p_offset, ph->p_filesz, r->img->elf_size))
		return complain(
			r->c,
			"program header %u: %llu bytes of notes, too many or "
			"outside of the file",
			n, (ull)ph->p_filesz);
	data = elf_getdata_rawchunk(r->elf, ph->p_offset, ph->p_filesz,
				    ph->p_align == 8 ? ELF_T_NHDR8 :
						       ELF_T_NHDR);
	if (!data)
		return complain(r->c, "program header %u: notes: %s", n,
				elf_errmsg(-1));
	bytes = data->d_buf;
	for (; at < data->d_size; at = next) {
		next = gelf_getnote(data, at, &note, &name, &desc);
		if (!next)
			return complain(
				r->c, "program header %u: a note is cut short",
				n);
		if (note.n_namesz == sizeof(LODGE_NOTE_OWNER) &&
		    !memcmp(bytes + name, LODGE_NOTE_OWNER, note.n_namesz) &&
		    take_note(r, &note, bytes + desc))
			return -1;
	}
	return 0;
}

/* An address of the upper half that is canonical and not Lodge's own. */
static bool is_kernel_address(uint64_t va)
{
	return va >=
	       LODGE_AREA_BASE +
		       ((LODGE_SLOT_LAST - LODGE_SLOT_FIRST + 1ULL) << 39);
}

static bool is_loaded(const struct image *img, uint64_t paddr, uint64_t size)
{
	for (unsigned int i = 0; i < img->segment_count; i++) {
		const struct image_segment *s = &img->segment[i];

		if (paddr >= s->paddr &&
		    in_range(paddr - s->paddr, size, s->memsz))
			return true;
	}
	return false;
}

static int check_image(struct reader *r)
{
	const struct image *img = r->img;

	if (!img->segment_count)
		return complain(r->c, "nothing in it is to be loaded");
	if (!r->seen)
		return complain(r->c,
				"no kernel for Lodge: it has no notes of owner "
				"\"Lodge\" (CONFIG_LODGE_GUEST)");
	if (r->seen != SEEN_ALL)
		return complain(
			r->c,
			"one of the Lodge notes version, entry, root is missing");
	if (img->version >> 16 != LODGE_ABI_MAJOR)
		return complain(
			r->c,
			"a kernel for version %llu of Lodge's ABI; expected %u",
			(ull)img->version >> 16, LODGE_ABI_MAJOR);
	if (!is_kernel_address(img->entry))
		return complain(r->c, "entry 0x%llx is no kernel address",
				(ull)img->entry);
	if (img->root % PAGE || !is_loaded(img, img->root, PAGE))
		return complain(r->c,
				"root 0x%llx is no page of what is loaded",
				(ull)img->root);
	return 0;
}

static int read_all(struct reader *r)
{
	size_t count;
	GElf_Phdr ph;
	int bad = 0;

	if (check_header(r, &count))
		return -1;
	for (unsigned int i = 0; i < count && !bad; i++) {
		if (!gelf_getphdr(r->elf, i, &ph))
			return complain(r->c, "program header %u: %s", i,
					elf_errmsg(-1));
		if (ph.p_type == PT_LOAD)
			bad = add_segment(r, i, &ph);
		else if (ph.p_type == PT_NOTE)
			bad = read_notes(r, i, &ph);
	}
	return bad ?: check_image(r);
}

int image_parse_elf(struct image *img, struct complaint *c)
{
	struct reader r = { .img = img, .c = c };
	int bad;

	elf_version(EV_CURRENT);
	/* libelf does not write to it, though it takes a char *. */
	r.elf = elf_memory((char *)img->elf, img->elf_size);
	if (!r.elf)
		return complain(c, "not an ELF file that can be read: %s",
				elf_errmsg(-1));
	bad = read_all(&r);
	elf_end(r.elf);
	return bad;
}
