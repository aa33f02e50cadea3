# SPDX-License-Identifier: GPL-2.0-or-later
"""Puts a section of a .ko where the kernel loaded it, as the module loader does.

arch/x86/kernel/module.c, apply_relocate_add(); the types are in the x86-64 psABI, 4.4.1.
Pure: addresses come from a callback, memory only to choose among symbols of one name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Optional

from crashext.engine.elf import (
    SHN_ABS,
    SHN_UNDEF,
    SHT_NOBITS,
    STT_SECTION,
    Elf,
    ElfSymbol,
    Section,
)
from crashext.errors import Unknown

#: Livepatch symbols (``.klp.sym.OBJECT.NAME,POSITION``), include/uapi/linux/elf.h.
SHN_LIVEPATCH = 0xFF20

R_X86_64_64 = 1
#: x86-64 relocation type → (bytes that it patches, relative to the place).
_TYPES = {
    R_X86_64_64: (8, False),
    2: (4, True),  # R_X86_64_PC32
    4: (4, True),  # R_X86_64_PLT32
    10: (4, False),  # R_X86_64_32
    11: (4, False),  # R_X86_64_32S
    24: (8, True),  # R_X86_64_PC64
}
_NONE = 0
#: A module's sections lie within this distance of one another, in bytes.
_NEAR = 64 << 20


@dataclass(frozen=True)
class Open:
    """A place whose value the file and the symbols at hand do not settle."""

    offset: int  # into the section, bytes
    size: int
    symbol: str
    why: str


@dataclass
class Relocated:
    """A section as it should lie in memory."""

    section: Section
    address: int
    data: bytearray
    open: list[Open] = field(default_factory=list)


class Loader:
    """One .ko with the addresses of its sections.

    :param addresses: the kernel's section table, ``(name, address)`` in its order; sections of
        one name are matched in that order.
    :param resolve: addresses of the symbols of one name outside the module.
    :param read: memory; used where several symbols bear one name: the one that memory holds is
        taken if it is among them. May raise Unknown.
    """

    def __init__(
        self,
        elf: Elf,
        addresses: Sequence[tuple[str, int]],
        resolve: Callable[[str], Sequence[int]],
        read: Optional[Callable[[int, int], bytes]] = None,
    ) -> None:
        self.elf = elf
        self._resolve = resolve
        self._read = read
        self._known: dict[str, Sequence[int]] = {}
        self.addresses = _match(elf, addresses)

    def address(self, section: Section) -> Optional[int]:
        """Where the section was loaded; None: the kernel's table does not name it."""
        return self.addresses.get(section.index)

    def place(self, section: Section) -> int:
        """:meth:`address`, or a stand-in that keeps differences within the section right."""
        known = self.addresses.get(section.index)
        return known if known is not None else 0xFFFF_F000_0000_0000 + (section.index << 24)

    def relocate(self, section: Section) -> Relocated:
        """The section's bytes with all its relocations applied."""
        base = self.place(section)
        result = Relocated(section, base, bytearray(self.elf.contents(section)))
        symbols = self.elf.symbols()
        for relocation in self.elf.relocations(section):
            if relocation.type == _NONE:
                continue
            if relocation.symbol >= len(symbols) or relocation.type not in _TYPES:
                why = f"relocation of type {relocation.type} for symbol {relocation.symbol}"
                result.open.append(Open(relocation.offset, 8, "", why))
                continue
            size, relative = _TYPES[relocation.type]
            symbol = symbols[relocation.symbol]
            offset = relocation.offset
            if offset + size > len(result.data):
                result.open.append(Open(offset, size, symbol.name, "outside its section"))
                continue
            self._deduce(symbol, relocation.addend, base + offset, size, relative)
            values = []
            for address in self._addresses_of(symbol):
                value = address + relocation.addend - (base + offset if relative else 0)
                values.append((value & (1 << 8 * size) - 1).to_bytes(size, "little"))
            if not values:
                result.open.append(Open(offset, size, symbol.name, "no symbol of that name"))
                continue
            result.data[offset : offset + size] = self._choose(values, base + offset)
        return result

    def _deduce(
        self, symbol: ElfSymbol, addend: int, place: int, size: int, relative: bool
    ) -> None:
        """The address of an empty section, from the first reference to it that memory has.

        The kernel places an empty section (a ``.bss`` that holds only empty lock class keys) and
        its table of addresses leaves it out; all further references must agree with the first.
        """
        if self._read is None or not 0 < symbol.section < len(self.elf.sections):
            return
        section = self.elf.sections[symbol.section]
        if section.size or not section.allocated or section.index in self.addresses:
            return
        try:
            found = int.from_bytes(self._read(place, size), "little", signed=True)
        except Unknown:
            return
        address = found - addend - symbol.value + (place if relative else 0) & (1 << 64) - 1
        if any(abs(address - known) < _NEAR for known in self.addresses.values()):
            self.addresses[section.index] = address

    def _choose(self, values: list[bytes], address: int) -> bytes:
        if len(values) > 1 and self._read is not None:
            try:
                found = self._read(address, len(values[0]))
            except Unknown:
                return values[0]
            if found in values:
                return found
        return values[0]

    def _addresses_of(self, symbol: ElfSymbol) -> Sequence[int]:
        if symbol.section == SHN_ABS:
            return (symbol.value,)
        if symbol.section in (SHN_UNDEF, SHN_LIVEPATCH):
            name = symbol.name
            if name.startswith(".klp.sym."):
                name = name[len(".klp.sym.") :].partition(".")[2].rpartition(",")[0]
            if name not in self._known:
                self._known[name] = self._resolve(name)
            return self._known[name]
        if symbol.section < len(self.elf.sections):
            return (self.place(self.elf.sections[symbol.section]) + symbol.value,)
        return ()


def _match(elf: Elf, addresses: Sequence[tuple[str, int]]) -> dict[int, int]:
    """Section index → load address."""
    waiting: dict[str, list[int]] = {}
    for name, address in addresses:
        waiting.setdefault(name, []).append(address)
    found = {}
    for section in elf.sections:
        if section.allocated and waiting.get(section.name):
            found[section.index] = waiting[section.name].pop(0)
    return found


def text_sections(elf: Elf) -> list[Section]:
    """The sections with code, and with constants: what nobody may change after loading."""
    return [
        section
        for section in elf.sections
        if section.allocated
        and section.type != SHT_NOBITS
        and section.size
        and (section.executable or section.name == ".rodata")
    ]


def functions(elf: Elf) -> list[tuple[int, ElfSymbol]]:
    """``(section index, symbol)`` of everything named in code sections, sorted by place."""
    return sorted(
        (
            (symbol.section, symbol)
            for symbol in elf.symbols()
            if symbol.name and symbol.type != STT_SECTION and 0 < symbol.section < SHN_LIVEPATCH
        ),
        key=lambda item: (item[0], item[1].value),
    )
