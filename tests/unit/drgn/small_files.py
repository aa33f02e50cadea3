# SPDX-License-Identifier: GPL-2.0-or-later
"""Small files that a test needs: an ELF file with a build-id, dumps with nothing in them."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Optional

ET_REL, ET_EXEC, ET_CORE = 1, 2, 4


def elf(build_id: Optional[str], debug: bool = True, kind: int = ET_REL) -> bytes:
    """A 64-bit x86 ELF file with a build-id note and, if wanted, a ``.debug_info`` section."""
    note = b""
    if build_id is not None:
        raw = bytes.fromhex(build_id)
        note = struct.pack("<III", 4, len(raw), 3) + b"GNU\0" + raw
    sections = [(b".note.gnu.build-id", 7, note)]
    if debug:
        sections.append((b".debug_info", 1, b"\0" * 16))
    names = b"\0" + b"".join(name + b"\0" for name, _, _ in sections) + b".shstrtab\0"
    sections.append((b".shstrtab", 3, names))
    body, headers, offset = b"", bytes(64), 64
    for name, type_, data in sections:
        headers += struct.pack(
            "<IIQQQQIIQQ", names.index(name), type_, 0, 0, offset + len(body), len(data), 0, 0, 1, 0
        )
        body += data
    head = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",
        kind,
        62,
        1,
        0,
        0,
        offset + len(body),
        0,
        64,
        56,
        0,
        64,
        len(sections) + 1,
        len(sections),
    )
    return head + body + headers


def elf_core(segments: list[tuple[int, int, int]]) -> bytes:
    """Only the headers of a core: (p_type, p_offset, p_filesz) each."""
    head = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",
        ET_CORE, 62, 1, 0, 64, 0, 0, 64, 56, len(segments), 0, 0, 0,
    )  # fmt: skip
    table = b"".join(
        struct.pack("<IIQQQQQQ", kind, 0, offset, 0, 0, size, size, 0)
        for kind, offset, size in segments
    )
    return head + table


def kdump(pages: list[int], sizes: int = 100, status: int = 0, block: int = 4096) -> bytes:
    """A kdump file: headers, bitmaps with ``pages`` set, descriptors, and the pages' data."""
    head = bytearray(block)
    head[:12] = b"KDUMP   " + struct.pack("<i", 6)
    struct.pack_into("<IiiII", head, 424, status, block, 1, 2, 32768)
    sub = bytearray(block)
    struct.pack_into("<Q", sub, 96, 32768)  # max_mapnr_64
    bitmap = bytearray(block)
    for page in pages:
        bitmap[page // 8] |= 1 << page % 8
    index = 4 * block
    start = index + 24 * len(pages)
    table = b"".join(
        struct.pack("<QIIQ", start + sizes * number, sizes, 0, 0) for number in range(len(pages))
    )
    return bytes(head + sub + bitmap + bitmap) + table + bytes(sizes * len(pages))


def flattened(blocks: list[bytes], end: bool = True) -> bytes:
    """A makedumpfile flattened stream of these blocks."""
    stream = b"makedumpfile".ljust(16, b"\0") + struct.pack(">qq", 1, 1)
    stream = stream.ljust(4096, b"\0")
    for number, block in enumerate(blocks):
        stream += struct.pack(">qq", number * 4096, len(block)) + block
    return stream + (struct.pack(">qq", -1, -1) if end else b"")


def write(path: Path, data: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)
