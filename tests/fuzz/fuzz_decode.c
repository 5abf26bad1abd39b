// SPDX-License-Identifier: GPL-2.0
// modules: x86/decode core/string
/*
 * The instruction decoder on any bytes: what it says about an instruction
 * must be within the promise at the top of decode.c, must not depend on bytes
 * behind the instruction, and must be refused when the last byte is missing.
 */
#include <stdlib.h>
#include <string.h>
#include "x86/cpufeat.h"

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_fields(const struct insn *i, size_t size)
{
	check(i->op != INSN_UNKNOWN && i->op <= INSN_INVLPG);
	check(i->length >= 1 && i->length <= 15 && i->length <= size);
	check(i->gpr < 16);
	switch (i->op) {
	case INSN_IN:
	case INSN_OUT:
		check(i->width == 1 || i->width == 2 || i->width == 4);
		break;
	case INSN_MOV_FROM_CR:
	case INSN_MOV_TO_CR:
	case INSN_MOV_FROM_DR:
	case INSN_MOV_TO_DR:
		check(i->reg < 16);
		break;
	case INSN_INVLPG:
		check(i->base <= INSN_NO_REG && i->scale < 4);
		check(i->index < 16 || i->index == INSN_NO_REG);
		check(i->index != 4);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct insn insn, shorter;

	if (!insn_decode(data, size, &insn)) {
		check(insn.op == INSN_UNKNOWN);
		return 0;
	}
	check_fields(&insn, size);
	check(insn_decode(data, insn.length, &shorter));
	check(!memcmp(&insn, &shorter, sizeof(insn)));
	check(!insn_decode(data, insn.length - 1, &shorter));
	return 0;
}
