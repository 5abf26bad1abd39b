/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The machine: what platform code (multiboot.c, acpi.c, apic.c, ioapic.c,
 * smp.c, tsc.c, serial.c, power.c, paging.c) gives to the rest.
 */
#ifndef X86_PLATFORM_H
#define X86_PLATFORM_H

#include "../core/types.h"

/* Physical vectors of the hypervisor. */
#define VEC_IRQ_BASE 0x20
#define VEC_SERIAL 0x24
#define VEC_DEVICE_FIRST 0x30 /* of devices; physdev.c */
#define VEC_DEVICE_LAST 0xdf
#define VEC_KICK 0xe0 /* IPI: come out of the guest, look around */
#define VEC_TIMER 0xe1 /* local APIC timer */
#define VEC_SPURIOUS 0xef

/* --- multiboot.c: what the loader said, of either version --- */
#define BOOT_MAX_MODULES 64
#define BOOT_MAX_REGIONS 128
#define BOOT_MAX_RESERVED 16
#define BOOT_CMDLINE 16384

struct boot_region {
	mpa_t start, end;
};

struct boot_info {
	char cmdline[BOOT_CMDLINE]; /* without our own file name */
	unsigned int module_count;
	struct boot_region module[BOOT_MAX_MODULES];
	unsigned int region_count;
	struct boot_region region[BOOT_MAX_REGIONS]; /* RAM; sorted */
	unsigned int reserved_count;
	struct boot_region reserved[BOOT_MAX_RESERVED]; /* by firmware */
	mpa_t rsdp; /* 0: search */
};

extern struct boot_info boot_info;

/* Copies everything out of loader memory. magic and info as left in eax, ebx */
void multiboot_parse(u32 magic, u32 info);

/* --- layout.c: where things stand in memory --- */
/* What the control domain gets, held for it; whole pieces of 2 MiB, or 0. */
extern struct boot_region control_memory;
/* Never a device's: I/O APICs, and local APICs with the target of MSIs. */
extern const struct boot_region no_device[2];
/* All RAM goes to the allocator but for modules, control_memory, and us. */
void layout_init(void);
/* Memory that could not be touched before paging_init(). */
void layout_add_high(void);
/* The modules are needed no more. */
void layout_free_modules(void);
const struct boot_region *layout_module(s64 index); /* NULL: none */
/* May a device answer at this page? */
bool is_device_memory(mpa_t page);

/* --- acpi.c --- */
struct acpi_info {
	unsigned int cpu_count;
	u32 apic_id[64];
	mpa_t ioapic; /* that of the ISA interrupts; 0: none */
	u16 pm1a_cnt, pm1b_cnt; /* ports; 0: unknown */
	u16 slp_typa, slp_typb; /* for S5 */
	bool has_s5, has_reset;
	u16 reset_port; /* I/O port; 0: none */
	u8 reset_value;
	u16 pm_timer; /* port; 0: none */
	u32 smi_cmd; /* port that turns ACPI mode on; 0: always on */
	u8 acpi_enable; /* what to write there */
};

extern struct acpi_info acpi_info;
/* Fills acpi_info; one processor and no I/O APIC if there are no tables. */
void acpi_parse(mpa_t rsdp);

/* --- paging.c: the hypervisor's own tables --- */
#define BOOT_MAP_END (64UL << 30) /* what is mapped before paging_init() */
/*
 * Maps RAM and the APICs below the boot top-level table, which stays in use.
 * Memory above BOOT_MAP_END can be touched, and so be given to the allocator,
 * only after this. What boot.S no longer needs goes to the allocator, too.
 */
void paging_init(void);
/* A new top-level table: shared lower slots, slot 256 -> area_l3 (or 0). */
u64 *paging_new_pml4(u64 *area_l3);

/* --- apic.c --- */
void apic_init_cpu(void); /* this processor's local APIC, x2APIC if there */
u32 apic_id(void);
void apic_eoi(void);
#define APIC_NMI 0x400
#define APIC_INIT 0x500
void apic_send(u32 apic_id, u32 command); /* a vector, or one of these */
void apic_send_init_sipi(u32 apic_id, u8 page);
void apic_timer_calibrate(void); /* once, on the boot processor */
/* One-shot, in ns from now (at least about 1 us); ~0: stop. */
void apic_timer_set_ns(u64 delta);
extern bool apic_is_x2apic;

/* --- ioapic.c, serial.c --- */
void pic_off(void); /* by apic_init_cpu() */
void ioapic_init(void); /* masks everything, routes the serial line */
void serial_init(void);
void serial_putc(char c);
void serial_enable_irq(void);
void serial_interrupt(void); /* reads all, calls console_input() */

/* --- tsc.c --- */
/* Increments per second of an upward counter; takes about 50 ms. */
u64 clock_measure(u64 (*counter)(void));
void delay_us(unsigned int us); /* by the same clock; coarse */
u64 tsc_calibrate(void); /* kHz */
u64 cmos_seconds(void); /* UTC seconds since 1970 */

/* --- physdev.c --- */
struct vcpu;
/* LODGE_HC_PHYSDEV; current vCPU is v. */
s64 do_physdev(struct vcpu *v, u64 op, u64 arg0, u64 arg1, u64 arg2);
/* A vector has come to this processor; false: it is none for devices. */
bool physdev_interrupt(u64 vector);
/* Waits if another processor asks all to; without locks. */
void physdev_pause(void);

/* --- smp.c --- */
#define TRAMPOLINE_PAGE 0x8000 /* page below 1 MiB where processors start */
/*
 * Starts the other processors (limit: how many in all, 0: no limit); each
 * ends in cpu_start_secondary(). Returns when they are online.
 */
void smp_start(unsigned int limit);
/* Id 0 gets the pcpu and stack in use since boot. NULL: no memory. */
struct pcpu *pcpu_create(unsigned int id, u32 apic_id);
void smp_kick(unsigned int cpu); /* sends VEC_KICK */
/* Panic: stops all others for good. */
void smp_stop_others(void);
/* First thing on an NMI: does not return if smp_stop_others() sent it. */
void smp_nmi(void);
/* Halts this processor for ever. */
void cpu_stop(void) __attribute__((noreturn));

/* --- power.c --- */
void machine_poweroff(void) __attribute__((noreturn));
void machine_reboot(void) __attribute__((noreturn));
/* After a panic: debug-exit if asked for, else halt. */
void machine_fail(void) __attribute__((noreturn));

/* --- start.c: entered on the boot processor --- */
void start(u32 magic, u32 info);
/*
 * Entered by each secondary processor on its own stack, tables and IDT, with
 * its local APIC on, interrupts off. Sets its pcpu's online when ready.
 */
void cpu_start_secondary(void) __attribute__((noreturn));

#endif
