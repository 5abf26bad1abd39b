# SPDX-License-Identifier: GPL-2.0
"""Writes newc cpio archives, as the kernel unpacks them: without cpio(1), so
that device nodes need no root and the same input gives the same bytes."""

import os
import stat


class Archive:
    """A newc cpio archive: 13 hexadecimal fields, name, content."""

    def __init__(self):
        self.parts = []
        self.inode = 0
        self.names = set()

    def entry(self, name, mode, data=b"", rdev=(0, 0)):
        self.inode += 1
        fields = [self.inode, mode, 0, 0, 1, 0, len(data), 0, 0,
                  rdev[0], rdev[1], len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08X" % f for f in fields)
        head += name.encode() + b"\0"
        self.parts += [head, bytes(-len(head) % 4), data,
                       bytes(-len(data) % 4)]
        self.names.add(name)

    def folder(self, name):
        if name and name not in self.names:
            self.folder(os.path.dirname(name))
            self.entry(name, stat.S_IFDIR | 0o755)

    def file(self, source, name):
        self.folder(os.path.dirname(name))
        if os.path.islink(source):
            self.entry(name, stat.S_IFLNK | 0o777,
                       os.readlink(source).encode())
        elif os.path.isdir(source):
            self.folder(name)
            for sub in sorted(os.listdir(source)):
                self.file(source + "/" + sub, os.path.join(name, sub))
        else:
            executable = os.access(source, os.X_OK)
            with open(source, "rb") as f:
                self.entry(name, stat.S_IFREG |
                           (0o755 if executable else 0o644), f.read())

    def finish(self):
        self.entry("TRAILER!!!", 0)
        return b"".join(self.parts)
