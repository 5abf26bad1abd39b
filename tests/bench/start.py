# SPDX-License-Identifier: GPL-2.0-only
"""How long a guest takes from `lodge create` to its init, and what it costs
the hypervisor in memory."""

import contextlib
import statistics
import sys
import time

from console import Wrong
from controldomain import ControlDomain

CREATE = "lodge create {} /etc/lodge/hello.cfg vcpus={} maxvcpus={}"


def once(control, vcpus):
    """(seconds until create has given the kernel the processor, seconds until
    init speaks, frames the hypervisor then has for the domain)"""
    control.text = ""
    start = time.monotonic()
    control.type(CREATE.format("-c", vcpus, vcpus) + "\n")
    control.wait("leaves this console")
    created = time.monotonic() - start
    control.wait("Hello, this is")
    init = time.monotonic() - start
    control.wait("hello:/# ")
    control.detach()
    frames = control.json("lodge info --json hello")["overhead_frames"]
    control.must("lodge destroy hello")
    return created, init, frames


def unstarted(control, vcpus):
    """Frames of the hypervisor for a domain that has not run yet."""
    control.must(CREATE.format("-p", vcpus, vcpus))
    frames = control.json("lodge info --json hello")["overhead_frames"]
    control.must("lodge destroy hello")
    return frames


def measure(log, rounds=5):
    """A row for each number of vCPUs, or {} if it does not work."""
    rows = {}
    with open(log, "w", encoding="utf-8") as out, \
            contextlib.redirect_stdout(out):
        try:
            with ControlDomain(debug=False, append="quiet") as control:
                for vcpus in (1, 2):
                    samples = [once(control, vcpus) for _ in range(rounds)]
                    rows[vcpus] = {
                        "created_s": [s[0] for s in samples],
                        "init_s": [s[1] for s in samples],
                        "frames": [s[2] for s in samples],
                        "frames_unstarted": unstarted(control, vcpus)}
                control.power_off()
        except Wrong as wrong:
            print(f"bench: start of a guest: {wrong}; see {log}",
                  file=sys.stderr)
    return rows


def show(rows):
    """Prints the rows."""
    if not rows:
        return
    print("\nstart of a guest (64 of 256 MiB) in the control domain: seconds "
          "from the key that\nends the `lodge create` line; memory of the "
          "hypervisor for it, shadows included")
    for vcpus, row in rows.items():
        print(f"{vcpus} vCPU: runs {statistics.median(row['created_s']):.2f}, "
              f"its init {statistics.median(row['init_s']):.2f} s; "
              f"{row['frames_unstarted'] * 4} KiB before it runs, "
              f"{statistics.median(row['frames']) * 4:.0f} KiB at its shell")
