#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs tiny guests under Bochs, which punishes what QEMU forgives.

The hypervisor and its guests go into a bootable image made by grub-mkrescue;
the serial console is a file. Bochs knows no exit status and its text display
wants a terminal, so this file is also a script that gives it one, waits for
the hypervisor's last line, and ends it:

    bochs.py FOLDER TIMEOUT
"""

import os
import pathlib
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import time

SHARE = pathlib.Path("/usr/share/bochs")
LAST_LINE = b"lodge: no domain"  # left, or could be started
PANIC = b"lodge: panic"
MODULES = "multiboot2 normal part_msdos iso9660 biosdisk"

CONFIG = """\
plugin_ctrl: unmapped=1, biosdev=1, serial=1, speaker=0, parallel=0
display_library: term
memory: guest={mem}, host={mem}
romimage: file={share}/BIOS-bochs-latest
vgaromimage: file={share}/VGABIOS-lgpl-latest
boot: cdrom
ata0-master: type=cdrom, path={folder}/boot.iso, status=inserted
pci: enabled=1, chipset=i440fx
cpu: model={cpu}, count={smp}, ips=50000000, reset_on_triple_fault=0, \
ignore_bad_msrs=1
clock: sync=none, time0=local
com1: enabled=1, mode=file, dev={folder}/com1.txt
port_e9_hack: enabled=1
log: {folder}/bochs.log
panic: action=fatal
error: action=report
info: action=report
debug: action=ignore
"""


def _grub_config(test):
    """GRUB puts what holds blanks between double quotes by itself."""
    kernels = []
    words = []
    for domain in test.domains:
        if domain.guest not in kernels:
            kernels.append(domain.guest)
        append = f"test={domain.name} {domain.append}".strip()
        words.append(f'"domain=kernel={kernels.index(domain.guest)},'
                     f"mem={domain.mem},vcpus={domain.vcpus},"
                     f'name={domain.name},append={append}"')
    lines = ["set timeout=0", "multiboot2 /boot/lodge " + " ".join(words)]
    lines += [f"module2 /boot/{kernel} {kernel}" for kernel in kernels]
    return "\n".join(lines + ["boot", ""]), kernels


def prepare(test, top, log_path):
    """The command to run, or a string that says why it cannot be."""
    for tool in ("bochs", "grub-mkrescue", "xorriso"):
        if not shutil.which(tool):
            return f"{tool} is not installed"
    if not (SHARE / "VGABIOS-lgpl-latest").exists():
        return "the BIOS images of Bochs are not installed"
    folder = log_path.parent / log_path.stem
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "iso/boot/grub").mkdir(parents=True)
    config, kernels = _grub_config(test)
    (folder / "iso/boot/grub/grub.cfg").write_text(config)
    hypervisor = "lodge-debug" if test.build == "debug" else "lodge"
    shutil.copyfile(top / "build" / hypervisor, folder / "iso/boot/lodge")
    for kernel in kernels:
        shutil.copyfile(top / f"build/tests/guests/{kernel}.elf",
                        folder / "iso/boot" / kernel)
    done = subprocess.run(
        ["grub-mkrescue", "-o", folder / "boot.iso", "--compress=no",
         f"--install-modules={MODULES}", "--fonts=", "--locales=",
         "--themes=", folder / "iso"],
        capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError("grub-mkrescue: " + done.stderr.strip()[-200:])
    cpu = test.cpu or "corei7_haswell_4770"
    (folder / "bochsrc").write_text(CONFIG.format(
        mem=test.mem, smp=test.smp, folder=folder, share=SHARE, cpu=cpu))
    (folder / "debugger").write_text("c\n")
    return [sys.executable, os.path.abspath(__file__), str(folder),
            str(test.timeout)]


def _start(folder):
    """Starts Bochs on a terminal of its own; returns (pid, terminal)."""
    pid, terminal = pty.fork()
    if not pid:
        os.environ["TERM"] = "xterm"
        # The debugger's commands come from a file and end: "continue".
        os.execvp("bochs", ["bochs", "-q", "-f", f"{folder}/bochsrc", "-rc",
                            f"{folder}/debugger"])
    import fcntl
    import termios
    fcntl.ioctl(terminal, termios.TIOCSWINSZ,
                struct.pack("HHHH", 60, 132, 0, 0))
    return pid, terminal


def _ended(pid):
    return os.waitpid(pid, os.WNOHANG)[0] == pid


def _console(folder):
    path = pathlib.Path(folder, "com1.txt")
    return path.read_bytes() if path.exists() else b""


def main(folder, timeout):
    """0 when the hypervisor said its last line, 124 when time was up."""
    pid, terminal = _start(folder)
    end = time.monotonic() + timeout
    status = 124
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                os.read(terminal, 65536)  # the screen; nobody looks
            except OSError:
                pass
        text = _console(folder)
        if PANIC in text:
            time.sleep(1)  # let it finish what it has to say
            status = 1
            break
        if LAST_LINE in text:
            status = 0
            break
        if _ended(pid):
            pid = 0
            status = 0 if LAST_LINE in _console(folder) else 3
            break
    if pid:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    sys.stdout.buffer.write(_console(folder))
    if status == 3:
        log = pathlib.Path(folder, "bochs.log").read_text(errors="replace")
        print("\nbochs: " + "\n".join(log.splitlines()[-40:]))
    shutil.rmtree(pathlib.Path(folder, "iso"), ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
