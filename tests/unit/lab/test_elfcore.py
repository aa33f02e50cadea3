# SPDX-License-Identifier: GPL-2.0-or-later
"""Mending QEMU's ELF header, on the real beginning of a dump by QEMU 7.2.22."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from crashext.errors import CrashextError
from crashext.lab.elfcore import mend, mended

HEAD = (Path(__file__).parents[2] / "data" / "lab" / "qemu-7.2-dump-head.bin").read_bytes()
PHOFF, COUNT = 192, 5


def test_program_headers_move_to_offset_64() -> None:
    assert mended(HEAD)[64 : 64 + 56 * COUNT] == HEAD[PHOFF : PHOFF + 56 * COUNT]


def test_header_says_where_they_are_now() -> None:
    new = mended(HEAD)
    phoff, shoff = struct.unpack_from("<QQ", new, 32)
    ehsize, phentsize, phnum, shentsize, shnum, shstrndx = struct.unpack_from("<6H", new, 52)
    assert (phoff, shoff) == (64, 0)
    assert (ehsize, phentsize, phnum) == (64, 56, COUNT)
    assert (shentsize, shnum, shstrndx) == (0, 0, 0)


def test_nothing_is_left_of_the_section_headers() -> None:
    assert mended(HEAD)[64 + 56 * COUNT :] == bytes(len(HEAD) - 64 - 56 * COUNT)


def test_length_and_what_follows_stay() -> None:
    assert mended(HEAD + b"note")[len(HEAD) :] == b"note"


def test_identity_fields_stay() -> None:
    assert mended(HEAD)[:32] == HEAD[:32]


def test_mended_dump_is_left_alone() -> None:
    once = mended(HEAD)
    assert mended(once) is once


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (b"", "not a 64-bit little-endian ELF file"),
        (b"KDUMP   " + bytes(100), "not a 64-bit little-endian ELF file"),
        (HEAD[:16] + b"\2\0" + HEAD[18:], "not a core file"),
        (HEAD[:300], "program headers out of reach"),
    ],
)
def test_what_is_no_dump_is_refused(head: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        mended(head)


def test_file_is_mended_in_place(tmp_path: Path) -> None:
    dump = tmp_path / "vmcore"
    dump.write_bytes(HEAD + b"rest")
    mend(dump)
    assert dump.read_bytes() == mended(HEAD) + b"rest"


def test_error_names_the_file(tmp_path: Path) -> None:
    dump = tmp_path / "vmcore"
    dump.write_bytes(b"nothing")
    with pytest.raises(CrashextError, match=rf"^{dump}: not a 64-bit"):
        mend(dump)
