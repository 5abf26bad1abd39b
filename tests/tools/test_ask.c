// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: shutdown and reboot send a request, say who does not heed it, and with
 * -w wait for the end, but not for ever; the exit code tells. Against the fake
 * hypervisor.
 */
#include <errno.h>
#include "ask.h"
#include "fake_lodge.h"
#include "test.h"

static struct fake_domain *d;

static int setup(void **state)
{
	struct lodge_control_create create = {
		.name = "guest",
		.vcpus = 1,
		.max_frames = 16,
		.target_frames = 16,
		.vcpus_online = 1,
	};
	struct lodge *l;
	uint32_t domid;

	fake_reset(16);
	if (lodge_open(&l) || lodge_create(l, &create, &domid))
		return -1;
	d = fake_find(domid);
	d->info.state = LODGE_DOMAIN_RUNNING;
	d->info.request.heeds = LODGE_HEEDS_BITS;
	lodge_close(l);
	return 0;
}

static int teardown(void **state)
{
	fake_reset(0);
	return 0;
}

/* Words up to NULL; returns the exit code. */
static int run(const struct verb *verb, const char *word, ...)
{
	char *argv[16] = { (char *)verb->name };
	int argc = 1;
	va_list ap;

	va_start(ap, word);
	for (; word; word = va_arg(ap, const char *))
		argv[argc++] = (char *)word;
	va_end(ap);
	return verb->run(argc, argv);
}

static void power_off(struct fake_domain *x)
{
	if (x->info.request.bits & LODGE_REQUEST_POWEROFF &&
	    x->info.state == LODGE_DOMAIN_RUNNING)
		fake_end(x, LODGE_SHUTDOWN_POWEROFF, "");
}

static void test_request(void **state)
{
	assert_int_equal(run(&verb_shutdown, "guest", NULL), EXIT_DONE);
	assert_int_equal(d->info.request.bits, LODGE_REQUEST_POWEROFF);
	assert_int_equal(run(&verb_reboot, "2", NULL), EXIT_DONE);
	assert_int_equal(d->info.request.bits,
			 LODGE_REQUEST_POWEROFF | LODGE_REQUEST_REBOOT);
}

static void test_wait(void **state)
{
	fake.on_info = power_off;
	assert_int_equal(run(&verb_shutdown, "-w", "guest", NULL), EXIT_DONE);
	assert_int_equal(d->info.state, LODGE_DOMAIN_ENDED);
}

static void test_timeout(void **state)
{
	assert_int_equal(run(&verb_shutdown, "-w", "-t", "1", "guest", NULL),
			 EXIT_TIMEOUT);
	assert_int_equal(run(&verb_shutdown, "-w", "-t1", "guest", "nobody",
			     NULL),
			 EXIT_NO_DOMAIN);
	assert_int_equal(d->info.state, LODGE_DOMAIN_RUNNING);
}

static void test_force(void **state)
{
	assert_int_equal(run(&verb_shutdown, "--force", "-t", "1", "guest",
			     NULL),
			 EXIT_DONE);
	assert_false(d->there);
}

static void test_does_not_heed(void **state)
{
	d->info.request.heeds = 0;
	assert_int_equal(run(&verb_shutdown, "guest", NULL), EXIT_FAILED);
	/* The request is there for it. */
	assert_int_equal(d->info.request.bits, LODGE_REQUEST_POWEROFF);
	d->info.request.heeds = LODGE_HEEDS_BITS;
	d->info.flags = LODGE_DOMAIN_PAUSED;
	assert_int_equal(run(&verb_shutdown, "guest", NULL), EXIT_FAILED);
	/* It comes to heed while one waits. */
	fake.on_info = power_off;
	assert_int_equal(run(&verb_shutdown, "-w", "guest", NULL), EXIT_DONE);
}

static void test_errors(void **state)
{
	assert_int_equal(run(&verb_shutdown, "nobody", NULL), EXIT_NO_DOMAIN);
	assert_int_equal(run(&verb_shutdown, "3", NULL), EXIT_NO_DOMAIN);
	fake.fail_operation = LODGE_CONTROL_REQUEST;
	fake.fail_err = -EAGAIN;
	fake.fail_count = 1;
	assert_int_equal(run(&verb_shutdown, "guest", NULL), EXIT_REFUSED);
	fake_end(d, LODGE_SHUTDOWN_CRASH, "x");
	assert_int_equal(run(&verb_shutdown, "-w", "guest", NULL), EXIT_DONE);
}

/* The monitor makes another one of that name. */
static void come_back(struct fake_domain *x)
{
	if (x->info.domid != 2 || !x->info.request.bits)
		return;
	if (x->info.state == LODGE_DOMAIN_RUNNING) {
		fake_end(x, LODGE_SHUTDOWN_REBOOT, "");
		return;
	}
	x->info.domid = 3;
	x->info.state = LODGE_DOMAIN_RUNNING;
	x->info.request.bits = 0;
	fake_tell();
}

static void test_reboot(void **state)
{
	fake.on_info = come_back;
	assert_int_equal(run(&verb_reboot, "-w", "-t", "5", "guest", NULL),
			 EXIT_DONE);
	fake.on_info = NULL;
	assert_int_equal(run(&verb_reboot, "-w", "-t", "1", "guest", NULL),
			 EXIT_TIMEOUT);
}

/* The machine ends with it; so others have to have ended before. */
static void test_control(void **state)
{
	struct fake_domain *c = &fake.domain[0];

	assert_true(c != d);
	c->there = true;
	c->info = d->info;
	c->info.domid = 1;
	c->info.flags = LODGE_DOMAIN_CONTROL;
	strcpy(c->info.name, "control");
	assert_int_equal(run(&verb_shutdown, "control", NULL), EXIT_REFUSED);
	assert_int_equal(run(&verb_reboot, "1", NULL), EXIT_REFUSED);
	assert_int_equal(run(&verb_shutdown, "-f", "control", NULL),
			 EXIT_REFUSED);
	assert_int_equal(c->info.request.bits, 0);
	d->info.state = LODGE_DOMAIN_BUILDING;
	assert_int_equal(run(&verb_shutdown, "control", NULL), EXIT_REFUSED);
	fake_end(d, LODGE_SHUTDOWN_POWEROFF, "");
	assert_int_equal(run(&verb_reboot, "control", NULL), EXIT_DONE);
	assert_int_equal(c->info.request.bits, LODGE_REQUEST_REBOOT);
	assert_int_equal(run(&verb_shutdown, "1", NULL), EXIT_DONE);
}

int main(void)
{
#define S(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		S(test_request), S(test_wait),		S(test_timeout),
		S(test_force),	 S(test_does_not_heed), S(test_errors),
		S(test_reboot),	 S(test_control),
	};

	return RUN(tests);
}
