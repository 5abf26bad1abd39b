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
			/* Without a meaning in 64-bit mode, not even to undo
			 * an FS or GS before them. */
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
	if (modrm == 0xf8) {
		insn->op = INSN_SWAPGS;
		return true;
	}
	switch ((modrm >> 3) & 7) {
	case 6:
		insn->op = INSN_LMSW;
		break;
	case 7:
		if (modrm >> 6 == 3)
			return false;
		insn->op = INSN_INVLPG;
		break;
	default:
		return false;
	}
	if (modrm >> 6 == 3) {
		insn->gpr = (modrm & 7) | (c->rex & REX_B ? 8 : 0);
		return true;
	}
	return read_memory(c, modrm, insn);
}

/* Moves to and from CR and DR ignore mod: the operand is a register. */
static bool decode_mov(struct cursor *c, enum insn_op op, struct insn *insn)
{
	u8 modrm;

	if (!next(c, &modrm))
		return false;
	insn->op = op;
	insn->reg = ((modrm >> 3) & 7) | (c->rex & REX_R ? 8 : 0);
	insn->gpr = (modrm & 7) | (c->rex & REX_B ? 8 : 0);
	return true;
}

static bool decode_0f(struct cursor *c, struct insn *insn)
{
	u8 opcode;

	if (!next(c, &opcode))
		return false;
	switch (opcode) {
	case 0x01:
		return decode_0f01(c, insn);
	case 0x06:
		insn->op = INSN_CLTS;
		return true;
	case 0x08:
		insn->op = INSN_INVD;
		return true;
	case 0x09: /* with f3 WBNOINVD, which is the same here */
		insn->op = INSN_WBINVD;
		return true;
	case 0x20:
		return decode_mov(c, INSN_MOV_FROM_CR, insn);
	case 0x21:
		return decode_mov(c, INSN_MOV_FROM_DR, insn);
	case 0x22:
		return decode_mov(c, INSN_MOV_TO_CR, insn);
	case 0x23:
		return decode_mov(c, INSN_MOV_TO_DR, insn);
	case 0x30:
		insn->op = INSN_WRMSR;
		return true;
	case 0x32:
		insn->op = INSN_RDMSR;
		return true;
	case 0x33:
		insn->op = INSN_RDPMC;
		return true;
	case 0xa2:
		insn->op = INSN_CPUID;
		return true;
	default:
		return false;
	}
}

static u8 io_width(const struct cursor *c, u8 opcode)
{
	if (!(opcode & 1))
		return 1;
	return c->opsize && !(c->rex & REX_W) ? 2 : 4;
}

static bool decode_one(struct cursor *c, struct insn *insn)
{
	u8 opcode;

	/* LOCK makes each of our instructions a #UD (or, on AMD, a CR8). */
	if (!read_prefixes(c, &opcode) || c->lock)
		return false;

	switch (opcode) {
	case 0x0f:
		return decode_0f(c, insn);
	case 0x6c:
	case 0x6d:
		insn->op = INSN_INS;
		insn->width = io_width(c, opcode);
		return true;
	case 0x6e:
	case 0x6f:
		insn->op = INSN_OUTS;
		insn->width = io_width(c, opcode);
		return true;
	case 0xcd:
		insn->op = INSN_INT;
		return next(c, &insn->reg);
	case 0xe4:
	case 0xe5:
	case 0xe6:
	case 0xe7:
		insn->op = opcode & 2 ? INSN_OUT : INSN_IN;
		insn->width = io_width(c, opcode);
		insn->port_imm = true;
		return next(c, &insn->port);
	case 0xec:
	case 0xed:
	case 0xee:
	case 0xef:
		insn->op = opcode & 2 ? INSN_OUT : INSN_IN;
		insn->width = io_width(c, opcode);
		return true;
	case 0xf4:
		insn->op = INSN_HLT;
		return true;
	case 0xfa:
		insn->op = INSN_CLI;
		return true;
	case 0xfb:
		insn->op = INSN_STI;
		return true;
	default:
		return false;
	}
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
