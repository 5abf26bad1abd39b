# SPDX-License-Identifier: GPL-2.0-only
"""For tests that make and end many domains: what is needed in the control
domain, and a count of all that is in use, which has to be the same in the end.

    with ControlDomain(add=parts()) as control:
        before = tally(control)  # with no domain but the control domain
        ...
        compare(before, tally(control))
"""

import subprocess

from console import LATE, Wrong
from machine import BUILD, TOP

# The guest `tenant`, which is there and gone in milliseconds.
TENANT = b"""name = "tenant"
kernel = "/boot/tenant"
memory = 4
maxmem = 8
vcpus = 1
maxvcpus = 2
on_reboot = "destroy"
"""


def parts():
    """Programs tally and visitor, /boot/tenant, /etc/lodge/tenant.cfg."""
    make = ["make", "-s", "--no-print-directory", "-C"]
    subprocess.run(make + [str(TOP / "tests/system/programs")], check=True)
    subprocess.run(make + [str(TOP / "tests/guests"),
                           str(BUILD / "tests/guests/tenant.elf")],
                   check=True, stdout=subprocess.DEVNULL)
    programs = BUILD / "system" / "programs"
    return {"bin/tally": programs / "tally",
            "bin/visitor": programs / "visitor",
            "boot/tenant": BUILD / "tests/guests/tenant.elf",
            "etc/lodge/tenant.cfg": TENANT}


def gone(control, *names, seconds=30):
    """Waits until there is none of these domains, nor its monitor."""
    for name in names:
        control.must(f"n={seconds * 20}; while [ $n -gt 0 ] && "
                     f"{{ lodge info {name} >/dev/null 2>&1 || "
                     f"[ -e /run/lodge/{name}.pid ]; }}; "
                     "do usleep 50000; n=$((n-1)); done; [ $n -gt 0 ] || "
                     f"(exit {LATE})",
                     seconds * 3)


def tally(control):
    """{"frames": ..., "ports": ..., "maps": ...}, with all guests gone."""
    return control.json("tally", 90)


def compare(before, after):
    """Nothing may be lost, and nothing found: not one."""
    print(f"in use before: {before}, after: {after}", flush=True)
    if before != after:
        raise Wrong(f"in use before: {before}, after: {after}")


def nothing_left(control):
    """No process and no file tells of a domain."""
    control.must('n=100; while [ $n -gt 0 ] && ps -o args | grep -q '
                 '"[l]odge create"; do usleep 50000; n=$((n-1)); done; '
                 '[ $n -gt 0 ] && [ -z "$(ls /run/lodge)" ] || '
                 f'(exit {LATE})')
