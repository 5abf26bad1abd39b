/* SPDX-License-Identifier: MIT */
/*
 * /dev/lodge: how programs of the control domain reach the hypervisor. Not
 * part of the ABI between hypervisor and guests, but between the kernel of the
 * control domain and its programs. Whoever may open it controls the machine
 * (root alone, unless udev says otherwise; CAP_SYS_ADMIN is asked for, too).
 *
 * An open file holds: at most one domain whose memory it maps, ports of event
 * channels, and the domains that were created through it and not yet started,
 * which are destroyed when it is closed; so a builder that is killed leaves
 * nothing behind. Files are independent of each other and may be used by many
 * threads. Errors are errno's, those of hypercalls unchanged.
 */
#ifndef LODGE_DEV_H
#define LODGE_DEV_H

#include <lodge/control.h>

#ifndef __ASSEMBLER__
#ifdef __KERNEL__
#include <linux/ioctl.h>
#else
#include <sys/ioctl.h>
#endif

#define LODGE_DEV "/dev/lodge"

/*
 * An operation of control.h; returns its result. `buffer` points to `size`
 * bytes (at most 4096) that are copied in and, if the operation writes to its
 * buffer, copied out when it succeeds or says -EAGAIN (RAM). To an operation
 * that wants more than `size` bytes the rest is zeroes. MAP and UNMAP are
 * refused (-EPERM): mmap() does that.
 */
#define LODGE_DEV_CONTROL _IOWR('L', 0, struct lodge_dev_control)

/*
 * Choose the domain (arg: its number) whose memory this file maps. Afterwards
 * mmap(MAP_SHARED) at offset = guest-physical address maps that RAM, all of
 * it or nothing: ENXIO where there is a hole. The pages stay mapped until
 * munmap(), even if the domain ends. They are not there in a child after
 * fork(), and cannot be moved, or unmapped or protected in part (EINVAL), or
 * executed. EBUSY: chosen before. EINVAL, from mmap(): none was chosen.
 */
#define LODGE_DEV_TARGET _IO('L', 1)

/*
 * Event channels: ALLOC a port that domain `domid` may bind, or BIND to its
 * `port`; the result is written to `port`. NOTIFY and CLOSE take a port of this
 * file (arg). read() then returns pending ports as uint32_t, as many as fit
 * (a size that is no multiple of 4 is EINVAL); it waits if there is none, or
 * fails with EAGAIN under O_NONBLOCK. poll() says POLLIN.
 */
#define LODGE_DEV_ALLOC _IOWR('L', 2, struct lodge_dev_channel)
#define LODGE_DEV_BIND _IOWR('L', 3, struct lodge_dev_channel)
#define LODGE_DEV_NOTIFY _IO('L', 4)
#define LODGE_DEV_CLOSE _IO('L', 5)

/*
 * Watch the machine (arg: LODGE_DEV_WATCH_*, or 0 for nothing any more): read()
 * also returns LODGE_DEV_DOMAIN when some domain has changed its state, and
 * LODGE_DEV_OUTPUT when one has written to its console. Several changes may
 * be one word. Both are pending when the watch begins.
 */
#define LODGE_DEV_WATCH _IO('L', 6)
#define LODGE_DEV_WATCH_DOMAINS (1 << 0)
#define LODGE_DEV_WATCH_OUTPUT (1 << 1)
#define LODGE_DEV_DOMAIN 0x80000003U
#define LODGE_DEV_OUTPUT 0x80000004U

/*
 * Devices of domains. The kernel keeps them, also while no back-end driver is
 * loaded; it removes those of a domain when that has ended.
 *
 * ATTACH gives a domain, which need not run yet, a device (struct
 * lodge_dev_device; OUT: index, state). EEXIST: it has that one. ENOSPC: it
 * has LODGE_DEVICE_SLOTS. ENOENT: no such domain. ENODEV: no driver is loaded.
 * EINVAL, for the control domain too; and errors of opening the device, when it is
 * not attached.
 * DETACH removes it (domid, type, index of struct lodge_dev_device): the guest
 * is told, and this waits until it has closed it, or is interrupted (EINTR), or
 * `timeout` milliseconds have passed (ETIMEDOUT; the device stays, and closes
 * when the guest does so). With FORCE it goes at once.
 * DEVICE tells about one; with LODGE_DEV_NEXT about the first one at or
 * after (domid, type, index) in that order. ENOENT: there is none.
 * LIMIT: struct lodge_dev_limit. RESCAN: look at the size of the disk again, or
 * try again to open what could not be opened.
 */
#define LODGE_DEV_ATTACH _IOWR('L', 7, struct lodge_dev_device)
#define LODGE_DEV_DETACH _IOW('L', 8, struct lodge_dev_device)
#define LODGE_DEV_DEVICE _IOWR('L', 9, struct lodge_dev_device)
#define LODGE_DEV_LIMIT _IOW('L', 10, struct lodge_dev_limit)
#define LODGE_DEV_RESCAN _IOW('L', 11, struct lodge_dev_device)

#define LODGE_DEV_ANY_INDEX 0xffff /* ATTACH: the first that is free */

/* lodge_dev_device.flags */
#define LODGE_DEV_READ_ONLY (1 << 0) /* ATTACH, a disk */
#define LODGE_DEV_FORCE (1 << 1) /* DETACH */
#define LODGE_DEV_NEXT (1 << 2) /* DEVICE */

/* Indices of lodge_dev_device.stat. Counts since the driver took the device. */
#define LODGE_DEV_STATS 16
#define LODGE_DEV_READS 0 /* block: requests */
#define LODGE_DEV_READ_BYTES 1
#define LODGE_DEV_WRITES 2
#define LODGE_DEV_WRITE_BYTES 3
#define LODGE_DEV_FLUSHES 4
#define LODGE_DEV_DISCARDS 5 /* and WRITE_ZEROES */
#define LODGE_DEV_IO_ERRORS 6
#define LODGE_DEV_BAD_REQUESTS 7
#define LODGE_DEV_SENT_PACKETS 0 /* net: by the guest */
#define LODGE_DEV_SENT_BYTES 1
#define LODGE_DEV_SENT_DROPPED 2
#define LODGE_DEV_SENT_BAD 3 /* of them, against the rules */
#define LODGE_DEV_RECEIVED_PACKETS 4 /* by the guest */
#define LODGE_DEV_RECEIVED_BYTES 5
#define LODGE_DEV_RECEIVED_DROPPED 6
#define LODGE_DEV_WAITED 8 /* of both: times that a limit held it up */

struct lodge_dev_control {
	uint32_t operation; /* LODGE_CONTROL_* */
	uint32_t domid;
	uint64_t arg[2];
	uint64_t buffer; /* address; 0 if the operation has none */
	uint32_t size; /* bytes */
	uint32_t pad0;
};

struct lodge_dev_channel {
	uint32_t domid;
	uint32_t port; /* ALLOC: OUT; BIND: IN and OUT */
};

/* All limits: 0: none. A burst is what may pass at once after a rest. */
struct lodge_dev_limit {
	uint32_t domid;
	uint16_t type;
	uint16_t index;
	/* block: both ways together; net: each way by itself */
	uint64_t bytes; /* per second */
	uint64_t bytes_burst; /* 0: a tenth of a second's */
	uint64_t operations; /* requests or packets per second */
	uint64_t operations_burst;
};

struct lodge_dev_device {
	uint32_t domid;
	uint16_t type; /* LODGE_DEVICE_* of lodge/io/bus.h */
	uint16_t index;
	uint32_t flags; /* LODGE_DEV_* */
	uint32_t timeout; /* DETACH: milliseconds */
	/* OUT */
	uint32_t back_state, front_state; /* as the device page says */
	uint32_t generation;
	int32_t error; /* negative, why it failed or could not be opened */
	uint64_t stat[LODGE_DEV_STATS];
	/* IN of ATTACH, OUT of DEVICE */
	char label[16]; /* for people; NUL-terminated, as all of these */
	uint16_t queues; /* at most (net: pairs); 0: as the driver likes */
	uint16_t mtu; /* net: at most; 0: 1500 */
	uint8_t mac[6]; /* net; all 0: made up by the kernel */
	uint8_t pad0[2];
	char bridge[16]; /* net: that it joins; "": none */
	char serial[64]; /* block; "": none */
	int32_t fd; /* block, IN: of the open block device */
	char source[512]; /* block: what people call it; for DEVICE alone */
	char reason[128]; /* OUT: the driver's word on `error` */
	/* IN of ATTACH (its domid, type and index are not looked at), OUT */
	struct lodge_dev_limit limit;
};

LODGE_ASSERT(sizeof(struct lodge_dev_control) == 40, "dev control");
LODGE_ASSERT(sizeof(struct lodge_dev_device) == 952, "dev device");
LODGE_ASSERT(sizeof(struct lodge_dev_limit) == 40, "dev limit");
#endif /* __ASSEMBLER__ */

#endif /* LODGE_DEV_H */
