# SPDX-License-Identifier: GPL-2.0-or-later
"""Source lines and symbols from what crash and its gdb print (no DWARF reader of our own)."""

from __future__ import annotations

import re
from typing import Optional

_INFO_LINE = re.compile(r'Line (\d+) of "([^"]+)"')
#: ``ffffffff993ccf41 (T) panic+16 /build/kernel/panic.c: 283``, a module's with ``[name]``.
_SYM = re.compile(
    r"^([0-9a-f]+) \((.)\) (\S+?)(?:\+(\d+|0x[0-9a-f]+))?(?: \[(\w+)\])?(?:\s+(\S.*): (\d+))?\s*$",
    re.MULTILINE,
)
_SYM_LIST = re.compile(r"^([0-9a-f]+) \((.)\) (\S+)", re.MULTILINE)


def parse_info_line(text: Optional[str]) -> Optional[tuple[str, int]]:
    """(file, line) of gdb's ``info line *ADDRESS``, None when gdb knows no line there."""
    match = _INFO_LINE.search(text or "")
    return (match[2], int(match[1])) if match else None


def parse_sym_line(text: str) -> Optional[tuple[str, int]]:
    """(file, line) of crash's ``sym ADDRESS``, None when it shows none."""
    match = _SYM.search(text)
    return (match[6], int(match[7])) if match and match[6] else None


def names_at(text: str, address: int) -> list[str]:
    """The names that a symbol list (``sym -m MODULE``) has for exactly this address."""
    return [match[3] for match in _SYM_LIST.finditer(text) if int(match[1], 16) == address]
