/* SPDX-License-Identifier: GPL-2.0 */
/* How much of the machine each domain used between two looks. */
#ifndef USAGE_H
#define USAGE_H

#include "liblodge.h"

struct vcpu_usage {
	uint32_t state; /* LODGE_VCPU_STATE_* */
	double cpu; /* percent of a processor */
	double stolen; /* percent of the time */
	uint64_t ran_ns, stolen_ns; /* since it was made */
};

struct usage {
	struct lodge_domain_info d;
	double cpu, stolen; /* sums over its vCPUs */
	double disk, net; /* bytes per second, both ways, of all its devices */
	uint64_t disk_bytes, net_bytes; /* in all */
	struct vcpu_usage vcpu[LODGE_MAX_VCPUS];
};

struct usage_table {
	struct usage *u; /* by number */
	size_t count;
	uint64_t time; /* system time of the look, ns */
	struct lodge_machine_info machine;
};

/*
 * Looks now; percentages are since `before`, or since each domain was created
 * if that is empty or did not know it. 0 or -errno.
 */
int usage_take(struct lodge *l, const struct usage_table *before,
	       struct usage_table *now);
void usage_free(struct usage_table *t);

enum usage_order { USAGE_CPU, USAGE_MEMORY, USAGE_ID, USAGE_NAME };
void usage_sort(struct usage_table *t, enum usage_order order);

#endif
