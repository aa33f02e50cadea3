# SPDX-License-Identifier: GPL-2.0-or-later
"""A frame of a stack together with what its function is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Optional

from crashext.engine.blame.names import normalise
from crashext.engine.blame.roles import Category
from crashext.engine.model import StackFrame


class Choice(NamedTuple):
    """The frame to act on."""

    #: Its index in the frames given, or None when nobody can be blamed.
    frame: Optional[int]
    #: Why, in one sentence.
    why: str
    #: What speaks against being sure of it, or "".
    doubt: str = ""


@dataclass(frozen=True)
class Seen:
    """A frame that can be trusted; ``category`` is None for a function that may be to blame."""

    index: int
    frame: StackFrame
    name: str  # without suffixes
    category: Optional[Category]
    #: The category is that of the function that this one was inlined into.
    inherited: bool = False


def where(frame: StackFrame) -> str:
    """``function [module]`` of a frame, without compiler suffixes."""
    return f"{normalise(frame.function or '?')}" + (f" [{frame.module}]" if frame.module else "")
