// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack with addresses at the edge of the canonical half (R12): each way
 * into ring 0 is the last instruction below 0x800000000000, so that the
 * return address is not canonical and the return itself faults; from ring 1
 * and from ring 3. Expected: a fault for the guest or the end of this domain
 * (way=N chooses one way, 0 all of ring 3), never a fault of ring 0 that
 * nobody expects. QEMU hides this, Bochs does not.
 */
#include "guest.h"
#include "user.h"

#define LAST_PAGE 0x7ffffffff000UL

static u8 *page;

/* Wakes a hlt, however late it comes. */
static void tick(u64 port)
{
	hc(LODGE_HC_SET_TIMER, now() + 2000000);
}

/* The instruction's bytes end where the canonical half ends. */
static u64 place(const char *bytes, u64 length, u64 flags)
{
	memset(page, 0x90, PAGE_SIZE);
	memcpy(page + PAGE_SIZE - length, bytes, length);
	map_page(root_gpa, LAST_PAGE, gpa(page), flags);
	flush(root_gpa, LAST_PAGE, LAST_PAGE + PAGE_SIZE);
	return LAST_PAGE + PAGE_SIZE - length;
}

static const struct {
	const char *bytes;
	u64 length;
	const char *name;
} ways[] = {
	{ "\x0f\x05", 2, "syscall" },
	{ "\xcd\x80", 2, "int 0x80" },
	{ "\xcc", 1, "int3" },
	{ "\xcd\x04", 2, "int 4" },
	{ "\xf1", 1, "icebp" },
	{ "\x0f\x0b", 2, "ud2" },
	{ "\xcd\x82", 2, "int 0x82" },
	{ "\xcd\x84", 2, "int 0x84" },
	{ "\x90", 1, "nop" },
	{ "\x0f\xa2", 2, "cpuid" },
	{ "\x0f\x20\xd8", 3, "mov %cr3" },
	{ "\xf4", 1, "hlt" },
	{ "\xcd\x83", 2, "int 0x83" },
};

static void test_ring3(void)
{
	struct regs r;
	size_t i;

	for (i = 0; i < array_size(ways); i++) {
		u64 rip = place(ways[i].bytes, ways[i].length,
				PTE_P | PTE_U | PTE_A);

		user_regs(&r, (void (*)(void))rip);
		user_run(&r);
		printf("  ring 3, %s: %s at %lx\n", ways[i].name,
		       vector_name(r.vector), r.rip);
		/* Back to the address where the instruction left off. */
		if (r.vector == SYSCALL64 || r.vector == 0x80) {
			r.cs = LODGE_USER_CS;
			user_run(&r);
			CHECK(r.vector == GP || r.vector == PF,
			      "return to %lx: %s", r.rip,
			      vector_name(r.vector));
		}
	}
}

static u64 jump(u64 address, u64 b, u64 c)
{
	u64 rax = b;

	asm volatile("push %%rbp; call *%1; pop %%rbp"
		     : "+a"(rax)
		     : "r"(address), "D"(c)
		     : "memory", "cc", "rbx", "rcx", "rdx");
	return rax;
}

static void test_ring1(u64 way)
{
	u64 rip = place(ways[way].bytes, ways[way].length, PTE_P | PTE_A);
	u64 vector;

	tick(bind_virq(LODGE_VIRQ_TIMER, 0, tick));
	irq_on();
	/* rax: VERSION; rdi: a root that int $0x84 finds. */
	vector = probe(jump, rip, LODGE_HC_VERSION, root_gpa);
	irq_off();
	printf("  ring 1, %s: %s at %lx\n", ways[way].name, vector_name(vector),
	       this_cpu()->fault.rip);
	CHECK(vector == GP || vector == PF || vector == way || vector < 0x81,
	      "ring 1, %s: %s", ways[way].name, vector_name(vector));
}

void test_main(void)
{
	u64 way = arg_u64("way", 0);

	page = alloc_page();
	if (way)
		test_ring1(way);
	else
		test_ring3();
}
