# SPDX-License-Identifier: GPL-2.0-or-later
"""The C module ``crash`` of the embedding extension, completed to PyKdump's names.

crashext.so offers what needs crash itself (memory, symbols, commands). The names here are those
that PyKdump's C module has too but that need no C: they are added to the module when missing, so
that ``from crash import mem2long`` works in programs.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import Any, Optional

#: gdb's type codes, as PyKdump's C module names them (gdb/gdbtypes.h, enum type_code).
TYPE_CODES = {
    "TYPE_CODE_PTR": 1,
    "TYPE_CODE_ARRAY": 2,
    "TYPE_CODE_STRUCT": 3,
    "TYPE_CODE_UNION": 4,
    "TYPE_CODE_ENUM": 5,
    "TYPE_CODE_FLAGS": 6,
    "TYPE_CODE_FUNC": 7,
    "TYPE_CODE_INT": 8,
    "TYPE_CODE_FLT": 9,
    "TYPE_CODE_VOID": 10,
    "TYPE_CODE_BOOL": 21,
}


def mem2long(source: Any, signed: Any = False, array: int = 0) -> Any:
    """The little-endian integer in ``source``, or a list of ``array`` integers of equal size."""
    if isinstance(source, str):
        source = source.encode("latin-1")
    if array <= 1:
        return int.from_bytes(source, "little", signed=bool(signed))
    size = len(source) // array
    if size == 0 or size * array != len(source):
        raise crash.error(f"mem2long: {len(source)} bytes are not {array} integers")
    return [
        int.from_bytes(source[i : i + size], "little", signed=bool(signed))
        for i in range(0, len(source), size)
    ]


def sLong(number: int) -> int:
    """An unsigned 64-bit number read as a signed one."""
    number &= 0xFFFFFFFFFFFFFFFF
    return number - (1 << 64) if number >> 63 else number


def le32_to_cpu(number: int) -> int:
    return int(number) & 0xFFFFFFFF


def le16_to_cpu(number: int) -> int:
    return int(number) & 0xFFFF


def FD_ISSET(descriptor: int, bits: bytes) -> int:
    """1 when ``descriptor`` is in the ``fd_set`` whose bytes are ``bits``, else 0."""
    return (bits[descriptor // 8] >> (descriptor % 8)) & 1


def PAGEOFFSET(address: int) -> int:
    return int(address) & (int(crash.PAGESIZE) - 1)


def readPtr(address: int, kind: Optional[int] = None) -> int:
    """The 64-bit pointer at an address; IndexError at NULL, as PyKdump programs expect."""
    return int.from_bytes(_readmem(address, 8, kind), "little")


def readInt(address: int, size: int, signed: Any = False) -> int:
    """The integer of ``size`` bytes at an address."""
    return int.from_bytes(_readmem(address, size, None), "little", signed=bool(signed))


def _readmem(address: int, size: int, kind: Optional[int]) -> bytes:
    if not address:
        raise IndexError("readPtr NULL pointer")
    if kind is None:
        return bytes(crash.readmem(int(address), size))
    return bytes(crash.readmem(int(address), size, kind))


def getListSize(address: int, offset: int, maxel: int) -> int:
    """Elements of a circular or NULL-terminated list, the head not counted, at most ``maxel``."""
    count, following = 0, int(address)
    if not following:
        return 0
    while count < maxel:
        following = crash.readPtr(following + offset)
        if following in (0, int(address)):
            break
        count += 1
    return count


def getFullBuckets(start: int, size: int, items: int, chain_offset: int = 0) -> list[int]:
    """The non-NULL chain pointers of a hash table of ``items`` buckets of ``size`` bytes."""
    table = crash.readmem(start, size * items)
    chains = (
        int.from_bytes(table[i * size + chain_offset : i * size + chain_offset + 8], "little")
        for i in range(items)
    )
    return [chain for chain in chains if chain]


def getFullBucketsH(start: int, size: int, items: int, chain_offset: int = 0) -> list[int]:
    """The addresses of the buckets (not of their first elements) whose chain is not empty."""
    table = crash.readmem(start, size * items)
    return [
        start + i * size
        for i in range(items)
        if any(table[i * size + chain_offset : i * size + chain_offset + 8])
    ]


def get_NR_syscalls() -> int:
    """The number of system calls: the size of ``sys_call_table`` over that of a pointer."""
    from crashext.pykdump.typesource import types

    return types().symbol_type("sys_call_table").length


def set_default_timeout(seconds: int) -> int:
    """Sets the time limit of ``exec_crash_command_bg``; returns the one before."""
    before = int(getattr(crash, "default_timeout", 60))
    crash.default_timeout = seconds
    return before


def exec_crash_command_bg2(command: str) -> tuple[int, int]:
    """Runs a crash command in a child; returns (descriptor of its output, pid).

    The parent must not touch the dump before the child is reaped: they share its file offset.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return reader, pid
    status = 1
    try:
        os.close(reader)
        with os.fdopen(writer, "w", errors="replace") as out:
            out.write(crash.exec_crash_command(command))
        status = 0
    except Exception as error:
        os.write(2, f"{command}: {error}\n".encode(errors="replace"))
    finally:
        os._exit(status)


_COMPLETIONS = (
    mem2long, sLong, le32_to_cpu, le16_to_cpu, FD_ISSET, PAGEOFFSET, readPtr, readInt,
    getListSize, getFullBuckets, getFullBucketsH, get_NR_syscalls, set_default_timeout,
    exec_crash_command_bg2,
)  # fmt: skip


def complete(module: ModuleType) -> Any:
    """Adds the names of PyKdump's C module that ``module`` lacks; returns the module."""
    for function in _COMPLETIONS:
        if not hasattr(module, function.__name__):
            setattr(module, function.__name__, function)
    for name, code in TYPE_CODES.items():
        if not hasattr(module, name):
            setattr(module, name, code)
    for name, value in (
        ("cpu_to_le32", le32_to_cpu),
        ("default_timeout", 120),
        ("byteorder", sys.byteorder),
    ):
        if not hasattr(module, name):
            setattr(module, name, value)
    return module


crash: Any = complete(importlib.import_module("crash"))
