// SPDX-License-Identifier: GPL-2.0
/*
 * dump-core: the core of a small domain is read back by a program that knows
 * nothing of how it was written, and by readelf. It has page tables as Linux:
 * all memory mapped at one place, its text at another.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <unistd.h>
#include "test.h"
#include "dump.h"
#include "fake_lodge.h"

#define PAGE 4096ULL
#define MIB (1ULL << 20)
#define FRAMES 2048 /* 8 MiB; a hole of the last MiB but one */
#define HOLE (6 * MIB)
#define DIRECT 0xffff9a8000000000ULL /* of 1 GiB */
#define TEXT 0xffffffff81000000ULL
#define TEXT_GPA (2 * MIB)

/* Tables */
#define ROOT 0x1000ULL
#define PUD_DIRECT 0x2000ULL
#define PUD_TEXT 0x3000ULL
#define PMD_DIRECT 0x4000ULL
#define PMD_TEXT 0x5000ULL
#define PUD_ALIAS 0x6000ULL
#define PMD_ALIAS 0x7000ULL
#define TABLE_ALIAS 0x8000ULL

#define INFO_GPA 0x123000ULL
static const char vmcoreinfo[] = "OSRELEASE=6.12.9-lodge\nPAGESIZE=4096\n";

static char path[64];
static struct fake_domain *d;

static uint64_t *at(uint64_t gpa)
{
	return (uint64_t *)(d->memory + gpa);
}

static void write_tables(void)
{
	at(ROOT)[DIRECT >> 39 & 511] = PUD_DIRECT | 3;
	at(ROOT)[TEXT >> 39 & 511] = PUD_TEXT | 3;
	at(PUD_DIRECT)[DIRECT >> 30 & 511] = PMD_DIRECT | 3;
	at(PUD_TEXT)[TEXT >> 30 & 511] = PMD_TEXT | 3;
	for (int i = 0; i < 4; i++)
		at(PMD_DIRECT)[i] = i * 2 * MIB | 0x83;
	at(PMD_TEXT)[TEXT >> 21 & 511] = TEXT_GPA | 0x83;
}

static void write_vmcoreinfo(void)
{
	Elf64_Nhdr *head = (void *)at(INFO_GPA);

	*head = (Elf64_Nhdr){ 11, sizeof(vmcoreinfo) - 1, 0 };
	strcpy((char *)(head + 1), "VMCOREINFO");
	strcpy((char *)(head + 1) + 12, vmcoreinfo);
}

static int setup(void **state)
{
	fake_reset(64);
	d = &fake.domain[0];
	d->there = true;
	d->owner = -1;
	d->info = (struct lodge_domain_info){
		.domid = 4,
		.state = LODGE_DOMAIN_ENDED,
		.vcpu_count = 3,
		.max_frames = FRAMES,
		.name = "core",
	};
	d->pages = FRAMES;
	d->memory = calloc(FRAMES, PAGE);
	d->populated = calloc(FRAMES, 1);
	for (uint64_t i = 0; i < FRAMES; i++) {
		d->populated[i] = i < HOLE / PAGE || i >= (HOLE + MIB) / PAGE;
		d->info.frames += d->populated[i];
	}
	fake.machine.free_frames -= d->info.frames;
	d->vcpu[1].root = ROOT;
	d->vcpu[1].rip = TEXT + 0x1234;
	d->vcpu[1].cs = 0xe011;
	d->vcpu[2].cs = 0xe033;
	d->vcpu[2].r13 = 0x1313131313131313;
	write_tables();
	write_vmcoreinfo();
	strcpy((char *)at(TEXT_GPA + 0x1234), "the text");
	strcpy((char *)at(HOLE + MIB + 5), "behind the hole");
	snprintf(path, sizeof(path), "/tmp/lodge-test-%d.core", getpid());
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	free(d->memory);
	free(d->populated);
	fake.machine.free_frames += d->info.frames;
	memset(d, 0, sizeof(*d));
	return fake_is_clean() ? 0 : -1;
}

static int dump(void)
{
	struct lodge *l;
	int err = lodge_open(&l);

	if (!err) {
		err = dump_core(l, 4, path);
		lodge_close(l);
	}
	return err;
}

/* The file, as a reader has it. */
static char *core;
static size_t core_size, core_on_disk;
static const Elf64_Ehdr *eh;
static const Elf64_Phdr *ph;

static void open_core(void)
{
	int fd = open(path, O_RDONLY);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	core_size = st.st_size;
	core = mmap(NULL, core_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	assert_ptr_not_equal(core, MAP_FAILED);
	eh = (void *)core;
	ph = (void *)(core + eh->e_phoff);
	assert_memory_equal(eh->e_ident, ELFMAG, SELFMAG);
	assert_int_equal(eh->e_type, ET_CORE);
	for (int i = 0; i < eh->e_phnum; i++)
		assert_true(ph[i].p_offset + ph[i].p_filesz <= core_size);
	core_on_disk = st.st_blocks * 512;
}

static void close_core(void)
{
	munmap(core, core_size);
}

/* The note of that number among those of a type, or NULL. */
static const void *note(uint32_t type, const char *name, int number)
{
	const char *p = core + ph[0].p_offset, *end = p + ph[0].p_filesz;

	assert_int_equal(ph[0].p_type, PT_NOTE);
	while (p < end) {
		const Elf64_Nhdr *h = (void *)p;
		const char *desc = p + sizeof(*h) + (h->n_namesz + 3) / 4 * 4;

		if (h->n_type == type && !strcmp(p + sizeof(*h), name) &&
		    !number--)
			return desc;
		p = desc + (h->n_descsz + 3) / 4 * 4;
	}
	assert_ptr_equal(p, end);
	return NULL;
}

/* Memory by address, as gdb; by gpa (virtual false), as crash. */
static const char *memory(uint64_t address, bool virtual)
{
	for (int i = 1; i < eh->e_phnum; i++) {
		uint64_t start = virtual ? ph[i].p_vaddr : ph[i].p_paddr;

		assert_int_equal(ph[i].p_type, PT_LOAD);
		if (address >= start && address < start + ph[i].p_filesz)
			return core + ph[i].p_offset + address - start;
	}
	return NULL;
}

/* Registers of a vCPU: notes are aligned to 4 bytes, the structure to 8. */
static struct user_regs_struct registers(int vcpu)
{
	const void *status = note(NT_PRSTATUS, "CORE", vcpu);
	struct user_regs_struct regs;
	struct elf_prstatus s;

	assert_non_null(status);
	memcpy(&s, status, sizeof(s));
	assert_int_equal(s.pr_pid, vcpu + 1);
	memcpy(&regs, s.pr_reg, sizeof(regs));
	return regs;
}

static void whole(void **state)
{
	struct user_regs_struct r;

	assert_int_equal(dump(), 0);
	open_core();
	/* Zeroes are not written: a few pages are data here. */
	assert_true(core_on_disk < 256 * 1024 && core_size > 7 * MIB);
	assert_string_equal(memory(TEXT_GPA + 0x1234, false), "the text");
	assert_string_equal(memory(TEXT + 0x1234, true), "the text");
	assert_string_equal(memory(DIRECT + TEXT_GPA + 0x1234, true),
			    "the text");
	assert_string_equal(memory(HOLE + MIB + 5, false), "behind the hole");
	assert_string_equal(memory(DIRECT + HOLE + MIB + 5, true),
			    "behind the hole");
	assert_null(memory(HOLE, false));
	assert_null(memory(DIRECT + HOLE, true));
	assert_null(memory(8 * MIB, false));

	registers(0);
	r = registers(1);
	assert_int_equal(r.rip, TEXT + 0x1234);
	assert_int_equal(r.cs & 3, 0); /* the kernel, for all who read it */
	r = registers(2);
	assert_int_equal(r.r13, 0x1313131313131313);
	assert_int_equal(r.cs & 3, 3);
	assert_null(note(NT_PRSTATUS, "CORE", 3));
	assert_memory_equal(note(0, "VMCOREINFO", 0), vmcoreinfo,
			    sizeof(vmcoreinfo) - 1);
	close_core();
}

static void readelf(void **state)
{
	char command[256];

	if (system("command -v readelf >/dev/null"))
		skip();
	assert_int_equal(dump(), 0);
	snprintf(command, sizeof(command),
		 "readelf -Wln %s 2>&1 | grep -c 'prstatus structure'", path);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command),
		 "! readelf -Wln %s 2>&1 | grep -iE 'warning|error'", path);
	assert_int_equal(system(command), 0);
}

/* One page, in more places than a core has room for: the rest is not hurt. */
static void aliases(void **state)
{
	for (int i = 0; i < 512; i++) {
		at(PUD_ALIAS)[i] = PMD_ALIAS | 3;
		at(PMD_ALIAS)[i] = TABLE_ALIAS | 3;
		at(TABLE_ALIAS)[i] = i & 1 ? ROOT | 3 : 0;
	}
	/* Linux has this in slot 510; what is in 509 comes in, up to a limit */
	at(ROOT)[510] = PUD_ALIAS | 3;
	assert_int_equal(dump(), 0);
	open_core();
	assert_string_equal(memory(TEXT + 0x1234, true), "the text");
	assert_true(eh->e_phnum < 10);
	close_core();
	at(ROOT)[509] = PUD_ALIAS | 3;
	assert_int_equal(dump(), 0);
	open_core();
	assert_string_equal(memory(TEXT + 0x1234, true), "the text");
	assert_non_null(memory((509ULL << 39 | 0xffffULL << 48) + PAGE, true));
	assert_true(eh->e_phnum > 1000 && eh->e_phnum < PN_XNUM);
	close_core();
}

/* Tables that hold nonsense cost something, but no more, and harm nobody. */
static void hostile_tables(void **state)
{
	struct fake_domain *it = d;

	/* A table that is its own child, again and again. */
	for (int i = 256; i < 512; i++)
		at(ROOT)[i] = ROOT | 3;
	assert_int_equal(dump(), 0);
	open_core();
	assert_string_equal(memory(TEXT_GPA + 0x1234, false), "the text");
	assert_true(eh->e_phnum < PN_XNUM);
	close_core();
	/* All ones. */
	memset(at(ROOT), 0xff, PAGE);
	assert_int_equal(dump(), 0);
	/* Noise. */
	srandom(1);
	for (uint64_t i = 0; i < 5 * PAGE / 8; i++)
		at(ROOT)[i] = ((uint64_t)random() << 31 | random()) &
			      0x7fffffffffULL;
	assert_int_equal(dump(), 0);
	it->vcpu[1].root = 0xffffffffff000ULL;
	assert_int_equal(dump(), 0);
	it->vcpu[1].root = HOLE;
	assert_int_equal(dump(), 0);
}

/* A failure at any operation leaves no file. */
static void failures(void **state)
{
	static const int operations[] = { LODGE_CONTROL_INFO,
					  LODGE_CONTROL_VCPU,
					  LODGE_CONTROL_RAM };
	int err;

	for (int i = 0; i < 9; i++) {
		unlink(path);
		fake.fail_operation = operations[i / 3];
		fake.fail_at = i % 3;
		fake.fail_count = 1;
		fake.fail_err = -ENOMEM;
		/* Not every operation is done three times. */
		err = dump();
		assert_int_equal(err, fake.fail_count ? 0 : -ENOMEM);
		assert_int_equal(access(path, F_OK), err ? -1 : 0);
	}
	fake.fail_count = 0;
	strcpy(path, "/nowhere/at/all");
	assert_int_equal(dump(), ENOENT);
}

/* What is no file is left alone. */
static void no_file(void **state)
{
	struct stat st;
	int fd;

	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(dump(), ENXIO); /* nobody reads it */
	fd = open(path, O_RDONLY | O_NONBLOCK);
	assert_int_equal(dump(), ESPIPE);
	close(fd);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(dump(), EISDIR);
	assert_int_equal(rmdir(path), 0);
}

static uint64_t told;

static bool not_for_long(uint64_t done, uint64_t all)
{
	assert_true(done <= all && all == d->info.frames * PAGE);
	return ++told < 4;
}

static void interrupted(void **state)
{
	struct lodge *l;

	assert_int_equal(lodge_open(&l), 0);
	told = 0;
	assert_int_equal(dump_core_while(l, 4, path, not_for_long), -EINTR);
	assert_int_equal(told, 4);
	assert_int_equal(access(path, F_OK), -1);
	lodge_close(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whole, setup, teardown),
		cmocka_unit_test_setup_teardown(readelf, setup, teardown),
		cmocka_unit_test_setup_teardown(aliases, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_tables, setup,
						teardown),
		cmocka_unit_test_setup_teardown(failures, setup, teardown),
		cmocka_unit_test_setup_teardown(no_file, setup, teardown),
		cmocka_unit_test_setup_teardown(interrupted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
