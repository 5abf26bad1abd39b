/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The library under the tiny guests. A test defines test_main(), which runs
 * on vCPU 0 with virtual interrupts off, callbacks registered and a shared
 * page in place; returning from it ends the test, as PASS unless a CHECK has
 * failed.
 *
 *	report	CHECK(), test_error(), test_skip(), printf()
 *	hypercalls	hc()
 *	memory	alloc_page(), map_page(), new_root(), flush_*()
 *	faults	probe() for ring 1, user_run() for ring 3, cpu->hook
 *	events	port_handler(), irq_on(), irq_off()
 *	vCPUs	cpu_start(), cpu_join(), this_cpu()
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <lodge/abi.h>
#include <lodge/errno.h>
#include <lodge/event.h>
#include <lodge/hypercall.h>
#include <lodge/start.h>
#include <lodge/time.h>
#include <lodge/vcpu.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

#define PAGE_SIZE 4096UL
#define SIZE_2M (2UL << 20)
#define SIZE_1G (1UL << 30)
#define KERNEL_BASE 0xffffffff80000000UL
#define DIRECT_BASE 0xffff880000000000UL /* slot 272 */
#define KMAP_BASE 0xffff960000000000UL /* slot 300: for tests */
#define USER_TEXT 0x400000UL /* as in guest.lds */
#define USER_DATA 0x600000UL
#define USER_STACK_TOP 0x800000UL

#define array_size(a) (sizeof(a) / sizeof((a)[0]))
#define offset_of(type, field) __builtin_offsetof(type, field)
#define barrier() asm volatile("" ::: "memory")
#define pause() asm volatile("pause" ::: "memory")
#define noinline __attribute__((noinline, noclone))

/* Code and data that stand in pages of user mode. */
#define __utext __attribute__((section(".utext"), noinline))
#define __udata __attribute__((section(".udata")))

/* ------------------------------------------------------------ exceptions */

struct regs {
	u64 r15, r14, r13, r12, r11, r10, r9, r8;
	u64 rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

/* Vectors; the last two are made up for the system call entries. */
enum {
	DE = 0,
	DB = 1,
	BP = 3,
	OF = 4,
	BR = 5,
	UD = 6,
	NM = 7,
	DF = 8,
	TS = 10,
	NP = 11,
	SS = 12,
	GP = 13,
	PF = 14,
	MF = 16,
	AC = 17,
	XM = 19,
	NO_FAULT = 0x1ff,
	SYSCALL64 = 0x100,
	SYSCALL32 = 0x101,
};

#define X86_CF (1 << 0)
#define X86_TF (1 << 8)
#define X86_IF (1 << 9)
#define X86_DF (1 << 10)
#define X86_IOPL (3 << 12)
#define X86_NT (1 << 14)
#define X86_RF (1 << 16)
#define X86_AC (1 << 18)

struct cpu {
	struct cpu *self;
	int id;
	volatile bool up, done;
	void (*fn)(struct cpu *cpu, void *arg);
	void *arg;
	/* Looks at a fault first; true: dealt with, return to the code. */
	bool (*hook)(struct regs *r);
	/* An open probe() or user_run(): where to go back to, 0 for none. */
	u64 probe_save, user_save;
	struct regs fault; /* of the last probe or user_run */
	u64 fault_cr2;
	volatile u64 upcalls;
	u64 fill_rip, fill_count;
	char *stack, *exc_stack, *df_stack;
};

extern struct cpu cpus[LODGE_MAX_VCPUS];

/* True if an exception or system call frame shows user mode. */
static inline bool from_user(const struct regs *r)
{
	return r->cs & 2;
}

/*
 * Run fn in ring 1; returns the vector of the exception that ended it, or
 * NO_FAULT with what it returned in this_cpu()->fault.rax.
 */
u64 probe(u64 (*fn)(u64, u64, u64), u64 a, u64 b, u64 c);

/*
 * Go to user mode with these registers until a system call, or an exception
 * that is not a mere shadow miss, comes back. Returns the vector; *r is then
 * the frame.
 */
u64 user_run(struct regs *r);
/* Registers for user mode at rip, everything else harmless. */
void user_regs(struct regs *r, void (*rip)(void));

u64 probe_enter(u64 (*fn)(u64, u64, u64), u64 a, u64 b, u64 c, u64 *save);
void probe_leave(u64 save) __attribute__((noreturn));
void user_enter(struct regs *r, u64 *save);
void user_leave(u64 save) __attribute__((noreturn));
void exception_main(struct regs *r);
void syscall_main(struct regs *r);

extern char exception_entry[], exception_entry_end[];
extern char syscall_entry[], syscall32_entry[];
extern char iret_sequence[], iret_sequence_end[];
extern char iret_saved[], iret_restored[];

/* ------------------------------------------------------------ hypercalls */

#define vcpu_page ((volatile struct lodge_vcpu_page *)LODGE_AREA_VCPU)

static inline s64 hc5(u64 number, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	register u64 r10 asm("r10") = d;
	register u64 r8 asm("r8") = e;
	s64 result = number;

	asm volatile("int %[vector]"
		     : "+a"(result)
		     : [vector] "i"(LODGE_VEC_HYPERCALL), "D"(a), "S"(b),
		       "d"(c), "r"(r10), "r"(r8)
		     : "memory", "cc");
	return result;
}

#define HC_PICK(n, a, b, c, d, e, ...) \
	hc5(n, (u64)(a), (u64)(b), (u64)(c), (u64)(d), (u64)(e))
/* hc(number, up to five arguments) */
#define hc(...) HC_PICK(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define hc_event(op, a, b) hc(LODGE_HC_EVENT, LODGE_EVENT_##op, a, b)
#define hc_vcpu(op, cpu, arg) hc(LODGE_HC_VCPU, LODGE_VCPU_##op, cpu, arg)

/* -------------------------------------------------------------- processor */

static inline struct cpu *this_cpu(void)
{
	return *(struct cpu **)vcpu_page->sp0;
}

static inline u64 rdtsc(void)
{
	u32 low, high;

	asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
	return low | (u64)high << 32;
}

/* CPUID itself is not filtered: TCG names itself in its own leaf. */
static inline bool on_qemu(void)
{
	u32 a = 0x40000000, b, c = 0, d;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return b == 0x54474354; /* "TCGT" */
}

static inline void wrgsbase(u64 base)
{
	asm volatile("wrgsbase %0" ::"r"(base) : "memory");
}

static inline u64 rdgsbase(void)
{
	u64 base;

	asm volatile("rdgsbase %0" : "=r"(base));
	return base;
}

static inline void irq_off(void)
{
	vcpu_page->vif = 0;
	barrier();
}

static inline void irq_on(void)
{
	barrier();
	vcpu_page->vif = 1;
	if (vcpu_page->pending)
		hc(LODGE_HC_VERSION);
}

/* --------------------------------------------------------------- memory */

#define PTE_P (1UL << 0)
#define PTE_W (1UL << 1)
#define PTE_U (1UL << 2)
#define PTE_A (1UL << 5)
#define PTE_D (1UL << 6)
#define PTE_PS (1UL << 7)
#define PTE_G (1UL << 8)
#define PTE_NX (1UL << 63)
#define PTE_ADDR 0x000ffffffffff000UL
#define PTE_USER (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D)
#define PTE_KERNEL (PTE_P | PTE_W | PTE_A | PTE_D)

extern struct lodge_start_info *start_info;
extern u64 boot_root[512]; /* its own gpa is the root */
extern u64 boot_regs[18];
extern u64 ram_end; /* first gpa after the RAM that stands at 0 */

static inline void *va(u64 gpa)
{
	return (void *)(DIRECT_BASE + gpa);
}

static inline u64 gpa(const volatile void *p)
{
	u64 address = (u64)p;

	return address >= KERNEL_BASE ? address - KERNEL_BASE :
					address - DIRECT_BASE;
}

#define root_gpa gpa(boot_root)

void *alloc_page(void); /* zeroed, in the direct map; ERROR when none */
void *alloc_pages(u64 count, u64 align); /* contiguous */
void *try_alloc_page(void); /* NULL when none are left */
u64 pages_left(void);

/* The entry for address at level 1 to 4; makes tables above it if asked. */
volatile u64 *pte_of(u64 root, u64 address, int level, bool make);
void map_page(u64 root, u64 address, u64 frame, u64 flags);
void map_2m(u64 root, u64 address, u64 frame, u64 flags);
/* An own root: kernel half shared, user half with user text, data, stack. */
u64 new_root(void);
void map_user(u64 root);
s64 flush(u64 root, u64 start, u64 end);
s64 flush_kernel(u64 start, u64 end);
s64 flush_all(u64 root);
s64 load_root(u64 root); /* the quick vector, then the hypercall */

static inline u8 peek(u64 address)
{
	return *(volatile u8 *)address;
}

static inline void poke(u64 address, u8 value)
{
	*(volatile u8 *)address = value;
}

void *memset(void *p, int c, size_t n);
void *memcpy(void *to, const void *from, size_t n);
int strcmp(const char *a, const char *b);
size_t strlen(const char *s);

/* Value of NAME=number or NAME=word on the command line. */
u64 arg_u64(const char *name, u64 otherwise);
bool arg_is(const char *name, const char *word);
const char *arg_word(const char *name);

/* --------------------------------------------------------- events and time */

extern struct lodge_shared shared;

typedef void (*port_fn)(u64 port);
void port_handler(u64 port, port_fn fn);
/* Bind, set the handler, unmask; returns the port. */
u64 bind_virq(u64 virq, u64 cpu, port_fn fn);
u64 bind_ipi(u64 cpu, port_fn fn);

extern volatile struct lodge_time time_record[LODGE_MAX_VCPUS];
u64 now(void); /* system time, ns */
void delay(u64 ns);

/* ----------------------------------------------------------------- vCPUs */

void cpu_main(struct cpu *cpu) __attribute__((noreturn));
void cpu_setup(struct cpu *cpu);
void cpu_start(int id, void (*fn)(struct cpu *cpu, void *arg), void *arg);
void cpu_join(int id);
void cpu_entry(void);
void set_callbacks(void);
void default_callbacks(struct lodge_callbacks *callbacks);

/* ---------------------------------------------------------------- report */

void printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void test_main(void);
void test_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void test_done(void) __attribute__((noreturn));
void test_error(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));
void test_skip(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));
void test_fatal(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));
void show_regs(const struct regs *r);
const char *vector_name(u64 vector);

#define CHECK(condition, ...)                   \
	do {                                    \
		if (!(condition))               \
			test_fail(__VA_ARGS__); \
	} while (0)

/* The call returns exactly this. */
#define CHECK_EQ(call, expected)                                             \
	do {                                                                 \
		s64 got_ = (s64)(call), want_ = (s64)(expected);             \
		if (got_ != want_)                                           \
			test_fail("line %d: %s is %ld, expected %ld",        \
				  __LINE__, #call, (long)got_, (long)want_); \
	} while (0)

/* The call fails with one of the errors of errno.h. */
bool is_errno(s64 result);
#define CHECK_ERR(call)                                                    \
	do {                                                               \
		s64 got_ = (s64)(call);                                    \
		if (!is_errno(got_))                                       \
			test_fail("line %d: %s is %ld, expected an error", \
				  __LINE__, #call, (long)got_);            \
	} while (0)

#endif /* GUEST_H */
