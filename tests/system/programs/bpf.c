// SPDX-License-Identifier: GPL-2.0-only
/*
 * bpf: programs that the kernel's JIT compiler makes into machine code give
 * the right answers: arithmetic of both widths, shifts, division, byte swaps,
 * the stack, branches, a helper call and a map. Each is run by
 * BPF_PROG_TEST_RUN, in a loop that loads and unloads, for JIT code is
 * written to fresh kernel memory each time.
 */
#define _GNU_SOURCE
#include <linux/bpf.h>
#include <sys/syscall.h>

#include "check.h"

#define ALU64(op, d, s) \
	{ BPF_ALU64 | BPF_X | (op), (d), (s), 0, 0 }
#define ALU64I(op, d, i) \
	{ BPF_ALU64 | BPF_K | (op), (d), 0, 0, (i) }
#define ALU32I(op, d, i) \
	{ BPF_ALU | BPF_K | (op), (d), 0, 0, (i) }
#define MOVI(d, i) ALU64I(BPF_MOV, d, i)
#define MOV(d, s) ALU64(BPF_MOV, d, s)
#define EXIT { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 }
#define JUMP(op, d, i, off) { BPF_JMP | BPF_K | (op), (d), 0, (off), (i) }
#define LOAD(d, s, off) { BPF_LDX | BPF_MEM | BPF_DW, (d), (s), (off), 0 }
#define STORE(d, s, off) { BPF_STX | BPF_MEM | BPF_DW, (d), (s), (off), 0 }

#define PROGRAM(name, ...) \
	static struct bpf_insn name[] = { __VA_ARGS__ }

PROGRAM(arithmetic, MOVI(0, 1000), MOVI(1, 7), ALU64(BPF_MUL, 0, 1),
	ALU64I(BPF_ADD, 0, 77), ALU64I(BPF_DIV, 0, 3), ALU64I(BPF_MOD, 0, 1000),
	ALU64I(BPF_LSH, 0, 4), ALU64I(BPF_XOR, 0, 0xff), EXIT);
#define ARITHMETIC (((((1000 * 7 + 77) / 3) % 1000) << 4) ^ 0xff)

PROGRAM(narrow, MOVI(0, -1), ALU32I(BPF_ADD, 0, 3), ALU64I(BPF_NEG, 0, 0),
	ALU64I(BPF_RSH, 0, 60), EXIT);
#define NARROW 15

/* r1 counts down from 100; r0 adds up, by way of the stack. */
PROGRAM(loop, MOVI(0, 0), MOVI(1, 100), STORE(10, 1, -8), LOAD(2, 10, -8),
	ALU64(BPF_ADD, 0, 2), ALU64I(BPF_SUB, 1, 1), JUMP(BPF_JNE, 1, 0, -5),
	EXIT);
#define LOOP 5050

PROGRAM(swap, MOVI(0, 0x11223344),
	{ BPF_ALU | BPF_TO_BE | BPF_END, 0, 0, 0, 32 }, EXIT);
#define SWAP 0x44332211

/* A lookup in map file descriptor `imm` of insn 4, then value + 1. */
static struct bpf_insn lookup[] = {
	MOVI(1, 0), STORE(10, 1, -8), MOV(2, 10), ALU64I(BPF_ADD, 2, -8),
	{ BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, 0 },
	{ 0, 0, 0, 0, 0 },
	{ BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem },
	JUMP(BPF_JNE, 0, 0, 2), MOVI(0, -1), EXIT, LOAD(0, 0, 0),
	ALU64I(BPF_ADD, 0, 1), EXIT,
};

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static unsigned int run(const char *name, struct bpf_insn *code, int count)
{
	static char log[65536], packet[64];
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (uintptr_t)code, .insn_cnt = count,
		.license = (uintptr_t)"GPL", .log_buf = (uintptr_t)log,
		.log_size = sizeof(log), .log_level = 1,
	};
	union bpf_attr test = { 0 };
	int fd = bpf(BPF_PROG_LOAD, &load);

	check(fd >= 0, "%s: %s", name, log);
	test.test.prog_fd = fd;
	test.test.data_in = (uintptr_t)packet;
	test.test.data_size_in = sizeof(packet);
	test.test.repeat = 20;
	check(!bpf(BPF_PROG_TEST_RUN, &test), "%s", name);
	close(fd);
	return test.test.retval;
}

#define expect(name, value)                                               \
	do {                                                              \
		unsigned int got = run(#name, name,                       \
				       sizeof(name) / sizeof(*name));     \
		check(got == (unsigned int)(value), "%s gave %#x, not %#x", \
		      #name, got, (unsigned int)(value));                 \
	} while (0)

static int make_map(void)
{
	union bpf_attr create = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4,
		.value_size = 8, .max_entries = 4,
	};
	int fd = bpf(BPF_MAP_CREATE, &create);

	check(fd >= 0, "map");
	return fd;
}

static void put(int map, uint32_t key, uint64_t value)
{
	union bpf_attr update = { 0 };

	update.map_fd = map;
	update.key = (uintptr_t)&key;
	update.value = (uintptr_t)&value;
	check(!bpf(BPF_MAP_UPDATE_ELEM, &update), "update");
}

int main(void)
{
	int map;

	if (bpf(BPF_PROG_LOAD, &(union bpf_attr){ 0 }) < 0 && errno == ENOSYS)
		return 77;
	map = make_map();
	lookup[4].imm = map;
	for (int i = 0; i < 100; i++) {
		expect(arithmetic, ARITHMETIC);
		expect(narrow, NARROW);
		expect(loop, LOOP);
		expect(swap, SWAP);
		put(map, 0, i);
		expect(lookup, i + 1);
	}
	printf("bpf: all as expected\n");
	return 0;
}
