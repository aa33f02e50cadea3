# SPDX-License-Identifier: GPL-2.0-or-later
"""The C module ``crash`` of the embedding extension, completed to PyKdump's names.

crashext.so's module has PyKdump's functions (stubs/crash.pyi). What needs no C is added here:
gdb's type codes, and running a command in a child process.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType
from typing import Any

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


def complete(module: ModuleType) -> Any:
    """Adds the names of PyKdump's C module that ``module`` lacks; returns the module."""
    names = {**TYPE_CODES, "exec_crash_command_bg2": exec_crash_command_bg2}
    for name, value in names.items():
        if not hasattr(module, name):
            setattr(module, name, value)
    return module


crash: Any = complete(importlib.import_module("crash"))
