# SPDX-License-Identifier: GPL-2.0-or-later
"""What a dump file is, and whether all of it is there: from its own headers, on bytes.

A cut file must be known before libkdumpfile sees it: it maps the file, and reading a page of the
mapping behind the end of the file kills the process (SIGBUS).
"""

from __future__ import annotations

import bisect
import struct
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Optional

from crashext.engine.forms.packed import encoding_of

#: Bytes of a file that decide what it is.
HEAD = 4096

#: First bytes of a file → what it is. kdump: makedumpfile's diskdump_mod.h; flattened:
#: makedumpfile.h MAKEDUMPFILE_SIGNATURE; packed files: their own magic numbers.
_MAGIC = (
    (b"KDUMP   ", "kdump"),
    (b"DISKDUMP", "diskdump"),
    (b"makedumpfile\0\0\0\0", "flattened"),
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"EMiL", "lime"),
    (b"QEVM", "qemu-savevm"),
    (b"SQLite format", "unknown"),
)
_ELF_TYPES = {1: "elf-relocatable", 2: "elf-executable", 3: "elf-shared", 4: "elf-core"}


def kind_of(head: bytes) -> str:
    """What a file is by its first bytes.

    "elf-core", "elf-relocatable" …, "kdump", "diskdump", "flattened", "gzip" …, "lime",
    "qemu-savevm", "log" (text), "empty" or "unknown".
    """
    if not head:
        return "empty"
    if head.startswith(b"\x7fELF"):
        if len(head) < 18:
            return "unknown"
        order = ">" if head[5] == 2 else "<"
        return _ELF_TYPES.get(struct.unpack_from(order + "H", head, 16)[0], "unknown")
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if is_text(head):
        return "log"
    # Programs of Windows write text in UTF-16, in which every other byte is NUL.
    encoding = encoding_of(head)
    if encoding is not None and is_text(head.decode(encoding, "replace").encode("utf-8")):
        return "log"
    return "unknown"


def is_text(head: bytes) -> bool:
    """Whether bytes are text as a log has it: few control characters, hardly any NUL.

    A log from pstore or a serial line may hold some rubbish, so a twentieth may be odd.
    """
    odd = sum(byte < 32 and byte not in b"\t\n\r\x1b\x0c\x08" for byte in head)
    return odd * 20 <= len(head)


@dataclass(frozen=True)
class Extent:
    """How long a dump must be, in bytes.

    ``index`` bytes are needed to open it at all, ``whole`` bytes for every page. ``incomplete``:
    the tool that wrote the dump marked it as unfinished.
    """

    index: int
    whole: int
    incomplete: bool = False


#: Reads ``size`` bytes at an offset of the file; fewer at its end.
ReadAt = Callable[[int, int], bytes]


def extent(kind: str, read: ReadAt) -> Optional[Extent]:
    """The extent of a dump of that kind; None when its headers do not tell."""
    try:
        if kind == "elf-core":
            return elf_extent(read)
        if kind == "kdump":
            return kdump_extent(read)
        if kind == "flattened":
            return flattened_extent(read)
    except struct.error:
        return Extent(HEAD, HEAD)  # cut inside its own header
    return None


#: A core with more program headers than this is read in part only.
_MAX_SEGMENTS = 65536


def elf_extent(read: ReadAt) -> Optional[Extent]:
    """The end of the last segment, from a 64-bit core's program headers (gABI, chapter 5)."""
    head = read(0, 64)
    if head[4:5] != b"\x02":
        return None
    order = ">" if head[5] == 2 else "<"
    (offset,) = struct.unpack_from(order + "Q", head, 32)
    size, count = struct.unpack_from(order + "HH", head, 54)
    if count == 0xFFFF:  # PN_XNUM: the count is in the first section header's sh_info
        (sections,) = struct.unpack_from(order + "Q", head, 40)
        (count,) = struct.unpack_from(order + "I", read(sections, 64), 44)
    if size != 56:
        return None
    count = min(count, _MAX_SEGMENTS)
    table = read(offset, size * count)
    whole = index = offset + size * count
    for start in range(0, len(table) - size + 1, size):
        kind, _, position, _, _, length = struct.unpack_from(order + "IIQQQQ", table, start)
        whole = max(whole, position + length)
        if kind == 4:  # PT_NOTE: registers and VMCOREINFO
            index = max(index, position + length)
    return Extent(index, whole)


#: makedumpfile's diskdump_mod.h: offsets in struct disk_dump_header and kdump_sub_header of a
#: 64-bit machine, and the size of struct page_desc.
_STATUS, _MAX_MAPNR, _SUB_MAX_MAPNR = 424, 440, 96
_PAGE_DESC = 24
_INCOMPLETE = 0x10  # DUMP_DH_COMPRESSED_INCOMPLETE
#: Descriptors looked at from the end: the last pages may all be zero, which share one early page.
_LAST_DESCRIPTORS = 4096
#: A bitmap of more than this (1 TiB of memory) is not counted.
_MAX_BITMAP = 32 << 20


def kdump_extent(read: ReadAt) -> Optional[Extent]:
    """The extent of a kdump-compressed dump of a 64-bit little-endian machine."""
    head = read(0, HEAD)
    (version,) = struct.unpack_from("<i", head, 8)
    status, block, sub_blocks, bitmap_blocks, pages = struct.unpack_from("<IiiII", head, _STATUS)
    if not 512 <= block <= 1 << 20 or not 0 <= sub_blocks <= 1 << 20:
        return None
    if version >= 6:
        sub = read(block, _SUB_MAX_MAPNR + 8)
        if len(sub) < _SUB_MAX_MAPNR + 8:
            return Extent(2 * block, 2 * block)
        (pages,) = struct.unpack_from("<Q", sub, _SUB_MAX_MAPNR)
    bitmaps = (1 + sub_blocks) * block
    descriptors = bitmaps + bitmap_blocks * block
    # Two bitmaps: the pages that exist, and those in the dump. An old dump has only one.
    halves = 2 if bitmap_blocks >= 2 * -(-pages // (8 * block)) else 1
    length = bitmap_blocks * block // halves
    incomplete = bool(status & _INCOMPLETE)
    if length > _MAX_BITMAP:
        return Extent(descriptors, descriptors, incomplete)
    bitmap = read(bitmaps + (halves - 1) * length, length)
    if len(bitmap) < length:
        return Extent(descriptors, descriptors, incomplete)
    count = _ones(bitmap)
    index = descriptors + count * _PAGE_DESC
    last = min(count, _LAST_DESCRIPTORS)
    table = read(index - last * _PAGE_DESC, last * _PAGE_DESC)
    whole = index
    for start in range(0, len(table) - _PAGE_DESC + 1, _PAGE_DESC):
        position, size = struct.unpack_from("<QI", table, start)
        whole = max(whole, position + size)
    return Extent(index, whole, incomplete)


def _ones(data: bytes) -> int:
    """The number of bits that are set. (int.bit_count came with Python 3.10.)"""
    return sum(
        bin(int.from_bytes(data[start : start + 4096], "little")).count("1")
        for start in range(0, len(data), 4096)
    )


#: Blocks of a flattened dump that are followed.
_MAX_BLOCKS = 1 << 20


@dataclass(frozen=True)
class Block:
    """``size`` bytes of the dump from ``offset`` on, which lie at ``position`` of the stream."""

    offset: int
    size: int
    position: int


def flattened_blocks(read: ReadAt) -> Iterator[Block]:
    """The blocks of a flattened dump up to its end mark, offset -1, which comes as well.

    makedumpfile.h: struct makedumpfile_data_header, big-endian, behind a header of 4096 bytes.
    A cut stream ends with a block of no bytes.
    """
    position = HEAD
    for _ in range(_MAX_BLOCKS):
        head = read(position, 16)
        if len(head) < 16:
            yield Block(0, 0, position + 16)
            return
        offset, size = struct.unpack(">qq", head)
        yield Block(offset, size, position + 16)
        if offset == -1:
            return
        if size < 0:
            return
        position += 16 + size


def flattened_extent(read: ReadAt) -> Optional[Extent]:
    """The end of a flattened dump's stream; None when its blocks do not tell."""
    last = deque(flattened_blocks(read), maxlen=1).pop()
    if last.offset != -1 and last.size != 0:
        return None
    return Extent(last.position, last.position)


def flattened_damage(read: ReadAt) -> Optional[str]:
    """What is wrong with the dump that a whole flattened stream stands for, in words.

    libkdumpfile puts the blocks together without looking: with none at the start, or with headers
    that claim more than the blocks have, it reads memory that is not there and the process dies.
    """
    blocks: dict[int, Block] = {}
    for block in flattened_blocks(read):
        if block.offset == -1:
            break
        if block.offset < 0 or block.size <= 0 or block.offset + block.size >= 1 << 62:
            return f"a block of {block.size} bytes at offset {block.offset}"
        blocks[block.offset] = block  # a later block at the same place replaces the earlier one
    starts = sorted(blocks)
    end = max((block.offset + block.size for block in blocks.values()), default=0)

    def read_dump(offset: int, size: int) -> bytes:
        found = bytearray()
        while len(found) < size:
            here = offset + len(found)
            index = bisect.bisect_right(starts, here)
            block = blocks[starts[index - 1]] if index else None
            if block is None or here >= block.offset + block.size:
                # Between blocks: zeros, as in the file that the stream would be written to.
                if here >= end:
                    break
                gap = starts[index] - here if index < len(starts) else end - here
                found += bytes(min(size - len(found), gap))
                continue
            inside = here - block.offset
            wanted = min(size - len(found), block.size - inside)
            piece = read(block.position + inside, wanted)
            found += piece
            if len(piece) < wanted:
                break
        return bytes(found)

    kind = kind_of(read_dump(0, HEAD))
    if kind not in ("kdump", "elf-core"):
        return "there is no dump's header in it"
    needed = extent(kind, read_dump)
    if needed is not None and needed.index > end:
        return f"the dump in it has {end} bytes, its index alone needs {needed.index}"
    return None
