// SPDX-License-Identifier: GPL-2.0
/* Events from two looks at all domains: each change once, and no other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "test.h"
#include "changes.h"
#include "cmd.h"
#include "fake_lodge.h"
#include "usage.h"

static char told[4096];

static void note(const struct change *c, void *arg)
{
	size_t n = strlen(told);

	assert_ptr_equal(arg, told);
	snprintf(told + n, sizeof(told) - n, "%u %s: %s%s%s\n", c->d->domid,
		 c->d->name, c->what, c->detail[0] ? ", " : "", c->detail);
}

static struct lodge_domain_info domain(uint32_t domid, const char *name,
				       uint32_t state)
{
	struct lodge_domain_info d = {
		.domid = domid,
		.state = state,
		.vcpu_count = 2,
		.vcpu_up = 1,
		.weight = 256,
		.frames = 1000,
		.request.mem_target = 1000,
	};

	strcpy(d.name, name);
	return d;
}

static void compare(struct lodge_domain_info *a, size_t a_count,
		    struct lodge_domain_info *b, size_t b_count,
		    const char *expected)
{
	told[0] = '\0';
	snapshot_compare(&(struct snapshot){ a, a_count },
			 &(struct snapshot){ b, b_count }, note, told);
	assert_string_equal(told, expected);
}

static void one(struct lodge_domain_info *a, struct lodge_domain_info *b,
		const char *expected)
{
	compare(a, 1, b, 1, expected);
}

static void come_and_go(void **state)
{
	struct lodge_domain_info all[] = {
		domain(1, "control", LODGE_DOMAIN_RUNNING),
		domain(2, "two", LODGE_DOMAIN_BUILDING),
		domain(5, "five", LODGE_DOMAIN_RUNNING),
		domain(9, "nine", LODGE_DOMAIN_ENDED),
	};

	compare(NULL, 0, NULL, 0, "");
	compare(all, 4, all, 4, "");
	compare(NULL, 0, all, 4,
		"1 control: created, 2 vCPUs\n1 control: started\n"
		"2 two: created, 2 vCPUs\n"
		"5 five: created, 2 vCPUs\n5 five: started\n"
		"9 nine: created, 2 vCPUs\n9 nine: started\n"
		"9 nine: ended, poweroff\n");
	compare(all, 4, NULL, 0,
		"1 control: gone\n2 two: gone\n5 five: gone\n9 nine: gone\n");
	compare(all, 2, all + 1, 2,
		"1 control: gone\n5 five: created, 2 vCPUs\n5 five: started\n");
	compare(all, 3, all + 3, 1,
		"1 control: gone\n2 two: gone\n5 five: gone\n"
		"9 nine: created, 2 vCPUs\n9 nine: started\n"
		"9 nine: ended, poweroff\n");
}

static void states(void **state)
{
	struct lodge_domain_info a = domain(3, "x", LODGE_DOMAIN_BUILDING);
	struct lodge_domain_info b = domain(3, "x", LODGE_DOMAIN_RUNNING);

	one(&a, &b, "3 x: started\n");
	a = b;
	b.flags = LODGE_DOMAIN_PAUSED;
	one(&a, &b, "3 x: paused\n");
	one(&b, &a, "3 x: unpaused\n");
	b.state = LODGE_DOMAIN_ENDING;
	one(&a, &b, "");
	b.state = LODGE_DOMAIN_ENDED;
	b.reason = LODGE_SHUTDOWN_CRASH;
	strcpy(b.crash_reason, "triple fault");
	one(&a, &b, "3 x: ended, crash: triple fault\n");
	a.state = LODGE_DOMAIN_BUILDING;
	one(&a, &b, "3 x: started\n3 x: ended, crash: triple fault\n");
	/* The memory that goes with a domain is no change of its size. */
	a = b;
	b.frames = 0;
	one(&a, &b, "");
}

static void sizes(void **state)
{
	struct lodge_domain_info a = domain(3, "x", LODGE_DOMAIN_RUNNING);
	struct lodge_domain_info b = a;

	b.request.mem_target = 500;
	one(&a, &b, "3 x: memory-wanted, 500 frames\n");
	a = b;
	b.frames = 500;
	one(&a, &b, "3 x: memory, 500 frames\n");
	a = b;
	b.vcpu_up = 2;
	one(&a, &b, "3 x: vcpus, 2 online\n");
	a = b;
	b.weight = 512;
	b.cap = 50;
	one(&a, &b, "3 x: scheduling, weight 512, cap 50\n");
	a = b;
	strcpy(b.name, "y");
	one(&a, &b, "3 y: renamed, was x\n");
}

/* Looks at the fake machine: snapshots, and what was used in between. */
static void looks(void **state)
{
	struct usage_table none = { 0 }, before, now;
	struct snapshot s;
	struct lodge *l;
	struct fake_domain *d = &fake.domain[3];

	fake_reset(64);
	assert_int_equal(lodge_open(&l), 0);
	assert_int_equal(snapshot_take(l, &s), 0);
	assert_int_equal(s.count, 0);
	snapshot_free(&s);

	d->there = true;
	d->info = domain(7, "busy", LODGE_DOMAIN_RUNNING);
	d->info.created = fake.machine.uptime - 4000000000ULL;
	d->vcpu[0].ran = 1000000000;
	assert_int_equal(snapshot_take(l, &s), 0);
	assert_int_equal(s.count, 1);
	assert_string_equal(s.d[0].name, "busy");
	snapshot_free(&s);

	assert_int_equal(usage_take(l, &none, &before), 0);
	assert_int_equal(before.count, 1);
	assert_true(before.u[0].cpu == 25); /* since it was created */
	fake.machine.uptime += 2000000000;
	d->vcpu[0].ran += 1000000000;
	d->vcpu[1].ran += 2000000000;
	d->vcpu[0].stolen += 500000000;
	assert_int_equal(usage_take(l, &before, &now), 0);
	assert_true(now.u[0].vcpu[0].cpu == 50 && now.u[0].vcpu[1].cpu == 100);
	assert_true(now.u[0].cpu == 150 && now.u[0].stolen == 25);
	usage_free(&before);
	usage_free(&now);
	lodge_close(l);
	d->there = false;
	assert_true(fake_is_clean());
}

static void order(void **state)
{
	struct usage u[3] = {
		{ .d = domain(1, "b", LODGE_DOMAIN_RUNNING), .cpu = 5 },
		{ .d = domain(2, "c", LODGE_DOMAIN_RUNNING), .cpu = 50 },
		{ .d = domain(3, "a", LODGE_DOMAIN_RUNNING), .cpu = 5 },
	};
	static const struct {
		enum usage_order order;
		uint32_t domid[3];
	} wanted[] = {
		{ USAGE_CPU, { 2, 1, 3 } },
		{ USAGE_NAME, { 3, 1, 2 } },
		{ USAGE_MEMORY, { 3, 1, 2 } },
		{ USAGE_ID, { 1, 2, 3 } },
	};
	struct usage_table t = { .u = u, .count = 3 };

	u[2].d.frames = 2000;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		usage_sort(&t, wanted[i].order);
		for (int j = 0; j < 3; j++)
			assert_int_equal(u[j].d.domid, wanted[i].domid[j]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(come_and_go), cmocka_unit_test(states),
		cmocka_unit_test(sizes),       cmocka_unit_test(looks),
		cmocka_unit_test(order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
