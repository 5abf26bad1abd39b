// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: a kernel is taken, with the segments and notes that it has, as an ELF
 * file or in a bzImage of each of the five packings; anything else is refused
 * with words that say what is wrong. Each test starts from a good image and
 * spoils one thing.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <lodge/abi.h>
#include "image.h"
#include "sample.h"
#include "test.h"
#include "unpack.h"

static struct sample sample;
static struct image img;
static struct complaint why;

static const char *const packings[] = { "gzip", "xz", "lzma", "lz4", "zstd" };

static int setup(void **state)
{
	sample_fill(&sample);
	return 0;
}

/* Bytes in memory of just this size, so that a byte too far is noticed. */
static int parse(const void *bytes, size_t size)
{
	uint8_t *copy = malloc(size ?: 1);
	int r;

	memcpy(copy, bytes, size);
	why.text[0] = '\0';
	r = image_parse(copy, size, &img, &why);
	if (r)
		assert_true(*why.text);
	else
		image_close(&img);
	free(copy);
	return r;
}

static void expect(const void *bytes, size_t size, const char *words)
{
	if (!parse(bytes, size))
		fail_msg("taken; expected: %s", words);
	if (!strstr(why.text, words))
		fail_msg("expected \"%s\", got \"%s\"", words, why.text);
}

static void expect_sample(const char *words)
{
	expect(&sample, sizeof(sample), words);
	sample_fill(&sample);
}

static void check_good(const struct image *i)
{
	assert_int_equal(i->segment_count, 2);
	assert_int_equal(i->segment[0].paddr, SAMPLE_TEXT);
	assert_int_equal(i->segment[0].filesz, SAMPLE_TEXT_SIZE);
	assert_int_equal(i->segment[0].memsz, 0x800000);
	assert_memory_equal(i->elf + i->segment[0].offset, sample.text,
			    SAMPLE_TEXT_SIZE);
	assert_int_equal(i->segment[1].paddr, SAMPLE_DATA);
	assert_int_equal(i->version, LODGE_ABI_VERSION);
	assert_true(i->entry == SAMPLE_ENTRY);
	assert_int_equal(i->root, SAMPLE_ROOT);
	assert_int_equal(i->end, SAMPLE_END);
}

static void test_elf(void **state)
{
	assert_int_equal(
		image_parse((void *)&sample, sizeof(sample), &img, &why), 0);
	check_good(&img);
	image_close(&img);
}

static void test_elf_cut_short(void **state)
{
	for (size_t n = 0; n < sizeof(sample); n += n < 800 ? 1 : 97)
		assert_int_equal(parse(&sample, n), -1);
	expect(&sample, 0, "empty");
	expect(&sample, sizeof(sample) - 1, "cut short");
}

static void test_elf_header(void **state)
{
	sample.eh.e_ident[0] = 'x';
	expect_sample("neither an ELF file");
	sample.eh.e_ident[EI_CLASS] = ELFCLASS32;
	expect_sample("32-bit");
	sample.eh.e_ident[EI_DATA] = ELFDATA2MSB;
	expect_sample("expected x86-64");
	sample.eh.e_machine = EM_AARCH64;
	expect_sample("machine 183; expected x86-64 (62)");
	sample.eh.e_type = ET_DYN;
	expect_sample("type 3; expected an executable (2)");
	sample.eh.e_phnum = 0;
	expect_sample("no program headers");
	sample.eh.e_phnum = 65;
	expect_sample("program headers");
	sample.eh.e_phoff = -1UL;
	assert_int_equal(parse(&sample, sizeof(sample)), -1);
	sample_fill(&sample);
}

static void test_elf_segments(void **state)
{
	sample.ph[0].p_offset = sizeof(sample);
	expect_sample("outside of the file");
	sample.ph[0].p_offset = -1UL;
	expect_sample("outside of the file");
	sample.ph[0].p_filesz = -1UL;
	expect_sample("outside of the file");
	sample.ph[0].p_memsz = SAMPLE_TEXT_SIZE - 1;
	expect_sample("smaller in memory");
	sample.ph[0].p_memsz = -1UL;
	expect_sample("above the physical");
	sample.ph[0].p_paddr = 0xff000;
	expect_sample("expected 0x100000");
	sample.ph[1].p_paddr = SAMPLE_TEXT + 0x1000;
	expect_sample("overlaps another at 0x1000000");
	sample.ph[0].p_type = PT_NULL;
	sample.ph[1].p_type = PT_NULL;
	expect_sample("nothing in it");
}

static void test_notes(void **state)
{
	sample.ph[2].p_type = PT_NULL;
	expect_sample("no notes of owner \"Lodge\"");
	sample.note[0].name[0] = 'X';
	expect_sample("missing");
	sample.note[1].head.n_type = LODGE_NOTE_VERSION;
	expect_sample("twice");
	sample.note[0].head.n_descsz = 4;
	assert_int_equal(parse(&sample, sizeof(sample)), -1);
	sample_fill(&sample);
	sample.note[2].head.n_descsz = 0xffffffff;
	expect_sample("cut short");
	sample.note[2].head.n_namesz = 0xfffffff0;
	expect_sample("cut short");
	sample.ph[2].p_filesz -= 1;
	expect_sample("cut short");
	sample.ph[2].p_filesz = 1ULL << 40;
	expect_sample("notes");
	sample.note[0].desc = (LODGE_ABI_MAJOR + 1) << 16;
	expect_sample("for version 2");
	sample.note[1].desc = 0x401000;
	expect_sample("no kernel address");
	sample.note[1].desc = LODGE_AREA_VCPU;
	expect_sample("no kernel address");
	sample.note[2].desc = SAMPLE_ROOT + 8;
	expect_sample("no page");
	sample.note[2].desc = SAMPLE_END;
	expect_sample("no page");
}

static void test_bzimage(void **state)
{
	for (enum packing p = 0; p < PACK_COUNT; p++) {
		size_t size;
		uint8_t *bz = sample_bzimage(p, &sample, sizeof(sample),
					     sizeof(sample), &size);

		if (image_parse(bz, size, &img, &why))
			fail_msg("%s: %s", packings[p], why.text);
		check_good(&img);
		image_close(&img);
		free(bz);
	}
}

/* The end is missing, at any place. */
static void test_bzimage_cut_short(void **state)
{
	for (enum packing p = 0; p < PACK_COUNT; p++) {
		size_t size;
		uint32_t length;
		uint8_t *bz = sample_bzimage(p, &sample, sizeof(sample),
					     sizeof(sample), &size);

		expect(bz, size - 1, "cut short");
		/* The header knows, but the data ends. */
		for (size_t n = SAMPLE_PAYLOAD + 20; n < size - 8; n += 131) {
			uint32_t told = sizeof(sample);
			uint8_t *part = malloc(n + 4);

			memcpy(part, bz, n);
			memcpy(part + n, &told, 4);
			length = n + 4 - SAMPLE_PAYLOAD;
			memcpy(part + 0x24c, &length, 4);
			expect(part, n + 4, packings[p]);
			free(part);
		}
		free(bz);
	}
}

/* The size that it says is wrong in each direction. */
static void test_bzimage_size(void **state)
{
	static const uint32_t sizes[] = { sizeof(sample) - 1,
					  sizeof(sample) + 1, 1, UNPACK_MAX };
	static const uint32_t impossible[] = { 0, UNPACK_MAX + 1, 0xffffffff };

	for (enum packing p = 0; p < PACK_COUNT; p++) {
		size_t size;
		uint8_t *bz =
			sample_bzimage(p, &sample, sizeof(sample), 0, &size);

		for (unsigned int i = 0; i < 4; i++) {
			memcpy(bz + size - 4, &sizes[i], 4);
			expect(bz, size, "damaged");
		}
		for (unsigned int i = 0; i < 3; i++) {
			memcpy(bz + size - 4, &impossible[i], 4);
			expect(bz, size, "bytes come out; expected 1 to");
		}
		free(bz);
	}
}

/* A gigabyte of zeroes in a small file, which says that it is small. */
static void test_bomb(void **state)
{
	size_t big = 256 << 20, size;
	void *zeroes = calloc(1, big);

	for (enum packing p = 0; p < PACK_COUNT; p++) {
		uint32_t told = 1 << 20;
		uint8_t *bz;

		if (p == PACK_XZ || p == PACK_LZMA)
			continue; /* slow to make; bounded in the same way */
		bz = sample_bzimage(p, zeroes, big, told, &size);
		memcpy(bz + size - 4, &told, 4);
		expect(bz, size, "longer than it says");
		free(bz);
	}
	free(zeroes);
}

static void test_bzimage_noise(void **state)
{
	unsigned int seed = 1;

	for (enum packing p = 0; p < PACK_COUNT; p++) {
		size_t size;
		uint8_t *bz = sample_bzimage(p, &sample, sizeof(sample),
					     sizeof(sample), &size);

		for (unsigned int i = 0; i < 300; i++) {
			size_t at = SAMPLE_PAYLOAD +
				    rand_r(&seed) % (size - SAMPLE_PAYLOAD);
			uint8_t old = bz[at];

			bz[at] ^= 1 << rand_r(&seed) % 8;
			parse(bz, size); /* in the packing's own time */
			bz[at] = old;
		}
		free(bz);
	}
}

static void test_bzimage_header(void **state)
{
	size_t size;
	uint8_t *bz =
		sample_bzimage(PACK_GZIP, &sample, sizeof(sample), 0, &size);
	uint32_t huge = 0xffffffff;

	bz[0x206] = 7;
	bz[0x207] = 2;
	expect(bz, size, "boot protocol 2.07; expected 2.08");
	bz[0x206] = 15;
	memcpy(bz + 0x248, &huge, 4);
	expect(bz, size, "cut short");
	memcpy(bz + SAMPLE_PAYLOAD, "BZh9", 4);
	huge = 64;
	memcpy(bz + 0x248, &huge, 4);
	expect(bz, size, "packed by bzip2");
	memcpy(bz + SAMPLE_PAYLOAD, "what", 4);
	expect(bz, size, "begins with 77 68 61 74");
	huge = 3;
	memcpy(bz + 0x24c, &huge, 4);
	expect(bz, size, "3 bytes only");
	free(bz);
}

/* What is unpacked is no kernel. */
static void test_bzimage_content(void **state)
{
	static const char text[] = "this is a text, and not an ELF file at all";
	size_t size;
	uint8_t *bz = sample_bzimage(PACK_ZSTD, text, sizeof(text),
				     sizeof(text), &size);

	expect(bz, size, "not an ELF file");
	free(bz);
}

static void test_open(void **state)
{
	char name[] = "/tmp/lodge-image-XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(image_open(name, &img, &why), -1);
	assert_non_null(strstr(why.text, "empty"));
	assert_int_equal(write(fd, &sample, sizeof(sample)), sizeof(sample));
	close(fd);
	assert_int_equal(image_open(name, &img, &why), 0);
	check_good(&img);
	image_close(&img);
	unlink(name);

	assert_int_equal(image_open(name, &img, &why), -1);
	assert_non_null(strstr(why.text, "No such file"));
	assert_int_equal(image_open("/tmp", &img, &why), -1);
	assert_non_null(strstr(why.text, "directory"));
	assert_int_equal(mkfifo(name, 0600), 0);
	assert_int_equal(image_open(name, &img, &why), -1);
	assert_non_null(strstr(why.text, "not a regular file"));
	unlink(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_elf),
		T(test_elf_cut_short),
		T(test_elf_header),
		T(test_elf_segments),
		T(test_notes),
		T(test_bzimage),
		T(test_bzimage_cut_short),
		T(test_bzimage_size),
		T(test_bomb),
		T(test_bzimage_noise),
		T(test_bzimage_header),
		T(test_bzimage_content),
		T(test_open),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
