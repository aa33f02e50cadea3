# SPDX-License-Identifier: GPL-2.0-or-later
"""Symbols as the kernel prints them (lib/vsprintf.c: %pS, %pB) and the stack frames made of them."""

from __future__ import annotations

import re
from typing import Optional

from crashext.engine.report import LogFrame, LogSymbol

#: ``sym+0xoff/0xsize [module build-id]``, a bare ``0xaddr``, or the two ways printk shows NULL.
#: In braces and parentheses after the module: build id (CONFIG_STACKTRACE_BUILD_ID), taint letters.
_SYMBOL = (
    r"(?:(?P<name>[A-Za-z_.$][\w.$:]*)\+0x(?P<offset>[0-9a-f]+)/0x(?P<size>[0-9a-f]+)"
    r"|(?P<raw>0x[0-9a-f]{1,16})|(?P<null>\(null\)))"
    r"(?: \[(?P<module>[\w-]+)(?:\([A-Z+-]*\))?(?: [0-9a-f]{16,64})?\]| [0-9a-f]{16,64})?"
)
_BRACKETED_ADDRESS = r"\[<\s*(?P<address>[0-9a-f]{8,16}|\(null\))>\]"

_ANY = re.compile(rf"\s*(?:{_BRACKETED_ADDRESS}\s+)?{_SYMBOL}")
_FRAME = re.compile(
    rf"\s*(?:{_BRACKETED_ADDRESS}\s+)?(?P<unreliable>\? )?{_SYMBOL}(?: \([A-Z]+\))?\s*$"
)
# arm: "[<c010>] (foo) from [<c020>] (bar+0x10/0x20 [mod])"; later " foo from bar+0x10/0x20"
_ARM_FRAME = re.compile(
    r"\s*(?:\[<[0-9a-f]{8}>\] )?\(?(?P<inner>[\w.$]+)(?:\+0x(?P<inner_offset>[0-9a-f]+)/0x(?P<inner_size>[0-9a-f]+))?"
    r"(?: \[(?P<inner_module>[\w-]+)\])?\)? from (?:\[<(?P<address>[0-9a-f]{8})>\] )?"
    r"\(?(?P<name>[\w.$]+)\+0x(?P<offset>[0-9a-f]+)/0x(?P<size>[0-9a-f]+)"
    r"(?: \[(?P<module>[\w-]+)\])?\)?\s*$"
)


def _hex(text: Optional[str]) -> Optional[int]:
    if text is None:
        return None
    return 0 if text == "(null)" else int(text, 16)


def parse_symbol(text: str, line_no: int) -> Optional[LogSymbol]:
    """The symbol at the start of ``text``, with the address where the line has one."""
    match = _ANY.match(text)
    if match is None:
        return None
    address = _hex(match["address"])
    if address is None:
        address = _hex(match["raw"] or match["null"])
    return LogSymbol(
        name=match["name"],
        offset=_hex(match["offset"]),
        size=_hex(match["size"]),
        module=match["module"],
        address=address,
        line_no=line_no,
    )


def parse_frame(text: str, line_no: int, stack: str) -> Optional[LogFrame]:
    """A whole line that is one stack frame, in either style; None for any other line."""
    match = _FRAME.match(text)
    if match is None:
        if " from " in text and (match := _ARM_FRAME.match(text)):
            return LogFrame(
                name=match["name"],
                offset=_hex(match["offset"]),
                size=_hex(match["size"]),
                module=match["module"],
                address=_hex(match["address"]),
                line_no=line_no,
                stack=stack,
            )
        return None
    if match["null"] and not match["address"]:
        return None
    address = _hex(match["address"])
    if address is None:
        address = _hex(match["raw"])
    return LogFrame(
        name=match["name"],
        offset=_hex(match["offset"]),
        size=_hex(match["size"]),
        module=match["module"],
        address=address,
        line_no=line_no,
        reliable=match["unreliable"] is None,
        stack=stack,
    )
