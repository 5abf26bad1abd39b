// SPDX-License-Identifier: GPL-2.0-only
/*
 * device-storm [SECONDS]
 *
 * Rule: lodge/dev.h: a program that is killed, wherever it is, leaves nothing
 * behind. How: builders, each with two threads, create domains, fill and map
 * them, make channels, and start some; all the time one of them is killed and
 * another begins, and CPU 1 goes and comes. In the end there are as many
 * domains and frames as before.
 */
#define _GNU_SOURCE
#include "device.h"

#define BUILDERS 6
#define FRAMES 3072UL

static int fd;
static unsigned int seed;
static void *kept; /* a mapping */
static size_t kept_size;

static unsigned int pick(unsigned int n)
{
	return rand_r(&seed) % n;
}

/* What a builder's second thread does to the same file. */
static void *disturb(void *arg)
{
	int file = *(int *)arg;
	unsigned int mine = 1;
	struct lodge_dev_channel c;
	uint32_t words[16];

	for (;;) {
		c.domid = own_domid;
		request(file, LODGE_DEV_ALLOC, (long)&c);
		request(file, LODGE_DEV_BIND, (long)&c);
		request(file, LODGE_DEV_NOTIFY, c.port);
		request(file, LODGE_DEV_WATCH, rand_r(&mine) & 3);
		(void)!read(file, words, sizeof(words));
		if (rand_r(&mine) & 1)
			request(file, LODGE_DEV_CLOSE, c.port);
	}
	return NULL;
}

/* Memory that was mapped must be what was written, and at first zero. */
static void use(int file, unsigned int value)
{
	uint64_t first = pick(FRAMES), count = 1 + pick(FRAMES - first), i;
	uint32_t *p = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE,
			   MAP_SHARED, file, first * PAGE);

	if (p == MAP_FAILED)
		return;
	for (i = 0; i < count; i += 1 + pick(64)) {
		check(!p[i * 1024] || p[i * 1024] == value, "%x", p[i * 1024]);
		p[i * 1024] = value;
	}
	/* The last one remains. */
	if (kept)
		munmap(kept, kept_size);
	kept = p;
	kept_size = count * PAGE;
}

static void build_one(int file, unsigned int value)
{
	unsigned int i;
	char name[32];
	int domid, target;

	snprintf(name, sizeof(name), "storm-%d-%u", getpid(), value);
	domid = create(file, name, FRAMES);
	check(domid > 0 || domid == -ENOMEM, "%d", domid);
	if (domid < 0)
		return;
	populate(file, domid, 0, FRAMES);
	target = open_target(domid);
	for (i = 0; i < 4; i++)
		use(target, value);
	if (pick(2))
		control(fd, LODGE_CONTROL_DESTROY, domid, NULL, 0, 0, 0);
	if (pick(2))
		use(target, value);
	close(target);
}

static void run_one(int file, unsigned int value)
{
	char name[32];
	int domid;

	snprintf(name, sizeof(name), "storm-%d-%u", getpid(), value);
	domid = build_child(file, name);
	expect(!start_child(file, domid));
	usleep(pick(20000));
	control(fd, LODGE_CONTROL_DESTROY, domid, NULL, 0, 0, 0);
}

static void builder(unsigned int number)
{
	unsigned int n;

	seed = number;
	for (n = 1;; n++) {
		int file = open_device();
		pthread_t thread;

		if (n == 1 && pick(2))
			pthread_create(&thread, NULL, disturb, &file);
		if (pick(3))
			build_one(file, number << 8 | n);
		else
			run_one(file, number << 8 | n);
		if (n == 1) /* the other thread has it */
			file = open_device();
		close(file);
	}
}

static pid_t begin(unsigned int number)
{
	pid_t pid = fork();

	if (!pid)
		builder(number);
	check(pid > 0, "fork");
	return pid;
}

/* Those that were started between two calls of a builder that was killed. */
static void clear(unsigned int before)
{
	struct lodge_domain_info i;
	unsigned int at;

	for (at = 0; !info(fd, at, &i); at = i.domid + 1)
		if (!strncmp(i.name, "storm-", 6)) {
			check(i.state != LODGE_DOMAIN_BUILDING, "%s", i.name);
			destroy(fd, i.domid);
		}
	check(count_domains(fd) == (int)before, "%u domains before", before);
}

/* Interrupts move when a CPU goes. */
static void toggle_cpu(int online)
{
	FILE *f = fopen("/sys/devices/system/cpu/cpu1/online", "w");

	if (!f)
		return;
	fprintf(f, "%d\n", online);
	check(!fclose(f), "CPU 1: %d", online);
}

static void storm(double seconds)
{
	double end = seconds_now() + seconds;
	pid_t pid[BUILDERS];
	unsigned int n = 0, at;
	int status;

	for (at = 0; at < BUILDERS; at++)
		pid[at] = begin(++n);
	while (seconds_now() < end) {
		usleep(pick(30000));
		at = pick(BUILDERS);
		kill(pid[at], SIGKILL);
		check(waitpid(pid[at], &status, 0) == pid[at], "wait");
		check(WIFSIGNALED(status), "a builder found something wrong");
		pid[at] = begin(++n);
		if (n % 8 == 0)
			toggle_cpu(n / 8 & 1);
	}
	toggle_cpu(1);
	for (at = 0; at < BUILDERS; at++) {
		kill(pid[at], SIGKILL);
		waitpid(pid[at], &status, 0);
	}
	printf("device-storm: %u builders killed\n", n);
}

int main(int argc, char **argv)
{
	unsigned int domains;
	long before;

	find_own_domid();
	fd = open_device();
	seed = 1;
	storm(1); /* what is made once, is now */
	usleep(500000);
	clear(1);
	domains = count_domains(fd);
	before = steady_frames(fd);
	storm(argc > 1 ? atof(argv[1]) : 10);
	usleep(500000); /* what is destroyed now, is gone then */
	clear(domains);
	expect_frames(fd, before);
	printf("device-storm: passed\n");
	return 0;
}
