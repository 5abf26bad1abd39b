#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Rule R18, read off the binary: between the entry from ring 1 or 3 and the
switch of CR3 the stub makes no indirect branch and executes no ret, and it
never pushes or stores through a register that the guest has set. Disassembles
the .stub section and follows the code from each entry.

    check_stub.py HYPERVISOR.elf
"""

import re
import subprocess
import sys

LINE = re.compile(r"^\s*([0-9a-f]+):\s+(\S+)\s*(.*?)\s*(?:#.*)?$")
INDIRECT = re.compile(r"^\*")


def disassemble(path):
    """{address: (mnemonic, operands)}, and the symbols, of the stub."""
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
            code[int(found[1], 16)] = (found[2], found[3])
    return code, symbols


def follow(code, start):
    """Yields what is executed from start before CR3 is written."""
    order = sorted(code)
    after = dict(zip(order, order[1:]))
    todo, seen = [start], set()
    while todo:
        address = todo.pop()
        while address in code and address not in seen:
            seen.add(address)
            mnemonic, operands = code[address]
            yield address, mnemonic, operands
            if mnemonic.startswith("mov") and operands.endswith("%cr3"):
                break
            if mnemonic.startswith(("iret", "ret", "ud2")):
                break
            target = re.match(r"^([0-9a-f]+) <", operands)
            if mnemonic.startswith("j") and target:
                todo.append(int(target[1], 16))
                if mnemonic.startswith("jmp"):
                    break
            address = after.get(address)


def entries(symbols):
    """Where the processor can arrive: all gates, and the two SYSCALLs."""
    table = symbols["isr_table"]
    yield from ((f"vector {n:#x}", table + 16 * n) for n in range(256))
    for name in ("stub_syscall", "stub_syscall32", "stub_load_root"):
        yield name, symbols[name]


def main(path):
    code, symbols = disassemble(path)
    bad, count = set(), 0
    for name, start in entries(symbols):
        for address, mnemonic, operands in follow(code, start):
            count += 1
            branch = mnemonic.startswith(("j", "call"))
            if mnemonic.startswith("ret"):
                bad.add(f"{address:x}: ret, from {name}")
            elif branch and INDIRECT.match(operands):
                bad.add(f"{address:x}: {mnemonic} {operands}, from {name}")
            elif mnemonic.startswith(("lgdt", "lidt", "wrmsr", "swapgs")):
                bad.add(f"{address:x}: {mnemonic}, from {name}")
    for line in sorted(bad)[:20]:
        print(line)
    print(f"{count} instructions from {len(list(entries(symbols)))} entries, "
          f"{len(bad)} break R18")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
