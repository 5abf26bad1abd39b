// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack: int n for every n from ring 1 and ring 3 (R6, R7). Only int 3, 4 and
 * 0x80 and, for ring 1, the hypervisor's own three may be used; every other
 * is a #GP whose error code names the vector: forging a physical interrupt or
 * an exception with a false error code must not work.
 */
#include "guest.h"
#include "user.h"

extern char ring1_int[], ring3_int[];

/* The documented code is n * 8 + 2; QEMU 7.2 gives n * 16 + 2. */
static bool names_vector(u64 error, u64 n)
{
	return error == n * 8 + 2 || error == n * 16 + 2;
}

static u64 call_int(u64 code, u64 b, u64 c)
{
	u64 rax = 4000; /* no such hypercall */

	asm volatile("call *%1"
		     : "+a"(rax)
		     : "r"(code), "D"(0x7000) /* no such root */
		     : "memory", "cc");
	return rax;
}

static void test_ring1(void)
{
	u64 n, vector;

	for (n = 0; n < 256; n++) {
		if (n == LODGE_VEC_IRET)
			continue; /* h-iret.c */
		vector = probe(call_int, (u64)ring1_int + n * 16, 0, 0);
		if (n == 3 || n == 4 || n == 0x80)
			CHECK(vector == n, "int %lx in ring 1: %s", n,
			      vector_name(vector));
		else if (n == LODGE_VEC_HYPERCALL || n == LODGE_VEC_LOAD_ROOT)
			CHECK(vector == NO_FAULT, "int %lx in ring 1: %s", n,
			      vector_name(vector));
		else
			CHECK(vector == GP &&
				      names_vector(this_cpu()->fault.error, n),
			      "int %lx in ring 1: %s %lx", n,
			      vector_name(vector), this_cpu()->fault.error);
	}
}

static void test_ring3(void)
{
	u64 n, vector;

	for (n = 0; n < 256; n++) {
		vector = user_call((void (*)(void))((u64)ring3_int + n * 16),
				   0x7000, 0);
		if (n == 3 || n == 4 || n == 0x80)
			CHECK(vector == n, "int %lx in ring 3: %s", n,
			      vector_name(vector));
		else
			CHECK(vector == GP &&
				      names_vector(this_cpu()->fault.error, n),
			      "int %lx in ring 3: %s %lx", n,
			      vector_name(vector), this_cpu()->fault.error);
	}
}

void test_main(void)
{
	test_ring3();
	test_ring1();
}
