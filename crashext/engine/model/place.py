# SPDX-License-Identifier: GPL-2.0-or-later
"""Where it happened: source, code, stack, and the frame to act on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from crashext.engine.model.fields import hexadecimal


@dataclass
class SourceLine:
    line: int
    text: str


@dataclass
class SourceLocation:
    """One level of an inline chain. ``file`` as DWARF names it."""

    function: Optional[str] = None
    file: Optional[str] = None
    line: Optional[int] = None
    column: Optional[int] = None


@dataclass
class Instruction:
    """One decoded instruction for display; ``faulting`` marks the one at RIP."""

    address: int = hexadecimal(0)
    bytes: str = ""  # hex digits, e.g. "c70425…"
    text: str = ""  # AT&T syntax, as crash and objdump print it
    faulting: bool = False


@dataclass
class Rip:
    address: Optional[int] = hexadecimal()
    symbol: Optional[str] = None
    offset: Optional[int] = None
    size: Optional[int] = None
    module: Optional[str] = None
    file: Optional[str] = None
    line: Optional[int] = None
    column: Optional[int] = None
    source_text: Optional[str] = None
    source_context: list[SourceLine] = field(default_factory=list)
    inlined: list[SourceLocation] = field(default_factory=list)
    instruction: Optional[str] = None
    meaning: Optional[str] = None  # what the instruction did, with the register values
    disassembly: list[Instruction] = field(default_factory=list)


@dataclass
class Culprit:
    """The frame to act on, after library, report and handler frames are skipped."""

    function: Optional[str] = None
    file: Optional[str] = None
    line: Optional[int] = None
    module: Optional[str] = None
    why: str = ""


@dataclass
class StackFrame:
    """One frame, innermost first. ``address`` is the pc (exact) or the return address."""

    function: Optional[str] = None
    offset: Optional[int] = None
    size: Optional[int] = None
    module: Optional[str] = None
    file: Optional[str] = None
    line: Optional[int] = None
    reliable: bool = True
    inlined: bool = False
    address: Optional[int] = hexadecimal()
    #: Frames left out right after this one (a stack overflow has hundreds).
    omitted: int = 0
