# SPDX-License-Identifier: GPL-2.0-or-later
"""Symbols as the kernel prints them (lib/vsprintf.c: %pS, %pB) and the stack frames of them.

Besides the kernel's own forms, the two forms of a log that was symbolised before: decode_stacktrace
(``sym (file:line) module``) and syzbot (``sym+0x1/0x2 file:line [inline]``).
"""

from __future__ import annotations

import re
from re import Match, Pattern
from typing import Optional

from crashext.engine.lazy import Lazy
from crashext.engine.report import LogFrame, LogSymbol


def _compile(regex: str) -> Pattern[str]:
    return re.compile(regex, re.ASCII)  # a digit of another script is no digit of the kernel's


def _lazy(regex: str) -> Lazy[str]:
    return Lazy(regex, re.ASCII)


# Rust's mangled names and LLVM's suffixes stay within \w and "."; "$" is from hand-written asm.
_NAME = r"[A-Za-z_.$][\w.$]*"
# After a module's name: its taint letters, the build id (CONFIG_STACKTRACE_BUILD_ID).
_MODULE = r"\[(?P<module>[\w-]+)(?:\([A-Z+-]*\))?(?: [0-9a-f]{16,64})?\]"
_FILE = r"(?P<file>[^\s():\[\]]+):(?P<line>\d{1,8})(?!\d)"
#: ``sym+0xoff/0xsize [module]``, ``0xaddr`` or printk's ``(null)``.
_SYMBOL = (
    rf"(?:(?P<name>{_NAME})\+0x(?P<offset>[0-9a-f]{{1,16}})/0x(?P<size>[0-9a-f]{{1,16}})"
    r"|(?P<raw>0x[0-9a-f]{1,16})|(?P<null>\(null\)))"
    rf"(?: {_MODULE}| [0-9a-f]{{16,64}}(?= |$))?(?: {_FILE})?"
)
_DECODED = (
    rf"(?P<name>{_NAME}) \({_FILE}(?P<outer>[^()]*)(?:\([^()]*\)[^()]*)*\)"
    r"(?: \[?(?P<module>[a-zA-Z][\w-]*)\]?)?"
)
# Blanks between the parts of a frame. Bounded: where two repeats of blanks could share a run of
# them, a line of 16 kB of blanks would be matched in quadratic time.
_GAP = r"\s{1,40}"
_ADDRESS = r"\[<\s{0,40}(?P<address>[0-9a-f]{8,16}|\(null\))>\]"

# x86's RIP line up to 4.9 has the address twice.
_ANY = _compile(rf"(?:{_ADDRESS}{_GAP}){{0,2}}{_SYMBOL}")
_ANY_DECODED = _lazy(_DECODED)
# " (P)" and alike at the end: arm64's source of a frame (stack_trace_print, since 6.13).
_END = r"(?: \([A-Z]{1,4}\))?(?P<inline> \[inline\])?$"
_FRAME = _compile(rf"(?:{_ADDRESS}{_GAP})?(?P<unreliable>\? )?\s{{0,40}}{_SYMBOL}{_END}")
_FRAME_DECODED = _lazy(rf"(?P<unreliable>\? )?{_DECODED}{_END}")
_FRAME_INLINE = _lazy(rf"(?P<unreliable>\? )?(?P<name>{_NAME}) {_FILE}(?P<inline> \[inline\])$")
# Offsets that somebody left out, as people do who type a trace into a mail.
_FRAME_BARE = _lazy(
    r"(?P<unreliable>\? )?(?P<name>(?=\w{0,200}_)[a-z_][\w.]{2,})"
    r"(?: \[(?P<module>[\w-]+)\])?(?P<inline> \[inline\])?$"
)
# arm: "[<c010>] (foo) from [<c020>] (bar+0x10/0x20 [mod])"; later " foo from bar+0x10/0x20".
# powerpc: "[c00000003ffe3c50] [c0000000009d1b70] foo+0x90/0xc0 (unreliable)".
_FRAME_ARM = _lazy(
    rf"(?:\[<[0-9a-f]{{8}}>\] )?"
    rf"\(?{_NAME}(?:\+0x[0-9a-f]{{1,16}}/0x[0-9a-f]{{1,16}})?(?: \[[\w-]+\])?\)? from "
    r"(?:\[<(?P<address>[0-9a-f]{8})>\] )?"
    rf"\(?(?P<name>{_NAME})(?:\+0x(?P<offset>[0-9a-f]{{1,16}})/0x(?P<size>[0-9a-f]{{1,16}})"
    rf"(?: {_MODULE})?(?: {_FILE})?| (?P<file_inlined>[^\s():\[\]]+):(?P<line_inlined>\d{{1,8}})"
    r"(?P<inline> \[inline\]))\)?$"
)
_FRAME_POWERPC = _lazy(
    r"\[[0-9a-f]{8,16}\] \[(?P<address>[0-9a-f]{8,16})\] "
    rf"(?P<name>{_NAME})\+0x(?P<offset>[0-9a-f]{{1,16}})/0x(?P<size>[0-9a-f]{{1,16}})"
    rf"(?: {_MODULE})?(?P<unreliable> \(unreliable\))?$"
)


def _hex(text: Optional[str]) -> Optional[int]:
    if text is None:
        return None
    return 0 if text == "(null)" else int(text, 16)


def _decimal(text: Optional[str]) -> Optional[int]:
    # More digits than any source file has lines is damage, not a line number.
    return int(text) if text is not None and len(text) < 9 else None


_OUTER = _lazy(r"[^\s():\[\]]{1,300}:\d{1,8}")


def _outer(text: str) -> tuple[tuple[str, int], ...]:
    """The callers of an inlined place, from " b.c:212 c.c:7": where each was inlined."""
    places = (word.rpartition(":") for word in text.split()[:16] if _OUTER.fullmatch(word))
    return tuple((file, int(line)) for file, _, line in places)


def _symbol(match: Match[str], line_no: int) -> LogSymbol:
    groups = match.groupdict()
    address = _hex(groups.get("address"))
    if address is None:
        address = _hex(groups.get("raw") or groups.get("null"))
    return LogSymbol(
        name=groups["name"],
        offset=_hex(groups.get("offset")),
        size=_hex(groups.get("size")),
        module=groups.get("module"),
        address=address,
        line_no=line_no,
        file=groups.get("file") or groups.get("file_inlined"),
        line=_decimal(groups.get("line") or groups.get("line_inlined")),
        outer=_outer(groups.get("outer") or ""),
    )


def parse_symbol(text: str, line_no: int) -> Optional[LogSymbol]:
    """The symbol at the start of ``text``, with the address where the line has one."""
    text = text.strip()
    match = _ANY.match(text) or _ANY_DECODED.match(text)
    return None if match is None else _symbol(match, line_no)


def parse_frame(text: str, line_no: int, stack: str) -> Optional[LogFrame]:
    """A whole line that is one stack frame, in any style; None for any other line."""
    text = text.strip()
    # s390 puts a frame that its unwinder does not vouch for in parentheses.
    doubted = text.startswith("([<") and text.endswith(")")
    if doubted:
        text = text[1:-1]
    match = _FRAME.match(text)
    if match is None:
        if " from " in text:
            match = _FRAME_ARM.match(text)
        elif "] [" in text:
            match = _FRAME_POWERPC.match(text)
        elif "(" in text:
            match = _FRAME_DECODED.match(text)
        elif text.endswith(" [inline]"):
            match = _FRAME_INLINE.match(text)
        if match is None:
            match = _FRAME_BARE.match(text)
        if match is None:
            return None
    groups = match.groupdict()
    if groups["name"] is None and groups.get("null") and not groups.get("address"):
        return None
    symbol = _symbol(match, line_no)
    return LogFrame(
        **vars(symbol),
        reliable=groups.get("unreliable") is None and not doubted,
        stack=stack,
        inlined=groups.get("inline") is not None,
    )
