# SPDX-License-Identifier: GPL-2.0
"""Finds the ELF image of a Linux kernel: in a vmlinux it is the file itself,
in a bzImage it is the compressed payload that the setup header points to."""

import bz2
import hashlib
import lzma
import os
import struct
import subprocess
import zlib


class PayloadError(Exception):
    pass


def _whole(decompressor, data):
    """Unpacks with one of Python's own modules."""
    try:
        out = decompressor.decompress(data)
    except (zlib.error, lzma.LZMAError, OSError, EOFError) as e:
        raise PayloadError("damaged payload: %s" % e)
    if not decompressor.eof:
        raise PayloadError("damaged payload: it ends too early")
    return out


def _tool(command, data):
    """Unpacks with a command-line tool, for formats Python does not know."""
    try:
        done = subprocess.run(command, input=data, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
    except FileNotFoundError:
        raise PayloadError("`%s` is needed to unpack this kernel; "
                           "run `make deps`" % command[0])
    if done.returncode or not done.stdout:
        raise PayloadError("%s: %s" % (command[0], done.stderr.decode()))
    return done.stdout


# Every format but gzip has the unpacked size appended, four bytes that the
# command-line tools would complain about.
UNPACK = [
    (b"\x1f\x8b", lambda d: _whole(zlib.decompressobj(31), d)),
    (b"\xfd7zXZ\0", lambda d: _whole(lzma.LZMADecompressor(), d)),
    (b"\x5d\0\0", lambda d: _whole(lzma.LZMADecompressor(), d)),
    (b"BZh", lambda d: _whole(bz2.BZ2Decompressor(), d)),
    (b"\x28\xb5\x2f\xfd", lambda d: _tool(["zstd", "-dcq"], d[:-4])),
    (b"\x02\x21\x4c\x18", lambda d: _tool(["lz4", "-dcq"], d[:-4])),
    (b"\x89LZO", lambda d: _tool(["lzop", "-dcq"], d[:-4])),
]


def unpack(image):
    """The ELF bytes inside a bzImage."""
    if image[0x202:0x206] != b"HdrS":
        raise PayloadError("neither an ELF file nor a bzImage")
    if struct.unpack_from("<H", image, 0x206)[0] < 0x208:
        raise PayloadError("boot protocol too old to name its payload")
    setup_sectors = image[0x1f1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    data = image[start:start + length]
    for magic, function in UNPACK:
        if data.startswith(magic):
            elf = function(data)
            break
    else:
        raise PayloadError("payload in an unknown format: " + data[:6].hex())
    if not elf.startswith(b"\x7fELF"):
        raise PayloadError("the payload is no ELF file")
    return elf


def elf_of(path, cache):
    """Path of the kernel's ELF image; an unpacked one is kept in cache."""
    with open(path, "rb") as f:
        if f.read(4) == b"\x7fELF":
            return path
        f.seek(0)
        image = f.read()
    digest = hashlib.sha256(image).hexdigest()[:16]
    out = "%s/%s.elf" % (cache, digest)
    if not os.path.exists(out):
        try:
            elf = unpack(image)
        except PayloadError as e:
            raise PayloadError("%s: %s" % (path, e))
        os.makedirs(cache, exist_ok=True)
        partial = "%s.%d" % (out, os.getpid())
        with open(partial, "wb") as f:
            f.write(elf)
        os.rename(partial, out)
    return out
