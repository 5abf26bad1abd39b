#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Rules R2, R3 and R18, read off the binary: between the entry from ring 1 or
3 and the switch of CR3 the stub makes no indirect branch and executes no ret,
and what it writes is the entry stack and the vCPU page: it stores relative to
rip into the latter, or relative to rsp while that is on the entry stack, and
never pushes or pops with the rsp of a guest. Disassembles the .stub section
and follows the code from each entry. Calls are not followed: the stub makes
them only for traps of the hypervisor itself, on its own tables.

    check_stub.py HYPERVISOR.elf
"""

import pathlib
import re
import subprocess
import sys

ENTRY_H = pathlib.Path(__file__).resolve().parents[2].joinpath(
    "hypervisor-stub", "x86", "entry.h")
LINE = re.compile(r"^\s*([0-9a-f]+):\s+(\S+)\s*(.*?)\s*(?:# ([0-9a-f]+).*)?$")
# What has its last operand in memory and only reads it.
READERS = re.compile(r"(cmp|test|bt)[bwlq]?$|push|lldt|j|call|nop")
# Stores that do not name their address, or not as the last operand.
IMPLICIT = ("stos", "movsb", "movsw", "movsl", "movsq", "ins", "rep", "enter",
            "leave", "xchg")
INDIRECT = re.compile(r"(^|\s)\*")
# Where rsp points.
STACK, FRAME, GUEST = "the entry stack", "a constant frame", "guest memory"


def area():
    """Addresses of the parts of slot 256."""
    found = re.findall(r"^#define AREA_(\w+) (0x[0-9a-f]+)",
                       ENTRY_H.read_text(), re.MULTILINE)
    return {name: int(value, 16) for name, value in found}


def disassemble(path):
    """{address: (mnemonic, operands, target of rip)} and the symbols."""
    text = subprocess.run(
        ["objdump", "-d", "-j", ".stub", "--no-show-raw-insn", path],
        capture_output=True, text=True, check=True).stdout
    code, symbols = {}, {}
    for line in text.splitlines():
        name = re.match(r"^([0-9a-f]+) <(.*)>:", line)
        if name:
            symbols[name[2]] = int(name[1], 16)
            continue
        found = LINE.match(line)
        if found:
            target = int(found[4], 16) if found[4] else None
            code[int(found[1], 16)] = (found[2], found[3], target)
    return code, symbols


class Checker:
    def __init__(self, code):
        self.code = code
        order = sorted(code)
        self.after = dict(zip(order, order[1:]))
        self.area = area()
        self.bad = set()
        self.count = 0

    def within(self, target, part, size=4096):
        start = self.area["BASE"] + self.area[part]
        return target is not None and start <= target < start + size

    def new_rsp(self, rsp, mnemonic, operands, target):
        """Where rsp points after the instruction; None: nobody knows."""
        if not operands.endswith("%rsp"):
            return rsp
        if mnemonic == "lea" and operands.endswith("(%rip),%rsp"):
            if self.within(target, "CFG_OFF"):
                return FRAME
            # The end of the stack is the start of the next page.
            if self.within(target, "STACK_OFF", 4097):
                return STACK
            return None
        constant = re.match(r"^\$0x[0-9a-f]{1,3},%rsp$", operands)
        if mnemonic in ("add", "sub") and constant:
            return rsp
        return rsp if READERS.match(mnemonic) else None

    def fault(self, rsp, mnemonic, operands, target):
        """What is wrong with an instruction, or ""."""
        if mnemonic.startswith("ret"):
            return "ret"
        if INDIRECT.search(operands):
            return "an indirect branch"
        if mnemonic.startswith(("lgdt", "lidt", "wrmsr", "swapgs")):
            return mnemonic
        if mnemonic.startswith(IMPLICIT):
            return "an implicit store"
        if mnemonic.startswith(("push", "call")) and rsp != STACK:
            return f"a push to {rsp}"
        if mnemonic.startswith(("pop", "iret")) and rsp == GUEST:
            return f"a pop from {rsp}"
        if READERS.match(mnemonic):
            return ""
        # Operands are split at commas outside of parentheses.
        last = re.split(r",(?![^(]*\))", operands)[-1]
        if "(" not in last and not re.match(r"^(%\ws:|0x)", last):
            return ""
        if re.match(r"^(0x[0-9a-f]+)?\(%rsp\)$", last):
            return "" if rsp == STACK else f"a store to {rsp}"
        if last.endswith("(%rip)") and self.within(target, "VCPU_OFF"):
            return ""
        return "a store neither to the entry stack nor to the vCPU page"

    def follow(self, name, start, rsp):
        """Looks at what is executed from start before CR3 is written."""
        todo, seen = [(start, rsp)], set()
        while todo:
            address, rsp = todo.pop()
            while address in self.code and (address, rsp) not in seen:
                seen.add((address, rsp))
                self.count += 1
                mnemonic, operands, rip = self.code[address]
                if mnemonic.startswith("mov") and operands.endswith("%cr3"):
                    break
                wrong = self.fault(rsp, mnemonic, operands, rip)
                rsp = self.new_rsp(rsp, mnemonic, operands, rip)
                if not rsp:
                    wrong, rsp = "an unknown rsp", GUEST
                if wrong:
                    self.bad.add(f"{address:x}: {mnemonic} {operands}: "
                                 f"{wrong}, from {name}")
                if mnemonic.startswith(("iret", "ret", "ud2")):
                    break
                target = re.match(r"^([0-9a-f]+) <", operands)
                if mnemonic.startswith("j") and target:
                    todo.append((int(target[1], 16), rsp))
                    if mnemonic.startswith("jmp"):
                        break
                address = self.after.get(address)


def entries(symbols):
    """Where the processor can arrive, and with which rsp: all gates, and the
    two SYSCALLs."""
    table = symbols["isr_table"]
    yield from ((f"vector {n:#x}", table + 16 * n, STACK) for n in range(256))
    yield "stub_load_root", symbols["stub_load_root"], STACK
    yield "stub_syscall", symbols["stub_syscall"], GUEST
    yield "stub_syscall32", symbols["stub_syscall32"], GUEST


def main(path):
    code, symbols = disassemble(path)
    checker = Checker(code)
    for name, start, rsp in entries(symbols):
        checker.follow(name, start, rsp)
    for line in sorted(checker.bad)[:20]:
        print(line)
    print(f"{checker.count} instructions from {len(list(entries(symbols)))} "
          f"entries, {len(checker.bad)} break a rule")
    return 1 if checker.bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
