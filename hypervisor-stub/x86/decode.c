// SPDX-License-Identifier: GPL-2.0
/*
 * Decoder for the privileged instructions of 64-bit code that a guest kernel
 * may run into. Pure: it looks at the bytes it is given and at nothing else,
 * keeps no state, and is fuzzed on the host. What an instruction does is
 * emulate.c's business; whatever is not in the list here stays a #GP.
 *
 * Invariant: when insn_decode() returns true, insn->length is between 1 and
 * min(n, 15) and every field that belongs to insn->op is in its range.
 */
#include "../core/string.h"
#include "cpufeat.h"

#define INSN_MAX 15

#define REX_W 8
#define REX_R 4
#define REX_X 2
#define REX_B 1

struct cursor {
	const u8 *bytes;
	size_t n; /* of them; at most INSN_MAX */
	size_t at;
	u8 rex;
	bool opsize, addr32, lock, rep;
	u8 segment;
};

static bool next(struct cursor *c, u8 *byte)
{
	if (c->at >= c->n)
		return false;
	*byte = c->bytes[c->at++];
	return true;
}

/* Legacy prefixes in any order, then at most one REX; leaves the opcode. */
static bool read_prefixes(struct cursor *c, u8 *opcode)
{
	while (next(c, opcode)) {
		switch (*opcode) {
		case 0x66:
			c->opsize = true;
			break;
		case 0x67:
			c->addr32 = true;
			break;
		case 0xf0:
			c->lock = true;
			break;
		case 0xf2:
		case 0xf3:
			c->rep = true;
			break;
		case 0x64:
			c->segment = INSN_SEG_FS;
			break;
		case 0x65:
			c->segment = INSN_SEG_GS;
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
			/* 64-bit mode ignores them; an FS or GS counts on. */
			break;
		default:
			if ((*opcode & 0xf0) != 0x40)
				return true;
			c->rex = *opcode;
			return next(c, opcode);
		}
	}
	return false;
}

static bool read_displacement(struct cursor *c, unsigned int size, s32 *disp)
{
	u32 value = 0;
	u8 byte;

	for (unsigned int i = 0; i < size; i++) {
		if (!next(c, &byte))
			return false;
		value |= (u32)byte << (8 * i);
	}
	*disp = size == 1 ? (s8)value : (s32)value;
	return true;
}

/* The memory operand of a ModRM byte with mod < 3. */
static bool read_memory(struct cursor *c, u8 modrm, struct insn *insn)
{
	unsigned int mod = modrm >> 6, rm = modrm & 7;
	unsigned int disp_size = mod == 1 ? 1 : mod == 2 ? 4 : 0;
	u8 sib;

	insn->base = rm | (c->rex & REX_B ? 8 : 0);
	insn->index = INSN_NO_REG;
	insn->segment = c->segment;
	insn->addr32 = c->addr32;
	if (rm == 4) {
		if (!next(c, &sib))
			return false;
		insn->scale = sib >> 6;
		insn->index = ((sib >> 3) & 7) | (c->rex & REX_X ? 8 : 0);
		if (insn->index == 4) /* rsp can be no index */
			insn->index = INSN_NO_REG;
		insn->base = (sib & 7) | (c->rex & REX_B ? 8 : 0);
		if ((sib & 7) == 5 && mod == 0) {
			insn->base = INSN_NO_REG;
			disp_size = 4;
		}
	} else if (rm == 5 && mod == 0) {
		insn->base = INSN_RIP;
		disp_size = 4;
	}
	return read_displacement(c, disp_size, &insn->disp);
}

/* 0f 01: the forms with a register operand are instructions of their own. */
static bool decode_0f01(struct cursor *c, struct insn *insn)
{
	u8 modrm;

	if (!next(c, &modrm))
		return false;
	if (modrm == 0xd1 && !c->opsize && !c->rep) {
		insn->op = INSN_XSETBV;
		return true;
	}
	if (((modrm >> 3) & 7) != 7 || modrm >> 6 == 3)
		return false;
	insn->op = INSN_INVLPG;
	return read_memory(c, modrm, insn);
}

/* Moves to and from CR and DR ignore mod: the operand is a register. */
static bool decode_mov(struct cursor *c, struct insn *insn)
{
	u8 modrm;

	if (!next(c, &modrm))
		return false;
	insn->reg = ((modrm >> 3) & 7) | (c->rex & REX_R ? 8 : 0);
	insn->gpr = (modrm & 7) | (c->rex & REX_B ? 8 : 0);
	return true;
}

static bool decode_0f(struct cursor *c, struct insn *insn)
{
	static const u8 ops[256] = {
		[0x06] = INSN_CLTS,	   [0x08] = INSN_INVD,
		[0x09] = INSN_WBINVD, /* or WBNOINVD, the same here */
		[0x20] = INSN_MOV_FROM_CR, [0x21] = INSN_MOV_FROM_DR,
		[0x22] = INSN_MOV_TO_CR,   [0x23] = INSN_MOV_TO_DR,
		[0x30] = INSN_WRMSR,	   [0x32] = INSN_RDMSR,
	};
	u8 opcode;

	if (!next(c, &opcode))
		return false;
	if (opcode == 0x01)
		return decode_0f01(c, insn);
	insn->op = ops[opcode];
	if (opcode >= 0x20 && opcode <= 0x23)
		return decode_mov(c, insn);
	return insn->op != INSN_UNKNOWN;
}

static bool decode_one(struct cursor *c, struct insn *insn)
{
	static const u8 ops[256] = {
		[0xe4 ... 0xe5] = INSN_IN,  [0xec ... 0xed] = INSN_IN,
		[0xe6 ... 0xe7] = INSN_OUT, [0xee ... 0xef] = INSN_OUT,
		[0xf4] = INSN_HLT,	    [0xfa] = INSN_CLI,
		[0xfb] = INSN_STI,
	};
	u8 opcode, port;

	/* LOCK makes each of our instructions a #UD (or, on AMD, a CR8). */
	if (!read_prefixes(c, &opcode) || c->lock)
		return false;
	if (opcode == 0x0f)
		return decode_0f(c, insn);
	insn->op = ops[opcode];
	if (insn->op == INSN_IN || insn->op == INSN_OUT) {
		insn->width = 1;
		if (opcode & 1)
			insn->width = c->opsize && !(c->rex & REX_W) ? 2 : 4;
		return opcode >= 0xec || next(c, &port); /* else it is dx */
	}
	return insn->op != INSN_UNKNOWN;
}

bool insn_decode(const u8 *bytes, size_t n, struct insn *insn)
{
	struct cursor c = { .bytes = bytes, .n = MIN(n, INSN_MAX) };

	memset(insn, 0, sizeof(*insn));
	if (!decode_one(&c, insn)) {
		memset(insn, 0, sizeof(*insn));
		return false;
	}
	insn->length = c.at;
	return true;
}
