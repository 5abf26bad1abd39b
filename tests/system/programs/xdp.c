// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs of XDP, for tests of the front-end of networks.
 *
 *   xdp DEVICE none
 *   xdp DEVICE drop|pass    all of it
 *   xdp DEVICE icmp         drops ICMP of IPv4
 *   xdp DEVICE back         sends IPv4 back, with addresses and ports exchanged
 *   xdp DEVICE to OTHER     sends UDP of IPv4 to another device
 *   xdp DEVICE map OTHER    the same, by a map of devices
 *   xdp DEVICE cpu NUMBER   hands all of it to another processor
 *
 * The device itself gets the program, in the place of one that it has: never
 * the kernel instead of the device. On an error its name; status 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(size, d, s, off)                                  \
	{                                                      \
		BPF_LDX | BPF_MEM | (size), (d), (s), (off), 0 \
	}
#define STORE(size, d, s, off)                                 \
	{                                                      \
		BPF_STX | BPF_MEM | (size), (d), (s), (off), 0 \
	}
#define MOVI(d, i)                                          \
	{                                                   \
		BPF_ALU64 | BPF_MOV | BPF_K, (d), 0, 0, (i) \
	}
#define MOV(d, s)                                           \
	{                                                   \
		BPF_ALU64 | BPF_MOV | BPF_X, (d), (s), 0, 0 \
	}
#define ADDI(d, i)                                          \
	{                                                   \
		BPF_ALU64 | BPF_ADD | BPF_K, (d), 0, 0, (i) \
	}
#define GREATER(d, s, off)                                    \
	{                                                     \
		BPF_JMP | BPF_JGT | BPF_X, (d), (s), (off), 0 \
	}
#define UNLESS(d, i, off)                                     \
	{                                                     \
		BPF_JMP | BPF_JNE | BPF_K, (d), 0, (off), (i) \
	}
#define CALL(function)                                           \
	{                                                        \
		BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_##function \
	}
/* Two instructions */
#define MAP(d)                                                       \
	{ BPF_LD | BPF_DW | BPF_IMM, (d), BPF_PSEUDO_MAP_FD, 0, 0 }, \
	{                                                            \
		0                                                    \
	}
#define EXIT                                   \
	{                                      \
		BPF_JMP | BPF_EXIT, 0, 0, 0, 0 \
	}
#define IPV4 0x0008 /* the type, as it is on the wire */
/* r1: the context; r2: data; r3: its end; to the end if it is short */
#define FIND(length, off)                                      \
	LOAD(BPF_W, 2, 1, 0), LOAD(BPF_W, 3, 1, 4), MOV(4, 2), \
		ADDI(4, length), GREATER(4, 3, off)

static struct bpf_insn drop[] = { MOVI(0, XDP_DROP), EXIT };
static struct bpf_insn pass[] = { MOVI(0, XDP_PASS), EXIT };
static struct bpf_insn icmp[] = {
	FIND(34, 6),
	LOAD(BPF_H, 5, 2, 12),
	UNLESS(5, IPV4, 4),
	LOAD(BPF_B, 5, 2, 23),
	UNLESS(5, 1, 2),
	MOVI(0, XDP_DROP),
	EXIT,
	MOVI(0, XDP_PASS),
	EXIT,
};
/* The hardware addresses, those of IPv4, and the ports change places. */
static struct bpf_insn back[] = {
	FIND(42, 20),
	LOAD(BPF_H, 5, 2, 12),
	UNLESS(5, IPV4, 18),
	LOAD(BPF_W, 5, 2, 0),
	LOAD(BPF_H, 6, 2, 4),
	LOAD(BPF_W, 7, 2, 6),
	LOAD(BPF_H, 8, 2, 10),
	STORE(BPF_W, 2, 7, 0),
	STORE(BPF_H, 2, 8, 4),
	STORE(BPF_W, 2, 5, 6),
	STORE(BPF_H, 2, 6, 10),
	LOAD(BPF_W, 5, 2, 26),
	LOAD(BPF_W, 6, 2, 30),
	STORE(BPF_W, 2, 6, 26),
	STORE(BPF_W, 2, 5, 30),
	LOAD(BPF_H, 5, 2, 34),
	LOAD(BPF_H, 6, 2, 36),
	STORE(BPF_H, 2, 6, 34),
	STORE(BPF_H, 2, 5, 36),
	MOVI(0, XDP_TX),
	EXIT,
	MOVI(0, XDP_PASS),
	EXIT,
};

/* The device's index is put in. */
static struct bpf_insn to[] = {
	FIND(42, 8),
	LOAD(BPF_H, 5, 2, 12),
	UNLESS(5, IPV4, 6),
	LOAD(BPF_B, 5, 2, 23),
	UNLESS(5, 17, 4),
	MOVI(1, 0),
	MOVI(2, 0),
	CALL(redirect),
	EXIT,
	MOVI(0, XDP_PASS),
	EXIT,
};
/* The map is put in. */
static struct bpf_insn map[] = {
	FIND(42, 10),	    LOAD(BPF_H, 5, 2, 12),
	UNLESS(5, IPV4, 8), LOAD(BPF_B, 5, 2, 23),
	UNLESS(5, 17, 6),   MAP(1),
	MOVI(2, 0),	    MOVI(3, 0),
	CALL(redirect_map), EXIT,
	MOVI(0, XDP_PASS),  EXIT,
};
static struct bpf_insn cpu[] = {
	MAP(1), MOVI(2, 0), MOVI(3, 0), CALL(redirect_map), EXIT,
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void put_in(struct bpf_insn *code, unsigned int count, uint8_t opcode,
		   uint8_t reg, int32_t value)
{
	while (count--)
		if (code[count].code == opcode && code[count].dst_reg == reg)
			code[count].imm = value;
}

/* One that has this value for this key. */
static int make_map(unsigned int type, uint32_t key, uint32_t value)
{
	union bpf_attr attr = { .map_type = type,
				.key_size = 4,
				.value_size = 4,
				.max_entries = key + 1 };
	int made = syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));

	if (made < 0)
		return -1;
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = made;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)&value;
	return syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)) ?
		       -1 :
		       made;
}

static int load(struct bpf_insn *code, unsigned int count)
{
	static char log[65536];
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (uintptr_t)code,
		.insn_cnt = count,
		.license = (uintptr_t) "GPL",
		.log_buf = (uintptr_t)log,
		.log_size = sizeof(log),
		.log_level = 1,
	};
	int program = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (program < 0)
		puts(log);
	return program;
}

struct message {
	struct nlmsghdr head;
	struct ifinfomsg info;
	struct nlattr xdp;
	struct nlattr fd;
	int32_t program;
	struct nlattr flags;
	uint32_t mode;
};

static int set(const char *name, int program)
{
	struct message m = {
		.head = { sizeof(m), RTM_SETLINK, NLM_F_REQUEST | NLM_F_ACK },
		.info = { .ifi_index = if_nametoindex(name) },
		.xdp = { sizeof(m) - offsetof(struct message, xdp),
			 IFLA_XDP | NLA_F_NESTED },
		.fd = { 8, IFLA_XDP_FD },
		.program = program,
		.flags = { 8, IFLA_XDP_FLAGS },
		.mode = XDP_FLAGS_DRV_MODE,
	};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char more[1024];
	} answer;
	int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	if (s < 0 || send(s, &m, sizeof(m), 0) < 0 ||
	    recv(s, &answer, sizeof(answer), 0) < (int)sizeof(answer.head))
		return -1;
	errno = -answer.error.error;
	return errno ? -1 : 0;
}

static const struct {
	const char *name;
	struct bpf_insn *code;
	unsigned int count;
} known[] = {
	{ "drop", drop, COUNT(drop) }, { "pass", pass, COUNT(pass) },
	{ "icmp", icmp, COUNT(icmp) }, { "back", back, COUNT(back) },
	{ "to", to, COUNT(to) },       { "map", map, COUNT(map) },
	{ "cpu", cpu, COUNT(cpu) },
};

/* What the program names, if it names something. */
static int prepare(const char *what, const char *other)
{
	uint32_t device = if_nametoindex(other), number = atoi(other);
	int made = 0;

	if (!strcmp(what, "to"))
		put_in(to, COUNT(to), BPF_ALU64 | BPF_MOV | BPF_K, 1, device);
	if (!strcmp(what, "map")) {
		made = make_map(BPF_MAP_TYPE_DEVMAP, 0, device);
		put_in(map, COUNT(map), BPF_LD | BPF_DW | BPF_IMM, 1, made);
	}
	if (!strcmp(what, "cpu")) {
		made = make_map(BPF_MAP_TYPE_CPUMAP, number, 192);
		put_in(cpu, COUNT(cpu), BPF_LD | BPF_DW | BPF_IMM, 1, made);
		put_in(cpu, COUNT(cpu), BPF_ALU64 | BPF_MOV | BPF_K, 2, number);
	}
	return made < 0 ? -1 : 0;
}

static int xdp(const char *name, const char *what, const char *other)
{
	int program = -1;
	unsigned int i;

	if (prepare(what, other))
		return -1;
	for (i = 0; i < COUNT(known); i++)
		if (!strcmp(what, known[i].name))
			program = load(known[i].code, known[i].count);
	if (program < 0 && strcmp(what, "none"))
		return -1;
	return set(name, program);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	if (!xdp(argv[1], argv[2], argc > 3 ? argv[3] : ""))
		return 0;
	puts(strerrorname_np(errno));
	return 1;
}
