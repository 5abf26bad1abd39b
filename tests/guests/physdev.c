// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: PHYSDEV and device memory are the control domain's alone (physdev.h).
 * There, each operation does what the header says and refuses the rest; RAM
 * is one to one, so a device's DMA finds it; what is no RAM is a device, and
 * RAM of others or the APICs is never reached; tables for it are limited. How:
 * QEMU's device `edu`, which interrupts and copies on command. In any other
 * domain every operation is -EPERM and every address a fault.
 */
#include <lodge/memory.h>
#include <lodge/physdev.h>
#include "guest.h"

#define EDU_ID 0x11e81234
#define EDU_MAGIC 0xed /* lowest byte of its first register */
#define EDU_LIVENESS 0x04
#define EDU_RAISE 0x60
#define EDU_ACK 0x64
#define EDU_DMA 0x80 /* source, destination, count, command */
#define EDU_BUFFER 0x40000
#define EDU_COPY 2048UL /* QEMU refuses the whole buffer at once */

#define BAR KMAP_BASE
#define WINDOW (KMAP_BASE + SIZE_1G) /* one page, mapped anew each time */
#define MARKER 0x706879736465762eUL
#define VECTORS 160 /* for devices, of each processor */

#define hc_physdev(op, ...) \
	hc(LODGE_HC_PHYSDEV, LODGE_PHYSDEV_##op, __VA_ARGS__)

static struct lodge_msi msi __attribute__((aligned(16)));
static volatile u64 events;
static u64 edu; /* its place in configuration space, of register 0 */

static u64 do_read(u64 address, u64 b, u64 c)
{
	return *(volatile u32 *)address;
}

/* The vector of a read at that guest-physical address. */
static u64 touch(u64 frame)
{
	map_page(root_gpa, WINDOW, frame, PTE_KERNEL);
	flush_kernel(WINDOW, WINDOW + PAGE_SIZE);
	return probe(do_read, WINDOW, 0, 0);
}

static void test_plain(void)
{
	u64 op;

	for (op = 0; op < 6; op++)
		CHECK_EQ(hc(LODGE_HC_PHYSDEV, op, 0, gpa(&msi), 0),
			 -LODGE_EPERM);
	CHECK_EQ(hc(LODGE_HC_PHYSDEV, ~0UL, ~0UL, ~0UL, ~0UL), -LODGE_EPERM);
	CHECK_EQ(touch(0xb0000000), PF);
	CHECK_EQ(touch(0xfebf0000), PF);
	CHECK_EQ(touch(0xfed00000), PF);
	CHECK_EQ(touch(0xfffff000), PF);
}

/* ------------------------------------------------------- configuration */

static u32 read_config(u64 reg, u64 size)
{
	return hc_physdev(PCI_READ, edu | reg, size);
}

static void write_config(u64 reg, u64 size, u64 value)
{
	CHECK_EQ(hc_physdev(PCI_WRITE, edu | reg, size, value), 0);
}

static void test_config(void)
{
	static const u64 bad[][2] = {
		{ 0, 0 },	  { 0, 3 },    { 0, 8 },     { 0, ~0UL },
		{ 1, 2 },	  { 2, 4 },    { 0x100, 4 }, { 0xf00, 1 },
		{ 1UL << 28, 4 }, { ~0UL, 1 },
	};
	u64 devfn, i;

	for (devfn = 0; devfn < 256 && !edu; devfn++) {
		u64 place = LODGE_PCI_PLACE(0, devfn, 0UL);

		if (hc_physdev(PCI_READ, place, 4) == EDU_ID)
			edu = place;
	}
	if (!edu)
		test_error("there is no device edu");
	CHECK_EQ(read_config(0, 2), EDU_ID & 0xffff);
	CHECK_EQ(read_config(2, 2), EDU_ID >> 16);
	CHECK_EQ(read_config(3, 1), EDU_ID >> 24);
	CHECK_EQ(hc_physdev(PCI_READ, LODGE_PCI_PLACE(255UL, 255UL, 0UL), 4),
		 0xffffffff);
	write_config(0x3c, 1, 0xffffff5a);
	CHECK_EQ(read_config(0x3c, 1), 0x5a);
	for (i = 0; i < array_size(bad); i++) {
		CHECK_EQ(hc_physdev(PCI_READ, bad[i][0], bad[i][1]),
			 -LODGE_EINVAL);
		CHECK_EQ(hc_physdev(PCI_WRITE, bad[i][0], bad[i][1], 0),
			 -LODGE_EINVAL);
	}
	CHECK_EQ(hc(LODGE_HC_PHYSDEV, 4), -LODGE_ENOSYS);
	CHECK_EQ(hc(LODGE_HC_PHYSDEV, ~0UL), -LODGE_ENOSYS);
}

/* --------------------------------------------------------- the device */

static volatile u32 *reg32(u64 reg)
{
	return (volatile u32 *)(BAR + reg);
}

static void copy(u64 from, u64 to, u64 size, u64 command)
{
	volatile u64 *dma = (volatile u64 *)(BAR + EDU_DMA);

	dma[0] = from;
	dma[1] = to;
	dma[2] = size;
	dma[3] = command | 1;
	while (dma[3] & 1)
		hc(LODGE_HC_YIELD);
}

static void test_device(void)
{
	u64 *from = alloc_page(), *to = alloc_page(), i;
	u64 bar = read_config(0x10, 4) & ~15UL;

	for (i = 0; i <= EDU_BUFFER; i += PAGE_SIZE)
		map_page(root_gpa, BAR + i, bar + i, PTE_KERNEL);
	CHECK_EQ(*reg32(0) & 0xff, EDU_MAGIC);
	*reg32(EDU_LIVENESS) = 0x12345678;
	CHECK_EQ(*reg32(EDU_LIVENESS), ~0x12345678U);

	write_config(4, 2, 6); /* memory and DMA */
	for (i = 0; i < 512; i++)
		from[i] = MARKER * (i + 1);
	copy(gpa(from), EDU_BUFFER, EDU_COPY, 0);
	copy(EDU_BUFFER, gpa(to), EDU_COPY, 2);
	for (i = 0; i < EDU_COPY / 8; i++)
		CHECK_EQ(to[i], MARKER * (i + 1));
}

/* ---------------------------------------------------------- interrupts */

static void on_event(u64 port)
{
	events++;
	*reg32(EDU_ACK) = *reg32(0x24);
}

static void raise_and_wait(u64 expected)
{
	u64 end = now() + 5000000000UL;

	*reg32(EDU_RAISE) = 1;
	irq_on();
	while (events < expected && now() < end)
		hc(LODGE_HC_YIELD);
	irq_off();
	CHECK_EQ(events, expected);
}

/* Where the MSI capability stands. */
static u64 msi_capability(void)
{
	u64 at = read_config(0x34, 1);

	while (at && read_config(at, 1) != 5)
		at = read_config(at + 1, 1);
	if (!at)
		test_error("edu has no MSI");
	return at;
}

static void test_msi(void)
{
	u64 cap = msi_capability(), status, i;

	CHECK_EQ(hc_physdev(ALLOC_MSI, 64, gpa(&msi)), -LODGE_ENOENT);
	CHECK_EQ(hc_physdev(ALLOC_MSI, ~0UL, gpa(&msi)), -LODGE_ENOENT);
	CHECK_EQ(hc_physdev(ALLOC_MSI, 0, 0), -LODGE_EFAULT);
	CHECK_EQ(hc_physdev(ALLOC_MSI, 0, ram_end - 8), -LODGE_EFAULT);
	CHECK_EQ(hc_physdev(ALLOC_MSI, 0, gpa(&msi)), 0);
	CHECK_EQ(msi.address >> 20, 0xfee);
	status = hc_event(STATUS, msi.port, 0);
	CHECK_EQ(status & 0xff, LODGE_PORT_PIRQ);
	CHECK_EQ(hc_event(SEND, msi.port, 0), -LODGE_EINVAL);

	write_config(cap + 4, 4, msi.address);
	write_config(cap + 8, 4, 0);
	write_config(cap + 12, 2, msi.data);
	write_config(cap + 2, 2, read_config(cap + 2, 2) | 1);
	port_handler(msi.port, on_event);
	CHECK_EQ(hc_event(UNMASK, msi.port, 0), 0);
	for (i = 1; i <= 20; i++)
		raise_and_wait(i);

	/* one that nobody waits for any more, and one whose port has gone */
	CHECK_EQ(hc_physdev(FREE_MSI, msi.port), 0);
	CHECK_EQ(hc_physdev(FREE_MSI, msi.port), -LODGE_ENOENT);
	*reg32(EDU_RAISE) = 1;
	*reg32(EDU_ACK) = 1;
	CHECK_EQ(hc_event(CLOSE, msi.port, 0), 0);
	*reg32(EDU_RAISE) = 1;
	*reg32(EDU_ACK) = 1;
	write_config(cap + 2, 2, read_config(cap + 2, 2) & ~1);
	CHECK_EQ(events, 20);
	CHECK_EQ(hc_physdev(FREE_MSI, 0), -LODGE_ENOENT);
	CHECK_EQ(hc_physdev(FREE_MSI, ~0UL), -LODGE_ENOENT);
}

/* Every vector of every processor once, then no more; and all come back. */
static void test_exhaustion(u64 processors)
{
	static u32 ports[VECTORS * 8];
	static bool seen[256][256]; /* by APIC id and vector */
	u64 n, id, round;
	s64 ret;

	for (round = 0; round < 2; round++) {
		for (n = 0;; n++) {
			ret = hc_physdev(ALLOC_MSI, 0, gpa(&msi));
			if (ret)
				break;
			id = msi.address >> 12 & 0xff;
			CHECK(n < array_size(ports) && msi.data >= 0x30 &&
				      msi.data < 0xe0 && msi.data >> 4 != 8 &&
				      seen[id][msi.data] == round,
			      "vector %x of %lx", msi.data, id);
			seen[id][msi.data] = !round;
			ports[n] = msi.port;
		}
		CHECK_EQ(ret, -LODGE_ENOSPC);
		CHECK_EQ(n, VECTORS * processors);
		while (n--) {
			CHECK_EQ(hc_physdev(FREE_MSI, ports[n]), 0);
			CHECK_EQ(hc_event(CLOSE, ports[n], 0), 0);
		}
	}
}

/* -------------------------------------------------------------- memory */

#define hc_memory(op, gpa, count) \
	hc(LODGE_HC_MEMORY, LODGE_MEMORY_##op, gpa, count)
#define PAGES 64

static s64 populate(u64 entry)
{
	static u64 list[1] __attribute__((aligned(16)));
	s64 ret;

	do {
		list[0] = entry;
		ret = hc_memory(POPULATE, gpa(list), 1);
	} while (ret == -LODGE_EAGAIN);
	return ret;
}

/* What it gives back it can get again, at its own place alone. */
static void test_give_back(void)
{
	u64 *list = alloc_page(), *pages = alloc_pages(PAGES, PAGE_SIZE);
	u64 i, back = 0;
	s64 ret;

	for (i = 0; i < PAGES; i++) {
		pages[i * 512] = MARKER;
		list[i] = gpa(&pages[i * 512]);
	}
	CHECK_EQ(hc_memory(RELEASE, gpa(list), PAGES), PAGES);
	CHECK_EQ(touch(gpa(pages)), PF);
	CHECK_EQ(populate(0xfebf0000), -LODGE_ENOMEM);
	CHECK_EQ(populate(0x100000), -LODGE_ENOMEM);
	CHECK_EQ(populate(gpa(pages) + 8), -LODGE_EINVAL);
	CHECK_EQ(populate((gpa(pages) | LODGE_MEMORY_LARGE) + PAGE_SIZE),
		 -LODGE_EINVAL);
	CHECK_EQ(populate(-PAGE_SIZE), -LODGE_EINVAL);
	for (i = 0; i < PAGES; i++) {
		ret = populate(list[i]);
		if (ret == -LODGE_ENOMEM) /* somebody was faster */
			continue;
		CHECK_EQ(ret, 1);
		CHECK_EQ(pages[i * 512], 0);
		back++;
	}
	CHECK(back > PAGES / 2, "only %lu frames came back", back);
}

static void test_memory(void)
{
	CHECK_EQ(touch(0xff000), NO_FAULT); /* the firmware's ROM */
	CHECK_EQ(touch(0x8000), PF); /* RAM, of the hypervisor */
	CHECK_EQ(touch(0x100000), PF); /* its image */
	CHECK_EQ(touch(ram_end), PF); /* RAM of others, or nobody's */
	CHECK_EQ(touch(0xfee00000), PF);
	CHECK_EQ(touch(0xfec00000), PF);
	CHECK_EQ(touch(1UL << 46), PF);
	CHECK_EQ(touch(1UL << 50), PF);

	test_give_back();
}

/* Tables are limited: after some thousand of places there are no more. */
static void test_limit(void)
{
	u64 i;

	for (i = 0; i < 5000; i++)
		if (touch((1UL << 36) + i * SIZE_2M) != NO_FAULT)
			break;
	CHECK(i > 1000 && i < 4200, "%lu places of devices", i);
	CHECK_EQ(*reg32(0) & 0xff, EDU_MAGIC); /* what is there stays */
}

void test_main(void)
{
	if (!(start_info->flags & LODGE_START_CONTROL)) {
		test_plain();
		return;
	}
	test_config();
	test_device();
	test_msi();
	test_exhaustion(arg_u64("processors", 2));
	test_memory();
	test_limit();
}
