# SPDX-License-Identifier: GPL-2.0-or-later
"""Every PyKdump name that the crash target uses: the only place that imports ``pykdump``.

The target runs under crashext.so and, with the same files, under upstream PyKdump's ``epython``:
there ``pykdump`` is PyKdump's own package, here it is :mod:`crashext.pykdump`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import crash

from crashext.errors import Unknown
from crashext.pykdump import install_alias

install_alias()

# ruff: noqa: E402 (the alias comes first)
import pykdump.API as _api  # type: ignore[import-not-found]

_any: Any = _api
EnumInfo = _any.EnumInfo
addr2mod = _any.addr2mod
addr2sym = _any.addr2sym
exec_crash_command = _any.exec_crash_command
exec_gdb_command = _any.exec_gdb_command
member_offset = _any.member_offset
member_size = _any.member_size
pid_to_task = _any.pid_to_task
readList = _any.readList
readmem = _any.readmem
readPtr = _any.readPtr
readSU = _any.readSU
readSymbol = _any.readSymbol
readU32 = _any.readU32
struct_size = _any.struct_size
sym2addr = _any.sym2addr
sym2alladdr = _any.sym2alladdr
symbol_exists = _any.symbol_exists
sys_info = _any.sys_info

CrashError: type[Exception] = crash.error

#: What a question that this dump or its debug info cannot answer raises, by PyKdump's rules:
#: memory not there, NULL, no such type or symbol, no such member.
NO_ANSWER = (CrashError, IndexError, TypeError, KeyError, AttributeError, ValueError)


@contextmanager
def asking(what: str) -> Iterator[None]:
    """``with asking("the symbol at 0x10"):`` – a no of crash becomes Unknown, with the reason."""
    try:
        yield
    except NO_ANSWER as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise Unknown(f"{what}: {reason}") from error
