// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: how a domain starts (start.h): vCPU 0 in ring 1 at the entry note,
 * rsi = gpa of the start information, all other registers 0, virtual
 * interrupts off, the root of the note loaded; the start information is
 * filled in truthfully. How: looks at the registers that _start saved and at
 * every field.
 */
#include "guest.h"

static void check_registers(void)
{
	int i;

	for (i = 0; i < 15; i++)
		CHECK(i == 4 || !boot_regs[i], "register %d starts as %lx", i,
		      boot_regs[i]);
	CHECK(boot_regs[15] & X86_IF, "real IF is off: rflags %lx",
	      boot_regs[15]);
	CHECK(!(boot_regs[15] & (X86_IOPL | X86_NT | X86_DF | X86_TF | X86_AC)),
	      "rflags start as %lx", boot_regs[15]);
	CHECK_EQ(boot_regs[16] & 0xffff, LODGE_KERNEL_CS);
	CHECK_EQ(boot_regs[17] & 0xffff, LODGE_KERNEL_DS);
	CHECK(!vcpu_page->vif, "virtual interrupts start on");
	CHECK(!vcpu_page->pending, "an event is pending at the start");
}

static void check_region(u32 i)
{
	struct lodge_region *region = &start_info->region[i];

	printf("  region %u: %lx + %lx type %u\n", i, region->base,
	       region->size, region->type);
	CHECK(region->size && region->base + region->size > region->base,
	      "region %u has a bad size", i);
	CHECK(region->type == LODGE_REGION_RAM ||
		      region->type == LODGE_REGION_RESERVED,
	      "region %u has type %u", i, region->type);
	CHECK_EQ(region->pad0, 0);
}

static void check_start_info(void)
{
	struct lodge_start_info *info = start_info;
	u32 i;

	CHECK(boot_regs[4] < SIZE_1G && !(boot_regs[4] & 7),
	      "start info at %lx", boot_regs[4]);
	CHECK(info->magic == LODGE_START_MAGIC, "magic %lx", info->magic);
	CHECK_EQ(info->version >> 16, LODGE_ABI_MAJOR);
	CHECK_EQ(info->flags & LODGE_START_CONTROL, 0);
	CHECK(info->vcpu_count >= 1 && info->vcpu_count <= LODGE_MAX_VCPUS,
	      "%u vCPUs", info->vcpu_count);
	CHECK(info->region_count >= 1 &&
		      info->region_count <= LODGE_START_REGIONS,
	      "%u regions", info->region_count);
	CHECK(info->tsc_khz > 10000, "TSC of %u kHz", info->tsc_khz);
	for (i = 0; i < info->region_count && i < LODGE_START_REGIONS; i++)
		check_region(i);
	for (i = 0; i < 32 && info->name[i]; i++)
		;
	CHECK(i < 32, "the name is not terminated");
	printf("  domain %u \"%s\", %u vCPUs, features %lx, TSC %u kHz\n",
	       info->domid, info->name, info->vcpu_count, info->features,
	       info->tsc_khz);
	printf("  cmdline \"%s\"\n",
	       info->cmdline ? (char *)va(info->cmdline) : "");
}

void test_main(void)
{
	printf("  hello from ring %d\n", (int)(boot_regs[16] & 3));
	check_registers();
	check_start_info();
	CHECK_EQ(hc(LODGE_HC_VERSION) >> 16, LODGE_ABI_MAJOR);
	CHECK_EQ(hc(LODGE_HC_VERSION), start_info->version);
}
