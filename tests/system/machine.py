# SPDX-License-Identifier: GPL-2.0-only
"""Starts the same Linux natively, on the hypervisor, or on Xen, in QEMU."""

import os
import pathlib
import re
import socket
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = TOP / "build"
MODES = ("native", "lodge", "xen")

MMU_MODES = 8  # of QEMU 7.2 for x86
HYPERVISOR_MEM = 192  # MiB of the machine that no domain gets


class Absent(Exception):
    """What has to be built, or fetched, for this mode."""


def check(mode, debug=False):
    """Raises Absent unless the parts of this mode are there."""
    parts = {
        "native": ["linux-6.12/bzImage"],
        "lodge": ["linux-6.12/vmlinux", "lodge-debug" if debug else "lodge"],
        "xen": ["linux-6.12/bzImage", "xen/xen"],
    }[mode]
    for part in parts:
        if not (BUILD / part).exists():
            raise Absent(f"build/{part} is not there")


def domain(initrd, mem, vcpus, append, name=""):
    """One --domain of boot/qemu."""
    parts = ["kernel=6.12", f"initrd={initrd}"]
    if mem:
        parts.append(f"mem={mem}")
    parts.append(f"vcpus={vcpus}")
    if name:
        parts.append(f"name={name}")
    return ",".join(parts) + f",append={append}"


def command(mode, domains, smp=2, mem=None, debug=False, hv_append=(),
            timeout=None, monitor=None, qemu=(), accel=None):
    """The boot/qemu command; domains are dicts with domain()'s arguments.

    Native and Xen take the first of them: its vCPUs become processors.
    """
    total = sum(d["mem"] for d in domains)
    argv = [str(TOP / "boot" / "qemu")]
    if mode == "lodge":
        argv += ["--no-control", "--smp", str(smp),
                 "--mem", str(mem or total + HYPERVISOR_MEM)]
        if debug:
            argv.append("--debug")
        for word in hv_append:
            argv += ["--hv-append", word]
        for one in domains:
            argv += ["--domain", domain(**one)]
    else:
        first = domains[0]
        extra = HYPERVISOR_MEM if mode == "xen" else 0
        argv += [f"--{mode}", "--smp", str(first["vcpus"]),
                 "--mem", str(first["mem"] + extra),
                 "--domain", domain(**{**first, "mem": first["mem"] if extra
                                       else None})]
    if accel:
        argv += ["--accel", accel]
    if timeout:
        argv += ["--timeout", str(timeout)]
    if monitor:
        argv += ["--monitor", str(monitor)]
    for word in qemu:
        argv += ["--qemu", word]
    return argv


class Monitor:
    """QEMU's human monitor on a unix socket."""

    PROMPT = b"(qemu) "

    def __init__(self):
        # A socket's path must be short, so not in build/.
        self.folder = tempfile.TemporaryDirectory(prefix="lodge-")
        self.path = os.path.join(self.folder.name, "monitor")
        self.socket = None

    def connect(self, seconds=10):
        end = time.monotonic() + seconds
        while True:
            try:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.settimeout(30)
                self.socket.connect(self.path)
                break
            except OSError:
                self.socket.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        self._until_prompt()

    def _until_prompt(self):
        data = b""
        while not data.endswith(self.PROMPT):
            more = self.socket.recv(65536)
            if not more:
                raise OSError("QEMU closed its monitor")
            data += more
        return data.decode(errors="replace")

    def ask(self, line):
        self.socket.sendall(line.encode() + b"\n")
        return self._until_prompt()

    def tlb_flushes(self):
        """QEMU's count of whole-TLB flushes since it started.

        A flush asks for all of the MMU modes. It is counted once as "full"
        when every one of them was in use, else once for each of them, as
        "partial" or (not in use) "elided".
        """
        text = self.ask("info jit")
        full, partial, elided = (
            int(re.search(rf"TLB {word} flushes\s+(\d+)", text)[1])
            for word in ("full", "partial", "elided"))
        return full + (partial + elided) / MMU_MODES

    def process(self):
        """The number of QEMU's process."""
        thread = re.search(r"thread_id=(\d+)", self.ask("info cpus"))[1]
        for pid in os.listdir("/proc"):
            if pid.isdigit() and os.path.exists(f"/proc/{pid}/task/{thread}"):
                return int(pid)
        raise OSError(f"no process has the thread {thread}")

    def close(self):
        if self.socket:
            self.socket.close()
        self.folder.cleanup()


def process_ns(pid):
    """Processor time that a process has used, in ns."""
    return time.clock_gettime_ns((~pid << 3) | 2)  # CLOCK_CPU, any process
