# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines that several views share, each written in one place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from crashext.engine.model import Instruction, Rip, StackFrame
from crashext.view.document import Block, Line, Piece, line

#: The debuggers whose commands are shown in each door, the first first. Who sits in a debugger is
#: not told to go to another.
DEBUGGERS = {
    "shell": ("crash", "drgn"),
    "crash": ("crash",),
    "pykdump": ("crash",),
    "drgn": ("drgn",),
    "gdb": ("gdb",),
}


def symbol(
    name: Optional[str], offset: Optional[int], size: Optional[int] = None, nothing: str = ""
) -> Piece:
    """``name+0xoffset/0xsize``, or the words for no known function."""
    if not name:
        return Piece(nothing)
    if offset is None:  # a log that was symbolised before has a line instead
        return Piece(name, "function")
    length = f"/0x{size:x}" if size else ""
    return Piece(f"{name}+0x{offset:x}{length}", "function")


def place(file: str, number: Optional[int], column: Optional[int] = None) -> Piece:
    """``file:line:column``."""
    return Piece(f"{file}:{number}" + (f":{column}" if column else ""), "file")


def module(name: Optional[str]) -> Piece:
    """``[name]`` or nothing."""
    return Piece(f"[{name}]" if name else "", "module")


def inlined(rip: Rip) -> Iterable[Line]:
    """The functions into which the innermost one was inlined, one a line."""
    for level in rip.inlined[1:]:
        where = f"{level.file}:{level.line}"
        if level.function is None:  # a symbolised log names places only
            yield line("inlined into ", Piece(where, "file"))
            continue
        yield line("inlined into ", Piece(level.function, "function"), " at ", Piece(where, "file"))


def source(rip: Rip, depth: int = 0) -> Iterable[Line]:
    """The source text around the line, that one marked."""
    for entry in rip.source_context:
        here = entry.line == rip.line
        head = f"{'→' if here else ' '} {entry.line:5}  "
        yield line(head, Piece(entry.text.expandtabs(8), "source"), depth=depth, marked=here)


def instruction(entry: Instruction) -> Line:
    """One line of disassembly; the faulting instruction is marked."""
    return line(
        "→ " if entry.faulting else "  ",
        Piece(f"{entry.address:016x}", "address"),
        "  ",
        Piece(entry.text, "instruction"),
        marked=entry.faulting,
    )


def disassembly(rip: Rip, title: str = "code", *, apart: bool = True) -> Block:
    return Block(title, "code", [instruction(entry) for entry in rip.disassembly], apart)


def frame(index: int, entry: StackFrame) -> Line:
    """One frame: ``#3  function+0x12 [module] at file:line``, ``?`` when unreliable."""
    name = entry.function or (f"0x{entry.address:x}" if entry.address is not None else "?")
    offset = f"+0x{entry.offset:x}" if entry.offset is not None and not entry.inlined else ""
    return line(
        f"#{index:<3}{' ' if entry.reliable else '?'} ",
        Piece(name + offset, "function"),
        " " if entry.module else "",
        module(entry.module),
        " at " if entry.file else "",
        place(entry.file, entry.line) if entry.file else "",
        " (inlined)" if entry.inlined else "",
    )
