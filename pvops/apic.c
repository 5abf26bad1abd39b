// SPDX-License-Identifier: GPL-2.0
/*
 * A local APIC in name: there is none, but Linux numbers its CPUs by APIC ids
 * (they are the vCPU numbers) and sends interrupts through the driver.
 */
#include <asm/apic.h>
#include <asm/irq_vectors.h>
#include <asm/smp.h>

#include "lodge.h"

#define APIC_VERSION 0x14

static int ipi_of_vector(int vector)
{
	switch (vector) {
	case RESCHEDULE_VECTOR:
		return LODGE_IPI_RESCHEDULE;
	case CALL_FUNCTION_VECTOR:
		return LODGE_IPI_CALL_FUNCTION;
	case CALL_FUNCTION_SINGLE_VECTOR:
		return LODGE_IPI_CALL_FUNCTION_SINGLE;
	case IRQ_WORK_VECTOR:
		return LODGE_IPI_IRQ_WORK;
	case REBOOT_VECTOR:
		return LODGE_IPI_STOP;
	case NMI_VECTOR:
		/*
		 * There are no NMIs. What Linux sends them for most is to see
		 * where a CPU is, and a CPU with interrupts on can say that.
		 */
		return LODGE_IPI_BACKTRACE;
	default:
		return -1;
	}
}

static void lodge_apic_send(int cpu, int vector)
{
	int ipi = ipi_of_vector(vector);

	if (ipi >= 0)
		lodge_send_ipi(cpu, ipi);
}

static void lodge_apic_send_mask(const struct cpumask *mask, int vector)
{
	unsigned int cpu;

	for_each_cpu_and(cpu, mask, cpu_online_mask)
		lodge_apic_send(cpu, vector);
}

static void lodge_apic_send_mask_allbutself(const struct cpumask *mask,
					    int vector)
{
	unsigned int self = smp_processor_id();
	unsigned int cpu;

	for_each_cpu_and(cpu, mask, cpu_online_mask)
		if (cpu != self)
			lodge_apic_send(cpu, vector);
}

static void lodge_apic_send_allbutself(int vector)
{
	lodge_apic_send_mask_allbutself(cpu_online_mask, vector);
}

static void lodge_apic_send_all(int vector)
{
	lodge_apic_send_mask(cpu_online_mask, vector);
}

static void lodge_apic_send_self(int vector)
{
	lodge_apic_send(smp_processor_id(), vector);
}

static u32 lodge_apic_read(u32 reg)
{
	switch (reg) {
	case APIC_LVR:
		return APIC_VERSION;
	case APIC_ID:
		return raw_smp_processor_id();
	default:
		return 0;
	}
}

static void lodge_apic_write(u32 reg, u32 value)
{
}

static void lodge_apic_eoi(void)
{
}

static u64 lodge_apic_icr_read(void)
{
	return 0;
}

static void lodge_apic_icr_write(u32 low, u32 id)
{
}

static u32 lodge_apic_get_id(u32 id)
{
	return id;
}

static u32 lodge_apic_of_cpu(int cpu)
{
	return cpu_present(cpu) ? cpu : BAD_APICID;
}

static u32 lodge_apic_dest(unsigned int cpu)
{
	return cpu;
}

static int lodge_apic_probe(void)
{
	return lodge_guest();
}

static int lodge_apic_madt_check(char *oem_id, char *oem_table_id)
{
	return lodge_guest();
}

static struct apic lodge_apic __ro_after_init = {
	.name = "Lodge",
	.probe = lodge_apic_probe,
	.acpi_madt_oem_check = lodge_apic_madt_check,
	.cpu_present_to_apicid = lodge_apic_of_cpu,
	.max_apic_id = UINT_MAX,
	.get_apic_id = lodge_apic_get_id,
	.calc_dest_apicid = lodge_apic_dest,
	.send_IPI = lodge_apic_send,
	.send_IPI_mask = lodge_apic_send_mask,
	.send_IPI_mask_allbutself = lodge_apic_send_mask_allbutself,
	.send_IPI_allbutself = lodge_apic_send_allbutself,
	.send_IPI_all = lodge_apic_send_all,
	.send_IPI_self = lodge_apic_send_self,
	.read = lodge_apic_read,
	.write = lodge_apic_write,
	.eoi = lodge_apic_eoi,
	.icr_read = lodge_apic_icr_read,
	.icr_write = lodge_apic_icr_write,
};

apic_driver(lodge_apic);
