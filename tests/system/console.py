# SPDX-License-Identifier: GPL-2.0-only
"""A machine whose serial line the test reads and types on."""

import os
import re
import select
import subprocess
import time

from machine import TOP

PROMPT = r"^/ # "
PATIENCE = 2  # by how much a machine may be slower than those of ours
LATE = os.EX_TEMPFAIL  # exit status: an idle machine may do it in time


class Wrong(Exception):
    """The machine did not do what it should."""


class Late(Wrong):
    """It did not do it in time, or measured what a busy machine can spoil."""


def expect(condition, text):
    if not condition:
        raise Wrong(text)


def expect_pace(condition, text):
    """Of what was measured by the clock."""
    if not condition:
        raise Late(text)


def until(condition, seconds=20):
    """Shell that waits for what a condition says; with the status LATE when
    it did so in vain."""
    return (f"n={seconds * 20}; until {condition}; do usleep 50000; "
            f"n=$((n-1)); [ $n -gt 0 ] || break; done; {condition} || "
            f"(exit {LATE})")


def failed(command, status, where=""):
    """What a command that had to succeed raises."""
    kind = Late if status == LATE else Wrong
    return kind(f"{where}`{command}`: status {status}")


class Console:
    """boot/qemu with some options. All that is said goes to stdout, too."""

    def __init__(self, *options, control=False):
        argv = [str(TOP / "boot" / "qemu"),
                *([] if control else ["--no-control"]), *options]
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, cwd=TOP)
        self.text = ""  # what was said and not waited for
        self.before = ""  # what was said before that

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def _read(self, end, what):
        """Reads some more; False at the end of all."""
        left = end - time.monotonic()
        out = self.process.stdout
        if left <= 0 or not select.select([out], [], [], left)[0]:
            raise Late(f"no {what} in time")
        data = os.read(out.fileno(), 65536)
        more = data.decode(errors="replace").replace("\r", "")
        print(more, end="", flush=True)
        self.text += more
        return bool(data)

    def wait(self, pattern, seconds=60):
        """Waits for a line that matches; returns the match. What came before
        it is left in `before`."""
        end = time.monotonic() + seconds * PATIENCE
        while True:
            match = re.search(pattern, self.text, re.MULTILINE)
            if match:
                self.before = self.text[:match.start()]
                self.text = self.text[match.end():]
                return match
            if not self._read(end, f"line that matches {pattern!r}"):
                raise Wrong(f"ended without a line that matches {pattern!r}")

    def ends(self, status, seconds=60):
        """Waits for the end and checks the exit status; returns what was
        still said."""
        end = time.monotonic() + seconds * PATIENCE
        while self._read(end, "end of the machine"):
            pass
        found = self.process.wait(10)
        if found != status:
            raise Wrong(f"status {found}, not {status}")
        return self.text


def main(test):
    """Runs a test and says how it went; returns the exit status."""
    try:
        test()
    except Wrong as wrong:
        print(f"\nfailed: {wrong}")
        return LATE if isinstance(wrong, Late) else 1
    print("\npassed")
    return 0
