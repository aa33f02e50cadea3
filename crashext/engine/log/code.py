# SPDX-License-Identifier: GPL-2.0-or-later
"""The ``Code:`` line (arch/x86/kernel/dumpstack.c: show_opcodes; arch/arm64/kernel/traps.c)."""

from __future__ import annotations

import re
from typing import Optional, Union

from crashext.engine.report import CodeBytes

_TOKEN = re.compile(r"([<(]?)([0-9a-f]+)[>)]?")


def parse_code(text: str, line_no: int) -> Union[CodeBytes, str, None]:
    """The bytes, or the kernel's own words where it could not read them; None: not understood.

    x86 prints bytes and marks the one at RIP ``<xx>``; arm and arm64 print instruction words and
    put the one at pc into parentheses: they are returned as little-endian bytes. A line without
    the mark (cut before it) is None, for nobody can tell which byte was executed.
    """
    text = text.strip()
    if not text:
        return None
    if text.startswith(("Bad ", "Unable ", "bad ")):
        return text
    data = bytearray()
    fault_index: Optional[int] = None
    width = 0
    for token in text.split():
        match = _TOKEN.fullmatch(token)
        if match is None:
            break
        mark, digits = match.groups()
        width = width or len(digits)
        if len(digits) != width or width not in (2, 4, 8):
            break  # the line is cut or damaged here
        if mark:
            fault_index = len(data)
        data += bytes.fromhex(digits)[::-1]
    if fault_index is None or fault_index >= len(data):
        return None
    return CodeBytes(bytes(data), fault_index, line_no)
