# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel's memory and layouts as they were recorded from a real dump, and ways to damage them.

``python -m tests.lab.record_modules`` writes the recordings (tests/data/modules/*.json.gz): all
that the module walker asked of real vmcores, with the answers.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from crashext.errors import Unknown
from crashext.kernel.port import Member, Port

DATA = Path(__file__).resolve().parents[2] / "data" / "modules"
RELEASES = ("5.10", "6.1", "6.12")


class Recorded:
    """A :class:`Port` from a recording. ``patch`` and ``hole`` damage it."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.word = 8
        self.little = True
        self.data = data
        self.chunks: dict[int, bytearray] = {
            int(address, 16): bytearray.fromhex(digits)
            for address, digits in data["memory"].items()
        }

    def read(self, address: int, size: int) -> bytes:
        for start, chunk in self.chunks.items():
            if start <= address and address + size <= start + len(chunk):
                return bytes(chunk[address - start : address - start + size])
        raise Unknown(f"address 0x{address:x} is not in the recording")

    def symbol(self, name: str) -> Optional[int]:
        return self.data["symbols"].get(name)

    def sizeof(self, type_name: str) -> Optional[int]:
        return self.data["sizes"].get(type_name)

    def member(self, type_name: str, path: str) -> Optional[Member]:
        found = self.data["members"].get(f"{type_name}|{path}")
        return Member(*found) if found else None

    def enumerators(self, type_name: str) -> Mapping[str, int]:
        return self.data["enumerators"].get(type_name, {})

    def resolve(self, name: str) -> list[int]:
        """The addresses of the symbols that planted's code refers to."""
        return self.data["resolve"].get(name, [])

    def names(self, address: int) -> list[str]:
        return self.data["names"].get(f"{address:x}", [])

    def patch(self, address: int, value: bytes) -> None:
        """Changes bytes, as a flipped bit or a stray write does."""
        for start, chunk in self.chunks.items():
            if start <= address and address + len(value) <= start + len(chunk):
                chunk[address - start : address - start + len(value)] = value
        assert self.read(address, len(value)) == value

    def pointer(self, address: int, value: int) -> None:
        self.patch(address, value.to_bytes(8, "little"))

    def hole(self, address: int) -> None:
        """Makes the memory around an address unreadable, as a dropped page does."""
        before = len(self.chunks)
        self.chunks = {s: c for s, c in self.chunks.items() if not s <= address < s + len(c)}
        assert len(self.chunks) < before


def load(release: str) -> Recorded:
    with gzip.open(DATA / f"planted-{release}.json.gz", "rt") as file:
        return Recorded(json.load(file))


def ko(release: str) -> bytes:
    """planted.ko of that kernel, without debug info."""
    with gzip.open(DATA / f"planted-{release}.ko.gz") as file:
        return file.read()


class Recorder:
    """Wraps a Port and keeps every question with its answer."""

    def __init__(self, kernel: Port) -> None:
        self._kernel = kernel
        self.word, self.little = kernel.word, kernel.little
        self.memory: dict[int, bytes] = {}
        self.symbols: dict[str, Optional[int]] = {}
        self.sizes: dict[str, Optional[int]] = {}
        self.members: dict[str, Optional[Member]] = {}
        self.enums: dict[str, dict[str, int]] = {}

    def read(self, address: int, size: int) -> bytes:
        value = self._kernel.read(address, size)
        self.memory[address] = max(self.memory.get(address, b""), value, key=len)
        return value

    def symbol(self, name: str) -> Optional[int]:
        self.symbols[name] = self._kernel.symbol(name)
        return self.symbols[name]

    def sizeof(self, type_name: str) -> Optional[int]:
        self.sizes[type_name] = self._kernel.sizeof(type_name)
        return self.sizes[type_name]

    def member(self, type_name: str, path: str) -> Optional[Member]:
        self.members[f"{type_name}|{path}"] = self._kernel.member(type_name, path)
        return self.members[f"{type_name}|{path}"]

    def enumerators(self, type_name: str) -> Mapping[str, int]:
        self.enums[type_name] = dict(self._kernel.enumerators(type_name))
        return self.enums[type_name]

    def recording(self) -> dict[str, Any]:
        return {
            "symbols": self.symbols,
            "sizes": self.sizes,
            "members": self.members,
            "enumerators": self.enums,
            "memory": {f"{a:x}": data.hex() for a, data in sorted(_merged(self.memory))},
        }


def _merged(memory: dict[int, bytes]) -> list[tuple[int, bytes]]:
    """Overlapping and touching reads as one chunk."""
    merged: list[tuple[int, bytes]] = []
    for address, data in sorted(memory.items()):
        if merged and address <= merged[-1][0] + len(merged[-1][1]):
            start, known = merged[-1]
            offset = address - start
            merged[-1] = (start, known[:offset] + data + known[offset + len(data) :])
        else:
            merged.append((address, data))
    return merged
