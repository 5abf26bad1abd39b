// SPDX-License-Identifier: GPL-2.0
/*
 * What the boot loader left us, Multiboot 1 or 2, copied into boot_info. The
 * loader's structures lie anywhere in memory that frame_add() later gives
 * away, so nothing may point into them afterwards. Runs once, on the boot
 * processor, before there is an allocator; boot_info is constant from then
 * on. The loader is trusted, its numbers are not: what does not fit is cut
 * off with a message.
 */
#include "platform.h"
#include "../core/frame.h"
#include "../core/printk.h"
#include "../core/string.h"

#define MB1_BOOT_MAGIC 0x2badb002
#define MB2_BOOT_MAGIC 0x36d76289

#define MB1_HAS_CMDLINE BIT(2)
#define MB1_HAS_MODULES BIT(3)
#define MB1_HAS_MMAP BIT(6)
#define MB1_HAS_LOADER BIT(9)

struct mb1_info {
	u32 flags;
	u32 mem_lower, mem_upper, boot_device;
	u32 cmdline;
	u32 mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr;
	u32 drives_length, drives_addr, config_table, loader_name;
};

struct mb1_module {
	u32 start, end, cmdline, pad;
};

struct mb1_mmap {
	u32 size; /* of what follows */
	u64 start, length;
	u32 type;
} __packed;

enum mb2_tag_type {
	MB2_END = 0,
	MB2_CMDLINE = 1,
	MB2_LOADER = 2,
	MB2_MODULE = 3,
	MB2_MMAP = 6,
	MB2_RSDP_OLD = 14,
	MB2_RSDP_NEW = 15,
};

struct mb2_tag {
	u32 type, size;
};

struct mb2_module {
	struct mb2_tag tag;
	u32 start, end;
};

struct mb2_mmap {
	struct mb2_tag tag;
	u32 entry_size, entry_version;
	u8 entries[];
};

struct mb2_mmap_entry {
	u64 start, length;
	u32 type, pad;
};

struct boot_info boot_info;
/* The RSDP in a tag; copied, since the tag will be overwritten. */
static u8 rsdp_copy[36] __aligned(16);
/* Regions as reported: any order, possibly overlapping. */
static struct raw_region {
	mpa_t start, end;
	u32 type; /* 1: RAM */
} raw[BOOT_MAX_REGIONS];
static unsigned int raw_count;

static void add_module(u64 start, u64 end)
{
	if (boot_info.module_count == BOOT_MAX_MODULES || end < start) {
		printk("multiboot: module %lx-%lx ignored\n", start, end);
		return;
	}
	boot_info.module[boot_info.module_count++] =
		(struct boot_region){ start, end };
}

static void add_region(u64 start, u64 length, u32 type)
{
	if (!length || start + length < start)
		return;
	if (raw_count == BOOT_MAX_REGIONS) {
		printk("multiboot: memory at %lx ignored\n", start);
		return;
	}
	raw[raw_count++] = (struct raw_region){ start, start + length, type };
}

static bool starts_with_path(const char *s)
{
	for (; *s && !strchr(" =\"", *s); s++)
		if (*s == '/')
			return true;
	return false;
}

/*
 * Copies the command line without the image's name: QEMU and the first GRUB
 * put it in front, GRUB 2 does not.
 */
static void set_cmdline(const char *s, bool named)
{
	while (*s == ' ')
		s++;
	if (named || starts_with_path(s))
		while (*s && *s != ' ')
			s++;
	while (*s == ' ')
		s++;
	if (!str_copy(boot_info.cmdline, s, BOOT_CMDLINE))
		printk("multiboot: command line is cut off\n");
}

/* Are [start, end) RAM, and nothing else? Regions do not end in between. */
static bool is_ram(mpa_t start, mpa_t end)
{
	bool ram = false;

	for (unsigned int i = 0; i < raw_count; i++) {
		if (raw[i].start > start || raw[i].end < end)
			continue;
		if (raw[i].type != 1)
			return false;
		ram = true;
	}
	return ram;
}

/* The lowest boundary of any region above a, or 0. */
static mpa_t next_boundary(mpa_t a)
{
	mpa_t best = ~0UL;

	for (unsigned int i = 0; i < raw_count; i++) {
		if (raw[i].start > a)
			best = MIN(best, raw[i].start);
		if (raw[i].end > a)
			best = MIN(best, raw[i].end);
	}
	return best == ~0UL ? 0 : best;
}

/* From raw[] to boot_info.region[]: sorted, disjoint, neighbours merged. */
static void sort_regions(void)
{
	struct boot_region *last = NULL;
	mpa_t a = 0, b;

	for (; (b = next_boundary(a)); a = b) {
		if (!is_ram(a, b))
			continue;
		if (last && last->end == a) {
			last->end = b;
			continue;
		}
		if (boot_info.region_count == BOOT_MAX_REGIONS) {
			printk("multiboot: memory from %lx ignored\n", a);
			return;
		}
		last = &boot_info.region[boot_info.region_count++];
		*last = (struct boot_region){ a, b };
	}
}

static void parse_mb1(const struct mb1_info *mbi)
{
	const struct mb1_module *m = mpa_to_virt(mbi->mods_addr);
	const char *loader = "";
	u64 at, end;

	if (mbi->flags & MB1_HAS_LOADER)
		loader = mpa_to_virt(mbi->loader_name);
	if (mbi->flags & MB1_HAS_CMDLINE)
		set_cmdline(mpa_to_virt(mbi->cmdline), !strcmp(loader, "qemu"));
	if (mbi->flags & MB1_HAS_MODULES)
		for (u32 i = 0; i < mbi->mods_count; i++)
			add_module(m[i].start, m[i].end);
	if (mbi->flags & MB1_HAS_MMAP) {
		at = mbi->mmap_addr;
		end = at + mbi->mmap_length;
		while (at + sizeof(struct mb1_mmap) <= end) {
			const struct mb1_mmap *e = mpa_to_virt(at);

			add_region(e->start, e->length, e->type);
			at += e->size + sizeof(e->size);
		}
	}
}

static void parse_mb2_mmap(const struct mb2_mmap *map)
{
	const u8 *p = map->entries;
	const u8 *end = (const u8 *)map + map->tag.size;

	if (map->entry_size < sizeof(struct mb2_mmap_entry))
		return;
	for (; p + map->entry_size <= end; p += map->entry_size) {
		const struct mb2_mmap_entry *e = (const void *)p;

		add_region(e->start, e->length, e->type);
	}
}

static void parse_mb2(u32 info)
{
	mpa_t at = info + 8UL, end = info + (u64) * (u32 *)mpa_to_virt(info);
	const struct mb2_module *m;
	const struct mb2_tag *tag;

	for (; at + sizeof(*tag) <= end; at += ALIGN_UP((u64)tag->size, 8)) {
		tag = mpa_to_virt(at);
		if (tag->type == MB2_END || tag->size < sizeof(*tag))
			break;
		switch (tag->type) {
		case MB2_CMDLINE:
			set_cmdline((const char *)(tag + 1), false);
			break;
		case MB2_MODULE:
			m = (const void *)tag;
			add_module(m->start, m->end);
			break;
		case MB2_MMAP:
			parse_mb2_mmap((const void *)tag);
			break;
		case MB2_RSDP_OLD: /* the new one wins */
			if (boot_info.rsdp)
				break;
			/* fall through */
		case MB2_RSDP_NEW:
			memcpy(rsdp_copy, tag + 1,
			       MIN(tag->size - sizeof(*tag),
				   sizeof(rsdp_copy)));
			boot_info.rsdp = virt_to_mpa(rsdp_copy);
			break;
		}
	}
}

/* What is no RAM; in any order, perhaps twice. */
static void copy_reserved(void)
{
	for (unsigned int i = 0; i < raw_count; i++)
		if (raw[i].type != 1 &&
		    boot_info.reserved_count < BOOT_MAX_RESERVED)
			boot_info.reserved[boot_info.reserved_count++] =
				(struct boot_region){ raw[i].start,
						      raw[i].end };
}

void multiboot_parse(u32 magic, u32 info)
{
	if (magic == MB1_BOOT_MAGIC)
		parse_mb1(mpa_to_virt(info));
	else if (magic == MB2_BOOT_MAGIC)
		parse_mb2(info);
	else
		panic("not started by a Multiboot loader (eax = %x)", magic);
	sort_regions();
	copy_reserved();
	if (!boot_info.region_count)
		panic("the boot loader gave no memory map");
}
