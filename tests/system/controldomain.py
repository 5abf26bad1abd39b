# SPDX-License-Identifier: GPL-2.0-only
"""A machine with a control domain, used as a person at its console would.

    with ControlDomain(add={"bin/helper": path}) as control:
        status, output = control.run("lodge create /etc/lodge/hello.cfg")
        control.must("lodge list")           # output; Wrong unless status 0
        info = control.json("lodge info --json hello")
        control.attach("hello")              # lodge console
        status, output = control.guest("cat /proc/uptime")
        control.detach()
        control.power_off()                  # machine's end, with status 0

It boots build/control.initrd on the debug hypervisor, whose auditor looks at
everything, on 2 processors and 2 GiB, of which the control domain has 512
MiB. All that is said goes to stdout, and so into the test's log. Commands are
typed into a busybox shell; its prompt tells their status.

With tools=True there are fio, iperf3, ethtool, e2fsck and others (DEVICE_TOOLS
of tests/system/image) in the control domain, and a guest with them is

    lodge create /etc/lodge/hello.cfg ramdisk=/boot/tools.initrd memory=192
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time

from console import PATIENCE, Console, Late, Wrong, failed
from machine import BUILD, TOP

sys.path.insert(0, str(TOP / "boot"))

from archive import Archive  # noqa: E402

PROMPT = r"\[(\d+)\]control:\S*# "
DETACH = "\x1d"  # Ctrl-], that `lodge console` looks for
INTERRUPT = "\x03"  # Ctrl-C
INITRD = BUILD / "control.initrd"
TOOLS = BUILD / "devices.cpio"
# What a hypervisor in good order never says.
TROUBLE = r"^lodge: (audit|BUG|panic|assertion|exception).*|^Kernel panic.*"


def padded(path):
    """What the kernel reads an archive after: it is at a multiple of four."""
    data = path.read_bytes()
    return data + bytes(-len(data) % 4)


def initrd_with(add, tools, out):
    """control.initrd and a second archive, which the kernel unpacks over it:
    add has the path of a file, or bytes, by their names in the image."""
    out.write(padded(INITRD))
    if tools:
        subprocess.run([TOP / "tests/system/image", "devices"], check=True)
        out.write(padded(TOOLS))
        add = {**add, "boot/tools.initrd":
               padded(BUILD / "hello.initrd") + TOOLS.read_bytes()}
    archive = Archive()
    for name, source in add.items():
        if isinstance(source, bytes):
            archive.folder(os.path.dirname(name))
            archive.entry(name, 0o100755, source)
        else:
            archive.file(str(source), name)
    out.write(archive.finish())
    out.flush()


class ControlDomain(Console):
    """A booted control domain, at its prompt."""

    def __init__(self, *options, smp=2, mem=2048, control_mem=512, vcpus=None,
                 debug=True, add=None, append="", timeout=600, tools=False):
        self.trouble = ""
        self.guest_prompt = ""
        self.visits = 0
        self.initrd = tempfile.NamedTemporaryFile(prefix="lodge-",
                                                  suffix=".initrd")
        initrd_with(add or {}, tools, self.initrd)
        spec = (f"kernel=6.12,initrd={self.initrd.name},mem={control_mem},"
                f"vcpus={vcpus or smp},append={append}")
        super().__init__(
            "--smp", str(smp), "--mem", str(mem), "--timeout",
            str(timeout * PATIENCE),
            *(["--debug"] if debug else []), *options, "--control", spec,
            control=True)
        try:
            self.log_in()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *args):
        super().__exit__(*args)
        self.initrd.close()

    def log_in(self):
        """Waits for the shell, and makes it show what run() looks for."""
        self.wait("control:/# ", 120)
        # Nor shall the kernel talk in between.
        self.type("stty cols 2000 rows 50; dmesg -n 1; "
                  "PS1='[$?]\\h:\\w# '\n")
        self.wait(PROMPT)

    def _read(self, end, what):
        more = super()._read(end, what)
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.text)
        self.text = re.sub(r"^\[control\] ", "", text, flags=re.MULTILINE)
        found = re.search(TROUBLE, self.text, re.MULTILINE)
        if found and found[0] != self.trouble:
            self.trouble = found[0]
            raise Wrong(f"trouble: {found[0]}")
        return more

    def answer(self, prompt, seconds):
        """(status, output) of what was typed, once there is a prompt."""
        status = int(self.wait(prompt, seconds)[1])
        lines = self.before.split("\n")[1:]  # without the echo
        return status, "\n".join(
            one for one in lines if not one.startswith("lodge: "))

    def run(self, command, seconds=60):
        """Types a command; returns its status and what it printed. Messages
        of the hypervisor in between are left out."""
        self.text = ""
        self.type(command + "\n")
        return self.answer(PROMPT, seconds)

    def must(self, command, seconds=60):
        """The output of a command that has to succeed."""
        status, output = self.run(command, seconds)
        if status:
            raise failed(command, status)
        return output

    def fails(self, command, status, pattern, seconds=60):
        """A command that has to fail, and to say why."""
        found, output = self.run(command, seconds)
        if found != status:
            raise Wrong(f"`{command}`: status {found}, not {status}")
        if not re.search(pattern, output, re.MULTILINE):
            raise Wrong(f"`{command}`: says nothing like {pattern!r}")
        return output

    def json(self, command, seconds=60):
        """What a command prints as JSON."""
        output = self.must(command, seconds)
        try:
            return json.loads(output)
        except ValueError as error:
            raise Wrong(f"`{command}`: no JSON: {error}") from error

    def interrupt(self, seconds=60):
        """Ctrl-C for what was typed; returns its status and output. Before
        the command has begun the shell takes it for a mere character."""
        end = time.monotonic() + seconds
        while True:
            self.type(INTERRUPT)
            try:
                return self.answer(PROMPT, 3)
            except Late:
                if time.monotonic() > end:
                    raise

    def attach(self, name, seconds=60, command=None):
        """Goes to the console of a guest from boot/hello, to its prompt."""
        self.text = ""
        self.type((command or f"lodge console {name}") + "\n")
        self.wait(rf"{name}:/# |{name}-shell-\d+# ", seconds)
        # What was said before is shown again, so each visit has a prompt of
        # its own.
        self.visits += 1
        shell = f"{name}-shell-{self.visits}# "
        self.guest_prompt = rf"\[(\d+)\]{shell}"
        self.type(f"stty cols 2000; PS1='[$?]{shell}'\n")
        self.wait(self.guest_prompt, 20)

    def guest(self, command, seconds=60):
        """Like run(), in the guest that attach() went to."""
        self.text = ""
        self.type(command + "\n")
        return self.answer(self.guest_prompt, seconds)

    def detach(self, seconds=20):
        """Back to the control domain's prompt."""
        self.text = ""
        self.type(DETACH)
        return int(self.wait(PROMPT, seconds)[1])

    def power_off(self, seconds=120):
        """Turns the machine off; it has to end with status 0."""
        self.type("poweroff\n")
        self.ends(0, seconds)
