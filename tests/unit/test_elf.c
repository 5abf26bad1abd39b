// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: a kernel image is taken only if every header lies in the file, the
 * segments lie in memory without overlap, and the three Lodge notes are there
 * once each and make sense. Each test starts from a good image and spoils one
 * thing.
 */
#include "test.h"
#include "core/elf.h"
#include <lodge/abi.h>

struct ehdr {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct phdr {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

struct note {
	u32 namesz, descsz, type;
	char name[8];
	u64 desc;
} __packed;

#define TEXT_PADDR 0x1000000UL
#define DATA_PADDR 0x1800000UL
#define ENTRY 0xffffffff81000000UL

struct image {
	struct ehdr eh;
	struct phdr ph[4];
	struct note note[3];
	u8 text[64];
};

static struct image image;

static void build(void)
{
	static const char ident[] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };

	memset(&image, 0, sizeof(image));
	memcpy(image.eh.ident, ident, sizeof(ident));
	image.eh.type = 2;
	image.eh.machine = 62;
	image.eh.version = 1;
	image.eh.phoff = offsetof(struct image, ph);
	image.eh.phentsize = sizeof(struct phdr);
	image.eh.phnum = 3;

	image.ph[0] = (struct phdr){ .type = 1,
				     .offset = offsetof(struct image, text),
				     .paddr = TEXT_PADDR,
				     .filesz = 64,
				     .memsz = 0x800000 };
	image.ph[1] = (struct phdr){ .type = 1,
				     .offset = sizeof(image),
				     .paddr = DATA_PADDR,
				     .filesz = 0,
				     .memsz = 0x3000 };
	image.ph[2] = (struct phdr){ .type = 4,
				     .offset = offsetof(struct image, note),
				     .filesz = sizeof(image.note),
				     .memsz = sizeof(image.note),
				     .align = 4 };
	for (unsigned int i = 0; i < 3; i++) {
		image.note[i].namesz = 6;
		image.note[i].descsz = 8;
		image.note[i].type = i + 1;
		strcpy(image.note[i].name, "Lodge");
	}
	image.note[0].desc = LODGE_ABI_VERSION;
	image.note[1].desc = ENTRY;
	image.note[2].desc = DATA_PADDR + 0x2000;
}

static struct elf_image out;

static const char *parse(size_t size)
{
	u8 *copy = malloc(size ? size : 1);
	const char *error;

	memcpy(copy, &image, size);
	error = elf_parse(copy, size, &out);
	free(copy);
	return error;
}

static void expect(const char *error)
{
	const char *got = parse(sizeof(image));

	if (!got || !strstr(got, error))
		fail_msg("expected \"%s\", got \"%s\"", error, got ?: "none");
	build();
}

static int setup(void **state)
{
	build();
	return 0;
}

static void test_good(void **state)
{
	assert_null(parse(sizeof(image)));
	assert_int_equal(out.segment_count, 2);
	assert_int_equal(out.segment[0].offset, offsetof(struct image, text));
	assert_int_equal(out.segment[0].filesz, 64);
	assert_int_equal(out.segment[0].paddr, TEXT_PADDR);
	assert_int_equal(out.segment[0].memsz, 0x800000);
	assert_int_equal(out.abi_version, LODGE_ABI_VERSION);
	assert_true(out.entry == ENTRY);
	assert_int_equal(out.root, DATA_PADDR + 0x2000);
	assert_int_equal(out.end, DATA_PADDR + 0x3000);
}

static void test_truncated(void **state)
{
	for (size_t n = 0; n < sizeof(image); n++)
		assert_non_null(parse(n));
}

static void test_header(void **state)
{
	image.eh.ident[1] = 'F';
	expect("not an ELF");
	image.eh.ident[4] = 1;
	expect("64-bit");
	image.eh.ident[5] = 2;
	expect("64-bit");
	image.eh.machine = 3;
	expect("x86-64");
	image.eh.type = 3;
	expect("executable");
	image.eh.phentsize = 32;
	expect("unknown size");
	image.eh.phnum = 0;
	expect("program headers");
	image.eh.phnum = 0xffff;
	expect("program headers");
	image.eh.phnum = 64;
	expect("outside the file");
	image.eh.phoff = ~0UL;
	expect("outside the file");
	image.eh.phoff = ~0UL - 167; /* the sum would wrap to 0 */
	expect("outside the file");
	image.eh.phoff = 1; /* unaligned, and nonsense: no crash */
	assert_non_null(parse(sizeof(image)));
}

static void test_segments(void **state)
{
	image.ph[0].offset = ~0UL;
	expect("outside the file");
	image.ph[0].offset = ~0UL - 63;
	expect("outside the file");
	image.ph[0].filesz = 64 + 8;
	expect("outside the file");
	image.ph[0].memsz = 63;
	expect("smaller in memory");
	image.ph[0].paddr = ~0UL - 0xfff;
	expect("physical address space");
	image.ph[0].memsz = ~0UL;
	expect("physical address space");
	image.ph[1].paddr = (1UL << 47) - 0x2fff;
	expect("physical address space");
	image.ph[1].paddr = 0xff000;
	expect("below 1 MiB");
	image.ph[1].paddr = DATA_PADDR - 1;
	expect("overlap");
	image.ph[1].paddr = TEXT_PADDR - 0x2fff;
	expect("overlap");
	image.ph[1].paddr = TEXT_PADDR + 0x1000;
	expect("overlap");
	image.ph[1].paddr = 0x800000;
	image.ph[1].memsz = 0x4000000;
	expect("overlap");
	image.ph[0].type = image.ph[1].type = 0;
	expect("nothing to load");
	/* an empty segment is none, wherever it is */
	image.ph[3] = image.ph[1];
	image.ph[3].memsz = 0;
	image.eh.phnum = 4;
	assert_null(parse(sizeof(image)));
	assert_int_equal(out.segment_count, 2);
}

static void test_many_segments(void **state)
{
	struct {
		struct image image;
		struct phdr ph[20];
	} big;
	const char *error;

	memset(&big, 0, sizeof(big));
	big.image = image;
	big.image.eh.phoff = offsetof(__typeof__(big), ph);
	for (unsigned int i = 0; i < 20; i++)
		big.ph[i] = (struct phdr){ .type = 1,
					   .paddr = TEXT_PADDR + i * 0x1000,
					   .memsz = 0x1000 };
	big.ph[0].type = 4;
	big.ph[0].offset = offsetof(struct image, note);
	big.ph[0].filesz = sizeof(image.note);
	big.image.note[2].desc = TEXT_PADDR + 0x2000;
	big.image.eh.phnum = 17;
	assert_null(elf_parse(&big, sizeof(big), &out));
	assert_int_equal(out.segment_count, ELF_MAX_SEGMENTS);
	big.image.eh.phnum = 18;
	error = elf_parse(&big, sizeof(big), &out);
	assert_non_null(error);
	assert_non_null(strstr(error, "too many segments"));
}

static void test_notes(void **state)
{
	image.note[0].type = 77;
	expect("no Lodge notes");
	image.note[1].name[0] = 'l';
	expect("no Lodge notes");
	image.note[1].namesz = 5;
	expect("no Lodge notes");
	image.ph[2].type = 0;
	expect("no Lodge notes");
	image.note[1].descsz = 4;
	assert_non_null(parse(sizeof(image)));
	build();
	image.note[2].descsz = 9;
	expect("truncated note");
	image.note[2].descsz = ~0U;
	expect("truncated note");
	image.note[0].namesz = ~0U;
	expect("truncated note");
	image.note[2].descsz = 0;
	expect("wrong size");
	image.note[2].type = 1;
	expect("given twice");
	image.ph[2].filesz -= 1;
	expect("truncated note");
	image.ph[2].filesz -= 27;
	expect("truncated note");
	image.ph[2].filesz = 1;
	expect("truncated note");
	image.ph[2].offset = ~0UL;
	expect("outside the file");
	/* with a note of somebody else in front */
	strcpy(image.note[0].name, "Linux");
	image.note[0].type = 3;
	expect("no Lodge notes");
}

static void test_values(void **state)
{
	image.note[0].desc = (LODGE_ABI_MAJOR + 1) << 16;
	expect("another version");
	image.note[0].desc = LODGE_ABI_VERSION | 1UL << 40;
	expect("another version");
	image.note[0].desc = LODGE_ABI_VERSION + 5; /* a later minor */
	assert_null(parse(sizeof(image)));
	build();
	image.note[1].desc = 0x1000000;
	expect("entry point");
	image.note[1].desc = 0x8000000000000000;
	expect("entry point");
	image.note[1].desc = 0xffff800000000000; /* the entry area */
	expect("entry point");
	image.note[1].desc = 0xffff87ffffffffff;
	expect("entry point");
	image.note[1].desc = 0xffff880000000000;
	assert_null(parse(sizeof(image)));
	build();
	image.note[2].desc += 8;
	expect("page-aligned");
	image.note[2].desc = DATA_PADDR + 0x3000;
	expect("not in a segment");
	image.note[2].desc = ~0xfffUL;
	expect("not in a segment");
	image.ph[1].memsz = 0x2fff; /* the root's page is cut off */
	expect("not in a segment");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_good, setup),
		cmocka_unit_test_setup(test_truncated, setup),
		cmocka_unit_test_setup(test_header, setup),
		cmocka_unit_test_setup(test_segments, setup),
		cmocka_unit_test_setup(test_many_segments, setup),
		cmocka_unit_test_setup(test_notes, setup),
		cmocka_unit_test_setup(test_values, setup),
	};

	return RUN(tests);
}
