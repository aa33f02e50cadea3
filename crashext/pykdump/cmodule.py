# SPDX-License-Identifier: GPL-2.0-or-later
"""The C module ``crash`` of the embedding extension, completed to PyKdump's names.

crashext.so's module has PyKdump's functions (stubs/crash.pyi). What needs no C is added here.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType
from typing import Any, Callable

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


def mem2long(source: bytes, signed: Any = False, array: int = 0) -> Any:
    """The little-endian integer in ``source``, or a list of ``array`` integers of equal size."""
    if array <= 1:
        return int.from_bytes(source, "little", signed=bool(signed))
    size, rest = divmod(len(source), array)
    if rest or not size:
        raise crash.error(f"{len(source)} bytes are not {array} integers")
    return [
        int.from_bytes(source[i : i + size], "little", signed=bool(signed))
        for i in range(0, len(source), size)
    ]


def sLong(value: int) -> int:
    """An unsigned 64-bit number read as a signed one."""
    return ((value & (1 << 64) - 1) ^ 1 << 63) - (1 << 63)


def le32_to_cpu(value: int) -> int:
    return int(value) & 0xFFFFFFFF


def le16_to_cpu(value: int) -> int:
    return int(value) & 0xFFFF


def FD_ISSET(fd: int, bits: bytes) -> int:
    """1 when descriptor ``fd`` is in the ``fd_set`` whose bytes are ``bits``, else 0."""
    return bits[fd // 8] >> fd % 8 & 1


def set_default_timeout(seconds: int) -> int:
    """Sets the time limit of ``exec_crash_command_bg``; returns the one before."""
    before = int(crash.default_timeout)
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


_FUNCTIONS: tuple[Callable[..., Any], ...] = (
    mem2long, sLong, le32_to_cpu, le16_to_cpu, FD_ISSET, set_default_timeout,
    exec_crash_command_bg2,
)  # fmt: skip


def complete(module: ModuleType) -> Any:
    """Adds the names of PyKdump's C module that ``module`` lacks; returns the module."""
    names: dict[str, Any] = {function.__name__: function for function in _FUNCTIONS}
    names.update(TYPE_CODES, cpu_to_le32=le32_to_cpu, default_timeout=120)
    for name, value in names.items():
        if not hasattr(module, name):
            setattr(module, name, value)
    return module


crash: Any = complete(importlib.import_module("crash"))
