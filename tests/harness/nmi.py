# SPDX-License-Identifier: GPL-2.0-only
"""Sends NMIs to a machine in QEMU through its monitor until it ends."""

import contextlib
import os
import socket
import time

PERIOD = 0.002  # seconds


def _connect(path, process):
    while process.poll() is None:
        monitor = socket.socket(socket.AF_UNIX)
        try:
            monitor.connect(path)
            return monitor
        except OSError:
            monitor.close()
            time.sleep(0.05)
    return None


def storm(path, process):
    """Runs until the process ends; path is that of QEMU's monitor socket."""
    monitor = _connect(path, process)
    if monitor:
        monitor.settimeout(1)
        # Not before the hypervisor has its own IDT.
        time.sleep(1)
        try:
            while process.poll() is None:
                monitor.sendall(b"nmi\n")
                monitor.recv(65536)
                time.sleep(PERIOD)
        except OSError:
            pass
        monitor.close()
    # QEMU removes it itself, at any moment.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    os.rmdir(os.path.dirname(path))
