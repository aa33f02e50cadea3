# SPDX-License-Identifier: GPL-2.0-or-later
"""Unpacks module files (``.ko.gz``, ``.ko.xz``, ``.ko.zst``) in bounded memory.

A packed file of 82 kB can stand for 5 GB. What is unpacked goes into an unnamed file in memory,
piece by piece, and the unpacking ends where no module file ends.
"""

from __future__ import annotations

import lzma
import mmap
import os
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Optional

from crashext.errors import Unknown
from crashext.files import open_regular

#: Bytes of an unpacked module file. amdgpu.ko with its debug info has about 400 MiB.
MAX_UNPACKED = 512 << 20
#: Module files shrink to a fifth or a tenth; zeros shrink to a thousandth, and then they are few.
MAX_RATIO = 100
ALWAYS_UNPACKED = 16 << 20
#: Memory for xz's dictionary: ``xz -9`` makes one of 64 MiB, the header could ask for 4 GiB.
_XZ_MEMORY = 128 << 20
_PIECE = 1 << 20


def packing(path: str) -> Optional[str]:
    """ "gz", "xz" or "zst" for a compressed module file, None otherwise."""
    suffix = path.rpartition(".")[2]
    return suffix if suffix in ("gz", "xz", "zst") else None


def unpack(path: str) -> memoryview:
    """The bytes of a compressed module file. Raises Unknown."""
    descriptor = unpack_to_memory(path)
    try:
        if os.fstat(descriptor).st_size == 0:
            raise Unknown(f"{path} is empty")
        return memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
    finally:
        os.close(descriptor)


def unpack_to_memory(path: str) -> int:
    """A descriptor of an unnamed file in memory with the bytes of a compressed module file.

    Raises Unknown: not there, no regular file, damaged, or more than a module file can have.
    """
    kind = packing(path)
    descriptor = os.memfd_create(os.path.basename(path)[-200:])
    try:
        with open_regular(path) as file, os.fdopen(os.dup(descriptor), "wb") as into:
            packed = os.fstat(file.fileno()).st_size
            limit = min(MAX_UNPACKED, max(ALWAYS_UNPACKED, MAX_RATIO * packed))
            pieces = {"gz": _gunzip, "xz": _unxz, "zst": _unzstd}[kind or ""](file)
            for piece in pieces:
                if into.tell() + len(piece) > limit:
                    raise Unknown(f"{path} unpacks to more than {limit >> 20} MiB")
                into.write(piece)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, MemoryError) as error:
        os.close(descriptor)
        raise Unknown(f"{path} cannot be unpacked: {error or type(error).__name__}") from None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _gunzip(file: BinaryIO) -> Iterator[bytes]:
    data = file.read(_PIECE)
    while data:  # gzip(1): files can be joined
        stream = zlib.decompressobj(wbits=31)
        while not stream.eof:
            yield stream.decompress(data, _PIECE)
            data = stream.unconsumed_tail or (b"" if stream.eof else file.read(_PIECE))
            if not data and not stream.eof:
                raise EOFError("it is cut short")
        data = stream.unused_data.lstrip(b"\0") or file.read(_PIECE)


def _unxz(file: BinaryIO) -> Iterator[bytes]:
    stream = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
    while not stream.eof:
        data = file.read(_PIECE) if stream.needs_input else b""
        if stream.needs_input and not data:
            raise EOFError("it is cut short")
        yield stream.decompress(data, _PIECE)


def _unzstd(file: BinaryIO) -> Iterator[bytes]:
    """Python has zstd from 3.14 on; before, the zstd program does it."""
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        yield from _by_program(file)
        return
    try:
        with zstd.open(file) as stream:
            while piece := stream.read(_PIECE):
                yield bytes(piece)
    except zstd.ZstdError as error:
        raise OSError(str(error)) from None


def _by_program(file: BinaryIO) -> Iterator[bytes]:
    program = shutil.which("zstd")
    if program is None:
        raise OSError("the program zstd is needed for that (apt install zstd)")
    with subprocess.Popen(
        [program, "-dcq"], stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            while piece := process.stdout.read(_PIECE):
                yield piece
            words = process.stderr.read(1000).decode(errors="replace").strip()
            if process.wait() != 0:
                raise OSError(words)
        finally:
            process.kill()
