// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: SET_CALLBACKS takes only canonical addresses of the upper half outside
 * slots 256 to 271; anything else is -EINVAL and changes nothing (R12:
 * addresses are checked when registered). How: puts each bad address into
 * each field in turn, and makes a system call and takes a fault after that to
 * see that the old callbacks still stand.
 */
#include "guest.h"
#include "user.h"

static struct lodge_callbacks callbacks __attribute__((aligned(4096)));

static const u64 bad_address[] = {
	1,
	0x400000,
	0x00007fffffffffff,
	0x0000800000000000,
	0x8000000000000000,
	0xfffe800000000000,
	0xffff7fffffffffff,
	0xffff800000000000, /* the entry area */
	0xffff800000001000,
	LODGE_AREA_VCPU,
	0xffff807fffffffff, /* the end of slot 256 */
	0xffff808000000000, /* slot 257 */
	0xffff87ffffffffff, /* the end of slot 271 */
};

static void still_works(void)
{
	CHECK_EQ(user_call(u_syscall, 0, 0), SYSCALL64);
	CHECK_EQ(user_call(u_ud2, 0, 0), UD);
}

static void test_field(u64 *field, const char *name, bool may_be_zero)
{
	u64 good = *field;
	size_t i;
	s64 result;

	for (i = 0; i < array_size(bad_address); i++) {
		*field = bad_address[i];
		result = hc(LODGE_HC_SET_CALLBACKS, gpa(&callbacks));
		CHECK(result == -LODGE_EINVAL, "%s = %lx returned %ld", name,
		      *field, result);
	}
	if (!may_be_zero) {
		*field = 0;
		result = hc(LODGE_HC_SET_CALLBACKS, gpa(&callbacks));
		CHECK(result == -LODGE_EINVAL, "%s = 0 returned %ld", name,
		      result);
	}
	*field = good;
	still_works();
}

void test_main(void)
{
	default_callbacks(&callbacks);
	CHECK_EQ(hc(LODGE_HC_SET_CALLBACKS, gpa(&callbacks)), 0);
	test_field(&callbacks.syscall, "syscall", false);
	test_field(&callbacks.syscall32, "syscall32", true);
	test_field(&callbacks.exception, "exception", false);
	test_field(&callbacks.exception_end, "exception_end", false);
	test_field(&callbacks.iret, "iret", false);
	test_field(&callbacks.iret_end, "iret_end", false);
	test_field(&callbacks.iret_saved, "iret_saved", false);
	test_field(&callbacks.iret_restored, "iret_restored", false);
	callbacks.flags = 1UL << 63;
	CHECK_ERR(hc(LODGE_HC_SET_CALLBACKS, gpa(&callbacks)));
	callbacks.flags = 0;
	/* Crossing into memory that is not there. */
	CHECK_ERR(hc(LODGE_HC_SET_CALLBACKS, ram_end - 64));
	CHECK_ERR(hc(LODGE_HC_SET_CALLBACKS, -64UL));
	CHECK_EQ(hc(LODGE_HC_SET_CALLBACKS, gpa(&callbacks)), 0);
	still_works();
}
