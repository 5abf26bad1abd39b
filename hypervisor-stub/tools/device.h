/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Disks and network devices of domains: how a person describes one, in the
 * syntax of xl's keys disk and vif as far as it makes sense here (lodge.cfg(5)),
 * and how it is attached.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include "complain.h"
#include "liblodge.h"
#include <lodge/io/bus.h>

struct device_spec {
	struct lodge_dev_device dev; /* all but domid, index (perhaps) and fd */
	char target[512]; /* a disk: the path of a block device or a file */
	unsigned int block_size; /* of a file: 512 or 4096 */
	char warning[128]; /* what was ignored; "": nothing */
};

/* 0 or -1 with a complaint. */
int disk_parse(const char *text, struct device_spec *s, struct complaint *c);
int vif_parse(const char *text, struct device_spec *s, struct complaint *c);

/* "10M", "64k", "2g", "1T" or a number: units of 1024. False: it is none. */
bool parse_amount(const char *text, uint64_t *amount);
/*
 * KEY=VALUE that concerns limits: bps, bps_burst, iops, iops_burst of disks,
 * rate, bps, pps and their bursts of networks. 1: it was one; 0: it is no such
 * key; -1: a complaint.
 */
int limit_parse(uint16_t type, const char *key, const char *value,
		struct lodge_dev_limit *l, struct complaint *c);

/* "lvda" is 0, "lvdz" 25, "lvdaa" 26; also vda, sda, xvda and hda. */
bool vdev_parse(const char *text, uint16_t *index);
void vdev_name(uint16_t index, char name[8]);
/* "lvda" for a disk, "0" for a network device */
void device_name(const struct lodge_dev_device *d, char name[8]);
void mac_format(const uint8_t mac[6], char text[18]);

/* Its path, of a disk, as one that begins with /. */
void device_target_absolute(struct device_spec *s);
/* Is there what it is made of? 0 or -1 with a complaint. */
int device_check(const struct device_spec *s, struct complaint *c);
/*
 * Of a disk that a domain has: NULL if its source is still what it was given,
 * else why not, in words.
 */
const char *device_missing(const struct lodge_dev_device *d);
/* What is left of devices of domains that have ended goes now. */
void devices_settle(struct lodge *l);
/*
 * Gives the device to a domain; a file gets a loop device, which goes with it.
 * Returns an exit code of cmd.h; if not EXIT_DONE there is a complaint. On
 * success s->dev is what the kernel made of it.
 */
int device_attach(struct lodge *l, uint32_t domid, struct device_spec *s,
		  struct complaint *c);

#endif
