# SPDX-License-Identifier: GPL-2.0-or-later
"""A stand-in for the C module ``crash`` over a few bytes of memory that a test lays out."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Optional

import pytest

DATA = Path(__file__).resolve().parents[2] / "data" / "pykdump"


class CrashError(Exception):
    """``crash.error``"""


class FakeCrash(ModuleType):
    """Memory, symbols and command output are what the test put there; the rest is missing."""

    error = CrashError
    PAGESIZE, PHYSADDR = 4096, 4

    def __init__(self) -> None:
        super().__init__("crash")
        self.clear()

    def clear(self) -> None:
        self.memory: dict[int, bytes] = {}
        self.symbols: dict[str, int] = {}
        self.outputs: dict[str, str] = {}
        self.gdb: dict[str, str] = {}
        self.default_timeout = 120

    def put(self, address: int, *words: int) -> None:
        """64-bit words at an address."""
        self.memory[address] = struct.pack(f"<{len(words)}Q", *words)

    def readmem(self, address: int, size: int, kind: int = 1) -> bytes:
        if address == 0:
            raise IndexError("read through a NULL pointer")
        for base, data in self.memory.items():
            if base <= address and address + size <= base + len(data):
                return data[address - base : address - base + size]
        raise CrashError(f"cannot read {size} bytes at {address:#x}")

    def readPtr(self, address: int, kind: int = 1) -> int:
        return int.from_bytes(self.readmem(address, 8), "little")

    def readInt(self, address: int, size: int, signed: int = 0) -> int:
        return int.from_bytes(self.readmem(address, size), "little", signed=bool(signed))

    def sym2addr(self, name: str) -> int:
        return self.symbols.get(name, 0)

    def symbol_exists(self, name: str) -> int:
        return int(name in self.symbols)

    def exec_crash_command(self, command: str, no_stdout: int = 0) -> str:
        if command not in self.outputs:
            raise CrashError(f"{command}: command not found")
        return self.outputs[command]

    def get_GDB_output(self, command: str) -> Optional[str]:
        return self.gdb.get(command)


_FAKE = FakeCrash()


@pytest.fixture(autouse=True)
def crash(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCrash]:
    """The module ``crash`` of every test here."""
    monkeypatch.setitem(sys.modules, "crash", _FAKE)
    _FAKE.clear()
    from crashext.pykdump import structs, typequery, typesource
    from crashext.pykdump.containers import purge_memoize_cache, purge_typeinfo
    from crashext.pykdump.gdbtypes import GdbTypes
    from crashext.pykdump.pylog import pylog

    typesource.use(GdbTypes(_FAKE.get_GDB_output))
    yield _FAKE
    structs.forget_classes()
    typequery.forget_symbols()
    purge_typeinfo()
    purge_memoize_cache(0xFF)
    pylog.cleanup()
    typesource.use(None)


@pytest.fixture
def kernel_types(crash: FakeCrash) -> FakeCrash:
    """gdb's own words about a few types of Debian's kernel 6.1.0-56-cloud-amd64."""
    for name in ("list_head", "module", "page", "sk_buff"):
        crash.gdb[f"ptype /o struct {name}"] = (DATA / f"ptype-{name}.txt").read_text()
    crash.gdb.update(
        {
            "ptype enum module_state": "type = enum module_state {MODULE_STATE_LIVE, "
            "MODULE_STATE_COMING, MODULE_STATE_GOING, MODULE_STATE_UNFORMED}\n",
            "print sizeof(enum module_state)": "$1 = 4\n",
            "ptype s32": "type = int\n",
            "ptype u8": "type = unsigned char\n",
            "ptype atomic_t": "type = struct {\n    int counter;\n}\n",
            "ptype /o atomic_t": "/* offset    |  size */  type = struct {\n"
            "/*    0      |     4 */    int counter;\n\n"
            "                           /* total size (bytes):    4 */\n"
            "                         }\n",
        }
    )
    return crash


def words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}Q", *values)


def text(value: str, size: int) -> bytes:
    return value.encode().ljust(size, b"\0")
