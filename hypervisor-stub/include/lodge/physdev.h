/* SPDX-License-Identifier: MIT */
/*
 * The machine's devices: LODGE_HC_PHYSDEV(operation, arg0, arg1, arg2). Only
 * the control domain (LODGE_START_CONTROL) may make it; -EPERM for others.
 * -ENOSYS: no such operation.
 *
 * There is no call for the memory of a device: in the control domain every
 * guest-physical address is the machine's, and a page table entry that names
 * one where no RAM is reaches the device, uncached. Interrupts come as MSI or
 * MSI-X only. ALLOC_MSI gives the address and the data that the driver writes
 * into the device's capability or table, and a port to which the interrupt is
 * sent as an event. Interrupt pins are not delivered.
 */
#ifndef LODGE_PHYSDEV_H
#define LODGE_PHYSDEV_H

#include <lodge/types.h>

/*
 * Configuration space of segment 0 by the first mechanism: arg0 = place, arg1
 * = size in bytes (1, 2, 4; the register a multiple of it). READ returns the
 * value, which is all ones where there is no device; WRITE takes it in arg2,
 * whose other bits are ignored, and returns 0. -EINVAL: size, or register,
 * over 255 included.
 */
#define LODGE_PHYSDEV_PCI_READ 0
#define LODGE_PHYSDEV_PCI_WRITE 1
#define LODGE_PCI_PLACE(bus, devfn, reg) ((bus) << 20 | (devfn) << 12 | (reg))

/*
 * ALLOC_MSI: arg0 = vCPU, arg1 = gpa of struct lodge_msi. Allocates a vector
 * on the processor where that vCPU was last, if there is one left, and binds
 * a port to it, masked as all new ones, that BIND_VCPU may move. -ENOENT: no
 * such vCPU. -EINVAL: SET_SHARED comes first. -ENOSPC: no vector, or no port.
 * -EFAULT.
 */
#define LODGE_PHYSDEV_ALLOC_MSI 2

/*
 * FREE_MSI: arg0 = port. The device has been told to send no more; the vector
 * may be given to another from now on. The port is closed by CLOSE, before or
 * after. -ENOENT: no vector of this port.
 */
#define LODGE_PHYSDEV_FREE_MSI 3

#ifndef __ASSEMBLER__
struct lodge_msi {
	uint64_t address; /* OUT */
	uint32_t data; /* OUT */
	uint32_t port; /* OUT */
};

LODGE_ASSERT(sizeof(struct lodge_msi) == 16, "msi");
#endif

#endif /* LODGE_PHYSDEV_H */
