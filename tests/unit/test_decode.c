// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: the decoder knows the privileged instructions of 64-bit code with all
 * their prefixes, gives the right length, and takes nothing else for one of
 * them. Encodings were taken from an assembler.
 */
#include "test.h"
#include "x86/cpufeat.h"

struct sample {
	const char *text;
	u8 bytes[16];
	u8 length;
	enum insn_op op;
	u8 width, reg, gpr;
};

static const struct sample samples[] = {
	{ "cli", { 0xfa }, 1, INSN_CLI },
	{ "sti", { 0xfb }, 1, INSN_STI },
	{ "hlt", { 0xf4 }, 1, INSN_HLT },
	{ "in $0x60, al", { 0xe4, 0x60 }, 2, INSN_IN, 1 },
	{ "in $0x60, ax", { 0x66, 0xe5, 0x60 }, 3, INSN_IN, 2 },
	{ "in $0x60, eax", { 0xe5, 0x60 }, 2, INSN_IN, 4 },
	{ "in dx, al", { 0xec }, 1, INSN_IN, 1 },
	{ "in dx, ax", { 0x66, 0xed }, 2, INSN_IN, 2 },
	{ "in dx, eax", { 0xed }, 1, INSN_IN, 4 },
	{ "rex.w in dx, eax", { 0x66, 0x48, 0xed }, 3, INSN_IN, 4 },
	{ "out al, $0x80", { 0xe6, 0x80 }, 2, INSN_OUT, 1 },
	{ "out eax, dx", { 0xef }, 1, INSN_OUT, 4 },
	{ "out ax, dx", { 0x66, 0xef }, 2, INSN_OUT, 2 },
	{ "mov cr0, rax", { 0x0f, 0x20, 0xc0 }, 3, INSN_MOV_FROM_CR, 0, 0, 0 },
	{ "mov cr4, rdi", { 0x0f, 0x20, 0xe7 }, 3, INSN_MOV_FROM_CR, 0, 4, 7 },
	{ "mov cr8, r15",
	  { 0x45, 0x0f, 0x20, 0xc7 },
	  4,
	  INSN_MOV_FROM_CR,
	  0,
	  8,
	  15 },
	{ "mov r9, cr3", { 0x41, 0x0f, 0x22, 0xd9 }, 4, INSN_MOV_TO_CR, 0, 3, 9 },
	{ "mov cr2 with mod 0",
	  { 0x0f, 0x20, 0x13 },
	  3,
	  INSN_MOV_FROM_CR,
	  0,
	  2,
	  3 },
	{ "mov dr6, rcx", { 0x0f, 0x21, 0xf1 }, 3, INSN_MOV_FROM_DR, 0, 6, 1 },
	{ "mov rdx, dr7", { 0x0f, 0x23, 0xfa }, 3, INSN_MOV_TO_DR, 0, 7, 2 },
	{ "rdmsr", { 0x0f, 0x32 }, 2, INSN_RDMSR },
	{ "ds rdmsr", { 0x3e, 0x0f, 0x32 }, 3, INSN_RDMSR },
	{ "wrmsr", { 0x0f, 0x30 }, 2, INSN_WRMSR },
	{ "xsetbv", { 0x0f, 0x01, 0xd1 }, 3, INSN_XSETBV },
	{ "clts", { 0x0f, 0x06 }, 2, INSN_CLTS },
	{ "invd", { 0x0f, 0x08 }, 2, INSN_INVD },
	{ "wbinvd", { 0x0f, 0x09 }, 2, INSN_WBINVD },
	{ "wbnoinvd", { 0xf3, 0x0f, 0x09 }, 3, INSN_WBINVD },
};

static void test_samples(void **state)
{
	struct insn insn;

	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct sample *s = &samples[i];

		if (!insn_decode(s->bytes, 15, &insn))
			fail_msg("%s was not decoded", s->text);
		if (insn.op != s->op || insn.length != s->length ||
		    insn.width != s->width || insn.reg != s->reg ||
		    insn.gpr != s->gpr)
			fail_msg("%s: op %d length %u width %u reg %u gpr %u",
				 s->text, insn.op, insn.length, insn.width,
				 insn.reg, insn.gpr);
	}
}

/* A copy on the heap without a byte to spare, so that ASan sees overruns. */
static bool decode_exactly(const u8 *bytes, size_t n, struct insn *insn)
{
	u8 *copy = malloc(n ? n : 1);
	bool ok;

	memcpy(copy, bytes, n);
	ok = insn_decode(copy, n, insn);
	free(copy);
	return ok;
}

static void test_truncated(void **state)
{
	struct insn insn;

	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct sample *s = &samples[i];

		for (size_t n = 0; n < s->length; n++) {
			assert_false(decode_exactly(s->bytes, n, &insn));
			assert_int_equal(insn.op, INSN_UNKNOWN);
		}
		assert_true(decode_exactly(s->bytes, s->length, &insn));
	}
}

static void test_too_long(void **state)
{
	u8 bytes[20];
	struct insn insn;

	memset(bytes, 0x66, sizeof(bytes));
	bytes[14] = 0xfa;
	assert_true(insn_decode(bytes, 20, &insn));
	assert_int_equal(insn.length, 15);
	bytes[14] = 0x66;
	bytes[15] = 0xfa;
	assert_false(insn_decode(bytes, 20, &insn));
	bytes[14] = 0xe4; /* the port would be the sixteenth byte */
	assert_false(insn_decode(bytes, 20, &insn));
}

static void test_not_ours(void **state)
{
	static const u8 codes[][16] = {
		{ 0x90 }, /* nop */
		{ 0xf3, 0x6c }, /* rep insb */
		{ 0x6f }, /* outsl */
		{ 0x0f, 0x33 }, /* rdpmc */
		{ 0x0f, 0x01, 0xf8 }, /* swapgs */
		{ 0x0f, 0x01, 0xf0 }, /* lmsw ax */
		{ 0x0f, 0x01, 0x33 }, /* lmsw (rbx) */
		{ 0xcd, 0x82 }, /* int $0x82 */
		{ 0xcc }, /* int3 */
		{ 0xf1 }, /* icebp */
		{ 0xcf }, /* iret */
		{ 0x0f, 0x0b }, /* ud2 */
		{ 0x0f, 0x00, 0xd8 }, /* ltr */
		{ 0x0f, 0x01, 0xd0 }, /* xgetbv */
		{ 0x0f, 0x01, 0xc8 }, /* monitor */
		{ 0x0f, 0x01, 0xf9 }, /* rdtscp */
		{ 0x0f, 0x01, 0xff }, /* invlpg of a register */
		{ 0x66, 0x0f, 0x01, 0xd1 }, /* xsetbv with a prefix */
		{ 0x0f, 0x01, 0x10 }, /* lgdt */
		{ 0x0f, 0x31 }, /* rdtsc */
		{ 0x0f, 0xa2 }, /* cpuid */
		{ 0xf0, 0x0f, 0x20, 0xc0 }, /* lock mov cr0: AMD's cr8 */
		{ 0xf0, 0xfa },
		{ 0xc5, 0xf8, 0x77 }, /* VEX */
		{ 0x62, 0xf1, 0x7c, 0x48 }, /* EVEX */
		{ 0x48, 0x66, 0x0f, 0x30 }, /* a REX that does not count */
	};
	struct insn insn;

	for (size_t i = 0; i < ARRAY_SIZE(codes) - 1; i++)
		assert_false(insn_decode(codes[i], 15, &insn));
	/* The last: REX, then a prefix. Refusing it is safe as well. */
	if (insn_decode(codes[ARRAY_SIZE(codes) - 1], 15, &insn))
		assert_int_equal(insn.op, INSN_WRMSR);
}

struct memory_sample {
	u8 bytes[16];
	u8 length, segment, base, index, scale;
	s32 disp;
	bool addr32;
};

static void test_invlpg(void **state)
{
	static const struct memory_sample table[] = {
		/* (rdi) */
		{ { 0x0f, 0x01, 0x3f }, 3, 0, 7, INSN_NO_REG, 0, 0, false },
		/* -8(rbp) */
		{ { 0x0f, 0x01, 0x7d, 0xf8 },
		  4,
		  0,
		  5,
		  INSN_NO_REG,
		  0,
		  -8,
		  false },
		/* 0x12345678(rip) */
		{ { 0x0f, 0x01, 0x3d, 0x78, 0x56, 0x34, 0x12 },
		  7,
		  0,
		  INSN_RIP,
		  INSN_NO_REG,
		  0,
		  0x12345678,
		  false },
		/* gs:(r12) */
		{ { 0x65, 0x41, 0x0f, 0x01, 0x3c, 0x24 },
		  6,
		  INSN_SEG_GS,
		  12,
		  INSN_NO_REG,
		  0,
		  0,
		  false },
		/* fs:0x80000000 */
		{ { 0x64, 0x0f, 0x01, 0x3c, 0x25, 0, 0, 0, 0x80 },
		  9,
		  INSN_SEG_FS,
		  INSN_NO_REG,
		  INSN_NO_REG,
		  0,
		  INT32_MIN,
		  false },
		/* 16(rax, r12, 8) */
		{ { 0x42, 0x0f, 0x01, 0x7c, 0xe0, 0x10 },
		  6,
		  0,
		  0,
		  12,
		  3,
		  16,
		  false },
		/* (eax, ecx, 2) */
		{ { 0x67, 0x0f, 0x01, 0x3c, 0x48 }, 5, 0, 0, 1, 1, 0, true },
		/* (r13, rax) with a displacement of 4 bytes */
		{ { 0x41, 0x0f, 0x01, 0xbc, 0x05, 1, 0, 0, 0 },
		  9,
		  0,
		  13,
		  0,
		  0,
		  1,
		  false },
	};
	struct insn insn;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct memory_sample *m = &table[i];

		assert_true(decode_exactly(m->bytes, m->length, &insn));
		assert_int_equal(insn.op, INSN_INVLPG);
		assert_int_equal(insn.length, m->length);
		assert_int_equal(insn.segment, m->segment);
		assert_int_equal(insn.base, m->base);
		assert_int_equal(insn.index, m->index);
		assert_int_equal(insn.scale, m->scale);
		assert_int_equal(insn.disp, m->disp);
		assert_int_equal(insn.addr32, m->addr32);
		for (size_t n = 0; n < m->length; n++)
			assert_false(decode_exactly(m->bytes, n, &insn));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_samples),  T(test_truncated), T(test_too_long),
		T(test_not_ours), T(test_invlpg),
	};

	return RUN(tests);
}
