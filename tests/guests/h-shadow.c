// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack on shadow memory: far more roots and sparse mappings than any bound
 * allows, touched over and over from all vCPUs. Expected: the hypervisor takes
 * pages back and the domain gets slower, every mapping shows the right frame
 * all the time, and the witness beside it is not stopped. LOAD_ROOT may say
 * -ENOMEM.
 */
#include "guest.h"
#include "user.h"

#define SPREAD 48 /* mappings a root, each under tables of its own */
#define GROUP 16 /* roots that share the guest's tables below the top */

static u64 *frame[64];
static u64 roots[2048];
static u64 root_count;
static volatile u64 refused;

static u64 address_of(u64 group, u64 n)
{
	/* Another top-level slot for each, and another table below it. */
	return (n * 5 + 1) << 39 | (n * 37 % 512) << 30 | (group % 512) << 21 |
	       (n % 512) << 12;
}

static void make_roots(u64 limit)
{
	u64 n;

	/* 3 tables a mapping, one root, and some room for the rest. */
	while (root_count < limit && pages_left() > 3 * SPREAD + 64) {
		u64 root = gpa(alloc_page()), group = root_count / GROUP;

		memcpy((u8 *)va(root) + 2048, (u8 *)boot_root + 2048, 2048);
		if (root_count % GROUP)
			memcpy(va(root), va(roots[group * GROUP]), 2048);
		for (n = 0; n < SPREAD && root_count % GROUP == 0; n++)
			map_page(root, address_of(group, n),
				 gpa(frame[(group + n) % 64]), PTE_USER);
		roots[root_count++] = root;
	}
}

static bool touch(u64 i, struct cpu *cpu)
{
	s64 result = load_root(roots[i]);
	u64 n, group = i / GROUP;

	if (result == -LODGE_ENOMEM) {
		refused++;
		return false;
	}
	if (result) {
		test_fail("LOAD_ROOT returned %ld", (long)result);
		return false;
	}
	for (n = cpu->id; n < SPREAD; n += 3) {
		u64 seen = *(volatile u64 *)address_of(group, n);

		if (seen != (group + n) % 64)
			test_fatal("root %lu mapping %lu shows %lx", i, n,
				   seen);
	}
	return true;
}

static void hammer(struct cpu *cpu, void *arg)
{
	u64 end = (u64)arg, i = cpu->id * 17, done = 0;

	while (now() < end) {
		i = (i + 7) % root_count;
		done += touch(i, cpu);
		if (done % 50 == 0)
			flush_all(roots[i]);
	}
	load_root(root_gpa);
	printf("  vCPU %d touched %lu roots\n", cpu->id, done);
}

void test_main(void)
{
	struct lodge_counters *counters = alloc_page();
	int count = start_info->vcpu_count, id;
	u64 end, i;

	for (i = 0; i < 64; i++) {
		frame[i] = alloc_page();
		*frame[i] = i;
	}
	make_roots(array_size(roots));
	printf("  %lu roots of %d mappings each\n", root_count, SPREAD);
	end = now() + arg_u64("seconds", 5) * 1000000000;
	for (id = 1; id < count; id++)
		cpu_start(id, hammer, (void *)end);
	hammer(&cpus[0], (void *)end);
	for (id = 1; id < count; id++)
		cpu_join(id);
	hc(LODGE_HC_DEBUG, LODGE_DEBUG_COUNTERS, gpa(counters));
	printf("  %lu shadow pages, %lu taken back, %lu loads refused\n",
	       counters->shadow_pages, counters->shadow_reclaims, refused);
	for (i = 0; i < root_count; i++) {
		s64 result = hc(LODGE_HC_DROP_ROOT, roots[i]);

		CHECK(result == 0 || result == -LODGE_ENOENT,
		      "DROP_ROOT returned %ld", (long)result);
	}
	CHECK(hc(LODGE_HC_DEBUG, LODGE_DEBUG_AUDIT) <= 0,
	      "the auditor finds differences");
}
