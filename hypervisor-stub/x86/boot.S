/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From the boot loader to start(), and from the trampoline to smp_ap_main().
 *
 * Both ways end in long mode with NX and write protection on, on a stack with
 * a pointer to the processor's struct pcpu at its lowest address, interrupts
 * off, and with no IDT: until entry_load_cpu() any exception resets the
 * machine. boot_pml4 maps the first 64 GiB one to one without any protection;
 * paging_init() replaces what it points to, and every processor that is
 * started later begins on it.
 */

#define MB1_MAGIC 0x1badb002
#define MB1_FLAGS 0x00010003 /* aligned modules, memory map, addresses */
#define MB2_MAGIC 0xe85250d6
#define BOOT_STACK_SIZE 16384 /* STACK_SIZE; asserted in pcpu.c */

#define CR0_START 0x80010033 /* PG WP NE ET MP PE */
#define CR4_START 0x20 /* PAE */
#define EFER_START 0x901 /* NXE LME SCE */
#define BOOT_MAP_GIB 64 /* BOOT_MAP_END in platform.h */
#define EFER_MSR 0xc0000080

	.section .boot.header, "a"
	.balign 8
mb1_header:
	.long MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)
	.long mb1_header, __image_start, _load_end, _end, boot_entry
	.balign 8
mb2_header:
	.long MB2_MAGIC, 0, mb2_end - mb2_header
	.long -(MB2_MAGIC + 0 + (mb2_end - mb2_header))
	.word 1, 1 /* wanted, not required: memory map, both kinds of RSDP */
	.long 8 + 3 * 4
	.long 6, 14, 15
	.balign 8
	.word 2, 0 /* addresses: as above */
	.long 24
	.long mb2_header, __image_start, _load_end, _end
	.word 3, 0 /* entry */
	.long 12
	.long boot_entry
	.balign 8
	.word 6, 0 /* modules start on a page */
	.long 8
	.word 0, 0
	.long 8
mb2_end:

/*
 * To long mode, on boot_pml4, and on at \target. Needs protected mode and
 * boot_gdt; clobbers eax, ecx, edx.
 */
.macro ENTER_LONG_MODE target
	mov $CR4_START, %eax
	mov %eax, %cr4
	mov $boot_pml4, %eax
	mov %eax, %cr3
	mov $EFER_MSR, %ecx
	rdmsr
	or $EFER_START, %eax
	wrmsr
	mov $CR0_START, %eax
	mov %eax, %cr0
	ljmp $8, $\target
.endm

.macro LOAD_FLAT_DATA
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
.endm

	.section .boot.text, "ax"
	.code32
/*
 * Entered by the boot loader: flat 32-bit protected mode, paging and
 * interrupts off, eax = magic, ebx = address of its information.
 */
	.globl boot_entry
	.type boot_entry, @function
boot_entry:
	cli
	cld
	mov %eax, %edi
	mov %ebx, %esi
	mov $boot_stack_top, %esp

	mov $0x80000000, %eax
	cpuid
	mov $0x80000001, %ecx
	cmp %ecx, %eax
	jb too_old
	mov %ecx, %eax
	cpuid
	and $(1 << 29 | 1 << 20), %edx /* long mode, NX */
	cmp $(1 << 29 | 1 << 20), %edx
	jne too_old

	movl $(boot_l3 + 7), boot_pml4
	mov $(boot_l2 + 7), %eax
	xor %ecx, %ecx
1:	mov %eax, boot_l3(,%ecx,8)
	add $4096, %eax
	inc %ecx
	cmp $BOOT_MAP_GIB, %ecx
	jb 1b

	mov $0x83, %eax /* present, writable, 2 MiB */
	xor %ecx, %ecx
	xor %edx, %edx
2:	mov %eax, boot_l2(,%ecx,8)
	mov %edx, boot_l2 + 4(,%ecx,8)
	add $0x200000, %eax
	adc $0, %edx
	inc %ecx
	cmp $(BOOT_MAP_GIB * 512), %ecx
	jb 2b

	lgdt boot_gdtr
	ENTER_LONG_MODE boot_entry64
	.size boot_entry, . - boot_entry

/* Says why on the serial port, whatever its speed, and stops. */
too_old:
	mov $too_old_text, %esi
	mov $0x3f8, %edx
3:	lodsb
	test %al, %al
	jz 4f
	out %al, %dx
	jmp 3b
4:	hlt
	jmp 4b

/*
 * Entered by the trampoline: flat 32-bit protected mode on boot_gdt, paging
 * off. smp.c has set ap_start_cr3 and ap_start_stack for this processor.
 */
	.globl ap_entry32
	.type ap_entry32, @function
ap_entry32:
	mov $0x10, %eax
	mov %eax, %ds
	ENTER_LONG_MODE ap_entry64
	.size ap_entry32, . - ap_entry32

	.code64
	.type boot_entry64, @function
boot_entry64:
	LOAD_FLAT_DATA
	mov $boot_stack_top, %esp
	movq $boot_pcpu, boot_stack(%rip)
	xor %ebp, %ebp
	call start
5:	hlt
	jmp 5b
	.size boot_entry64, . - boot_entry64

	.type ap_entry64, @function
ap_entry64:
	LOAD_FLAT_DATA
	mov ap_start_stack(%rip), %rsp
	mov ap_start_cr3(%rip), %rax
	mov %rax, %cr3
	xor %ebp, %ebp
	call smp_ap_main
6:	hlt
	jmp 6b
	.size ap_entry64, . - ap_entry64

	.section .rodata, "a"
	.balign 8
	.globl boot_gdt
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff /* 0x08: 64-bit code */
	.quad 0x00cf93000000ffff /* 0x10: data */
	.quad 0x00cf9b000000ffff /* 0x18: 32-bit code */
boot_gdt_end:
	.globl boot_gdtr
boot_gdtr:
	.word boot_gdt_end - boot_gdt - 1
	.long boot_gdt
too_old_text:
	.asciz "lodge: needs a 64-bit processor with NX\r\n"

	.section .bss, "aw", @nobits
	.balign BOOT_STACK_SIZE
	.globl boot_stack
boot_stack:
	.skip BOOT_STACK_SIZE
boot_stack_top:
	.balign 4096
	.globl boot_pml4
boot_pml4:
	.skip 4096
	.globl boot_l3, boot_l2_end
boot_l3:
	.skip 4096
boot_l2:
	.skip BOOT_MAP_GIB * 4096
boot_l2_end:
