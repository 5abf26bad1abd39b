// SPDX-License-Identifier: GPL-2.0
/*
 * The first C of a kernel that starts on Lodge, up to start_kernel().
 *
 * The order matters and is that of lodge_start_kernel(): nothing before
 * clear_bss() may keep state; no interrupt flag may be touched before the irq
 * ops are in place, and no descriptor, CPUID or page-table base before theirs.
 * Everything runs on the boot CPU with interrupts off.
 */
#include <linux/init.h>
#include <linux/pgtable.h>
#include <linux/string.h>

#include <asm/bootparam.h>
#include <asm/cpu.h>
#include <asm/desc.h>
#include <asm/e820/types.h>
#include <asm/fsgsbase.h>
#include <asm/hypervisor.h>
#include <asm/paravirt.h>
#include <asm/proto.h>
#include <asm/sections.h>
#include <asm/setup.h>
#include <asm/text-patching.h>
#include <asm/tlbflush.h>

#include "../kernel/cpu/cpu.h"
#include "lodge.h"

#define LOADER_UNDEFINED 0xff
#define BOOT_PROTOCOL 0x020c

/* In .data: set before anything else and asked for by any code. */
bool lodge_active __ro_after_init;
struct lodge_start_info lodge_start __ro_after_init;

phys_addr_t lodge_pa(const void *object)
{
	if (is_vmalloc_addr(object))
		return slow_virt_to_phys((void *)object);
	return __pa(object);
}

static void __init redirect(void (*from)(void), void (*to)(void))
{
	__text_gen_insn(from, JMP32_INSN_OPCODE, from, to, JMP32_INSN_SIZE);
}

/*
 * Both iret exits of the entry code end in these two, with the frame at rsp.
 * The third would turn real interrupts off, which ring 1 cannot.
 */
static void __init patch_text(void)
{
	redirect(early_xen_iret_patch, lodge_iret);
	redirect(xen_iret, lodge_iret);
	redirect(this_cpu_cmpxchg16b_emu, lodge_cmpxchg16b);
}

/* Options that keep off what cannot work: another kernel in ring 0. */
static void __init add_options(void)
{
	if (IS_ENABLED(CONFIG_HIBERNATION))
		strlcat(boot_command_line, " nohibernate", COMMAND_LINE_SIZE);
	if (IS_ENABLED(CONFIG_KEXEC_CORE) && IS_ENABLED(CONFIG_PROC_SYSCTL))
		strlcat(boot_command_line,
			" sysctl.kernel.kexec_load_disabled=1",
			COMMAND_LINE_SIZE);
}

/* Say in boot_params what a loader would have said. */
static void __init fill_boot_params(void)
{
	struct setup_header *hdr = &boot_params.hdr;
	unsigned int i;

	hdr->version = BOOT_PROTOCOL;
	hdr->type_of_loader = LOADER_UNDEFINED;
	hdr->ramdisk_image = lower_32_bits(lodge_start.initrd);
	hdr->ramdisk_size = lower_32_bits(lodge_start.initrd_size);
	boot_params.ext_ramdisk_image = upper_32_bits(lodge_start.initrd);
	boot_params.ext_ramdisk_size = upper_32_bits(lodge_start.initrd_size);

	for (i = 0; i < lodge_start.region_count; i++) {
		const struct lodge_region *region = &lodge_start.region[i];
		struct boot_e820_entry *entry = &boot_params.e820_table[i];

		entry->addr = region->base;
		entry->size = region->size;
		entry->type = region->type == LODGE_REGION_RAM ?
			      E820_TYPE_RAM : E820_TYPE_RESERVED;
	}
	boot_params.e820_entries = i;

	if (lodge_start.cmdline)
		strscpy(boot_command_line, __va(lodge_start.cmdline),
			COMMAND_LINE_SIZE);
	add_options();
}

static bool __init read_start_info(phys_addr_t pa)
{
	const struct lodge_start_info *info = __va(pa);

	if (info->magic != LODGE_START_MAGIC ||
	    info->version >> 16 != LODGE_ABI_MAJOR ||
	    info->region_count > LODGE_START_REGIONS) {
		static const char text[] = "Linux: not the Lodge I know\n";

		hc_console_write(__pa_symbol(text), sizeof(text) - 1);
		return false;
	}
	lodge_start = *info;
	lodge_start.name[sizeof(lodge_start.name) - 1] = '\0';
	return true;
}

/* C entry point; pa is the guest-physical address of the start info. */
asmlinkage __visible void __init lodge_start_kernel(phys_addr_t pa)
{
	clear_bss();
	if (!read_start_info(pa))
		hc_shutdown(LODGE_SHUTDOWN_CRASH);
	lodge_active = true;

	patch_text();
	vcpu_page()->kernel_gs = rdgsbase();

	pv_info.name = "Lodge";
	lodge_init_irq_ops();
	lodge_init_cpu_ops();
	lodge_init_desc_ops();
	lodge_init_debugreg_ops();
	lodge_init_trap_ops();
	lodge_init_mmu_ops();
	lodge_init_fork_ops();
	lodge_init_platform_ops();
	lodge_init_smp_ops();
	early_boot_irqs_disabled = true;
	lodge_init_boot_console();

	/* From here on an exception is reported, not fatal. */
	idt_setup_early_handler();
	lodge_register_callbacks();

	lodge_leave_boot_page_tables();

	get_cpu_cap(&boot_cpu_data);
	x86_configure_nx();
	switch_gdt_and_percpu_base(0);
	get_cpu_address_sizes(&boot_cpu_data);
	lodge_init_capabilities();
	cr4_init_shadow();

	fill_boot_params();
	x86_64_start_reservations(NULL);
}

static u32 __init lodge_detect(void)
{
	/* Any other hypervisor's signature below us must not win. */
	return lodge_active ? U32_MAX : 0;
}

const __initconst struct hypervisor_x86 x86_hyper_lodge = {
	.name = "Lodge",
	.detect = lodge_detect,
	.type = X86_HYPER_LODGE,
	.init.init_platform = lodge_init_platform,
	.init.init_after_bootmem = lodge_init_after_bootmem,
	.ignore_nopv = true,
};
