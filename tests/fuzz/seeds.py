#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Writes the seeds of fuzz_hypercall: programs in the encoding of its step()
that reach the deeper parts, for the fuzzer to take apart. The result is kept
in corpus/hypercall; run this again when the encoding changes."""

import os
import struct

KERNEL = 0xFFFF888000000000
(VERSION, WRITE, READ, CALLBACKS, LOAD_ROOT, FLUSH, DROP, FILL, TIMER, BLOCK,
 YIELD, EVENT, CPUID, DESC, LDT, DR, VCPU, SHUTDOWN, BATCH, SHARED,
 DEBUG) = range(21)


def small(n):
    return bytes([0, n])


def page(n):
    return bytes([1, n])


def raw(n):
    return bytes([7]) + struct.pack("<Q", n)


def hc(number, *args, cpu=0):
    args = list(args) + [small(0)] * (4 - len(args))
    tail = b"\1" if number == CALLBACKS else b""
    return bytes([cpu << 7, number]) + b"".join(args) + tail


def fault(va, error, cpu=0):
    return bytes([4 | cpu << 7, error]) + raw(va)


def poke(pg, index, value):
    """Writes a 64-bit word; index counts words and is below 256."""
    return bytes([6, pg, index, 0x80, 0]) + struct.pack("<Q", value)


def poke_all(pg, values):
    return b"".join(poke(pg, i, v) for i, v in enumerate(values))


def idle(cpu, ms):
    return bytes([14 | cpu << 7, ms])


def code(text, rcx=small(0)):
    return bytes([10]) + text.ljust(8, b"\x90") + rcx + small(7) + b"\0"


def peer(op, arg0=0, arg1=0):
    return bytes([12 | 0x20, op, arg0, arg1])


AUDIT = bytes([0x1F])
IRET = bytes([12])
USER = bytes([9, 0]) + small(0) + b"\1\5" + small(0) + small(2) + b"\1"

touch = b"".join(fault(a, e) for a, e in (
    (0x5000, 0), (0x6000, 6), (0x200000, 4), (KERNEL + 0x3000, 2),
    (KERNEL + 0x200000, 0), (0x900000, 4)))
boot = hc(CALLBACKS) + hc(SHARED, page(21))
vcpu1 = (poke_all(22, [KERNEL + 0x400, KERNEL + 0x9000, 0, KERNEL, 5])
         + hc(VCPU, small(0), small(1), page(22)) + hc(VCPU, small(1), small(1)))

SEEDS = {
    "faults": boot + touch + hc(FLUSH, small(1), page(0)) + touch + AUDIT,
    "roots": boot + touch + hc(LOAD_ROOT, page(7)) + touch
    + hc(DROP, page(0)) + bytes([13, 0, 13, 1]) + hc(LOAD_ROOT, page(0))
    + hc(DROP, page(7)) + AUDIT,
    "split": touch + poke(2, 1, 0x5067) + hc(
        FLUSH, small(0), page(0), raw(0x200000), raw(0x400000)) + touch + AUDIT,
    "smp": boot + vcpu1 + idle(1, 9) + fault(0x5000, 6, 1) + touch
    + hc(FLUSH, small(4)) + hc(VCPU, small(6), small(1), cpu=1)
    + hc(VCPU, small(7), small(1)) + hc(VCPU, small(2), small(1), cpu=1),
    "events": boot + hc(EVENT, small(1), small(0)) + hc(EVENT, small(0), small(0),
                                                        small(0))
    + hc(EVENT, small(3), small(1)) + hc(EVENT, small(4), small(1)) + IRET
    + hc(TIMER, small(1)) + idle(0, 50) + hc(EVENT, small(2), small(1)) + USER
    + hc(BLOCK),
    "channels": boot + peer(7, 2) + peer(7, 2) + hc(EVENT, small(8), small(3), small(1))
    + hc(EVENT, small(8), small(3), small(2)) + hc(EVENT, small(3), small(1))
    + peer(3, 1) + hc(EVENT, small(4), small(1)) + peer(5, 1) + peer(2, 2)
    + hc(EVENT, small(7), small(3)) + peer(8, 2, 3) + hc(EVENT, small(5), small(3))
    + hc(EVENT, small(7), small(2)) + hc(EVENT, small(8), small(2), small(4))
    + hc(EVENT, small(2), small(5)) + hc(EVENT, small(2), small(3))
    + hc(EVENT, small(6), small(1)) + peer(255) + idle(0, 9) + idle(1, 9)
    + hc(EVENT, small(3), small(1)) + hc(EVENT, small(2), small(1)),
    "batch": poke_all(23, [0] * 8 + [LOAD_ROOT, 0x7000] + [0] * 6)
    + hc(BATCH, page(23), small(2)) + hc(BATCH, page(23), small(64)),
    "ldt": poke(24, 0, 25 << 12) + poke(25, 1, 0x00CFF3000000FFFF)
    + hc(LDT, page(24), small(9)) + hc(DESC, small(12), raw(0x00CFF3000000FFFF))
    + hc(LDT, page(24), small(0)),
    "areas": hc(VCPU, small(4), small(0), page(26)) + hc(VCPU, small(5), small(0),
                                                         page(27))
    + hc(CPUID, small(1), small(0), page(28)) + hc(DEBUG, small(0), page(29))
    + hc(WRITE, page(26), small(99)) + hc(READ, page(26), small(9)) + idle(0, 99),
    "insns": code(b"\x0f\x20\xe0") + code(b"\x0f\x01\xd1") + code(b"\x0f\x32", b"\6")
    + code(b"\x0f\x30", b"\x16") + code(b"\x0f\x32", raw(0x277)) + code(b"\x0f\x22\xd8") + code(b"\x0f\x01\x38")
    + code(b"\xec") + code(b"\x0f\x23\xc0") + code(b"\xfb") + code(b"\xf4"),
    "memory": boot + bytes([15, 3]) + touch + bytes([15, 1])
    + hc(LOAD_ROOT, page(7)) + bytes([15, 0]) + hc(LDT, page(24), small(9)),
    "end": boot + vcpu1 + touch + hc(SHUTDOWN, small(0)),
}

top = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                   "corpus", "hypercall")
os.makedirs(top, exist_ok=True)
for name, data in SEEDS.items():
    with open(os.path.join(top, name), "wb") as f:
        f.write(data)
