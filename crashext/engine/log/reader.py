# SPDX-License-Identifier: GPL-2.0-or-later
"""Brings lines to the assembler: all that may matter, few of those that cannot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO, Optional, Union

from crashext.engine.kinds import panics, registry
from crashext.engine.log import prefilter
from crashext.engine.log.assemble import HEAD_LINES, NOTE_REACH, Assembler
from crashext.engine.log.prefix import MAX_LINE, strip
from crashext.engine.report import LogSummary

#: Bytes read at a time: fits the second-level cache, where the prefilter's passes are cheapest.
BLOCK = 256 * 1024
#: So much of a line is kept: MAX_LINE characters of the longest encoding.
MAX_LINE_BYTES = 4 * MAX_LINE
#: So many lines before the line that the prefilter finds may belong to the report: notes, and on
#: arm64 the registers of a stack overflow, which come before its panic.
LOOKBACK = NOTE_REACH + 40


def parse(text: Union[str, Iterable[str]]) -> LogSummary:
    """All crash reports in a log that is in memory: a text, or its lines. Never raises."""
    if isinstance(text, str):
        window = _Window()
        window.push(text.encode("utf-8", "surrogatepass"))
        return window.finish()
    assembler = Assembler()
    number = 0
    for number, raw in enumerate(text, 1):
        assembler.feed(strip(raw, number))
    return assembler.finish(number)


def scan(stream: BinaryIO) -> LogSummary:
    """The same for a binary stream of any size, read once, in bounded memory.

    Invalid UTF-8 is replaced. Raises only what ``stream.read`` raises.
    """
    window = _Window()
    while block := stream.read(BLOCK):
        window.push(block)
    return window.finish()


class _Window:
    """The part of a log that is in memory, and how far of it the assembler has seen."""

    def __init__(self) -> None:
        self._assembler = Assembler()
        self._data = b""  # begins with the first line that was neither fed nor given up
        self._number = 1  # of that line
        self._lines = 0

    def push(self, block: bytes) -> None:
        """Takes the next bytes of the log."""
        data = self._data + block
        end = data.rfind(b"\n", len(self._data)) + 1
        if end == 0:
            # No line ends here. Of an endless line only the beginning is kept.
            start = data.rfind(b"\n") + 1
            self._data = data[: start + MAX_LINE_BYTES]
            return
        position = self._feed(data, end)
        self._data = data[position:end] + data[end : end + MAX_LINE_BYTES]

    def finish(self) -> LogSummary:
        """The end of the log: its last line may lack a line end."""
        data = self._data
        tail = data.rfind(b"\n") + 1 < len(data)
        if tail:
            data += b"\n"
        position = self._feed(data, len(data))
        lines = self._number - 1 + data.count(b"\n", position)
        return self._assembler.finish(lines)

    def _feed(self, data: bytes, end: int) -> int:
        """Feeds what may matter of the whole lines before ``end``; returns the new position.

        What follows the position was not fed: at most LOOKBACK lines, for the next block may show
        that they belong to a report.
        """
        assembler = self._assembler
        position = 0
        marks = prefilter.candidates(data if end == len(data) else data[:end])
        index = 0
        while position < end:
            if assembler.open or self._number <= HEAD_LINES:
                position = self._feed_line(data, position)
                continue
            while index < len(marks) and marks[index] < position:
                index += 1
            if index == len(marks):
                break
            start = data.rfind(b"\n", position, marks[index]) + 1 or position
            before = _lines_before(data, start)
            if before is None:
                index += 1
                continue
            begin = _rewind(data, start, position, before)
            self._skip(data, position, begin)
            position = begin
            while position <= start:
                position = self._feed_line(data, position)
        if position < end:
            begin = _rewind(data, end, position, LOOKBACK)
            self._skip(data, position, begin)
            position = begin
        return position

    def _skip(self, data: bytes, position: int, begin: int) -> None:
        if begin > position:
            self._number += data.count(b"\n", position, begin)
            self._assembler.skip()

    def _feed_line(self, data: bytes, position: int) -> int:
        after = data.index(b"\n", position) + 1
        raw = data[position : min(after, position + MAX_LINE_BYTES)]
        self._assembler.feed(strip(raw.decode("utf-8", "replace"), self._number))
        self._number += 1
        return after


def _lines_before(data: bytes, start: int) -> Optional[int]:
    """How many lines before the one at ``start`` may belong to what it begins.

    None: it begins nothing, as most needles in running text do. A boot's first line stands alone.
    """
    after = data.index(b"\n", start)
    raw = data[start : min(after, start + MAX_LINE_BYTES)]
    line = strip(raw.decode("utf-8", "replace"), 0)
    if line.program not in ("", "kernel"):
        return None
    text = line.text.strip()
    if registry.header(text) is not None or panics.LINE.match(text) is not None:
        return LOOKBACK
    return 0 if text.startswith("Linux version ") else None


def _rewind(data: bytes, start: int, floor: int, count: int) -> int:
    """The beginning of the line ``count`` lines before ``start``, not before ``floor``."""
    for _ in range(count):
        if start <= floor:
            return floor
        start = data.rfind(b"\n", floor, start - 1) + 1 or floor
    return max(start, floor)
