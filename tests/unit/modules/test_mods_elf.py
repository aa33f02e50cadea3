# SPDX-License-Identifier: GPL-2.0-or-later
"""The ELF reader on real module files, whole and damaged."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest
import recorded
from hypothesis import given, settings
from hypothesis import strategies as st

from crashext.engine.elf import (
    EM_X86_64,
    ET_REL,
    MAX_NAME,
    NT_GNU_BUILD_ID,
    SHN_UNDEF,
    STT_FUNC,
    Elf,
    ElfError,
    parse_notes,
    read_elf,
)

KO = recorded.ko("6.1")


@pytest.fixture
def elf() -> Elf:
    return read_elf(KO)


def test_header(elf: Elf) -> None:
    assert (elf.bits, elf.little, elf.type, elf.machine) == (64, True, ET_REL, EM_X86_64)


def test_sound_file_has_no_damage(elf: Elf) -> None:
    assert elf.damage == []


def test_build_id_is_the_20_bytes_behind_the_note_header(elf: Elf) -> None:
    header = struct.pack("<III4s", 4, 20, NT_GNU_BUILD_ID, b"GNU\0")
    start = KO.index(header) + len(header)
    assert elf.build_id() == KO[start : start + 20].hex()


def test_modinfo(elf: Elf) -> None:
    info = elf.modinfo()
    assert info["version"] == ["1.2.3"]
    assert "number:a number" in info["parm"]


def test_functions_have_sizes_and_sections(elf: Elf) -> None:
    hello = next(symbol for symbol in elf.symbols() if symbol.name == "planted_hello")
    assert (hello.type, elf.sections[hello.section].name) == (STT_FUNC, ".text")
    assert hello.size > 0


def test_undefined_symbols(elf: Elf) -> None:
    wanted = {symbol.name for symbol in elf.symbols() if symbol.section == SHN_UNDEF}
    assert {"register_kprobe", "register_reboot_notifier", "__fentry__"} <= wanted


def test_mcount_table_has_one_relocation_an_entry(elf: Elf) -> None:
    section = elf.section("__mcount_loc")
    assert section is not None
    assert len(elf.relocations(section)) == section.size // 8


def test_bss_has_no_contents(elf: Elf) -> None:
    section = elf.section(".bss")
    assert section is not None
    assert section.size > 0
    assert elf.contents(section) == b""


def test_missing_section_is_none(elf: Elf) -> None:
    assert elf.section(".nothing") is None


def test_linked_file_is_read_by_address() -> None:
    """The Python that runs this is a linked ELF file on every Linux."""
    program = Path(sys.executable).resolve()
    elf = read_elf(program.read_bytes())
    section = elf.section(".text") or elf.section(".init")
    assert section is not None
    assert elf.read_address(section.address, 16) == elf.contents(section)[:16]
    assert elf.section_at(section.address) == section


def test_address_outside_every_segment(elf: Elf) -> None:
    assert elf.read_address(0x1000, 4) is None


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not an ELF file"),
        (b"MZ" + bytes(100), "not an ELF file"),
        (b"\x7fELF" + bytes(60), "unknown class or byte order"),
        (KO[:40], "cut after 40 bytes"),
    ],
)
def test_no_elf_file(data: bytes, why: str) -> None:
    with pytest.raises(ElfError, match=why):
        read_elf(data)


def test_file_cut_before_its_section_headers_says_so() -> None:
    assert read_elf(KO[:4096]).damage == ["the file is cut before its section headers"]


def test_file_cut_in_its_section_headers_says_so() -> None:
    cut = read_elf(KO[:-100])
    assert cut.damage[0].startswith("the file is cut: ")
    assert cut.sections


def test_section_past_the_end_is_named(elf: Elf) -> None:
    data = bytearray(KO)
    headers = struct.unpack_from("<Q", data, 40)[0]
    text = elf.section(".text")
    assert text is not None
    struct.pack_into("<Q", data, headers + text.index * 64 + 32, 1 << 40)  # sh_size
    assert read_elf(data).damage == ["section .text reaches past the end of the file"]


@settings(max_examples=150, deadline=None)
@given(st.integers(64, len(KO) - 1))
def test_any_cut_is_read_as_far_as_it_goes(length: int) -> None:
    elf = read_elf(KO[:length])
    assert elf.damage
    elf.symbols()
    elf.build_id()
    for section in elf.sections:
        elf.relocations(section)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(16, len(KO) - 1), st.integers(0, 255)), max_size=20))
def test_any_flipped_bytes_end_in_an_answer(flips: list[tuple[int, int]]) -> None:
    data = bytearray(KO)
    for offset, value in flips:
        data[offset] = value
    try:
        elf = read_elf(data)
    except ElfError:
        return
    assert len(elf.symbols()) <= len(data) // 24
    elf.build_id()
    elf.modinfo()


def test_notes_end_at_the_first_bad_one() -> None:
    good = struct.pack("<III4s4s", 4, 4, NT_GNU_BUILD_ID, b"GNU\0", b"\1\2\3\4")
    bad = struct.pack("<III", 4, 1 << 30, 1)
    (note,) = parse_notes(good + bad)
    assert (note.name, note.type, note.data) == (b"GNU", NT_GNU_BUILD_ID, b"\1\2\3\4")


def test_big_endian_32_bit_header() -> None:
    fields = struct.pack(">HHIIIIIHHHHHH", 1, 20, 1, 0, 0, 0, 0, 52, 0, 0, 0, 0, 0)
    elf = read_elf(b"\x7fELF\x01\x02\x01" + bytes(9) + fields)
    assert (elf.bits, elf.little, elf.type, elf.machine) == (32, False, 1, 20)


def test_names_of_a_table_without_ends_are_bounded(elf: Elf) -> None:
    """Each of a thousand symbols had the whole table as its name: 8 GB for a table of 8 MB."""
    table = elf.section(".strtab")
    assert table is not None
    data = bytearray(KO)
    data[table.offset : table.offset + table.size] = b"a" * table.size
    assert table.size > MAX_NAME
    names = [symbol.name for symbol in read_elf(bytes(data)).symbols()]
    assert max(len(name) for name in names) == MAX_NAME


def test_a_name_beyond_the_table_is_empty(elf: Elf) -> None:
    table = next(section for section in elf.sections if section.name == ".symtab")
    data = bytearray(KO)
    data[table.offset + 24 : table.offset + 28] = b"\xff\xff\xff\xff"
    assert read_elf(bytes(data)).symbols()[1].name == ""
