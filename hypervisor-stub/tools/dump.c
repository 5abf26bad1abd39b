// SPDX-License-Identifier: GPL-2.0
/*
 * See dump.h. The file is one that gdb and crash read: notes (NT_PRSTATUS for
 * each vCPU; VMCOREINFO, if the guest's kernel has one), then a PT_LOAD for
 * each piece of RAM with its guest-physical address, at the address where the
 * kernel has all memory mapped; then one for each other range that the
 * kernel's page tables map, which shares the bytes of the former. Pages of
 * zeroes are holes in the file.
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
#include "dump.h"

#define CHUNK (2ULL << 20)
#define RANGES_MAX 8192

struct dump {
	struct lodge *l; /* its memory is the domain's */
	uint32_t domid;
	int fd;
	struct lodge_domain_info d;
	struct dump_ranges ram; /* va is the offset in the file */
	struct dump_ranges map;
	char *notes;
	size_t notes_size;
	bool (*go_on)(uint64_t done, uint64_t all);
	uint64_t done;
};

static int read_page(void *arg, uint64_t gpa, uint64_t page[512])
{
	struct dump *p = arg;
	void *at;
	int err = lodge_map(p->l, gpa, PAGE_SIZE, PROT_READ, &at);

	if (err)
		return err;
	memcpy(page, at, PAGE_SIZE);
	lodge_unmap(p->l, at, PAGE_SIZE);
	return 0;
}

/* --- what is there --- */

static int find_ram(struct dump *p)
{
	struct lodge_ram ram = { 0 };
	struct dump_ranges *o = &p->ram;
	struct dump_range *more;
	uint64_t gpa = 0;
	int err;

	while (!(err = lodge_ram(p->l, p->domid, gpa, &ram))) {
		uint64_t size = ram.frames * PAGE_SIZE;

		gpa = ram.gpa + size;
		if (o->count &&
		    o->r[o->count - 1].gpa + o->r[o->count - 1].size ==
			    ram.gpa) {
			o->r[o->count - 1].size += size;
			continue;
		}
		more = realloc(o->r, (o->count + 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		o->r = more;
		o->r[o->count++] = (struct dump_range){ 0, ram.gpa, size };
	}
	return err == -ENOENT ? 0 : err;
}

/* By the first vCPU that has page tables. */
static int find_map(struct dump *p)
{
	struct lodge_vcpu_info v;
	uint32_t i;
	int err;

	for (i = 0; i < p->d.vcpu_count; i++) {
		err = lodge_vcpu(p->l, p->domid, i, &v);
		if (err)
			return err;
		if (v.root)
			return dump_map(v.root, read_page, p, RANGES_MAX,
					&p->map);
	}
	return 0;
}

/* --- notes --- */

static int add_note(struct dump *p, const char *name, uint32_t type,
		    const void *data, size_t size)
{
	Elf64_Nhdr head = { strlen(name) + 1, size, type };
	size_t name_size = (head.n_namesz + 3) & ~3U;
	size_t all = sizeof(head) + name_size + ((size + 3) & ~3UL);
	char *at = realloc(p->notes, p->notes_size + all);

	if (!at)
		return -ENOMEM;
	p->notes = at;
	at += p->notes_size;
	memset(at, 0, all);
	memcpy(at, &head, sizeof(head));
	strcpy(at + sizeof(head), name);
	memcpy(at + sizeof(head) + name_size, data, size);
	p->notes_size += all;
	return 0;
}

static int add_vcpu(struct dump *p, uint32_t i)
{
	struct elf_prstatus status = { .pr_pid = i + 1 };
	struct user_regs_struct *r = (void *)status.pr_reg;
	struct lodge_vcpu_info v;
	int err = lodge_vcpu(p->l, p->domid, i, &v);

	if (err)
		return err;
	*r = (struct user_regs_struct){
		.r15 = v.r15,
		.r14 = v.r14,
		.r13 = v.r13,
		.r12 = v.r12,
		.rbp = v.rbp,
		.rbx = v.rbx,
		.r11 = v.r11,
		.r10 = v.r10,
		.r9 = v.r9,
		.r8 = v.r8,
		.rax = v.rax,
		.rcx = v.rcx,
		.rdx = v.rdx,
		.rsi = v.rsi,
		.rdi = v.rdi,
		.orig_rax = -1UL,
		.rip = v.rip,
		.eflags = v.rflags,
		.rsp = v.rsp,
		/* ring 1 is the kernel */
		.cs = (v.cs & 3) == 1 ? v.cs & ~3ULL : v.cs,
		.ss = (v.ss & 3) == 1 ? v.ss & ~3ULL : v.ss,
		.fs_base = v.fs_base,
		.gs_base = v.gs_base,
		.ds = v.ds,
		.es = v.es,
		.fs = v.fs,
		.gs = v.gs,
	};
	return add_note(p, "CORE", NT_PRSTATUS, &status, sizeof(status));
}

/* The kernel keeps it as a note at the beginning of a page. */
static bool is_vmcoreinfo(const void *page, size_t *size)
{
	const Elf64_Nhdr *head = page;
	static const char name[] = "VMCOREINFO";

	*size = head->n_descsz;
	return head->n_namesz == sizeof(name) && !head->n_type &&
	       !memcmp(head + 1, name, sizeof(name)) &&
	       *size < PAGE_SIZE - sizeof(*head) - 12 &&
	       !memcmp((const char *)(head + 1) + 12, "OSRELEASE=", 10);
}

/*
 * Calls fn for each mapped chunk of RAM until it returns not 0. A domain that
 * runs, because somebody unpauses it, can give memory back meanwhile: that
 * is left out, and zero in the file.
 */
static int visit_chunks(struct dump *p,
			int (*fn)(struct dump *p, const char *data,
				  uint64_t offset, uint64_t size))
{
	uint64_t at, size;
	void *data;
	size_t i;
	int err = 0;

	for (i = 0; i < p->ram.count && !err; i++)
		for (at = 0; at < p->ram.r[i].size && !err; at += size) {
			size = p->ram.r[i].size - at;
			size = size < CHUNK ? size : CHUNK;
			if (p->go_on &&
			    !p->go_on(p->done, p->d.frames * PAGE_SIZE))
				return -EINTR;
			err = lodge_map(p->l, p->ram.r[i].gpa + at, size,
					PROT_READ, &data);
			if (err == -ENXIO && size > PAGE_SIZE) {
				size = PAGE_SIZE;
				err = lodge_map(p->l, p->ram.r[i].gpa + at,
						size, PROT_READ, &data);
			}
			if (err == -ENXIO) {
				err = 0;
				continue;
			}
			if (err)
				return err;
			err = fn(p, data, p->ram.r[i].va + at, size);
			lodge_unmap(p->l, data, size);
		}
	return err;
}

static int look_for_vmcoreinfo(struct dump *p, const char *data,
			       uint64_t offset, uint64_t size)
{
	uint64_t at;
	size_t n;
	int err;

	(void)offset;
	for (at = 0; at < size; at += PAGE_SIZE) {
		if (!is_vmcoreinfo(data + at, &n))
			continue;
		err = add_note(p, "VMCOREINFO", 0,
			       data + at + sizeof(Elf64_Nhdr) + 12, n);
		return err ?: 1;
	}
	return 0;
}

static int make_notes(struct dump *p)
{
	uint32_t i;
	int err = 0;

	for (i = 0; i < p->d.vcpu_count && !err; i++)
		err = add_vcpu(p, i);
	if (!err)
		err = visit_chunks(p, look_for_vmcoreinfo);
	return err < 0 ? err : 0;
}

/* --- the file: errors of which are positive --- */

static int write_at(struct dump *p, const void *data, size_t size, off_t at)
{
	while (size) {
		ssize_t n = pwrite(p->fd, data, size, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? errno : EIO;
		data = (const char *)data + n;
		size -= n;
		at += n;
	}
	return 0;
}

/* What to add to a gpa for the address in the kernel's map of all memory. */
static uint64_t direct_offset(const struct dump *p)
{
	const struct dump_range *best = NULL;
	size_t i;

	for (i = 0; i < p->map.count; i++)
		if (!best || p->map.r[i].size > best->size)
			best = &p->map.r[i];
	return best ? best->va - best->gpa : 0;
}

/* A range of the map, as far as it is in that piece of RAM. */
static bool cut(const struct dump_range *m, const struct dump_range *ram,
		Elf64_Phdr *h)
{
	uint64_t start = m->gpa > ram->gpa ? m->gpa : ram->gpa;
	uint64_t m_end = m->gpa + m->size, ram_end = ram->gpa + ram->size;
	uint64_t end = m_end < ram_end ? m_end : ram_end;

	if (start >= end)
		return false;
	*h = (Elf64_Phdr){ .p_type = PT_LOAD,
			   .p_flags = PF_R | PF_W | PF_X,
			   .p_offset = ram->va + (start - ram->gpa),
			   .p_vaddr = m->va + (start - m->gpa),
			   .p_paddr = start,
			   .p_filesz = end - start,
			   .p_memsz = end - start,
			   .p_align = PAGE_SIZE };
	return true;
}

/* Fills in headers (NULL: counts them); returns their number. */
static size_t make_headers(struct dump *p, Elf64_Phdr *h, uint64_t notes_at)
{
	uint64_t direct = direct_offset(p);
	size_t n = 0, i, j;
	Elf64_Phdr one;

	if (h)
		h[n] = (Elf64_Phdr){ .p_type = PT_NOTE,
				     .p_offset = notes_at,
				     .p_filesz = p->notes_size };
	n++;
	for (i = 0; i < p->ram.count; i++) {
		const struct dump_range *r = &p->ram.r[i];

		cut(&(struct dump_range){ r->gpa + direct, r->gpa, r->size }, r,
		    &one);
		if (!direct)
			one.p_vaddr = 0;
		if (h)
			h[n] = one;
		n++;
	}
	for (i = 0; i < p->map.count; i++)
		for (j = 0; j < p->ram.count; j++) {
			if (p->map.r[i].va - p->map.r[i].gpa == direct ||
			    !cut(&p->map.r[i], &p->ram.r[j], &one))
				continue;
			if (h)
				h[n] = one;
			n++;
		}
	return n;
}

static int write_heads(struct dump *p)
{
	Elf64_Ehdr e = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
			     ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(e),
		.e_ehsize = sizeof(e),
		.e_phentsize = sizeof(Elf64_Phdr),
	};
	size_t n = make_headers(p, NULL, 0), i;
	uint64_t notes_at = sizeof(e) + n * sizeof(Elf64_Phdr), at;
	Elf64_Phdr *h = calloc(n, sizeof(*h));
	int err;

	if (!h)
		return -ENOMEM;
	at = (notes_at + p->notes_size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	for (i = 0; i < p->ram.count; i++) {
		p->ram.r[i].va = at;
		at += p->ram.r[i].size;
	}
	make_headers(p, h, notes_at);
	e.e_phnum = n;
	err = n < PN_XNUM ? 0 : -EFBIG;
	err = err ?: write_at(p, &e, sizeof(e), 0);
	err = err ?: write_at(p, h, n * sizeof(*h), sizeof(e));
	err = err ?: write_at(p, p->notes, p->notes_size, notes_at);
	free(h);
	if (!err && ftruncate(p->fd, at))
		err = errno;
	return err;
}

static int write_ram(struct dump *p, const char *data, uint64_t offset,
		     uint64_t size)
{
	static const char zeroes[PAGE_SIZE];
	uint64_t at, end;
	int err = 0;

	p->done += size;
	/* Runs of pages that are not all zeroes. */
	for (at = 0; at < size && !err; at = end) {
		end = at + PAGE_SIZE;
		if (!memcmp(data + at, zeroes, PAGE_SIZE))
			continue;
		while (end < size && memcmp(data + end, zeroes, PAGE_SIZE))
			end += PAGE_SIZE;
		err = write_at(p, data + at, end - at, offset + at);
	}
	return err;
}

static int dump(struct dump *p)
{
	int err = lodge_info(p->l, p->domid, &p->d);

	err = err ?: lodge_target(p->l, p->domid);
	err = err ?: find_ram(p);
	err = err ?: find_map(p);
	err = err ?: make_notes(p);
	err = err ?: write_heads(p);
	err = err ?: visit_chunks(p, write_ram);
	if (!err && fsync(p->fd))
		err = errno;
	return err;
}

/* A new file, or one that becomes empty: a fd, or -errno. */
static int open_file(const char *path)
{
	/* A FIFO without a reader shall not hold us up. */
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
	struct stat st;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || (S_ISREG(st.st_mode) && ftruncate(fd, 0)))
		err = errno;
	else if (!S_ISREG(st.st_mode))
		err = ESPIPE;
	if (!err)
		return fd;
	close(fd);
	return -err;
}

int dump_core_while(struct lodge *l, uint32_t domid, const char *path,
		    bool (*go_on)(uint64_t done, uint64_t all))
{
	struct dump p = { .domid = domid, .go_on = go_on };
	int err;

	(void)l; /* a handle maps the memory of one domain only */
	p.fd = open_file(path);
	if (p.fd < 0)
		return -p.fd;
	err = lodge_open(&p.l);
	if (!err) {
		err = dump(&p);
		lodge_close(p.l);
	}
	if (close(p.fd) && !err)
		err = errno;
	if (err)
		unlink(path);
	free(p.ram.r);
	free(p.map.r);
	free(p.notes);
	return err;
}

int dump_core(struct lodge *l, uint32_t domid, const char *path)
{
	return dump_core_while(l, domid, path, NULL);
}
