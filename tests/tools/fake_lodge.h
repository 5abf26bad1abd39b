/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A hypervisor for tests of the command: in place of transport.c, with domains
 * that are nothing but memory and numbers. It keeps to control.h and dev.h in
 * what the command uses; errors can be ordered.
 */
#ifndef FAKE_LODGE_H
#define FAKE_LODGE_H

#include <stdbool.h>
#include <lodge/control.h>
#include <lodge/dev.h>
#include <lodge/io/bus.h>

#define FAKE_DOMAINS 8
#define FAKE_DEVICES 8
#define FAKE_HOLE (16 * 256) /* frames; as large as one may be */

struct fake_domain {
	bool there;
	int owner; /* file that it was created through, while BUILDING */
	struct lodge_domain_info info;
	struct lodge_control_start start;
	uint64_t pin[64];
	struct lodge_vcpu_info vcpu[64];
	/* Its console: what it wrote (info.output bytes), and what it got. */
	char output[8192], input[512];
	unsigned int taken; /* bytes in input */
	unsigned int input_room; /* that it takes; each CONSOLE_READ gives 4 */
	uint64_t pages; /* of addresses that can have memory */
	uint8_t *memory; /* of them; `populated` says which is there */
	uint8_t *populated;
	unsigned int dying; /* INFOs until it is gone */
};

/* A device of a domain, which goes with that. */
struct fake_device {
	bool there;
	struct lodge_dev_device d; /* as DEVICE tells it */
	int file; /* of a disk: it stays open */
	bool kept; /* the guest does not let go of it: DETACH takes its time */
};

struct fake {
	struct fake_domain domain[FAKE_DOMAINS];
	struct lodge_machine_info machine;
	uint32_t next_domid;
	unsigned int files; /* open */
	unsigned int maps; /* in place */
	unsigned int calls[32]; /* of each operation */
	/* The n-th (from 0) call of `operation` from now on fails with err. */
	int fail_operation, fail_err;
	unsigned int fail_at;
	unsigned int fail_count; /* as many times */
	/* Each request about devices, and what the next one fails with. */
	struct fake_device device[FAKE_DEVICES];
	unsigned int attached, detached, rescanned, limited;
	int device_err;
	const char *device_reason; /* of an ATTACH that fails */
	unsigned int last_timeout; /* of a DETACH */
	bool other_file; /* none of our loop devices is over the file */
	bool foreign_loop; /* somebody else's loop7 is over every file */
	int loop_err; /* of all that are to be made */
	unsigned int loop_block_size; /* of the last one */
	uint64_t populate_max; /* frames in one call; 0: all */
	/* Called before each INFO, to let things happen. */
	void (*on_info)(struct fake_domain *d);
};

extern struct fake fake;

/* A machine of so much memory, without domains. */
void fake_reset(uint64_t free_mib);
/* NULL: there is none. */
struct fake_domain *fake_find(uint32_t domid);
/* NULL: there is none. */
struct fake_device *fake_find_device(uint32_t domid, uint16_t type,
				     uint16_t index);
/* For fake_lodge.c: LODGE_DEV_ATTACH and the others; and a domain's end. */
int fake_device_request(unsigned long request, void *arg);
void fake_end_devices(uint32_t domid);
/* It ends by itself. */
void fake_end(struct fake_domain *d, uint32_t reason, const char *crash);
/* Wakes all who watch. */
void fake_tell(void);
/* Domains, devices, files, maps: all gone, and the memory back? */
bool fake_is_clean(void);

#endif
