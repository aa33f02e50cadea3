# SPDX-License-Identifier: GPL-2.0-or-later
"""The call path without an unwinder: the log's call trace, confirmed by the stack in memory.

The kernel unwound its stack when it printed the trace; each frame that it vouches for left its
return address on the stack, in order. A frame found there is reliable, in the order and at the
place that the log gives; the others are shown and marked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Optional

from crashext.engine.arch.ptregs import Stack
from crashext.engine.arch.x86.entries import TRAPS
from crashext.engine.model import StackFrame
from crashext.engine.report import LogFrame, LogSymbol

#: Frames that a path without a log is cut after.
_MAX_GUESSED = 64

#: Addresses of a symbol's name (several when static functions share it).
Resolve = Callable[[str, Optional[str]], Sequence[int]]


def confirmed(
    frames: Iterable[LogFrame], stacks: Sequence[Stack], start: int, resolve: Resolve
) -> list[StackFrame]:
    """The log's frames with their addresses; ``reliable`` where memory agrees.

    ``start`` is the stack pointer at the exception: older (deeper) words do not count. Frames
    may continue on another stack (an interrupt's on top of a task's): the search goes on there.
    """
    words = _words(stacks, start)
    position = 0
    result = []
    for frame in frames:
        found = None
        candidates = _addresses(frame, resolve)
        if frame.reliable and candidates:
            found = next((i for i in range(position, len(words)) if words[i] in candidates), None)
        result.append(
            replace(
                frame.shown(),
                reliable=found is not None,
                address=words[found] if found is not None else _only(candidates),
            )
        )
        if found is not None:
            position = found + 1
    return result


def from_panic(frames: Sequence[LogFrame]) -> list[LogFrame]:
    """From panic() on: what is before it only printed the report. All when it is not there."""
    for index, frame in enumerate(frames):
        if frame.name in ("panic", "vpanic"):
            return list(frames[index:])
    return list(frames)


def from_exception(frames: Sequence[LogFrame]) -> list[LogFrame]:
    """Without the entry and the handlers of the exception itself, which older kernels list.

    They lie deeper than the interrupted code's frames and the kernel marks them with "?".
    """
    start = 0
    for index, frame in enumerate(frames):
        if frame.reliable:
            break
        if frame.name in TRAPS:
            start = index + 1
    return list(frames[start:])


def _addresses(frame: LogSymbol, resolve: Resolve) -> list[int]:
    if frame.address is not None:
        return [frame.address]
    if frame.name is None or frame.offset is None:
        return []
    return [start + frame.offset for start in resolve(frame.name, frame.module)]


def _only(candidates: Sequence[int]) -> Optional[int]:
    return candidates[0] if len(candidates) == 1 else None


def _words(stacks: Sequence[Stack], start: int) -> list[int]:
    """The words from ``start`` up on its stack, then those of the other stacks in order."""
    words: list[int] = []
    for stack in sorted(stacks, key=lambda s: not s.base <= start < s.end):
        index = (start - stack.base) // 8 if stack.base <= start < stack.end else 0
        words += stack.words[index:]
    return words


def guessed(stack: Stack, start: int, is_text: Callable[[int], bool]) -> list[int]:
    """Words from ``start`` up that can be return addresses; none of them is certain."""
    index = max((start - stack.base) // 8, 0)
    return [word for word in stack.words[index:] if word >= 1 << 63 and is_text(word)][
        :_MAX_GUESSED
    ]
