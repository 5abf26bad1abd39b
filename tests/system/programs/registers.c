// SPDX-License-Identifier: GPL-2.0-only
/*
 * registers [SECONDS]: every register keeps its value across signals, system
 * calls and whatever else interrupts the program. A timer sends a signal each
 * millisecond, whose handler uses the registers for something else; the main
 * program loads 15 general registers, the x87 and 16 AVX (or SSE) registers
 * with a pattern, spins or makes system calls, and compares.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <math.h>
#include <signal.h>

#include "check.h"

#define GPRS 15
#define VECTORS 16

struct state {
	uint64_t gpr[GPRS];
	uint64_t reserved;
	uint64_t vector[VECTORS][4];
	double x87[4];
	uint32_t mxcsr;
	uint32_t fcw;
} __attribute__((aligned(32)));

struct state in, out;
int spin;
static volatile unsigned long signals;
static volatile double sink;

static const char *const gpr_names[GPRS] = {
	"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8",
	"r9", "r10", "r11", "r12", "r13", "r14", "r15",
};

#define LOAD_GPRS                                                          \
	"mov in+0(%%rip), %%rax\n mov in+8(%%rip), %%rbx\n"                \
	"mov in+16(%%rip), %%rcx\n mov in+24(%%rip), %%rdx\n"              \
	"mov in+32(%%rip), %%rsi\n mov in+40(%%rip), %%rdi\n"              \
	"mov in+48(%%rip), %%rbp\n mov in+56(%%rip), %%r8\n"               \
	"mov in+64(%%rip), %%r9\n mov in+72(%%rip), %%r10\n"               \
	"mov in+80(%%rip), %%r11\n mov in+88(%%rip), %%r12\n"              \
	"mov in+96(%%rip), %%r13\n mov in+104(%%rip), %%r14\n"             \
	"mov in+112(%%rip), %%r15\n"

#define SAVE_GPRS                                                          \
	"mov %%rax, out+0(%%rip)\n mov %%rbx, out+8(%%rip)\n"              \
	"mov %%rcx, out+16(%%rip)\n mov %%rdx, out+24(%%rip)\n"            \
	"mov %%rsi, out+32(%%rip)\n mov %%rdi, out+40(%%rip)\n"            \
	"mov %%rbp, out+48(%%rip)\n mov %%r8, out+56(%%rip)\n"             \
	"mov %%r9, out+64(%%rip)\n mov %%r10, out+72(%%rip)\n"             \
	"mov %%r11, out+80(%%rip)\n mov %%r12, out+88(%%rip)\n"            \
	"mov %%r13, out+96(%%rip)\n mov %%r14, out+104(%%rip)\n"           \
	"mov %%r15, out+112(%%rip)\n"

#define EACH_VECTOR(m) m(0) m(1) m(2) m(3) m(4) m(5) m(6) m(7)             \
	m(8) m(9) m(10) m(11) m(12) m(13) m(14) m(15)
#define LOAD_YMM(n) "vmovups in+128+32*" #n "(%%rip), %%ymm" #n "\n"
#define SAVE_YMM(n) "vmovups %%ymm" #n ", out+128+32*" #n "(%%rip)\n"
#define LOAD_XMM(n) "movups in+128+32*" #n "(%%rip), %%xmm" #n "\n"
#define SAVE_XMM(n) "movups %%xmm" #n ", out+128+32*" #n "(%%rip)\n"

#define LOAD_X87                                                           \
	"fninit\n fldcw in+676(%%rip)\n ldmxcsr in+672(%%rip)\n"           \
	"fldl in+640(%%rip)\n fldl in+648(%%rip)\n"                        \
	"fldl in+656(%%rip)\n fldl in+664(%%rip)\n"
#define SAVE_X87                                                           \
	"fstpl out+664(%%rip)\n fstpl out+656(%%rip)\n"                    \
	"fstpl out+648(%%rip)\n fstpl out+640(%%rip)\n"                    \
	"fnstcw out+676(%%rip)\n stmxcsr out+672(%%rip)\n"

/* A frame pointer and the red zone are in the way: push what is needed. */
#define ROUND(load_vector, save_vector, middle)                            \
	asm volatile("sub $256, %%rsp\n push %%rbx\n push %%rbp\n"         \
		     "push %%r12\n push %%r13\n push %%r14\n push %%r15\n" \
		     LOAD_X87 EACH_VECTOR(load_vector) LOAD_GPRS           \
		     middle                                                \
		     SAVE_GPRS EACH_VECTOR(save_vector) SAVE_X87           \
		     "pop %%r15\n pop %%r14\n pop %%r13\n pop %%r12\n"     \
		     "pop %%rbp\n pop %%rbx\n add $256, %%rsp\n"           \
		     "fninit\n cld\n"                                      \
		     : : : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9",  \
		       "r10", "r11", "memory", "cc")

#define SPIN "1: decl spin(%%rip)\n jnz 1b\n"
#define GETPPID "mov $110, %%eax\n syscall\n"

_Static_assert(__builtin_offsetof(struct state, vector) == 128, "vector");
_Static_assert(__builtin_offsetof(struct state, x87) == 640, "x87");
_Static_assert(__builtin_offsetof(struct state, mxcsr) == 672, "mxcsr");

static void handler(int sig)
{
	double x = signals;

	(void)sig;
	for (int i = 0; i < 4; i++)
		x = sqrt(x + 1.5) * 3.25;
	sink = x;
	signals++;
	asm volatile("pxor %%xmm0, %%xmm0; pxor %%xmm15, %%xmm15; fninit"
		     : : : "xmm0", "xmm15");
}

static void fill(uint64_t seed)
{
	uint64_t *word = (uint64_t *)&in;

	for (unsigned int i = 0; i < 80; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		word[i] = seed;
	}
	for (int i = 0; i < 4; i++)
		in.x87[i] = (double)(seed >> (10 + i)) / 7;
	/* All exceptions masked; the rounding mode varies. */
	in.mxcsr = 0x1f80 | (seed >> 13 & 3) << 13;
	in.fcw = 0x37f | (seed >> 17 & 3) << 10;
}

static int have_avx(void)
{
	unsigned int a, b, c, d;

	__cpuid(1, a, b, c, d);
	if (!(c & bit_OSXSAVE) || !(c & bit_AVX))
		return 0;
	asm("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return (a & 6) == 6;
}

static void compare(int avx, int system_call, unsigned long round)
{
	for (int i = 0; i < GPRS; i++) {
		/* rax, rcx and r11 are the system call's own. */
		if (system_call && (i == 0 || i == 2 || i == 10))
			continue;
		check(in.gpr[i] == out.gpr[i],
		      "round %lu: %s %#lx, was %#lx", round, gpr_names[i],
		      out.gpr[i], in.gpr[i]);
	}
	for (int i = 0; i < VECTORS; i++)
		check(!memcmp(in.vector[i], out.vector[i], avx ? 32 : 16),
		      "round %lu: vector %d %#lx, was %#lx", round, i,
		      out.vector[i][0], in.vector[i][0]);
	check(!memcmp(in.x87, out.x87, sizeof(in.x87)), "round %lu", round);
	check(in.mxcsr == (out.mxcsr & ~0x3fu), "round %lu: %#x %#x", round,
	      out.mxcsr, in.mxcsr);
	check((in.fcw & 0xffff) == (out.fcw & 0xffff), "round %lu", round);
}

static void start_timer(void)
{
	struct sigaction sa = { .sa_handler = handler,
				.sa_flags = SA_RESTART };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGRTMIN };
	struct itimerspec each = { { 0, 1000000 }, { 0, 1000000 } };
	timer_t timer;

	check(!sigaction(SIGRTMIN, &sa, 0), "sigaction");
	check(!timer_create(CLOCK_MONOTONIC, &event, &timer), "timer_create");
	check(!timer_settime(timer, 0, &each, 0), "timer_settime");
}

int main(int argc, char **argv)
{
	double end = seconds_now() + (argc > 1 ? atof(argv[1]) : 5);
	int avx = have_avx();
	unsigned long round;

	start_timer();
	for (round = 0; seconds_now() < end; round++) {
		int system_call = round & 1;

		fill(round + getpid());
		spin = 20000 + round % 1000;
		if (system_call) {
			for (int i = 0; i < 20; i++) {
				if (avx)
					asm volatile("vzeroupper");
				ROUND(LOAD_XMM, SAVE_XMM, GETPPID);
				compare(0, 1, round);
			}
		} else if (avx) {
			ROUND(LOAD_YMM, SAVE_YMM, SPIN);
			asm volatile("vzeroupper");
			compare(1, 0, round);
		} else {
			ROUND(LOAD_XMM, SAVE_XMM, SPIN);
			compare(0, 0, round);
		}
	}
	check(signals > 10, "only %lu signals", signals);
	printf("registers: %lu rounds, %lu signals, %s\n", round, signals,
	       avx ? "AVX" : "SSE");
	return 0;
}
