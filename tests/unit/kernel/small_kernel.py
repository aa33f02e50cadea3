# SPDX-License-Identifier: GPL-2.0-or-later
"""A port over memory that a test lays out: sparse bytes, a few types and symbols."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from crashext.errors import Unknown
from crashext.kernel.port import Member


class SmallKernel:
    """Two CPUs, 64-bit, little endian; ``reads`` counts what was asked of memory."""

    word = 8
    little = True

    def __init__(
        self,
        symbols: Mapping[str, int],
        members: Mapping[tuple[str, str], Member],
        sizes: Mapping[str, int] = {},
    ) -> None:
        self.symbols = dict(symbols)
        self.members = dict(members)
        self.sizes = dict(sizes)
        self.memory: dict[int, int] = {}
        self.reads = 0

    def put(self, address: int, value: int, size: int = 8) -> None:
        for offset, byte in enumerate(value.to_bytes(size, "little")):
            self.memory[address + offset] = byte

    def put_text(self, address: int, text: bytes) -> None:
        for offset, byte in enumerate(text):
            self.memory[address + offset] = byte

    def read(self, address: int, size: int) -> bytes:
        self.reads += 1
        try:
            return bytes(self.memory[address + offset] for offset in range(size))
        except KeyError:
            raise Unknown(f"memory at {address:#x} is not in the dump") from None

    def symbol(self, name: str) -> Optional[int]:
        return self.symbols.get(name)

    def sizeof(self, type_name: str) -> Optional[int]:
        return self.sizes.get(type_name)

    def member(self, type_name: str, path: str) -> Optional[Member]:
        return self.members.get((type_name, path))

    def enumerators(self, type_name: str) -> Mapping[str, int]:
        return {}
