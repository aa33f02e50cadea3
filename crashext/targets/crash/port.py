# SPDX-License-Identifier: GPL-2.0-or-later
"""PyKdump's names as :class:`crashext.kernel.port.Port`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Optional

from crashext.kernel.port import Member
from crashext.targets.crash import names


class CrashPort:
    """The open dump's kernel."""

    word = 8
    little = True

    def __init__(self) -> None:
        self._members: dict[tuple[str, str], Optional[Member]] = {}

    def read(self, address: int, size: int) -> bytes:
        if size == 0:
            return b""
        with names.asking(f"memory at {address:#x}"):
            return bytes(names.readmem(address & (1 << 64) - 1, size))

    def symbol(self, name: str) -> Optional[int]:
        return int(names.sym2addr(name)) or None

    def sizeof(self, type_name: str) -> Optional[int]:
        size = int(names.struct_size(type_name))
        return size if size >= 0 else None

    def member(self, type_name: str, path: str) -> Optional[Member]:
        key = (type_name, path)
        if key not in self._members:
            self._members[key] = self._find_member(type_name, path)
        return self._members[key]

    def enumerators(self, type_name: str) -> Mapping[str, int]:
        try:
            return dict(names.EnumInfo(type_name))
        except names.NO_ANSWER:
            return {}

    # crashext.kernel.port.SymbolBounds

    def symbol_size(self, name: str) -> Optional[int]:
        """To the function's alignment: PyKdump's names give no sizes."""
        start = self.symbol(name)
        if start is None:
            return None
        size = 16
        while size < 2048 and names.addr2sym(start + size, 1)[0] == name:
            size += 16
        return size

    def symbol_name(self, address: int) -> Optional[str]:
        try:
            name = names.addr2sym(address, 1)[0]
        except names.NO_ANSWER:
            return None
        return str(name) if name else None

    def _find_member(self, type_name: str, path: str) -> Optional[Member]:
        offset = int(names.member_offset(type_name, path))
        if offset < 0:
            return None
        if "." not in path:
            return Member(offset, max(int(names.member_size(type_name, path)), 0))
        # PyKdump's member_size() knows no paths.
        printed = names.exec_gdb_command(f"print sizeof((({type_name} *)0)->{path})")
        match = re.search(r"= (\d+)\s*$", printed or "")
        return Member(offset, int(match[1])) if match else None

    def unsigned(self, address: int, size: int) -> int:
        """A little-endian integer. Raises Unknown."""
        return int.from_bytes(self.read(address, size), "little")
