# SPDX-License-Identifier: GPL-2.0-or-later
"""Logs that were packed or are in another encoding, read as they are."""

from __future__ import annotations

import codecs
import importlib
import zlib
from collections.abc import Iterator
from typing import Optional, Protocol

from crashext.errors import CrashextError

#: So much is unpacked, in bytes: a log that is larger is not what a person hands over, but a few
#: kilobytes that were made to fill the memory or to run for hours are easily sent.
MAX_UNPACKED = 4 << 30
#: Bytes that are unpacked at a time.
STEP = 256 * 1024

#: What is unpacked here, as dumpformat names it.
PACKINGS = frozenset(("gzip", "xz", "bzip2", "zstd"))

_GZIP = b"\x1f\x8b"
_XZ = b"\xfd7zXZ\x00"
_BZIP2 = b"BZh"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8"),
)


class _Decompressor(Protocol):
    """What zlib, bz2 and lzma have in common, once zlib is wrapped."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...
    @property
    def needs_input(self) -> bool: ...


class _Gzip:
    """zlib's decompressor with the interface of the others."""

    def __init__(self) -> None:
        self._object = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._object.eof

    @property
    def unused_data(self) -> bytes:
        return self._object.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._object.unconsumed_tail

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._object.decompress(self._object.unconsumed_tail + data, max_length)


def plain(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The blocks unpacked and in UTF-8.

    Damaged or cut packing ends the text where it is; what was unpacked counts.

    :raises CrashextError: packed with zstd, and this Python has no library for it.
    """
    head = b""
    for block in blocks:
        head += block
        if len(head) >= 8:
            break
    rest = _chain(head, blocks)
    if head.startswith(_GZIP):
        return _decoded(_unpack(rest, "gzip"))
    if head.startswith(_XZ):
        return _decoded(_unpack(rest, "xz"))
    if head.startswith(_BZIP2) and head[3:4].isdigit():
        return _decoded(_unpack(rest, "bzip2"))
    if head.startswith(_ZSTD):
        return _decoded(_zstd(rest))
    return _decoded(rest)


def _chain(head: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from blocks


def _new(kind: str) -> _Decompressor:
    if kind == "gzip":
        return _Gzip()
    if kind == "xz":
        import lzma  # only packed logs need it

        return lzma.LZMADecompressor()
    import bz2

    return bz2.BZ2Decompressor()


def _unpack(blocks: Iterator[bytes], kind: str) -> Iterator[bytes]:
    from lzma import LZMAError

    unpacker = _new(kind)
    size = 0
    pending = b""
    for block in blocks:
        pending += block
        while pending or not unpacker.needs_input:
            if unpacker.eof:  # several packed files in one: "cat a.gz b.gz"
                pending = unpacker.unused_data + pending
                if not pending.strip(b"\0"):
                    break
                unpacker = _new(kind)
            try:
                data = unpacker.decompress(pending, STEP)
            except (zlib.error, LZMAError, OSError, EOFError, ValueError):
                return
            pending = b""
            size += len(data)
            if data:
                yield data
            if size > MAX_UNPACKED:
                return
            if unpacker.eof and not unpacker.unused_data:
                break


def _zstd(blocks: Iterator[bytes]) -> Iterator[bytes]:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            library = importlib.import_module(name)
        except ImportError:
            continue
        return _unpack_with(blocks, library.ZstdDecompressor())
    try:
        library = importlib.import_module("zstandard")
    except ImportError:
        raise CrashextError(
            "the log is packed with zstd, for which this Python has no library; unpack it first: "
            "unzstd FILE (or install python3-zstandard)"
        ) from None
    reader = library.ZstdDecompressor().stream_reader(_File(blocks), read_across_frames=True)
    return _bounded(iter(lambda: reader.read(STEP), b""), library.ZstdError)


class _File:
    """An iterator of blocks as a file that can be read."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._left = b""

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes; none at the end."""
        if not self._left:
            self._left = next(self._blocks, b"")
        data, self._left = self._left[:size], self._left[size:]
        return data


def _bounded(blocks: Iterator[bytes], damage: type[Exception]) -> Iterator[bytes]:
    size = 0
    try:
        for block in blocks:
            size += len(block)
            yield block
            if size > MAX_UNPACKED:
                return
    except damage:
        return


def _unpack_with(blocks: Iterator[bytes], unpacker: _Decompressor) -> Iterator[bytes]:
    size = 0
    for block in blocks:
        data = block
        while data or not unpacker.needs_input:
            try:
                out = unpacker.decompress(data, STEP)
            except Exception:  # the library's own error, whichever it is
                return
            data = b""
            size += len(out)
            yield out
            if unpacker.eof or size > MAX_UNPACKED:
                return


def _decoded(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The blocks in UTF-8, whatever encoding the mark at their beginning names."""
    first = next(blocks, b"")
    if len(first) < 4:
        first += next(blocks, b"")
    encoding = encoding_of(first)
    if encoding is None:
        yield first
        yield from blocks
        return
    for mark, name in _ENCODINGS:
        if name == encoding and first.startswith(mark):
            first = first[len(mark) :]
            break
    if encoding == "utf-8":
        yield first
        yield from blocks
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    yield decoder.decode(first).encode("utf-8", "replace")
    for block in blocks:
        yield decoder.decode(block).encode("utf-8", "replace")


def encoding_of(head: bytes) -> Optional[str]:
    """The encoding of a text that begins like this; None: UTF-8 without a mark, or unknown."""
    for mark, name in _ENCODINGS:
        if head.startswith(mark):
            return name
    # PowerShell's ">" and Notepad write UTF-16; a part that was cut out of it has no mark.
    sample = head[:2000]
    if len(sample) >= 40:
        for first, name in ((1, "utf-16-le"), (0, "utf-16-be")):
            zeros, others = sample[first::2].count(0), sample[1 - first :: 2].count(0)
            if zeros * 10 >= len(sample) // 2 * 9 and others == 0:
                return name
    return None
