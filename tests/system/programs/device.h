/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of /dev/lodge share: the calls, a domain of a few pages that
 * can be started, and the count of frames by which nothing may be lost.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <lodge/abi.h>
#include <lodge/dev.h>
#include <lodge/hypercall.h>

#include "check.h"

#define PAGE 4096UL
#define expect(condition) check(condition, "is not so")

static unsigned int own_domid;

__attribute__((unused)) static int open_device(void)
{
	int fd = open(LODGE_DEV, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	check(fd >= 0, "%s", LODGE_DEV);
	return fd;
}

/* The result, or -errno. */
__attribute__((unused)) static int
control(int fd, unsigned int operation, unsigned int domid, const void *buffer,
	unsigned int size, uint64_t arg0, uint64_t arg1)
{
	struct lodge_dev_control c = {
		.operation = operation,
		.domid = domid,
		.arg = { arg0, arg1 },
		.buffer = (uintptr_t)buffer,
		.size = size,
	};
	int ret = ioctl(fd, LODGE_DEV_CONTROL, &c);

	return ret < 0 ? -errno : ret;
}

__attribute__((unused)) static int request(int fd, unsigned long number,
					   unsigned long arg)
{
	int ret = ioctl(fd, number, arg);

	return ret < 0 ? -errno : ret;
}

__attribute__((unused)) static int info(int fd, unsigned int domid,
					struct lodge_domain_info *i)
{
	return control(fd, LODGE_CONTROL_INFO, domid, i, sizeof(*i), 0, 0);
}

__attribute__((unused)) static int exists(int fd, unsigned int domid)
{
	struct lodge_domain_info i;

	return !info(fd, domid, &i) && i.domid == domid;
}

__attribute__((unused)) static int create(int fd, const char *name,
					  uint64_t frames)
{
	struct lodge_control_create c = { .vcpus = 1, .vcpus_online = 1 };

	snprintf(c.name, sizeof(c.name), "%s", name);
	c.max_frames = c.target_frames = frames;
	return control(fd, LODGE_CONTROL_CREATE, 0, &c, sizeof(c), 0, 0);
}

/* All of it, or -errno. */
__attribute__((unused)) static int populate(int fd, unsigned int domid,
					    uint64_t gpa, uint64_t frames)
{
	while (frames) {
		int ret = control(fd, LODGE_CONTROL_POPULATE, domid, NULL, 0,
				  gpa, frames);

		if (ret == -EAGAIN)
			continue;
		if (ret <= 0)
			return ret;
		gpa += ret * PAGE;
		frames -= ret;
	}
	return 0;
}

__attribute__((unused)) static void wait_gone(int fd, unsigned int domid)
{
	double end = seconds_now() + 30;

	while (exists(fd, domid)) {
		check(seconds_now() < end, "domain %u does not go", domid);
		usleep(1000);
	}
}

__attribute__((unused)) static void destroy(int fd, unsigned int domid)
{
	int ret = control(fd, LODGE_CONTROL_DESTROY, domid, NULL, 0, 0, 0);

	check(!ret || ret == -EAGAIN, "%d", ret);
	wait_gone(fd, domid);
}

/* A file that maps this domain's memory. */
__attribute__((unused)) static int open_target(unsigned int domid)
{
	int fd = open_device();

	check(!request(fd, LODGE_DEV_TARGET, domid), "domain %u", domid);
	return fd;
}

__attribute__((unused)) static void *map(int fd, uint64_t gpa, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, gpa);

	check(p != MAP_FAILED, "%zx bytes at %lx", size, (long)gpa);
	return p;
}

/* --- does an access fault? --- */

static sigjmp_buf fault_jump;

__attribute__((unused)) static void on_fault(int sig)
{
	siglongjmp(fault_jump, sig);
}

__attribute__((unused)) static int faults(volatile uint64_t *word, int write)
{
	if (sigsetjmp(fault_jump, 1))
		return 1;
	if (write)
		*word = 1;
	else
		(void)*word;
	return 0;
}

__attribute__((unused)) static void catch_faults(void)
{
	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
}

/* --- what is in use --- */

/*
 * Frames that are free, or this domain's, or that the hypervisor needs for it:
 * the balloon may give some back, and tables vary with what programs do.
 */
__attribute__((unused)) static long count_frames(int fd)
{
	struct lodge_machine_info m;
	struct lodge_domain_info i;

	check(!info(fd, own_domid, &i), "own domain");
	expect(!control(fd, LODGE_CONTROL_MACHINE, 0, &m, sizeof(m), 0, 0));
	return m.free_frames + i.overhead + i.frames;
}

__attribute__((unused)) static int count_domains(int fd)
{
	struct lodge_domain_info i;
	unsigned int at;
	int n = 0;

	for (at = 0; !info(fd, at, &i); at = i.domid + 1)
		n++;
	return n;
}

/* That many frames, when what was given back before has arrived. */
__attribute__((unused)) static long steady_frames(int fd)
{
	long last, now = count_frames(fd);
	int same = 0;

	while (same < 20) {
		last = now;
		usleep(20000);
		now = count_frames(fd);
		same = now == last ? same + 1 : 0;
	}
	return now;
}

/* As many frames as before; some come back a little later. */
__attribute__((unused)) static void expect_frames(int fd, long before)
{
	double end = seconds_now() + 20;
	long now;

	while ((now = count_frames(fd)) != before && seconds_now() < end)
		usleep(10000);
	check(now == before, "%ld frames before, now %ld", before, now);
}

__attribute__((unused)) static void find_own_domid(void)
{
	FILE *f = fopen("/sys/hypervisor/properties/domid", "r");

	check(f && fscanf(f, "%u", &own_domid) == 1, "no number");
	fclose(f);
}

/* --- a domain that runs --- */

/*
 * Its memory: page tables, which map it at ADDRESS, its program, a page of
 * mail, and data. For each order other than the last one it writes of each
 * word of its data the complement plus the order, says "x\n" on its console,
 * and sets `done` to the order.
 */
#define CHILD_ADDRESS 0xffffffff80000000UL
#define CHILD_ROOT 0x1000UL /* and three tables below it */
#define CHILD_CODE 0x5000UL
#define CHILD_MAIL 0x6000UL
#define CHILD_DATA 0x100000UL
#define CHILD_WORDS (256 * PAGE / 8) /* up to 2 MiB */
#define CHILD_FRAMES 512
#define CHILD_PTE 0x63 /* P, RW, A, D */

struct child_mail {
	volatile uint64_t order, done;
	char text[8]; /* at 16 */
};

extern const char child_code[], child_code_end[];
asm(".pushsection .rodata\n"
    "child_code:\n"
    "	movabs $0xffffffff80006000, %rbx\n"
    "	mov 8(%rbx), %rbp\n"
    "1:	mov $10, %eax\n" /* YIELD */
    "	int $0x82\n"
    "	mov (%rbx), %rbp\n"
    "	cmp 8(%rbx), %rbp\n"
    "	je 1b\n"
    "	movabs $0xffffffff80100000, %rsi\n"
    "	mov $0x20000, %ecx\n"
    "2:	mov (%rsi), %rdx\n"
    "	not %rdx\n"
    "	add %rbp, %rdx\n"
    "	mov %rdx, (%rsi)\n"
    "	add $8, %rsi\n"
    "	dec %ecx\n"
    "	jnz 2b\n"
    "	mov $1, %eax\n" /* CONSOLE_WRITE */
    "	mov $0x6010, %edi\n"
    "	mov $2, %esi\n"
    "	int $0x82\n"
    "	mov %rbp, 8(%rbx)\n"
    "	jmp 1b\n"
    "child_code_end:\n"
    ".popsection\n");

_Static_assert(CHILD_WORDS == 0x20000, "as in its code");
_Static_assert(LODGE_HC_YIELD == 10 && LODGE_HC_CONSOLE_WRITE == 1, "numbers");

/* Builds it, through a file of its own; fd is the one that it belongs to. */
__attribute__((unused)) static unsigned int build_child(int fd,
							const char *name)
{
	int domid = create(fd, name, CHILD_FRAMES);
	int target;
	uint64_t *ram, *table;
	unsigned int i;

	check(domid > 0, "%d", domid);
	expect(!populate(fd, domid, 0, CHILD_FRAMES));
	target = open_target(domid);
	ram = map(target, 0, CHILD_FRAMES * PAGE);
	for (i = 0; i < CHILD_FRAMES * PAGE / 8; i++)
		check(!ram[i], "new memory is not empty");

	table = ram + CHILD_ROOT / 8;
	table[511] = (CHILD_ROOT + PAGE) | CHILD_PTE;
	table[512 + 510] = (CHILD_ROOT + 2 * PAGE) | CHILD_PTE;
	table[1024] = (CHILD_ROOT + 3 * PAGE) | CHILD_PTE;
	for (i = 0; i < 512; i++)
		table[3 * 512 + i] = i * PAGE | CHILD_PTE;
	memcpy((char *)ram + CHILD_CODE, child_code,
	       child_code_end - child_code);
	memcpy((char *)ram + CHILD_MAIL + 16, "x\n", 2);
	munmap(ram, CHILD_FRAMES * PAGE);
	close(target);
	return domid;
}

__attribute__((unused)) static int start_child(int fd, unsigned int domid)
{
	struct lodge_control_start s = {
		.rip = CHILD_ADDRESS + CHILD_CODE,
		.root = CHILD_ROOT,
	};

	return control(fd, LODGE_CONTROL_START, domid, &s, sizeof(s), 0, 0);
}

__attribute__((unused)) static void order(struct child_mail *mail, uint64_t n)
{
	double end = seconds_now() + 30;

	mail->order = n;
	while (mail->done != n) {
		check(seconds_now() < end, "the child does not answer");
		usleep(1000);
	}
}

#endif
