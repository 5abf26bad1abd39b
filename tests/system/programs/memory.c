// SPDX-License-Identifier: GPL-2.0-only
/*
 * memory [SECONDS [SEED]]: a model of what an address space must contain.
 * Random operations (write, protect, discard, move, unmap, fork, exec) are
 * done to a set of mappings and to the model beside it, and everything that
 * can be read is compared. An access that a protection forbids must fault,
 * and one that it allows must not.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "check.h"

#define PAGE 4096
#define REGIONS 6
#define PAGES 96

/* One mapping; stamp is what each word of a page should hold. */
static struct region {
	char *base;
	int pages;
	int shared;
	int prot[PAGES];
	uint64_t stamp[PAGES];
} regions[REGIONS];

static sigjmp_buf jump;
static volatile int expecting;
static uint64_t seed, next_stamp = 1;
static int alone = 1; /* no child has our shared mappings */
static unsigned long operations, forks, execs, faults;

static unsigned int pick(unsigned int n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (seed >> 33) % n;
}

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	if (!expecting) {
		check(0, "unexpected fault at %p, code %d", info->si_addr,
		      info->si_code);
	}
	faults++;
	siglongjmp(jump, 1);
}

static int faults_at(volatile uint64_t *word, int write)
{
	expecting = 1;
	if (sigsetjmp(jump, 1)) {
		expecting = 0;
		return 1;
	}
	if (write)
		*word = *word;
	else
		(void)*word;
	expecting = 0;
	return 0;
}

static volatile uint64_t *word_of(struct region *r, int page, int word)
{
	return (uint64_t *)(r->base + page * PAGE) + word;
}

static void write_page(struct region *r, int page)
{
	uint64_t stamp = next_stamp++ << 20 | getpid();

	for (int i = 0; i < PAGE / 8; i += 32)
		*word_of(r, page, i) = stamp;
	r->stamp[page] = stamp;
}

static void verify_page(struct region *r, int page, const char *who)
{
	for (int i = 0; i < PAGE / 8; i += 32)
		check(*word_of(r, page, i) == r->stamp[page],
		      "%s: page %d at %p: %#lx, not %#lx, seed %lu", who, page,
		      word_of(r, page, i), *word_of(r, page, i),
		      r->stamp[page], seed);
}

static void verify_all(const char *who)
{
	for (int i = 0; i < REGIONS; i++)
		for (int page = 0; page < regions[i].pages; page++)
			if (regions[i].prot[page] & PROT_READ)
				verify_page(&regions[i], page, who);
}

static void map_region(struct region *r)
{
	r->pages = 1 + pick(PAGES);
	r->shared = !pick(4);
	r->base = mmap(0, r->pages * PAGE, PROT_READ | PROT_WRITE,
		       (r->shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS,
		       -1, 0);
	check(r->base != MAP_FAILED, "mmap");
	for (int i = 0; i < r->pages; i++) {
		r->prot[i] = PROT_READ | PROT_WRITE;
		r->stamp[i] = 0;
	}
}

static void remap_region(struct region *r)
{
	check(!munmap(r->base, r->pages * PAGE), "munmap");
	if (!pick(4))
		check(faults_at(word_of(r, 0, 0), 0), "unmapped, readable");
	map_region(r);
}

static void protect(struct region *r, int first, int count)
{
	static const int prots[] = { PROT_NONE, PROT_READ,
				     PROT_READ | PROT_WRITE };
	int prot = prots[pick(3)];

	check(!mprotect(r->base + first * PAGE, count * PAGE, prot),
	      "mprotect");
	for (int i = first; i < first + count; i++)
		r->prot[i] = prot;
	check(faults_at(word_of(r, first, 0), 0) == !(prot & PROT_READ),
	      "protection %d, reading", prot);
	check(faults_at(word_of(r, first, 0), 1) == !(prot & PROT_WRITE),
	      "protection %d, writing", prot);
}

static void discard(struct region *r, int first, int count)
{
	if (r->shared)
		return;
	check(!madvise(r->base + first * PAGE, count * PAGE, MADV_DONTNEED),
	      "madvise");
	for (int i = first; i < first + count; i++)
		r->stamp[i] = 0;
}

/* Moves a mapping, which must be of one protection, and looks behind it. */
static void move(struct region *r)
{
	char *old = r->base, *to, *moved;

	for (int i = 1; i < r->pages; i++)
		if (r->prot[i] != r->prot[0])
			return;
	to = mmap(0, r->pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		  -1, 0);
	check(to != MAP_FAILED, "mmap");
	moved = mremap(old, r->pages * PAGE, r->pages * PAGE,
		       MREMAP_MAYMOVE | MREMAP_FIXED, to);
	if (moved == MAP_FAILED && errno == EFAULT) {
		/* The kernel still has it in pieces of different history. */
		munmap(to, r->pages * PAGE);
		return;
	}
	check(moved == to, "mremap");
	r->base = to;
	check(faults_at((uint64_t *)old, 0), "still there after mremap");
}

static void write_some(int n)
{
	while (n--) {
		struct region *r = &regions[pick(REGIONS)];
		int page = pick(r->pages);

		if ((r->prot[page] & PROT_WRITE) && (alone || !r->shared))
			write_page(r, page);
	}
}

static void wait_for(pid_t pid, const char *what)
{
	int status;

	check(waitpid(pid, &status, 0) == pid, "waitpid");
	check(!status, "%s: status %#x", what, status);
}

/*
 * A child and its parent write while the other lives, and neither may see it
 * in its private mappings. Shared ones are left alone meanwhile.
 */
static void fork_and_write(void)
{
	int ready[2], go[2];
	char c = 0;
	pid_t pid;

	check(!pipe(ready) && !pipe(go), "pipe");
	pid = fork();
	check(pid >= 0, "fork");
	alone = 0;
	if (!pid) {
		verify_all("child");
		write_some(40);
		check(write(ready[1], &c, 1) == 1, "write");
		check(read(go[0], &c, 1) == 1, "read");
		verify_all("child, later");
		_exit(0);
	}
	write_some(40);
	check(read(ready[0], &c, 1) == 1, "child did not get ready");
	verify_all("parent");
	write_some(20);
	check(write(go[1], &c, 1) == 1, "write");
	wait_for(pid, "child");
	alone = 1;
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
	forks++;
}

/* A program gets what it was given, and nothing of what was there before. */
static void exec_self(void)
{
	pid_t pid = fork();
	char number[32];

	check(pid >= 0, "fork");
	if (!pid) {
		char *args[] = { "memory", "-exec", number, 0 };
		char *env[] = { "LODGE=1234", 0 };

		snprintf(number, sizeof(number), "%p", regions[0].base);
		execve("/proc/self/exe", args, env);
		_exit(3);
	}
	wait_for(pid, "exec");
	execs++;
}

static int after_exec(char *number)
{
	static char zero[64 * PAGE];
	void *old = (void *)strtoul(number, 0, 0);
	unsigned char present;

	check(getenv("LODGE") && !strcmp(getenv("LODGE"), "1234"), "env");
	check(mincore(old, PAGE, &present) && errno == ENOMEM,
	      "%p is still mapped", old);
	for (unsigned int i = 0; i < sizeof(zero); i++)
		check(!zero[i], "bss is not zero at %u", i);
	return 0;
}

static void operate(void)
{
	struct region *r = &regions[pick(REGIONS)];
	int first = pick(r->pages), count = 1 + pick(r->pages - first);

	switch (pick(12)) {
	case 0:
		remap_region(r);
		break;
	case 1:
	case 2:
	case 3:
		protect(r, first, count);
		break;
	case 4:
		discard(r, first, count);
		break;
	case 5:
		move(r);
		break;
	case 6:
		fork_and_write();
		break;
	case 7:
		if (!pick(8))
			exec_self();
		break;
	default:
		write_some(50);
	}
	operations++;
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_flags = SA_SIGINFO };
	double end = seconds_now() + (argc > 1 ? atof(argv[1]) : 5);

	sa.sa_sigaction = handler;
	check(!sigaction(SIGSEGV, &sa, 0), "sigaction");
	if (argc > 2 && !strcmp(argv[1], "-exec"))
		return after_exec(argv[2]);
	seed = argc > 2 ? strtoul(argv[2], 0, 0) : (unsigned long)getpid();
	for (int i = 0; i < REGIONS; i++)
		map_region(&regions[i]);
	while (seconds_now() < end) {
		operate();
		if (!pick(4))
			verify_all("itself");
	}
	printf("memory: %lu operations, %lu faults, %lu forks, %lu execs\n",
	       operations, faults, forks, execs);
	return 0;
}
