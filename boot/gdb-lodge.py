# SPDX-License-Identifier: GPL-2.0
"""gdb commands to look at the hypervisor and its guests under QEMU.

    lodge-domains            the domains
    lodge-vcpus              their vCPUs, and where each one is
    lodge-guest D V          see the machine as vCPU V of domain D: registers
                             and memory, for backtrace and x; without
                             arguments, or when the machine goes on: undo
    lodge-shadow VA          what the processor's tables say of VA
    lodge-p2m D GPA          the machine address behind GPA
    lodge-walk D ROOT VA     what the guest's tables below ROOT say of VA

The hypervisor is linked at its physical addresses, but while a guest runs none
of it is mapped; so its structures are read from physical memory, which QEMU's
gdb stub offers, whatever the processor is doing. Layouts come from the debug
information of the hypervisor (load build/lodge-debug.elf or lodge.elf first).
"""
import struct
import gdb

PAGE = 4096
ADDR = 0x000ffffffffff000
PRESENT, WRITE, USER, ACCESSED, DIRTY, LARGE = 1, 2, 4, 32, 64, 128
NO_EXECUTE = 1 << 63

# What lodge-guest takes from struct regs.
SHOWN = ("r15 r14 r13 r12 r11 r10 r9 r8 rbp rdi rsi rdx rcx rbx rax "
         "rip rsp").split()


class Physical:
    """While entered, gdb's memory accesses are physical."""

    depth = 0

    def __enter__(self):
        if not Physical.depth:
            self.switch(1)
        Physical.depth += 1

    def __exit__(self, *_):
        Physical.depth -= 1
        if not Physical.depth:
            self.switch(0)

    @staticmethod
    def switch(on):
        gdb.execute("maintenance packet Qqemu.PhyMemMode:%d" % on,
                    to_string=True)
        flush_caches()


def flush_caches():
    gdb.execute("maintenance flush dcache", to_string=True)
    gdb.execute("maintenance flush register-cache", to_string=True)


def symbol(name):
    value = gdb.lookup_global_symbol(name)
    if value is None:
        raise gdb.GdbError("no symbol %s: load lodge-debug.elf" % name)
    return value.value()


def read_u64(address):
    data = gdb.selected_inferior().read_memory(address, 8)
    return struct.unpack("<Q", bytes(data))[0]


def enum_name(value, prefix):
    return str(value).replace(prefix, "").lower()


def number(text):
    return int(gdb.parse_and_eval(text)) & (1 << 64) - 1


def arguments(text, count, usage):
    args = gdb.string_to_argv(text)
    if len(args) != count:
        raise gdb.GdbError("usage: " + usage)
    return [number(a) for a in args]


def domains():
    """All domains; use inside Physical."""
    kind = gdb.lookup_type("struct domain")
    offset = next(f.bitpos // 8 for f in kind.fields() if f.name == "link")
    head = symbol("domain_list")
    node = head["next"]
    while node and node != head.address:
        where = gdb.Value(int(node) - offset)
        yield where.cast(kind.pointer()).dereference()
        node = node["next"]


def domain(number_):
    for d in domains():
        if int(d["id"]) == number_:
            return d
    raise gdb.GdbError("there is no domain %d" % number_)


def vcpus(d):
    for i in range(int(d["vcpu_count"])):
        if d["vcpu"][i]:
            yield d["vcpu"][i].dereference()


def processor_of(vcpu):
    """The struct pcpu on which vcpu's state is, or None."""
    for i in range(int(symbol("pcpu_count"))):
        p = symbol("pcpus")[i]
        if p and p["current"] == vcpu.address:
            return p.dereference()
    return None


def in_guest(p):
    return p is not None and str(p["mode"]) == "PCPU_GUEST"


def rights(entry):
    text = "".join(c if entry & bit else "-" for bit, c in
                   ((PRESENT, "p"), (WRITE, "w"), (USER, "u"),
                    (ACCESSED, "a"), (DIRTY, "d"), (LARGE, "L")))
    return text + ("-" if entry & NO_EXECUTE else "x")


def walk(root, va, machine=lambda a: a, tell=print):
    """Walks tables of the usual format; the result's address, or None.

    machine: from the addresses in the entries to physical ones, or None.
    """
    table = root
    for level in (4, 3, 2, 1):
        size = 1 << (3 + 9 * level)
        where = machine(table)
        if where is None:
            tell("L%d  table %#x is not in the p2m" % (level, table))
            return None
        where += (va // size & 511) * 8
        entry = read_u64(where)
        tell("L%d  [%#x] = %016x  %s" % (level, where, entry, rights(entry)))
        if not entry & PRESENT:
            return None
        if level == 1 or (level < 4 and entry & LARGE):
            return (entry & ADDR & ~(size - 1)) | (va & (size - 1))
        table = entry & ADDR
    return None


def p2m(d, gpa, tell=lambda _: None):
    return walk(int(d["p2m"]["root"]), gpa, tell=tell)


class Command(gdb.Command):
    """A command whose run() may read the hypervisor's memory."""

    def __init__(self, name):
        super().__init__(name, gdb.COMMAND_DATA)

    def invoke(self, text, _from_tty):
        with Physical():
            self.run(text)


class Domains(Command):
    """List the domains."""

    def run(self, _text):
        for d in domains():
            s = d["shadow"]
            print("%3d %-12s %-9s %6d MiB  %d vCPUs  %d roots  "
                  "%d of %d shadow pages%s" %
                  (d["id"], d["name"].string(),
                   enum_name(d["state"], "DOMAIN_"),
                   int(d["mem_frames"]) >> 8, d["vcpu_count"],
                   s["root_count"], s["page_count"], s["page_limit"],
                   "  " + d["crash_reason"].string()))


class Vcpus(Command):
    """List the vCPUs of all domains."""

    def run(self, _text):
        for d in domains():
            for v in vcpus(d):
                p = processor_of(v)
                where = "" if p is None else "cpu %d" % p["id"]
                if in_guest(p):
                    at = "in the guest: see thread %d" % (int(p["id"]) + 1)
                else:
                    at = "rip %016x" % int(v["regs"]["rip"])
                root = int(v["root"]["gpa"]) if v["root"] else 0
                print("%3d.%-2d %-8s %-6s root %09x  %s" %
                      (d["id"], v["id"],
                       enum_name(v["sched"]["state"], "VCPU_"), where, root,
                       at))


class Guest(Command):
    """lodge-guest D V: see the machine as that vCPU. No arguments: undo."""

    saved = None  # thread and registers as they really are

    def run(self, text):
        self.restore()
        if not text:
            return
        number_, index = arguments(text, 2, "lodge-guest DOMAIN VCPU")
        v = next((v for v in vcpus(domain(number_)) if v["id"] == index),
                 None)
        if v is None:
            raise gdb.GdbError("there is no such vCPU")
        p = processor_of(v)
        if in_guest(p):
            thread(int(p["id"]) + 1).switch()
            print("it is in the guest; these are its own registers")
            return
        if not v["root"]:
            raise gdb.GdbError("it has no page tables yet")
        registers = {r: int(v["regs"][r]) for r in SHOWN}
        registers["cr3"] = self.tables(v)
        Guest.saved = gdb.selected_thread(), {
            r: int(gdb.parse_and_eval("(unsigned long)$" + r))
            for r in registers}
        self.load(registers)
        print("as vCPU %d of domain %d; undone when the machine goes on" %
              (index, number_))

    @staticmethod
    def tables(v):
        """Some hardware top-level table of v's root."""
        own = int(v["root"]["l4"][int(v["id"])])
        if own:
            return own
        raise gdb.GdbError("this vCPU has no hardware tables at the moment")

    @staticmethod
    def load(registers):
        for r, value in registers.items():
            # cr3 has a type that nothing but itself can be assigned to.
            kind = gdb.parse_and_eval("$" + r).type
            gdb.set_convenience_variable(
                "lodge_value", gdb.Value(struct.pack("<Q", value), kind))
            gdb.execute("set $%s = $lodge_value" % r, to_string=True)

    @classmethod
    def restore(cls):
        if not cls.saved:
            return
        was, registers = cls.saved
        cls.saved = None
        if was.is_valid():
            was.switch()
            cls.load(registers)


class Undo(gdb.Command):
    """What lodge-guest changed is put back before the machine goes on."""

    def __init__(self):
        super().__init__("lodge-guest-undo", gdb.COMMAND_DATA)
        for command in ("continue", "step", "stepi", "next", "nexti",
                        "finish", "until", "advance", "jump", "detach",
                        "thread", "quit"):
            gdb.execute("define hook-%s\nlodge-guest-undo\nend" % command)

    def invoke(self, _text, _from_tty):
        Guest.restore()


def thread(index):
    """QEMU's threads are the processors, in order, from 1."""
    for t in gdb.selected_inferior().threads():
        if t.num == index:
            return t
    raise gdb.GdbError("there is no thread %d" % index)


class Shadow(Command):
    """lodge-shadow VA: walk the tables that the processor uses."""

    def run(self, text):
        va, = arguments(text, 1, "lodge-shadow VA")
        cr3 = int(gdb.parse_and_eval("(unsigned long)$cr3")) & ADDR
        found = walk(cr3, va)
        print("not mapped" if found is None else "machine %#x" % found)


class P2m(Command):
    """lodge-p2m D GPA: the machine address behind a guest-physical one."""

    def run(self, text):
        number_, gpa = arguments(text, 2, "lodge-p2m DOMAIN GPA")
        found = p2m(domain(number_), gpa, print)
        print("no memory there" if found is None else "machine %#x" % found)


class Walk(Command):
    """lodge-walk D ROOT VA: walk the guest's own tables."""

    def run(self, text):
        number_, root, va = arguments(text, 3, "lodge-walk DOMAIN ROOT VA")
        d = domain(number_)
        gpa = walk(root & ADDR, va, lambda a: p2m(d, a))
        if gpa is None:
            print("not mapped")
            return
        mpa = p2m(d, gpa)
        print("guest-physical %#x, machine %s" %
              (gpa, "none" if mpa is None else "%#x" % mpa))


for command_ in (Domains, "lodge-domains"), (Vcpus, "lodge-vcpus"), \
        (Guest, "lodge-guest"), (Shadow, "lodge-shadow"), \
        (P2m, "lodge-p2m"), (Walk, "lodge-walk"):
    command_[0](command_[1])
Undo()
