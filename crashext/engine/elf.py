# SPDX-License-Identifier: GPL-2.0-or-later
"""A small reader of ELF files: kernel modules (``.ko``), ``vmlinux``, build-id notes.

Pure: it takes bytes (or an ``mmap``) and knows no file system and no debugger. A file that is cut
or damaged is read as far as it goes: what cannot be read is left out and named in
:attr:`Elf.damage`; only a file that is no ELF file at all raises :class:`ElfError`.

Layouts: System V ABI (gABI) chapter 4 and 5; x86-64 relocations: psABI 4.4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Optional, Union

Buffer = Union[bytes, bytearray, memoryview]

ET_REL, ET_EXEC, ET_DYN, ET_CORE = 1, 2, 3, 4
EM_386, EM_ARM, EM_X86_64, EM_AARCH64 = 3, 40, 62, 183

SHT_SYMTAB, SHT_RELA, SHT_NOTE, SHT_NOBITS, SHT_REL = 2, 4, 7, 8, 9
SHF_ALLOC, SHF_EXECINSTR, SHF_COMPRESSED = 0x2, 0x4, 0x800
SHN_UNDEF, SHN_ABS, SHN_COMMON, SHN_XINDEX = 0, 0xFFF1, 0xFFF2, 0xFFFF
PT_LOAD, PT_NOTE = 1, 4
STT_OBJECT, STT_FUNC, STT_SECTION, STT_FILE = 1, 2, 3, 4
NT_GNU_BUILD_ID = 3

#: Bounds against a damaged header that claims billions of entries.
MAX_SECTIONS = 200_000
#: Bytes of a name: KSYM_NAME_LEN is 512. A table without a NUL has no end for each of its names.
MAX_NAME = 1024
MAX_NOTES = 4096


class ElfError(ValueError):
    """The bytes are no ELF file; the text says why."""


@dataclass(frozen=True)
class Section:
    index: int
    name: str
    type: int
    flags: int
    address: int
    offset: int  # in the file, bytes
    size: int  # bytes
    link: int
    info: int
    alignment: int
    entry_size: int

    @property
    def allocated(self) -> bool:
        return bool(self.flags & SHF_ALLOC)

    @property
    def executable(self) -> bool:
        return bool(self.flags & SHF_EXECINSTR)


@dataclass(frozen=True)
class Segment:
    type: int
    flags: int
    offset: int
    address: int
    file_size: int
    memory_size: int


@dataclass(frozen=True)
class ElfSymbol:
    """``value`` is an offset into section ``section`` in a .ko, an address in a vmlinux."""

    name: str
    value: int
    size: int
    section: int  # index; SHN_UNDEF, SHN_ABS, … for the special ones
    type: int
    binding: int


@dataclass(frozen=True)
class Relocation:
    offset: int  # into the section that it patches
    type: int
    symbol: int  # index into the symbol table
    addend: int


@dataclass(frozen=True)
class Note:
    name: bytes
    type: int
    data: bytes


@dataclass
class Elf:
    """One ELF file over ``data``; use :func:`read_elf`."""

    data: memoryview
    bits: int = 64
    little: bool = True
    type: int = 0
    machine: int = 0
    sections: list[Section] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    #: What is wrong with the file, in words; empty for a sound one.
    damage: list[str] = field(default_factory=list)
    _symbols: Optional[list[ElfSymbol]] = field(default=None, repr=False)

    def section(self, name: str) -> Optional[Section]:
        """The first section of that name."""
        for section in self.sections:
            if section.name == name:
                return section
        return None

    def contents(self, section: Section) -> bytes:
        """The bytes of a section as the file has them; empty for NOBITS, short when cut."""
        if section.type == SHT_NOBITS:
            return b""
        return bytes(self.data[section.offset : section.offset + section.size])

    def symbols(self) -> list[ElfSymbol]:
        """The symbol table (.symtab), in file order, so that relocation indices fit it."""
        if self._symbols is None:
            self._symbols = []
            for section in self.sections:
                if section.type == SHT_SYMTAB:
                    self._symbols = list(self._read_symbols(section))
                    break
        return self._symbols

    def relocations(self, section: Section) -> list[Relocation]:
        """The relocations that patch ``section``."""
        return [
            relocation
            for table in self.sections
            if table.type in (SHT_RELA, SHT_REL) and table.info == section.index
            for relocation in self._read_relocations(table)
        ]

    def notes(self) -> Iterator[Note]:
        """The notes of all SHT_NOTE sections, else of the PT_NOTE segments."""
        parts = [(s.offset, s.size) for s in self.sections if s.type == SHT_NOTE]
        if not parts:
            parts = [(s.offset, s.file_size) for s in self.segments if s.type == PT_NOTE]
        for offset, size in parts:
            yield from parse_notes(bytes(self.data[offset : offset + size]), self.little)

    def build_id(self) -> Optional[str]:
        """The GNU build-id as hex digits."""
        for note in self.notes():
            if note.type == NT_GNU_BUILD_ID and note.name == b"GNU":
                return note.data.hex()
        return None

    def modinfo(self) -> dict[str, list[str]]:
        """``.modinfo`` of a .ko: key → values (``depends``, ``srcversion``, ``parm``, …)."""
        section = self.section(".modinfo")
        result: dict[str, list[str]] = {}
        if section is not None:
            for entry in self.contents(section).split(b"\0"):
                key, equals, value = entry.partition(b"=")
                if equals:
                    result.setdefault(_text(key), []).append(_text(value))
        return result

    def read_address(self, address: int, size: int) -> Optional[bytes]:
        """Bytes at a virtual address of a linked file (vmlinux); None where it has none."""
        for segment in self.segments:
            start = segment.address
            if segment.type == PT_LOAD and start <= address < start + segment.file_size:
                offset = segment.offset + (address - start)
                end = min(offset + size, segment.offset + segment.file_size)
                return bytes(self.data[offset:end])
        return None

    def section_at(self, address: int) -> Optional[Section]:
        """The allocated section of a linked file that holds a virtual address."""
        for section in self.sections:
            if section.allocated and section.address <= address < section.address + section.size:
                return section
        return None

    def _read_symbols(self, table: Section) -> Iterator[ElfSymbol]:
        strings = b""
        if table.link < len(self.sections):
            strings = self.contents(self.sections[table.link])
        else:
            self.damage.append(f"{table.name}: its string table {table.link} does not exist")
        order = "<" if self.little else ">"
        layout = struct.Struct(order + ("IBBHQQ" if self.bits == 64 else "IIIBBH"))
        extended = self._extended_indices(table)
        raw = self.contents(table)
        raw = raw[: len(raw) - len(raw) % layout.size]
        for number, fields in enumerate(layout.iter_unpack(raw)):
            if self.bits == 64:
                name, info, _other, section, value, size = fields
            else:
                name, value, size, info, _other, section = fields
            if section == SHN_XINDEX and number < len(extended):
                section = extended[number]
            yield ElfSymbol(_string(strings, name), value, size, section, info & 15, info >> 4)

    def _extended_indices(self, table: Section) -> list[int]:
        """SHT_SYMTAB_SHNDX (18): section numbers that do not fit in 16 bits."""
        for section in self.sections:
            if section.type == 18 and section.link == table.index:
                raw = self.contents(section)
                order = "<" if self.little else ">"
                return list(struct.unpack(f"{order}{len(raw) // 4}I", raw[: len(raw) // 4 * 4]))
        return []

    def _read_relocations(self, table: Section) -> Iterator[Relocation]:
        order = "<" if self.little else ">"
        rela = table.type == SHT_RELA
        if self.bits == 64:
            layout = struct.Struct(order + ("QQq" if rela else "QQ"))
        else:
            layout = struct.Struct(order + ("IIi" if rela else "II"))
        raw = self.contents(table)
        if len(raw) < table.size:
            self.damage.append(f"{table.name}: cut ({len(raw)} of {table.size} bytes)")
        raw = raw[: len(raw) - len(raw) % layout.size]
        for fields in layout.iter_unpack(raw):
            offset, info = fields[0], fields[1]
            addend = fields[2] if rela else 0
            if self.bits == 64:
                yield Relocation(offset, info & 0xFFFFFFFF, info >> 32, addend)
            else:
                yield Relocation(offset, info & 0xFF, info >> 8, addend)


def read_elf(data: Buffer) -> Elf:
    """Read the headers of an ELF file.

    ``data`` may be bytes or ``memoryview(mmap)``; only what is asked for is copied. Raises
    :class:`ElfError` when it is no ELF file; lesser damage is named in ``Elf.damage``.
    """
    view = memoryview(data)
    if len(view) < 20 or bytes(view[:4]) != b"\x7fELF":
        raise ElfError("not an ELF file")
    if view[4] not in (1, 2) or view[5] not in (1, 2):
        raise ElfError(f"an ELF header of an unknown class or byte order ({view[4]}, {view[5]})")
    elf = Elf(view, bits=64 if view[4] == 2 else 32, little=view[5] == 1)
    order = "<" if elf.little else ">"
    header = struct.Struct(order + ("HHIQQQIHHHHHH" if elf.bits == 64 else "HHIIIIIHHHHHH"))
    if len(view) < 16 + header.size:
        raise ElfError(f"an ELF header that is cut after {len(view)} bytes")
    (elf.type, elf.machine, _version, _entry, phoff, shoff, _flags, _ehsize, phentsize, phnum,
     shentsize, shnum, shstrndx) = header.unpack_from(view, 16)  # fmt: skip
    _read_sections(elf, order, shoff, shentsize, shnum, shstrndx)
    _read_segments(elf, order, phoff, phentsize, phnum)
    return elf


def parse_notes(data: bytes, little: bool = True) -> Iterator[Note]:
    """The notes in a note section (or in ``/sys/kernel/notes``); stops at the first bad one."""
    head = struct.Struct(("<" if little else ">") + "III")
    offset = 0
    for _ in range(MAX_NOTES):
        if offset + head.size > len(data):
            return
        name_size, data_size, kind = head.unpack_from(data, offset)
        start = offset + head.size
        body = start + (name_size + 3) // 4 * 4
        end = body + data_size
        if end > len(data):
            return
        name = data[start : start + name_size].rstrip(b"\0")
        yield Note(name, kind, data[body:end])
        offset = (end + 3) // 4 * 4


def _read_sections(
    elf: Elf, order: str, offset: int, entry_size: int, count: int, names_index: int
) -> None:
    layout = struct.Struct(order + ("IIQQQQIIQQ" if elf.bits == 64 else "10I"))
    if offset == 0:
        return
    if entry_size < layout.size:
        elf.damage.append(f"section headers of {entry_size} bytes")
        return
    if offset + layout.size > len(elf.data):
        elf.damage.append("the file is cut before its section headers")
        return
    first = layout.unpack_from(elf.data, offset)
    # gABI: counts that do not fit in 16 bits are in section 0.
    if count == 0:
        count = first[5]
    if names_index == SHN_XINDEX:
        names_index = first[6]
    fits = (len(elf.data) - offset) // entry_size
    if count > fits:
        elf.damage.append(f"the file is cut: {fits} of {count} section headers")
        count = fits
    if count > MAX_SECTIONS:
        elf.damage.append(f"{count} section headers claimed; read {MAX_SECTIONS}")
        count = MAX_SECTIONS
    raw = [layout.unpack_from(elf.data, offset + i * entry_size) for i in range(count)]
    strings = b""
    if names_index < count:
        strings = bytes(elf.data[raw[names_index][4] : raw[names_index][4] + raw[names_index][5]])
    elif count:
        elf.damage.append(f"the section of section names ({names_index}) does not exist")
    for index, row in enumerate(raw):
        name, kind, flags, address, position, size, link, info, alignment, entry = row
        section = Section(
            index, _string(strings, name), kind, flags, address, position, size, link, info,
            alignment, entry,
        )  # fmt: skip
        if kind not in (0, SHT_NOBITS) and position + size > len(elf.data):
            elf.damage.append(f"section {section.name or index} reaches past the end of the file")
        elf.sections.append(section)


def _read_segments(elf: Elf, order: str, offset: int, entry_size: int, count: int) -> None:
    layout = struct.Struct(order + ("IIQQQQQQ" if elf.bits == 64 else "8I"))
    if not count:
        return
    if entry_size < layout.size:
        elf.damage.append(f"program headers of {entry_size} bytes")
        return
    if count == 0xFFFF and elf.sections:  # PN_XNUM: the count is in section 0's sh_info
        count = elf.sections[0].info
    fits = max(0, len(elf.data) - offset) // entry_size
    if count > fits:
        elf.damage.append(f"the file is cut: {fits} of {count} program headers")
        count = fits
    for i in range(count):
        row = layout.unpack_from(elf.data, offset + i * entry_size)
        if elf.bits == 64:
            kind, flags, position, address, _physical, file_size, memory_size, _align = row
        else:
            kind, position, address, _physical, file_size, memory_size, flags, _align = row
        elf.segments.append(Segment(kind, flags, position, address, file_size, memory_size))


def _string(strings: bytes, offset: int) -> str:
    end = strings.find(b"\0", offset, offset + MAX_NAME)
    return _text(strings[offset : end if end >= 0 else offset + MAX_NAME])


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")
