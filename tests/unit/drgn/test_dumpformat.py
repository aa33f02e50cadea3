# SPDX-License-Identifier: GPL-2.0-or-later
"""What a file is by its first bytes, and how long it must be."""

from __future__ import annotations

import struct
from typing import Callable

import pytest
import small_files as files

from crashext.dumpformat import Extent, extent, flattened_damage, is_text, kind_of


def reader(data: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, size: data[offset : offset + size]


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", "empty"),
        (files.elf_core([]), "elf-core"),
        (files.elf(None), "elf-relocatable"),
        (files.elf(None, kind=files.ET_EXEC), "elf-executable"),
        (b"\x7fELF\x02\x01", "unknown"),
        (files.kdump([]), "kdump"),
        (files.flattened([]), "flattened"),
        (b"\x1f\x8b\x08\0\0", "gzip"),
        (b"\xfd7zXZ\0\0", "xz"),
        (b"\x28\xb5\x2f\xfd\x04", "zstd"),
        (b"[    1.293379] BUG: kernel NULL pointer dereference\n", "log"),
        ("[    1.0] größer 日本\n".encode(), "log"),
        (bytes(range(256)), "unknown"),
        (bytes(4096), "unknown"),
    ],
)
def test_kind_of(head: bytes, kind: str) -> None:
    assert kind_of(head[:4096]) == kind


@pytest.mark.parametrize(
    ("odd", "text"), [(0, True), (5, True), (6, False)]
)  # of 100 bytes: a twentieth may be odd
def test_a_little_rubbish_in_a_log_is_still_text(odd: int, text: bool) -> None:
    assert is_text(b"\0" * odd + b"x" * (100 - odd)) is text


def test_an_elf_core_ends_with_its_last_segment() -> None:
    head = files.elf_core([(4, 500, 300), (1, 4096, 8192), (1, 12288, 4096)])
    assert extent("elf-core", reader(head)) == Extent(index=800, whole=16384)


def test_a_kdump_ends_with_its_last_page() -> None:
    data = files.kdump([0, 5, 9, 4000])
    found = extent("kdump", reader(data))
    assert found == Extent(index=4 * 4096 + 4 * 24, whole=len(data))


def test_a_kdump_marked_as_incomplete() -> None:
    found = extent("kdump", reader(files.kdump([1], status=0x10)))
    assert found is not None
    assert found.incomplete


@pytest.mark.parametrize("size", [100, 4100, 9000])
def test_a_kdump_cut_in_its_headers_needs_more_than_it_has(size: int) -> None:
    found = extent("kdump", reader(files.kdump([1])[:size]))
    assert found is not None
    assert found.index > size


def test_a_flattened_dump_ends_with_its_end_mark() -> None:
    data = files.flattened([b"a" * 100, b"b" * 50])
    assert extent("flattened", reader(data)) == Extent(len(data), len(data))


def test_a_flattened_dump_without_its_end_mark_is_cut() -> None:
    data = files.flattened([b"a" * 100], end=False)
    found = extent("flattened", reader(data))
    assert found is not None
    assert found.index > len(data)


def test_a_32_bit_core_tells_nothing() -> None:
    assert extent("elf-core", reader(b"\x7fELF\x01\x01" + bytes(60))) is None


# A flattened stream stands for a dump, which must be one: libkdumpfile does not look


def test_a_whole_flattened_dump_has_no_damage() -> None:
    inner = files.kdump([1, 5, 9])
    blocks = [inner[start : start + 4096] for start in range(0, len(inner), 4096)]
    assert flattened_damage(reader(files.flattened(blocks))) is None


def test_a_flattened_core_has_no_damage() -> None:
    core = files.elf_core([(4, 120, 8)]) + bytes(8)
    assert flattened_damage(reader(files.flattened([core]))) is None


def test_a_flattened_stream_without_blocks_holds_no_dump() -> None:
    """It was a SIGSEGV in libkdumpfile."""
    assert flattened_damage(reader(files.flattened([]))) == "there is no dump's header in it"


def test_a_flattened_stream_with_something_else_holds_no_dump() -> None:
    data = files.flattened([b"a" * 4096])
    assert flattened_damage(reader(data)) == "there is no dump's header in it"


def test_a_flattened_dump_that_lacks_blocks_is_damaged() -> None:
    inner = files.kdump(list(range(1, 4000)))
    data = files.flattened([inner[:4096], inner[4096:8192]])
    found = flattened_damage(reader(data))
    assert found is not None
    assert found.startswith("the dump in it has 8192 bytes, its index alone needs ")


@pytest.mark.parametrize(("offset", "size"), [(0, 1 << 62), (-5, 10), (1 << 62, 16), (0, -3)])
def test_absurd_blocks(offset: int, size: int) -> None:
    data = files.flattened([], end=False) + struct.pack(">qq", offset, size) + bytes(64)
    assert flattened_damage(reader(data)) == f"a block of {size} bytes at offset {offset}"
