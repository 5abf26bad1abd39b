// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: lodge/dev.h, all but memory. How: bad ioctls, sizes and addresses; who
 * owns a domain that was not started; channels between two ports of this
 * domain, watches of two files, and threads that do all of it to one file. No
 * frame and no port is lost.
 */
#define _GNU_SOURCE
#include <sys/stat.h>

#include "device.h"

static int fd;
static char *nowhere; /* an address that is not mapped */
static uint32_t *constants; /* read-only memory */

static int channel(int file, unsigned long number, unsigned int domid,
		   uint32_t *port)
{
	struct lodge_dev_channel c = { domid, *port };
	int ret = request(file, number, (unsigned long)&c);

	*port = c.port;
	return ret;
}

/* What read() has now; 0: nothing. */
static uint32_t next_word(int file)
{
	uint32_t word;
	ssize_t n = read(file, &word, 4);

	check(n == 4 || (n < 0 && errno == EAGAIN), "%zd", n);
	return n == 4 ? word : 0;
}

static int readable(int file)
{
	struct pollfd p = { .fd = file, .events = POLLIN };

	return poll(&p, 1, 0);
}

static uint32_t wait_word(int file)
{
	struct pollfd p = { .fd = file, .events = POLLIN };

	check(poll(&p, 1, 10000) == 1, "nothing comes");
	return next_word(file);
}

/*
 * What came before: an event of which nobody has read may come once more, and
 * each comes when the vCPU that handles it does.
 */
static void drain(int file)
{
	struct pollfd p = { .fd = file, .events = POLLIN };

	while (poll(&p, 1, 200))
		next_word(file);
}

/* --- bad arguments --- */

static void test_arguments(void)
{
	struct lodge_dev_control c = { .operation = LODGE_CONTROL_MACHINE };
	unsigned char small[16];
	unsigned int op;

	expect(request(fd, _IO('L', 99), 0) == -ENOTTY);
	expect(request(fd, _IO('X', 1), 0) == -ENOTTY);
	expect(request(fd, LODGE_DEV_CONTROL, (long)nowhere) == -EFAULT);
	expect(request(fd, LODGE_DEV_CONTROL, ~0UL) == -EFAULT);
	expect(request(fd, LODGE_DEV_CONTROL, 0xffffffff81000000) == -EFAULT);
	expect(request(fd, LODGE_DEV_ALLOC, (long)nowhere) == -EFAULT);
	expect(request(fd, LODGE_DEV_BIND, (long)nowhere) == -EFAULT);
	c.pad0 = 1;
	expect(request(fd, LODGE_DEV_CONTROL, (long)&c) == -EINVAL);

	for (op = 0; op < 32; op++) {
		int ret = control(fd, op, 0, nowhere, 8, 0, 0);

		if (op == LODGE_CONTROL_DEBUG_KEY)
			continue;
		check(ret == -EFAULT, "%u", op);
		expect(control(fd, op, 0, small, 4097, 0, 0) == -EINVAL);
		expect(control(fd, op, 0, small, ~0U, 0, 0) == -EINVAL);
	}
	expect(control(fd, LODGE_CONTROL_MAP, 1, small, 8, 1, 0) == -EPERM);
	expect(control(fd, LODGE_CONTROL_UNMAP, 1, small, 8, 1, 0) == -EPERM);
	expect(control(fd, LODGE_CONTROL_DEVICES, 1, small, 8, 0, 0) == -EPERM);
	expect(control(fd, 99, 1, small, 8, 0, 0) == -ENOSYS);
	expect(control(fd, ~0U, 1, small, 8, 0, 0) == -ENOSYS);
	/* Without a buffer, with one that is too small, with one to read. */
	expect(control(fd, LODGE_CONTROL_MACHINE, 0, NULL, 0, 0, 0) == -EFAULT);
	expect(control(fd, LODGE_CONTROL_CREATE, 0, NULL, 0, 0, 0) == -EFAULT);
	memset(small, 0xaa, sizeof(small));
	expect(!control(fd, LODGE_CONTROL_MACHINE, 0, small, 8, 0, 0));
	expect(!small[7] && small[8] == 0xaa && small[15] == 0xaa);
	expect(control(fd, LODGE_CONTROL_MACHINE, 0, constants, 8, 0, 0) ==
	       -EFAULT);
	expect(control(fd, LODGE_CONTROL_CREATE, 0, constants, 96, 0, 0) ==
	       -EINVAL);
	/* What would end or stop the caller. */
	expect(control(fd, LODGE_CONTROL_PAUSE, own_domid, NULL, 0, 0, 0) ==
	       -EPERM);
	expect(control(fd, LODGE_CONTROL_DESTROY, own_domid, NULL, 0, 0, 0) ==
	       -EPERM);
	expect(control(fd, LODGE_CONTROL_DESTROY, LODGE_DOMID_SELF, NULL, 0, 0,
		       0) == -ENOENT);
}

static void test_open(void)
{
	int status;

	if (!fork()) {
		if (setgid(1000) || setuid(1000))
			_exit(3);
		expect(chmod(LODGE_DEV, 0666));
		_exit(open(LODGE_DEV, O_RDWR) < 0 && errno == EACCES ? 0 : 4);
	}
	wait(&status);
	check(!status, "%x", status);
	expect(!chmod(LODGE_DEV, 0666));
	if (!fork()) {
		if (setgid(1000) || setuid(1000))
			_exit(3);
		_exit(open(LODGE_DEV, O_RDWR) < 0 && errno == EPERM ? 0 : 4);
	}
	wait(&status);
	expect(!chmod(LODGE_DEV, 0600));
	check(!status, "%x", status);
}

/* --- domains that were not started --- */

static void test_owner(void)
{
	int one = open_device(), two = open_device(), copy, status, domid;

	/* Its file is closed. */
	domid = create(one, "owned", 4096);
	expect(domid > 0 && !populate(two, domid, 0, 4096));
	expect(create(two, "owned", 16) == -EEXIST);
	close(one);
	wait_gone(fd, domid);

	/* Not by a copy of the file, nor by a child that has one. */
	one = open_device();
	domid = create(one, "owned", 16);
	copy = dup(one);
	close(one);
	expect(exists(fd, domid));
	if (!fork())
		_exit(!exists(copy, domid));
	wait(&status);
	check(!status && exists(fd, domid), "%x", status);
	close(copy);
	wait_gone(fd, domid);

	/* Another destroys it. */
	one = open_device();
	domid = create(one, "owned", 16);
	destroy(two, domid);
	close(one);

	/* Another starts it, then it stays. */
	one = open_device();
	domid = build_child(one, "owned");
	expect(control(two, LODGE_CONTROL_START, domid, NULL, 0, 0, 0) ==
	       -EFAULT);
	expect(!start_child(two, domid));
	expect(start_child(two, domid) == -EBUSY);
	close(one);
	close(two);
	usleep(50000);
	expect(exists(fd, domid));
	expect(control(fd, LODGE_CONTROL_DESTROY, domid, NULL, 0, 1, 0) ==
	       -EBUSY);
	destroy(fd, domid);
}

/* Many, which one close() takes away. */
static void test_many(void)
{
	char name[32];
	int round, n, file, domid, before = count_domains(fd);

	for (round = 0; round < 3; round++) {
		file = open_device();
		for (n = 0; n < 200; n++) {
			snprintf(name, sizeof(name), "many%d", n);
			domid = create(file, name, 16);
			check(domid > 0, "%d: %d", n, domid);
		}
		close(file);
		steady_frames(fd);
		check(count_domains(fd) == before, "%d", count_domains(fd));
	}
}

/* --- channels --- */

static void test_channel(void)
{
	int file = open_device(), other = open_device();
	uint32_t a = 0, b = 0, words[4];

	expect(channel(file, LODGE_DEV_ALLOC, 0x12345678, &a) == -EINVAL);
	expect(channel(file, LODGE_DEV_BIND, own_domid, &a) < 0);
	a = ~0U;
	expect(channel(file, LODGE_DEV_BIND, own_domid, &a) < 0);
	expect(!channel(file, LODGE_DEV_ALLOC, own_domid, &a));
	b = a;
	expect(!channel(other, LODGE_DEV_BIND, own_domid, &b) && a != b);
	expect(request(file, LODGE_DEV_NOTIFY, b) == -ENOENT);
	expect(request(file, LODGE_DEV_NOTIFY, 1UL << 32 | a) == -ENOENT);
	expect(request(file, LODGE_DEV_CLOSE, b) == -ENOENT);
	expect(request(file, LODGE_DEV_CLOSE, 0) == -ENOENT);

	/* It is told that it was bound, and then of what is sent. */
	expect(wait_word(file) == a);
	drain(file);
	expect(!request(other, LODGE_DEV_NOTIFY, b));
	expect(wait_word(file) == a && !readable(other));
	expect(!request(other, LODGE_DEV_NOTIFY, b));
	expect(!request(other, LODGE_DEV_NOTIFY, b));
	while (!readable(file))
		usleep(1000);
	expect(read(file, words, 3) < 0 && errno == EINVAL);
	expect(read(file, nowhere, 4) < 0 && errno == EFAULT);
	expect(read(file, constants, 4) < 0 && errno == EFAULT);
	expect(!read(file, words, 0));
	expect(pread(file, words, 4, 0) < 0 && errno == ESPIPE);
	expect(write(file, words, 4) < 0);
	check(read(file, words, 16) == 4 && words[0] == a, "%x", words[0]);
	drain(file);
	expect(!readable(file) && !next_word(file));
	expect(!request(file, LODGE_DEV_NOTIFY, a));
	expect(wait_word(other) == b);

	/* One end is closed; the other learns of it. */
	close(other);
	expect(wait_word(file) == a);
	drain(file);
	expect(request(file, LODGE_DEV_NOTIFY, a) == -EAGAIN);
	b = a;
	expect(!channel(file, LODGE_DEV_BIND, own_domid, &b));
	expect(wait_word(file) == a);
	drain(file);
	expect(!request(file, LODGE_DEV_NOTIFY, b));
	while (!readable(file))
		usleep(1000);
	expect(!request(file, LODGE_DEV_CLOSE, a)); /* while it is pending */
	expect(request(file, LODGE_DEV_CLOSE, a) == -ENOENT);
	expect(wait_word(file) == b);

	/* A result that cannot be written takes the port back. */
	expect(request(file, LODGE_DEV_ALLOC, (long)constants) == -EFAULT);
	close(file);
}

static void *sender(void *arg)
{
	uint32_t *port = arg;

	usleep(100000);
	expect(!request(fd, LODGE_DEV_NOTIFY, *port));
	return NULL;
}

/* One that sleeps is woken by an event, and by a signal. */
static void test_wait(void)
{
	int file = open(LODGE_DEV, O_RDWR);
	struct pollfd p = { .fd = file, .events = POLLIN };
	uint32_t a = 0, b, word;
	pthread_t thread;
	int status, pid;

	expect(!channel(file, LODGE_DEV_ALLOC, own_domid, &a));
	b = a;
	expect(!channel(fd, LODGE_DEV_BIND, own_domid, &b));
	expect(read(file, &word, 4) == 4 && word == a);
	pthread_create(&thread, NULL, sender, &b);
	expect(read(file, &word, 4) == 4 && word == a);
	pthread_join(thread, NULL);
	pthread_create(&thread, NULL, sender, &b);
	expect(poll(&p, 1, 10000) == 1);
	pthread_join(thread, NULL);
	expect(read(file, &word, 4) == 4 && word == a);
	pid = fork();
	if (!pid) {
		read(file, &word, 4);
		_exit(1);
	}
	usleep(100000);
	kill(pid, SIGKILL);
	expect(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	expect(!request(fd, LODGE_DEV_CLOSE, b));
	close(file);
}

/* Ports that one file can get. */
static int count_ports(void)
{
	int file = open_device(), n = 0, ret;
	uint32_t port = 0;

	while (!(ret = channel(file, LODGE_DEV_ALLOC, own_domid, &port)))
		n++;
	check(ret == -ENOSPC, "%d", ret);
	close(file);
	return n;
}

/* --- watches --- */

static void test_watch(void)
{
	int one = open_device(), two = open_device(), round;
	struct child_mail *mail;
	unsigned int domid;

	expect(request(one, LODGE_DEV_WATCH, 4) == -EINVAL);
	expect(request(one, LODGE_DEV_WATCH, ~0UL) == -EINVAL);
	expect(!request(one, LODGE_DEV_WATCH, 0) && !next_word(one));
	expect(!request(one, LODGE_DEV_WATCH, 3) && readable(one));
	expect(next_word(one) == LODGE_DEV_DOMAIN);
	expect(next_word(one) == LODGE_DEV_OUTPUT);
	drain(one);
	expect(!request(one, LODGE_DEV_WATCH, 3) && !next_word(one));
	expect(!request(one, LODGE_DEV_WATCH, 1));
	expect(!request(two, LODGE_DEV_WATCH, LODGE_DEV_WATCH_OUTPUT));
	expect(next_word(two) == LODGE_DEV_OUTPUT);
	drain(two);

	domid = build_child(fd, "watched");
	expect(wait_word(one) == LODGE_DEV_DOMAIN);
	expect(!start_child(fd, domid));
	expect(wait_word(one) == LODGE_DEV_DOMAIN && !next_word(two));
	expect(!request(one, LODGE_DEV_TARGET, domid));
	mail = map(one, CHILD_MAIL, PAGE);
	for (round = 1; round < 10; round++) {
		mail->order = round;
		expect(wait_word(two) == LODGE_DEV_OUTPUT);
		while (mail->done != (uint64_t)round)
			usleep(1000);
	}
	/* Both are told, also if only one of them looks. */
	expect(!request(one, LODGE_DEV_WATCH, 3));
	for (round = 10; round < 20; round++) {
		order(mail, round);
		expect(wait_word(two) == LODGE_DEV_OUTPUT);
	}
	expect(wait_word(one) == LODGE_DEV_OUTPUT);
	/* Pending when it stops to be watched, and when it is closed. */
	order(mail, 20);
	expect(!request(two, LODGE_DEV_WATCH, 0) && !readable(two));
	close(two);
	order(mail, 21);
	while (wait_word(one) != LODGE_DEV_OUTPUT)
		;
	munmap(mail, PAGE);
	destroy(fd, domid);
	while (wait_word(one) != LODGE_DEV_DOMAIN)
		;
	close(one);
}

/* --- threads --- */

static volatile int stop;
static unsigned long rounds;

/* Whatever comes, in any order, with ports of its own and of others. */
static void *stormer(void *arg)
{
	unsigned int seed = (uintptr_t)arg, n = 0;
	uint32_t port = 0, words[8];

	while (!stop) {
		unsigned int at = rand_r(&seed) % 64;

		switch (rand_r(&seed) % 8) {
		case 0:
			channel(fd, LODGE_DEV_ALLOC, own_domid, &port);
			break;
		case 1:
			port = at;
			channel(fd, LODGE_DEV_BIND, own_domid, &port);
			break;
		case 2:
			request(fd, LODGE_DEV_CLOSE, at);
			break;
		case 3:
			request(fd, LODGE_DEV_WATCH, at & 3);
			break;
		case 4:
			(void)!read(fd, at & 7 ? (void *)words : nowhere,
				    at & 28);
			break;
		default:
			request(fd, LODGE_DEV_NOTIFY, at);
			break;
		}
		n++;
	}
	__atomic_add_fetch(&rounds, n, __ATOMIC_RELAXED);
	return NULL;
}

static void test_threads(void)
{
	pthread_t thread[6];
	unsigned long i;

	for (i = 0; i < 6; i++)
		expect(!pthread_create(&thread[i], NULL, stormer, (void *)i));
	sleep(5);
	stop = 1;
	for (i = 0; i < 6; i++)
		pthread_join(thread[i], NULL);
	printf("device-calls: %lu calls by threads\n", rounds);
}

int main(void)
{
	static const struct {
		const char *name;
		void (*test)(void);
	} tests[] = {
		{ "arguments", test_arguments }, { "open", test_open },
		{ "owner", test_owner },	 { "many", test_many },
		{ "channel", test_channel },	 { "wait", test_wait },
		{ "watch", test_watch },	 { "threads", test_threads },
		{ NULL, NULL },
	}, *t;
	long before;
	int ports;

	find_own_domid();
	fd = open_device();
	nowhere =
		mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	constants = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	constants[0] = own_domid;
	mprotect(constants, PAGE, PROT_READ);
	destroy(fd, build_child(fd, "first")); /* what is made once, is now */
	request(fd, LODGE_DEV_WATCH, 3);
	request(fd, LODGE_DEV_WATCH, 0);
	ports = count_ports();
	for (t = tests; t->test; t++) {
		before = steady_frames(fd);
		t->test();
		close(fd);
		fd = open_device();
		expect_frames(fd, before);
		printf("device-calls: %s: passed\n", t->name);
		fflush(stdout);
	}
	check(count_ports() == ports, "%d before", ports);
	printf("device-calls: %d ports\n", ports);
	return 0;
}
