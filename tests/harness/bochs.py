# SPDX-License-Identifier: GPL-2.0-only
"""Runs tiny guests under Bochs, which punishes what QEMU forgives."""


def prepare(test, top, log_path):
    """The command to run, or a string that says why it cannot be."""
    return "no Bochs run yet"


def result(log_path, status):
    """(text of the serial console, status)."""
    return log_path.read_text(errors="replace"), status
