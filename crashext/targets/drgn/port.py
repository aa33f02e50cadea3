# SPDX-License-Identifier: GPL-2.0-or-later
"""A drgn Program as :class:`crashext.kernel.port.Port`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

import drgn
from drgn import Program, Type, TypeKind
from drgn.helpers.linux.pid import find_task

from crashext.kernel.port import Member
from crashext.targets.drgn.asking import NO_ANSWER, asking


class DrgnPort:
    """Memory and types of one program; look-ups are kept."""

    def __init__(self, prog: Program) -> None:
        self._prog = prog
        platform = prog.platform
        flags = platform.flags if platform is not None else drgn.PlatformFlags(3)
        self.word = 8 if flags & drgn.PlatformFlags.IS_64_BIT else 4
        self.little = bool(flags & drgn.PlatformFlags.IS_LITTLE_ENDIAN)
        self._types: dict[str, Optional[Type]] = {}
        self._members: dict[tuple[str, str], Optional[Member]] = {}
        self._symbols: dict[str, Optional[int]] = {}

    def read(self, address: int, size: int) -> bytes:
        with asking(f"memory at 0x{address:x}"):
            data: bytes = self._prog.read(address, size)
        return data

    def symbol(self, name: str) -> Optional[int]:
        if name not in self._symbols:
            self._symbols[name] = self._look_up(name)
        return self._symbols[name]

    def _look_up(self, name: str) -> Optional[int]:
        # By debug info first: a module may have a symbol of the same name ("modules").
        address: Optional[int]
        try:
            address = self._prog[name].address_
        except NO_ANSWER:
            address = None
        if address is not None:
            return address
        try:
            address = self._prog.symbol(name).address
        except NO_ANSWER:
            return None
        return address

    # crashext.kernel.port.SymbolBounds

    def symbol_size(self, name: str) -> Optional[int]:
        try:
            return int(self._prog.symbol(name).size) or None
        except NO_ANSWER:
            return None

    def symbol_name(self, address: int) -> Optional[str]:
        found = self._prog.symbols(address)
        if not found:
            return None
        return str(max(found, key=lambda symbol: (symbol.address, -symbol.size)).name)

    # crashext.kernel.port.PhysicalMemory and TaskIndex

    def read_physical(self, address: int, size: int) -> bytes:
        with asking(f"physical memory at 0x{address:x}"):
            data: bytes = self._prog.read(address, size, True)
        return data

    def find_task(self, pid: int) -> Optional[int]:
        with asking(f"the task with pid {pid}"):
            return int(find_task(self._prog, pid).value_()) or None

    def type(self, name: str) -> Optional[Type]:
        if name not in self._types:
            try:
                self._types[name] = self._prog.type(name)
            except NO_ANSWER:
                self._types[name] = None
        return self._types[name]

    def sizeof(self, type_name: str) -> Optional[int]:
        found = self.type(type_name)
        if found is None:
            return None
        size: Optional[int] = found.size
        return size

    def member(self, type_name: str, path: str) -> Optional[Member]:
        key = (type_name, path)
        if key not in self._members:
            found = self.type(type_name)
            self._members[key] = _member(found, path) if found is not None else None
        return self._members[key]

    def enumerators(self, type_name: str) -> Mapping[str, int]:
        found = self.type(type_name)
        if found is None or found.enumerators is None:
            return {}
        return {entry.name: entry.value for entry in found.enumerators}


def _member(kind: Type, path: str) -> Optional[Member]:
    offset = 0
    for name in path.split("."):
        kind = _plain(kind)
        try:
            member = kind.member(name)
        except (LookupError, TypeError):
            return None
        offset += member.offset
        kind = member.type
    kind = _plain(kind)
    if kind.kind == TypeKind.ARRAY and kind.length is None:  # a flexible array member
        return Member(offset, 0)
    return Member(offset, drgn.sizeof(kind))


def _plain(kind: Type) -> Type:
    while kind.kind == TypeKind.TYPEDEF:
        kind = kind.type
    return kind
