// SPDX-License-Identifier: GPL-2.0
/*
 * Reads the few ACPI facts that the hypervisor needs into acpi_info: which
 * processors there are, where the I/O APIC is, how to switch off. Runs once,
 * on the boot tables; acpi_info is constant afterwards and no table is looked
 * at again. Firmware makes mistakes, so a table counts only if its length is
 * sane and its checksum right, and no field is read beyond its length.
 */
#include "platform.h"
#include "../core/frame.h"
#include "../core/printk.h"
#include "../core/string.h"

#define TABLE_MAX (16UL << 20)
#define TABLE_END (1UL << 32) /* one above is taken for an error */

struct rsdp {
	char signature[8];
	u8 checksum, oem[6], revision;
	u32 rsdt, length;
	u64 xsdt;
	u8 checksum2, pad[3];
} __packed;

#define RSDP_V1_SIZE 20

struct acpi_table {
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem[6], oem_table[8];
	u32 oem_revision, creator, creator_revision;
	u8 body[];
} __packed;

/* Types of entries in the MADT. */
enum { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_X2APIC = 9 };

/* Offsets in the FADT; the reset register's address is 4 bytes further. */
enum {
	FADT_DSDT = 40,
	FADT_SMI_CMD = 48,
	FADT_ACPI_ENABLE = 52,
	FADT_PM1A_CNT = 64,
	FADT_PM1B_CNT = 68,
	FADT_PM_TMR = 76,
	FADT_FLAGS = 112,
	FADT_RESET_REG = 116,
	FADT_RESET_VALUE = 128,
	FADT_X_DSDT = 140
};

#define FADT_FLAG_RESET BIT(10)
#define SPACE_IO 1

#define AML_NAME 0x08
#define AML_PACKAGE 0x12
#define AML_ONE 0x01
#define AML_BYTE 0x0a
#define AML_WORD 0x0b

struct acpi_info acpi_info;

static bool checksum_ok(const void *p, size_t n)
{
	const u8 *b = p;
	u8 sum = 0;

	while (n--)
		sum += *b++;
	return !sum;
}

/* The table at a, if it is there and whole; sig NULL: of any kind. */
static const struct acpi_table *table_at(u64 a, const char *sig)
{
	const struct acpi_table *t = mpa_to_virt(a);

	if (!a || a >= TABLE_END - TABLE_MAX)
		return NULL;
	if (sig && memcmp(t->signature, sig, 4))
		return NULL;
	if (t->length < sizeof(*t) || t->length > TABLE_MAX ||
	    !checksum_ok(t, t->length)) {
		printk("acpi: bad table at %lx ignored\n", a);
		return NULL;
	}
	return t;
}

/* An unaligned little-endian field of n bytes; 0 beyond the table's end. */
static u64 field(const struct acpi_table *t, u32 offset, unsigned int n)
{
	u64 v = 0;

	if (offset + n <= t->length)
		memcpy(&v, (const u8 *)t + offset, n);
	return v;
}

static bool rsdp_ok(const struct rsdp *r)
{
	return !memcmp(r->signature, "RSD PTR ", 8) &&
	       checksum_ok(r, RSDP_V1_SIZE);
}

static const struct rsdp *rsdp_scan(mpa_t start, mpa_t end)
{
	for (; start < end; start += 16)
		if (rsdp_ok(mpa_to_virt(start)))
			return mpa_to_virt(start);
	return NULL;
}

static const struct rsdp *rsdp_find(mpa_t hint)
{
	const struct rsdp *r;

	if (hint && hint < TABLE_END - PAGE_SIZE && rsdp_ok(mpa_to_virt(hint)))
		return mpa_to_virt(hint);
	r = rsdp_scan(0x80000, 0xa0000); /* the EBDA is somewhere in there */
	return r ?: rsdp_scan(0xe0000, 0x100000);
}

static const struct acpi_table *find_in(const struct acpi_table *list,
					unsigned int width, const char *sig)
{
	const struct acpi_table *t;
	u32 at = sizeof(*list);

	for (; at + width <= list->length; at += width) {
		t = table_at(field(list, at, width), sig);
		if (t)
			return t;
	}
	return NULL;
}

static void add_cpu(u32 id, u32 flags)
{
	if (!(flags & 1)) /* not there */
		return;
	for (unsigned int i = 0; i < acpi_info.cpu_count; i++)
		if (acpi_info.apic_id[i] == id)
			return;
	if (acpi_info.cpu_count == ARRAY_SIZE(acpi_info.apic_id)) {
		printk("acpi: processor with APIC id %u ignored\n", id);
		return;
	}
	acpi_info.apic_id[acpi_info.cpu_count++] = id;
}

static void parse_madt(const struct acpi_table *t)
{
	u32 at = sizeof(*t) + 8, length;

	for (; at + 2 <= t->length; at += length) {
		length = field(t, at + 1, 1);
		if (length < 2 || at + length > t->length)
			break;
		switch (field(t, at, 1)) {
		case MADT_LAPIC:
			add_cpu(field(t, at + 3, 1), field(t, at + 4, 4));
			break;
		case MADT_X2APIC:
			add_cpu(field(t, at + 4, 4), field(t, at + 8, 4));
			break;
		case MADT_IOAPIC: /* that of the ISA interrupts is enough */
			if (!field(t, at + 8, 4))
				acpi_info.ioapic = field(t, at + 4, 4);
			break;
		}
	}
}

/* One small integer constant of AML; advances *at. false: something else. */
static bool aml_integer(const struct acpi_table *t, u32 *at, u16 *v)
{
	u8 op = field(t, *at, 1);
	unsigned int n = op == AML_BYTE ? 1 : op == AML_WORD ? 2 : 0;

	if (!n && op > AML_ONE)
		return false;
	*v = n ? field(t, *at + 1, n) : op;
	*at += 1 + n;
	return true;
}

/*
 * Looks for Name(_S5_, Package() { typ_a, typ_b, ... }) without interpreting
 * anything else.
 */
static void parse_s5(const struct acpi_table *t)
{
	u32 at, p;

	for (at = sizeof(*t) + 2; at + 8 < t->length; at++) {
		const u8 *b = (const u8 *)t + at;

		if (memcmp(b, "_S5_", 4) || b[4] != AML_PACKAGE)
			continue;
		if (b[-1] != AML_NAME && (b[-1] != '\\' || b[-2] != AML_NAME))
			continue;
		/* The length's first byte tells how many more it has. */
		p = at + 5 + 1 + (b[5] >> 6) + 1;
		if (aml_integer(t, &p, &acpi_info.slp_typa) &&
		    aml_integer(t, &p, &acpi_info.slp_typb)) {
			acpi_info.has_s5 = acpi_info.pm1a_cnt != 0;
			return;
		}
	}
}

static void parse_fadt(const struct acpi_table *t)
{
	const struct acpi_table *dsdt;

	acpi_info.pm1a_cnt = field(t, FADT_PM1A_CNT, 4);
	acpi_info.pm1b_cnt = field(t, FADT_PM1B_CNT, 4);
	acpi_info.pm_timer = field(t, FADT_PM_TMR, 4);
	acpi_info.smi_cmd = field(t, FADT_SMI_CMD, 4);
	acpi_info.acpi_enable = field(t, FADT_ACPI_ENABLE, 1);
	if (field(t, FADT_FLAGS, 4) & FADT_FLAG_RESET &&
	    field(t, FADT_RESET_REG, 1) == SPACE_IO) {
		acpi_info.has_reset = true;
		acpi_info.reset_port = field(t, FADT_RESET_REG + 4, 8);
		acpi_info.reset_value = field(t, FADT_RESET_VALUE, 1);
	}
	dsdt = table_at(field(t, FADT_X_DSDT, 8), "DSDT") ?:
		       table_at(field(t, FADT_DSDT, 4), "DSDT");
	if (dsdt)
		parse_s5(dsdt);
}

void acpi_parse(mpa_t hint)
{
	const struct acpi_table *list = NULL, *t;
	const struct rsdp *r = rsdp_find(hint);
	unsigned int width = 8;

	if (r && r->revision >= 2 && r->length >= sizeof(*r) &&
	    r->length <= PAGE_SIZE && checksum_ok(r, sizeof(*r)))
		list = table_at(r->xsdt, "XSDT");
	if (r && !list) {
		list = table_at(r->rsdt, "RSDT");
		width = 4;
	}
	if (!list) {
		printk("acpi: no tables: one processor, no power-off\n");
		return;
	}
	t = find_in(list, width, "APIC");
	if (t)
		parse_madt(t);
	t = find_in(list, width, "FACP");
	if (t)
		parse_fadt(t);
}
