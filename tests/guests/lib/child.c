// SPDX-License-Identifier: GPL-2.0-only
/*
 * Children of a control domain (child.h). The image is text and data as they
 * were when child_init() was called, without .bss: new memory is empty. Its
 * page tables name the same guest-physical addresses in every domain; only
 * what map_user() has added to them is taken out again.
 */
#include "child.h"

extern char kernel_start[], bss_start[], kernel_end[], image_end_gpa[];
extern char _start[];

static char *image; /* [kernel_start, bss_start), then what is behind .bss */
static u64 low_size, high_size;

static u64 high_gpa(void)
{
	return gpa(kernel_end);
}

void child_init(void)
{
	u64 *root;

	low_size = bss_start - kernel_start;
	high_size = (u64)image_end_gpa - high_gpa();
	image = alloc_pages((low_size + high_size) / PAGE_SIZE, PAGE_SIZE);
	memcpy(image, kernel_start, low_size);
	memcpy(image + low_size, va(high_gpa()), high_size);
	root = (void *)(image + ((char *)boot_root - kernel_start));
	memset(root, 0, 256 * sizeof(*root));
}

void hand_init(struct hand *h, u64 window)
{
	h->page = alloc_page();
	h->window = window;
	h->held = 0;
	pte_of(root_gpa, window, 1, true);
	pte_of(root_gpa, window + (HAND_PAGES - 1) * PAGE_SIZE, 1, true);
}

s64 child_create(struct hand *h, const char *name, u32 vcpus, u64 frames)
{
	struct lodge_control_create *c = (void *)h->page;

	memset(c, 0, sizeof(*c));
	memcpy(c->name, name, strlen(name) + 1);
	c->vcpus = vcpus;
	c->max_frames = c->target_frames = frames;
	c->vcpus_online = 1;
	return hc_control(h, CREATE, 0);
}

struct lodge_domain_info *child_info(struct hand *h, u32 domid)
{
	struct lodge_domain_info *info = (void *)h->page;

	if (hc_control(h, INFO, domid) || info->domid != domid)
		return NULL;
	return info;
}

void *child_hold(struct hand *h, u32 domid, u64 where, u64 count)
{
	u64 i;
	s64 n;

	if (h->held || count > HAND_PAGES)
		test_error("a hand holds %lu pages, and shall %lu", h->held,
			   count);
	for (i = 0; i < count; i++)
		h->page[i] = where + i * PAGE_SIZE;
	n = hc_control(h, MAP, domid, count);
	for (i = 0; (s64)i < n; i++)
		map_page(root_gpa, h->window + i * PAGE_SIZE, h->page[i],
			 PTE_KERNEL);
	h->held = n > 0 ? n : 0;
	if (h->held == count)
		return (void *)h->window;
	if (h->held)
		child_let_go(h);
	return NULL;
}

void child_let_go(struct hand *h)
{
	u64 i;

	for (i = 0; i < h->held; i++) {
		volatile u64 *pte =
			pte_of(root_gpa, h->window + i * PAGE_SIZE, 1, false);

		h->page[i] = *pte & PTE_ADDR;
		*pte = 0;
	}
	flush_kernel(h->window, h->window + h->held * PAGE_SIZE);
	CHECK_EQ(hc_control(h, UNMAP, 0, h->held), h->held);
	h->held = 0;
}

static bool put(struct hand *h, u32 domid, u64 where, const void *from,
		u64 size)
{
	u64 n;

	for (; size; size -= n, where += n, from = (char *)from + n) {
		u64 pages = (size + PAGE_SIZE - 1) / PAGE_SIZE;
		void *to;

		n = size < HAND_PAGES * PAGE_SIZE ? size :
						    HAND_PAGES * PAGE_SIZE;
		if (pages > HAND_PAGES)
			pages = HAND_PAGES;
		to = child_hold(h, domid, where, pages);
		if (!to)
			return false;
		memcpy(to, from, n);
		child_let_go(h);
	}
	return true;
}

static void add_region(struct lodge_start_info *si, u64 base, u64 end, u32 type)
{
	struct lodge_region *r = &si->region[si->region_count++];

	r->base = base;
	r->size = end - base;
	r->type = type;
}

bool child_load(struct hand *h, u32 domid, u64 frames, u32 vcpus,
		const char *cmdline)
{
	struct lodge_start_info si = *start_info;

	si.flags = 0;
	si.domid = domid;
	si.vcpu_count = vcpus;
	si.cmdline = CHILD_CMDLINE;
	si.initrd = si.initrd_size = 0;
	si.region_count = 0;
	memset(si.region, 0, sizeof(si.region));
	add_region(&si, 0, 0x9f000, LODGE_REGION_RAM);
	add_region(&si, 0x9f000, 0x100000, LODGE_REGION_RESERVED);
	add_region(&si, 0x100000, frames * PAGE_SIZE, LODGE_REGION_RAM);
	return put(h, domid, gpa(kernel_start), image, low_size) &&
	       put(h, domid, high_gpa(), image + low_size, high_size) &&
	       put(h, domid, CHILD_INFO, &si, sizeof(si)) &&
	       put(h, domid, CHILD_CMDLINE, cmdline, strlen(cmdline) + 1);
}

s64 child_start(struct hand *h, u32 domid)
{
	struct lodge_control_start *s = (void *)h->page;

	memset(s, 0, sizeof(*s));
	s->rip = (u64)_start;
	s->root = root_gpa;
	s->info = CHILD_INFO;
	return hc_control(h, START, domid);
}

u64 child_free_frames(struct hand *h)
{
	struct lodge_machine_info *m = (void *)h->page;
	struct lodge_domain_info *info = child_info(h, start_info->domid);
	u64 ours;

	if (!info)
		test_error("INFO does not know its caller");
	ours = info->overhead;
	CHECK_EQ(hc_control(h, MACHINE, 0), 0);
	return m->free_frames + ours;
}
