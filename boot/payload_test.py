#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Tests payload.py with bzImages made up here, one per compression."""

import bz2
import gzip
import lzma
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import payload  # noqa: E402

ELF = b"\x7fELF" + bytes(range(256)) * 300
SIZE = struct.pack("<I", len(ELF))


def bzimage(data):
    image = bytearray(512 * 3)
    image[0x1f1] = 2
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x206, 0x20f)
    struct.pack_into("<II", image, 0x248, 100, len(data))
    return bytes(image) + bytes(100) + data + b"more of the image"


def tool(*command):
    return subprocess.run(command, input=ELF, stdout=subprocess.PIPE,
                          check=True).stdout


class Payload(unittest.TestCase):
    def unpacks(self, data):
        self.assertEqual(payload.unpack(bzimage(data)), ELF)

    def test_gzip(self):
        self.unpacks(gzip.compress(ELF))

    def test_xz(self):
        self.unpacks(lzma.compress(ELF) + SIZE)

    def test_lzma(self):
        self.unpacks(lzma.compress(ELF, lzma.FORMAT_ALONE) + SIZE)

    def test_bzip2(self):
        self.unpacks(bz2.compress(ELF) + SIZE)

    @unittest.skipUnless(shutil.which("zstd"), "no zstd")
    def test_zstd(self):
        self.unpacks(tool("zstd", "-cq") + SIZE)

    @unittest.skipUnless(shutil.which("lz4"), "no lz4")
    def test_lz4(self):
        self.unpacks(tool("lz4", "-clq") + SIZE)

    def refuses(self, image):
        with self.assertRaises(payload.PayloadError):
            payload.unpack(image)

    def test_not_a_kernel(self):
        self.refuses(bytes(4096))
        self.refuses(b"")

    def test_not_an_elf(self):
        self.refuses(bzimage(gzip.compress(b"text")))

    def test_unknown_format(self):
        self.refuses(bzimage(ELF))

    def test_damaged(self):
        self.refuses(bzimage(gzip.compress(ELF)[:100] + bytes(50)))

    def test_cache(self):
        with tempfile.TemporaryDirectory() as folder:
            path = folder + "/bzImage"
            with open(path, "wb") as f:
                f.write(bzimage(gzip.compress(ELF)))
            out = payload.elf_of(path, folder + "/cache")
            with open(out, "rb") as f:
                self.assertEqual(f.read(), ELF)
            self.assertEqual(payload.elf_of(out, folder), out)


if __name__ == "__main__":
    unittest.main()
