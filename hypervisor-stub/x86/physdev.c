// SPDX-License-Identifier: GPL-2.0
/*
 * LODGE_HC_PHYSDEV: the machine's devices for the control domain, which is
 * trusted with them: without an IOMMU it could reach all of memory by DMA.
 *
 * Owns configuration space (the address register goes with the data, under
 * pci_lock) and the vectors for devices of all processors. A vector's slot is
 * one word, changed atomically: 0 is free; with a port, what arrives is sent
 * there; a domain's number alone keeps it while a port is being bound. Slots
 * name their domain by its number, so its end needs nothing here. A slot
 * whose port was closed without FREE_MSI is freed by its next interrupt.
 *
 * What a device sends too often costs its processor an entry each time; an
 * event that is pending or masked costs nothing more. Only the driver can stop
 * the device itself.
 */
#include <lodge/physdev.h>
#include "../core/domain.h"
#include "cpu.h"
#include "cpufeat.h"
#include "pcpu.h"
#include "platform.h"

#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define PCI_ENABLE BIT(31)
#define PCI_HEADER_END 0x40 /* BARs, bridges, and whether they are on */

#define MSI_ADDRESS 0xfee00000UL
#define MSI_APIC_MAX 0xff /* without interrupt remapping */
#define VECTORS 256

struct slot {
	u16 port, domid;
};

union slot_word {
	struct slot slot;
	u32 word;
};

static struct spinlock pci_lock = SPINLOCK_INIT(LOCK_PCI);
static u32 slots[MAX_CPUS][VECTORS];

static u32 slot_word(u16 port, u32 domid)
{
	return (union slot_word){ .slot = { port, domid } }.word;
}

static bool change_slot(u32 *slot, u32 old, u32 new)
{
	return __atomic_compare_exchange_n(slot, &old, new, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* 0x80 and its neighbours are software interrupts of guests. */
static bool is_device_vector(unsigned int vector)
{
	return vector >= VEC_DEVICE_FIRST && vector <= VEC_DEVICE_LAST &&
	       vector >> 4 != 8;
}

bool physdev_interrupt(u64 vector)
{
	unsigned int cpu = this_pcpu()->id;
	union slot_word s;
	struct domain *d;

	if (!is_device_vector(vector))
		return false;
	s.word = __atomic_load_n(&slots[cpu][vector], __ATOMIC_ACQUIRE);
	if (!s.slot.port) /* it comes too late or too early */
		return true;
	d = domain_find(s.slot.domid);
	if (!d || !event_send_pirq(d, s.slot.port, cpu << 8 | vector))
		change_slot(&slots[cpu][vector], s.word, 0);
	return true;
}

/* A free vector of a processor, now d's; 0: none. */
static unsigned int take_vector(struct domain *d, unsigned int cpu)
{
	unsigned int v;

	if (pcpus[cpu]->apic_id > MSI_APIC_MAX)
		return 0;
	for (v = VEC_DEVICE_FIRST; v <= VEC_DEVICE_LAST; v++)
		if (is_device_vector(v) &&
		    change_slot(&slots[cpu][v], 0, slot_word(0, d->id)))
			return v;
	return 0;
}

static s64 alloc_msi(struct domain *d, u64 id, gpa_t gpa)
{
	unsigned int cpu, vector = 0, i;
	struct lodge_msi msi = { 0 };
	s64 port;

	if (id >= d->vcpu_count)
		return -LODGE_ENOENT;
	if (copy_to_guest(d, gpa, &msi, sizeof(msi)))
		return -LODGE_EFAULT; /* now, when nothing need be undone */
	cpu = READ_ONCE(d->vcpu[id]->sched.cpu);
	for (i = 0; i < pcpu_count && !vector; i++) {
		cpu = (cpu + (i != 0)) % pcpu_count;
		vector = take_vector(d, cpu);
	}
	if (!vector)
		return -LODGE_ENOSPC;
	/* Nothing is sent before the guest has the address. */
	port = event_bind_pirq(d, cpu << 8 | vector, id);
	__atomic_store_n(&slots[cpu][vector],
			 port > 0 ? slot_word(port, d->id) : 0,
			 __ATOMIC_RELEASE);
	if (port < 0)
		return port;
	msi.address = MSI_ADDRESS | pcpus[cpu]->apic_id << 12;
	msi.data = vector;
	msi.port = port;
	return copy_to_guest(d, gpa, &msi, sizeof(msi));
}

static s64 free_msi(struct domain *d, u64 port)
{
	const u32 word = slot_word(port, d->id);
	u32 *s;

	if (!port || port >= LODGE_EVENT_PORTS)
		return -LODGE_ENOENT;
	for (s = slots[0]; s < slots[0] + MAX_CPUS * VECTORS; s++)
		if (READ_ONCE(*s) == word && change_slot(s, word, 0))
			return 0;
	return -LODGE_ENOENT;
}

/*
 * QEMU 7.2, with a thread for each processor, loses its way, or dies, when one
 * of them changes what memory devices answer at while another accesses any
 * device, be it only its APIC: it looks the device up by an index into a list
 * that is exchanged at that moment. So there the others wait meanwhile, where
 * a VEC_KICK finds them: with no lock held.
 */
static u32 pauser; /* the processor that asks for it, plus 1; 0: none */
static u32 pausing, paused; /* it does; and so many follow */

void physdev_pause(void)
{
	if (likely(!READ_ONCE(pausing)))
		return;
	__atomic_fetch_add(&paused, 1, __ATOMIC_SEQ_CST);
	while (READ_ONCE(pausing))
		cpu_relax();
	__atomic_fetch_sub(&paused, 1, __ATOMIC_SEQ_CST);
}

static void wait_until_paused(u32 count)
{
	while (READ_ONCE(paused) != count)
		cpu_relax();
}

static void pause_others(void)
{
	unsigned int me = this_pcpu()->id, i;

	while (!change_slot(&pauser, 0, me + 1))
		physdev_pause();
	__atomic_store_n(&pausing, 1, __ATOMIC_SEQ_CST);
	for (i = 0; i < pcpu_count; i++)
		if (i != me)
			smp_kick(i);
	wait_until_paused(pcpu_count - 1);
}

static void resume_others(void)
{
	__atomic_store_n(&pausing, 0, __ATOMIC_SEQ_CST);
	wait_until_paused(0);
	__atomic_store_n(&pauser, 0, __ATOMIC_SEQ_CST);
}

static u32 pci_read(u32 place, u64 size)
{
	u16 port = PCI_DATA + (place & 3);

	outl(PCI_ADDRESS, PCI_ENABLE | place >> 12 << 8 | (place & 0xfc));
	return size == 4 ? inl(port) : size == 2 ? inw(port) : inb(port);
}

static void pci_write(u32 place, u64 size, u32 value)
{
	u16 port = PCI_DATA + (place & 3);

	outl(PCI_ADDRESS, PCI_ENABLE | place >> 12 << 8 | (place & 0xfc));
	if (size == 4)
		outl(port, value);
	else if (size == 2)
		outw(port, value);
	else
		outb(port, value);
}

static s64 pci_access(u64 op, u64 place, u64 size, u32 value)
{
	bool pause = host_is_tcg && op == LODGE_PHYSDEV_PCI_WRITE &&
		     (place & 0xff) < PCI_HEADER_END;

	if ((size != 1 && size != 2 && size != 4) || place & (size - 1) ||
	    place >> 28 || place & 0xf00)
		return -LODGE_EINVAL;
	if (pause)
		pause_others();
	spin_lock(&pci_lock);
	if (op == LODGE_PHYSDEV_PCI_READ) {
		value = pci_read(place, size);
	} else {
		pci_write(place, size, value);
		value = 0;
	}
	spin_unlock(&pci_lock);
	if (pause)
		resume_others();
	return value;
}

s64 do_physdev(struct vcpu *v, u64 op, u64 arg0, u64 arg1, u64 arg2)
{
	if (!v->domain->privileged)
		return -LODGE_EPERM;
	switch (op) {
	case LODGE_PHYSDEV_PCI_READ:
	case LODGE_PHYSDEV_PCI_WRITE:
		return pci_access(op, arg0, arg1, arg2);
	case LODGE_PHYSDEV_ALLOC_MSI:
		return alloc_msi(v->domain, arg0, arg1);
	case LODGE_PHYSDEV_FREE_MSI:
		return free_msi(v->domain, arg0);
	default:
		return -LODGE_ENOSYS;
	}
}
