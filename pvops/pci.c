// SPDX-License-Identifier: GPL-2.0
/*
 * PCI in the control domain: configuration space and MSI by hypercall.
 *
 * Memory needs nothing: guest-physical addresses are the machine's, for DMA
 * and for BARs. An MSI is a port of event channels. So its interrupt has two
 * levels: below, the port, with events.c's chip; above, the device's own mask
 * and message, as Linux knows them. Both masks are used, for a device need not
 * have one. The message is asked for when the interrupt is allocated, and kept
 * as chip data of the lower level; moving the interrupt to another CPU moves
 * the event and not the message.
 *
 * Interrupt pins do not exist: a device that has nothing else gets irq 0.
 */
#include <linux/init.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/msi.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include <asm/pci_x86.h>
#include <asm/x86_init.h>

#include "lodge.h"

/* --- configuration space --- */

static bool reachable(unsigned int segment, unsigned int bus,
		      unsigned int devfn, int reg)
{
	return !segment && bus < 256 && devfn < 256 && reg >= 0 && reg < 256;
}

static int lodge_pci_read(unsigned int segment, unsigned int bus,
			  unsigned int devfn, int reg, int len, u32 *value)
{
	long ret = -EINVAL;

	if (reachable(segment, bus, devfn, reg))
		ret = hc_physdev(LODGE_PHYSDEV_PCI_READ,
				 LODGE_PCI_PLACE(bus, devfn, reg), len, 0);
	*value = ret < 0 ? ~0 : ret;
	return ret < 0 ? ret : 0;
}

static int lodge_pci_write(unsigned int segment, unsigned int bus,
			   unsigned int devfn, int reg, int len, u32 value)
{
	if (!reachable(segment, bus, devfn, reg))
		return -EINVAL;
	return hc_physdev(LODGE_PHYSDEV_PCI_WRITE,
			  LODGE_PCI_PLACE(bus, devfn, reg), len, value);
}

static const struct pci_raw_ops lodge_pci_ops = {
	.read = lodge_pci_read,
	.write = lodge_pci_write,
};

/* What firmware wrote down about pins is a number of somebody else's. */
static int lodge_enable_pin(struct pci_dev *dev)
{
	dev->irq = 0;
	return 0;
}

/* --- the lower level: ports --- */

static void compose_message(struct irq_data *data, struct msi_msg *msg)
{
	const struct lodge_msi *msi = irq_data_get_irq_chip_data(data);

	msg->address_hi = upper_32_bits(msi->address);
	msg->address_lo = lower_32_bits(msi->address);
	msg->data = msi->data;
}

static struct irq_chip vector_chip __ro_after_init;

static void free_vector(struct irq_domain *domain, unsigned int irq)
{
	struct irq_data *data = irq_domain_get_irq_data(domain, irq);
	struct lodge_msi *msi = irq_data_get_irq_chip_data(data);

	hc_physdev(LODGE_PHYSDEV_FREE_MSI, msi->port, 0, 0);
	lodge_detach_port(msi->port);
	irq_domain_reset_irq_data(data);
	kfree(msi);
}

static int alloc_vector(struct irq_domain *domain, unsigned int irq)
{
	/* Of this size kmalloc's objects do not cross pages. */
	struct lodge_msi *msi = kzalloc(sizeof(*msi), GFP_KERNEL);
	long ret;

	if (!msi)
		return -ENOMEM;
	ret = hc_physdev(LODGE_PHYSDEV_ALLOC_MSI, 0, lodge_pa(msi), 0);
	if (ret) {
		kfree(msi);
		return ret;
	}
	irq_domain_set_info(domain, irq, msi->port, &vector_chip, msi,
			    handle_edge_irq, NULL, "edge");
	lodge_attach_port(msi->port, irq, 0);
	return 0;
}

static void free_vectors(struct irq_domain *domain, unsigned int irq,
			 unsigned int count)
{
	while (count--)
		free_vector(domain, irq + count);
}

static int alloc_vectors(struct irq_domain *domain, unsigned int irq,
			 unsigned int count, void *arg)
{
	unsigned int i;
	int ret;

	for (i = 0; i < count; i++) {
		ret = alloc_vector(domain, irq + i);
		if (ret) {
			free_vectors(domain, irq, i);
			return ret;
		}
	}
	return 0;
}

static const struct irq_domain_ops vector_ops = {
	.alloc = alloc_vectors,
	.free = free_vectors,
};

/* --- the upper level: the device's mask and message --- */

static void device_mask(struct irq_data *data)
{
	pci_msi_mask_irq(data);
	irq_chip_mask_parent(data);
}

static void device_unmask(struct irq_data *data)
{
	irq_chip_unmask_parent(data);
	pci_msi_unmask_irq(data);
}

static struct irq_chip device_chip = {
	.name = "lodge-msi",
	.irq_ack = irq_chip_ack_parent,
	.irq_mask = device_mask,
	.irq_unmask = device_unmask,
	.irq_retrigger = irq_chip_retrigger_hierarchy,
	.flags = IRQCHIP_SKIP_SET_WAKE,
};

static struct msi_domain_info device_info = {
	.flags = MSI_FLAG_USE_DEF_DOM_OPS | MSI_FLAG_USE_DEF_CHIP_OPS |
		 MSI_FLAG_PCI_MSIX,
	.chip = &device_chip,
};

static struct irq_domain *__init create_domains(void)
{
	struct fwnode_handle *lower, *upper;
	struct irq_domain *vectors = NULL, *devices = NULL;

	vector_chip = lodge_port_chip;
	vector_chip.irq_compose_msi_msg = compose_message;

	lower = irq_domain_alloc_named_fwnode("lodge-vector");
	upper = irq_domain_alloc_named_fwnode("lodge-msi");
	if (lower && upper)
		vectors = irq_domain_create_hierarchy(NULL, 0, 0, lower,
						      &vector_ops, NULL);
	if (vectors)
		devices = pci_msi_create_irq_domain(upper, &device_info,
						    vectors);
	if (!devices)
		pr_err("Lodge: no MSIs: no memory for their domains\n");
	return devices;
}

/* Returning 0 means that nothing else is to be tried. */
int __init lodge_pci_arch_init(void)
{
	raw_pci_ops = &lodge_pci_ops;
	pcibios_enable_irq = lodge_enable_pin;
	pcibios_disable_irq = NULL;
	pcibios_set_cache_line_size();

	x86_init.pci.init = pci_legacy_init;
	x86_init.pci.init_irq = x86_init_noop;
	x86_init.irqs.create_pci_msi_domain = create_domains;
	return 0;
}
