// SPDX-License-Identifier: GPL-2.0
/*
 * Where things stand in memory when the machine starts. Upwards, in the
 * largest piece of RAM below 4 GiB (the first 64 GiB are mapped by boot.S, but
 * a loader cannot put anything above 4):
 *
 *   the hypervisor's image | free | the control domain, where its kernel is
 *   linked | free | frame table | modules, moved here from wherever they were
 *
 * All of this runs on the boot processor before anything is allocated, except
 * for layout_free_modules(); what it finds is constant from then on.
 */
#include "../core/cmdline.h"
#include "../core/elf.h"
#include "../core/frame.h"
#include "../core/printk.h"
#include "../core/string.h"
#include "cpu.h"
#include "platform.h"

#define MAX_MEMORY (1UL << 39) /* one top-level slot is mapped */
#define MODULES_END (1UL << 32)
#define CONTROL_DEFAULT (256UL << 20)
#define DEVICE_END (1UL << 46)

extern char _end[];

struct boot_region control_memory;
const struct boot_region no_device[2] = {
	{ 0xfec00000, 0xfed00000 },
	{ 0xfee00000, 0xfef00000 },
};

static mpa_t modules_start, modules_end;

/* The largest piece below 4 GiB, without our image. */
static struct boot_region home(void)
{
	struct boot_region best = { 0 };

	for (unsigned int i = 0; i < boot_info.region_count; i++) {
		struct boot_region r = boot_info.region[i];

		r.start = ALIGN_UP(MAX(r.start, (mpa_t)_end), PAGE_SIZE);
		r.end = ALIGN_DOWN(MIN(r.end, MODULES_END), PAGE_SIZE);
		if (r.end > r.start && r.end - r.start > best.end - best.start)
			best = r;
	}
	return best;
}

/* The two may overlap. */
static void move(mpa_t to, mpa_t from, u64 n)
{
	u64 part = to > from ? MIN(to - from, n) : n;

	/* Upwards the last part goes first; it is where nothing is left. */
	for (; n && to != from; n -= part) {
		part = MIN(part, n);
		memcpy(mpa_to_virt(to + n - part), mpa_to_virt(from + n - part),
		       part);
	}
}

/* The highest one that starts below limit and does (not) stand in r. */
static struct boot_region *next_module(const struct boot_region *r, bool inside,
				       mpa_t limit)
{
	struct boot_region *found = NULL;

	for (unsigned int i = 0; i < boot_info.module_count; i++) {
		struct boot_region *m = &boot_info.module[i];

		if (m->start < limit && (!found || m->start > found->start) &&
		    inside == (m->start >= r->start && m->start < r->end))
			found = m;
	}
	return found;
}

/* Moves the modules that stand in r, or the others, down to below *end. */
static void pack(const struct boot_region *r, bool inside, mpa_t *end)
{
	mpa_t limit = ~0UL, to;
	struct boot_region *m;

	while ((m = next_module(r, inside, limit))) {
		u64 size = m->end - m->start;

		if (size > *end - r->start)
			panic("no room for the modules");
		to = ALIGN_DOWN(*end - size, PAGE_SIZE);
		move(to, m->start, size);
		limit = MIN(m->start, to);
		*m = (struct boot_region){ to, to + size };
		*end = to;
	}
}

/* Gives the RAM between two addresses to the frame allocator. */
static void add_frames(mpa_t from, mpa_t to)
{
	for (unsigned int i = 0; i < boot_info.region_count; i++) {
		mpa_t start = MAX(boot_info.region[i].start, from);
		mpa_t end = MIN(boot_info.region[i].end, to);

		if (start < end)
			frame_add(start, end);
	}
}

/* Takes the memory of the control domain, if it is there below end. */
static void reserve_control(mpa_t end)
{
	const struct boot_region *k = layout_module(cmdline.control.kernel);
	u64 size = (u64)cmdline.control.mem_mib << 20, room;
	struct elf_image img;
	mpa_t start;

	if (!cmdline.has_control || !k ||
	    elf_parse(mpa_to_virt(k->start), k->end - k->start, &img))
		return; /* it will be told when it is started */
	start = ALIGN_DOWN(img.start, LARGE_SIZE);
	room = start < end ? end - start : 0;
	if (!size) /* some is for its shadows, and for others */
		size = MIN(CONTROL_DEFAULT, room / 4 * 3);
	size = ALIGN_DOWN(size, LARGE_SIZE);
	if (size && size <= room &&
	    frame_claim(start, start + size, FRAME_DOM_NONE))
		control_memory = (struct boot_region){ start, start + size };
}

void layout_init(void)
{
	struct boot_region r = home();
	mpa_t at = r.end, max = 0;
	size_t size;

	modules_end = r.end;
	pack(&r, true, &at);
	pack(&r, false, &at);
	for (unsigned int i = 0; i < boot_info.region_count; i++)
		max = MAX(max, MIN(boot_info.region[i].end, MAX_MEMORY));
	size = ALIGN_UP(frame_table_size(max >> PAGE_SHIFT), PAGE_SIZE);
	if (size > at - r.start)
		panic("no room for the frame table (%lu KiB)", size >> 10);
	modules_start = at;
	at -= size;
	memset(mpa_to_virt(at), 0, size);
	frame_init(mpa_to_virt(at), max >> PAGE_SHIFT);
	add_frames(ALIGN_UP((mpa_t)_end, PAGE_SIZE), at);
	add_frames(modules_end, BOOT_MAP_END);
	reserve_control(at);
}

void layout_add_high(void)
{
	add_frames(BOOT_MAP_END, MAX_MEMORY);
}

void layout_free_modules(void)
{
	add_frames(modules_start, modules_end);
}

const struct boot_region *layout_module(s64 index)
{
	if (index < 0 || index >= boot_info.module_count)
		return NULL;
	return &boot_info.module[index];
}

static bool overlaps(const struct boot_region *r, unsigned int n, mpa_t page)
{
	for (; n; n--, r++)
		if (page < r->end && page + PAGE_SIZE > r->start)
			return true;
	return false;
}

bool is_device_memory(mpa_t page)
{
	u32 width, b, c, d;

	cpuid(0x80000008, 0, &width, &b, &c, &d);
	return page < DEVICE_END && page < BIT(width & 0x3f) &&
	       !overlaps(no_device, ARRAY_SIZE(no_device), page) &&
	       !overlaps(boot_info.region, boot_info.region_count, page) &&
	       page != (acpi_info.ioapic & PAGE_MASK) &&
	       page != (rdmsr(MSR_APIC_BASE) & PTE_ADDR);
}
