/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Configuration of a domain: a file in the syntax of libconfig, with the names
 * of xl.cfg, and KEY=VALUE on the command line. docs: lodge.cfg(5).
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <lodge/abi.h>
#include <lodge/control.h>
#include "device.h"

/* What is done when a domain has ended. */
enum action {
	ACTION_DESTROY,
	ACTION_RESTART,
	ACTION_PRESERVE,
	ACTION_DUMP_DESTROY, /* write a core, then destroy */
	ACTION_DUMP_RESTART,
};

struct config {
	char name[LODGE_NAME_SIZE];
	uint64_t memory, maxmem; /* MiB */
	unsigned int vcpus, maxvcpus;
	uint64_t cpus[LODGE_MAX_VCPUS]; /* CPUS_ALL: not pinned */
	unsigned int weight, cap; /* cap in percent; 0: none */
	char *kernel, *ramdisk; /* paths; ramdisk may be NULL */
	char *cmdline; /* never NULL; with what root and extra give */
	enum action on_poweroff, on_reboot, on_crash;
	struct device_spec *devices; /* disks, then network devices */
	unsigned int device_count;
};

/*
 * Reads `path` and then `count` assignments "KEY=VALUE", which take precedence
 * (path NULL: those alone). Mistakes are written to `errors`, one line each
 * as `FILE:LINE: what was found, what was expected`; all of them, not only the
 * first. Returns how many there were; 0: *cfg is good, and config_free() takes
 * it back. Warnings are written there, too, and do not count.
 */
unsigned int config_load(struct config *cfg, const char *path, int count,
			 char *const assignments[], FILE *errors);
void config_free(struct config *cfg);

const char *config_action_name(enum action action);

#endif
