# SPDX-License-Identifier: GPL-2.0-or-later
"""Brings lines to the assembler: all that may matter, few of those that cannot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO, NamedTuple, Optional, Union

from crashext.engine.forms import carriers, disassembly, session, wrapping
from crashext.engine.forms.prefix import MAX_LINE, Line, take
from crashext.engine.kinds import panics, registry
from crashext.engine.log import prefilter
from crashext.engine.log.assemble import HEAD_LINES, NOTE_REACH, Assembler
from crashext.engine.report import LogSummary

#: Bytes read at a time: fits the second-level cache, where the prefilter's passes are cheapest.
BLOCK = 256 * 1024
#: So much of a line is kept: MAX_LINE characters of the longest encoding.
MAX_LINE_BYTES = 4 * MAX_LINE
#: So many lines before the line that the prefilter finds may belong to the report: notes, and on
#: arm64 the registers of a stack overflow, which come before its panic.
LOOKBACK = NOTE_REACH + 40


#: Of a text that is shorter than this, in bytes, every line is looked at: in what people paste the
#: line that begins a report may be wrapped, and then the prefilter does not see it.
PASTED = 24 * 1024
#: So many lines show how they were wrapped.
_STYLE_LINES = 160


def parse(text: Union[str, Iterable[str]]) -> LogSummary:
    """All crash reports in a log that is in memory: a text, or its lines. Never raises."""
    if not isinstance(text, str):
        text = "".join(line if line.endswith("\n") else line + "\n" for line in text)
    data = text.encode("utf-8", "surrogatepass")
    window = _Window()
    for part in carriers.parts(iter((data,))):
        window.push(part)
    return window.finish()


def scan(stream: BinaryIO) -> LogSummary:
    """The same for a binary stream of any size, read once, in bounded memory.

    Invalid UTF-8 is replaced. Raises only what ``stream.read`` raises.
    """
    window = _Window()
    for part in carriers.parts(iter(lambda: stream.read(BLOCK), b"")):
        window.push(part)
    return window.finish()


def logical_lines(data: bytes) -> list[Line]:
    """Every line of a text in the kernel's own form, with its number in the text. Never raises."""
    lines = _Lines()
    window = _Window(lines)
    for part in carriers.parts(iter((data,))):
        window.push(part)
    window.finish()
    return lines.lines


def logical_lines_of(part: carriers.Part) -> list[Line]:
    """The same for bytes that no carrier has any more."""
    lines = _Lines()
    window = _Window(lines)
    window.push(part)
    window.finish()
    return lines.lines


class _Lines:
    """In the assembler's place: keeps the lines."""

    open = True

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def feed(self, line: Line) -> None:
        self.lines.append(line)

    def skip(self) -> None:
        """Nothing is left out."""

    def finish(self, lines: int) -> LogSummary:
        return LogSummary(lines=lines)


class _Physical(NamedTuple):
    """A line of the file, and where the next one begins."""

    line: Line
    shape: wrapping.Physical
    depth: int
    after: int


class _Window:
    """The part of a log that is in memory, and how far of it the assembler has seen."""

    def __init__(self, assembler: Union[Assembler, _Lines, None] = None) -> None:
        self._assembler = assembler or Assembler()
        self._data = b""  # begins with the first line that was neither fed nor given up
        self._number = 1  # of that line
        self._beginning = carriers.Part(b"")  # the first bytes of the log
        self._numbers = carriers.Numbers()
        self._known: dict[int, _Physical] = {}
        self._style = wrapping.Style()
        self._style_until = 0  # position up to which it was taken
        self._whole = True  # all of the text so far is in memory
        self._small = False

    def push(self, part: carriers.Part) -> None:
        """Takes the next bytes of the log."""
        self._numbers.add(part.numbers)
        if not self._beginning.data:
            self._beginning = part
        data = self._data + part.data
        self._whole = self._whole and len(data) < PASTED
        end = data.rfind(b"\n", len(self._data)) + 1
        if self._whole:
            self._data = data  # nothing is decided before it is known how long it is
            return
        self._forget()
        if end == 0:
            # No line ends here. Of an endless line only the beginning is kept.
            start = data.rfind(b"\n") + 1
            self._data = data[: start + MAX_LINE_BYTES]
            return
        position = self._feed(data, end, final=False)
        self._data = data[position:end] + data[end : end + MAX_LINE_BYTES]
        self._numbers.drop(self._number)

    def finish(self) -> LogSummary:
        """The end of the log: its last line may lack a line end."""
        data = self._data
        self._forget()
        if data and not data.endswith(b"\n"):
            data += b"\n"
        self._small = self._whole
        position = self._feed(data, len(data), final=True)
        lines = self._number - 1 + data.count(b"\n", position)
        summary = self._assembler.finish(self._numbers.last(lines))
        if not isinstance(self._assembler, _Lines):
            self._take_session(summary)
            if not summary.reports:
                summary.nature = carriers.nature(self._beginning.head or self._beginning.data)
        return summary

    def _take_session(self, summary: LogSummary) -> None:
        """Of a pasted debugger's session without the kernel's own report its stack is the report.

        The banner of crash quotes the headline; a report of that alone says less than the stack.
        """
        if any(report.frames or report.registers for report in summary.reports):
            return
        if not session.is_session(self._beginning.data):
            return
        lines = logical_lines_of(self._beginning)
        report = session.read(lines)
        if report is not None:
            summary.reports, summary.crash = [report], 0

    def _forget(self) -> None:
        """Positions are those of other data now."""
        self._known = {}
        self._style_until = 0

    def _feed(self, data: bytes, end: int, final: bool) -> int:
        """Feeds what may matter of the whole lines before ``end``; returns the new position.

        What follows the position was not fed: at most LOOKBACK lines, for the next block may show
        that they belong to a report, or the last line, which may be wrapped.
        """
        assembler = self._assembler
        position = 0
        marks = prefilter.candidates(data if end == len(data) else data[:end])
        index = 0
        while position < end:
            if assembler.open or self._number <= HEAD_LINES or self._small:
                after = self._feed_line(data, position, end, final)
                if after == position:
                    return position
                position = after
                continue
            while index < len(marks) and marks[index] < position:
                index += 1
            if index == len(marks):
                break
            start = data.rfind(b"\n", position, marks[index]) + 1 or position
            before = self._lines_before(data, start, end)
            if before is None:
                index += 1
                continue
            begin = _rewind(data, start, position, before)
            self._skip(data, position, begin)
            position = begin
            while position <= start:
                after = self._feed_line(data, position, end, final)
                if after == position:
                    return position
                position = after
        if position < end:
            begin = _rewind(data, end, position, LOOKBACK)
            self._skip(data, position, begin)
            position = begin
        return position

    def _skip(self, data: bytes, position: int, begin: int) -> None:
        if begin > position:
            self._number += data.count(b"\n", position, begin)
            self._assembler.skip()

    def _feed_line(self, data: bytes, position: int, end: int, final: bool) -> int:
        """Feeds a line with all that was wrapped of it; returns where the next one begins.

        Returns ``position`` when the next block may bring the rest of the line.
        """
        line, after = self._logical(data, position, end)
        if after >= end and not final and position > 0:
            return position
        count = data.count(b"\n", position, after)
        numbers = self._numbers
        last = numbers.of(self._number + count - 1) if count > 1 else 0
        if numbers.mapped:
            line = line._replace(number=numbers.of(self._number), last=last, ordinal=self._number)
        else:
            line = line._replace(number=self._number, last=last)
        self._assembler.feed(line)
        self._number += count
        return after

    def _logical(self, data: bytes, position: int, end: int) -> tuple[Line, int]:
        """The line at the position, unwrapped, and where the next one begins; no number."""
        here = self._physical(data, position)
        line, after, length = here.line, here.after, here.shape.length
        if here.shape.blank and not here.shape.marked:
            return line, after
        if disassembly.HEAD.fullmatch(line.text.strip()):
            return self._disassembled(data, here, end)
        while after < end:
            following = self._physical(data, after)
            if following.shape.marked:
                break
            style = self._style_at(data, position, end)
            if following.shape.blank:
                if not style.spaced or following.after >= end:
                    break
                following = self._physical(data, following.after)
                if following.shape.marked or following.shape.blank:
                    break
            if following.depth not in (0, here.depth):
                break
            marked = here.shape.marked and following.depth == here.depth
            text = wrapping.rest(line.text, following.line.text, marked, style, length)
            if text is None:
                break
            line = line._replace(text=text)
            after, length = following.after, following.shape.length
        if line.text.endswith(">"):
            line = line._replace(text=wrapping.without_cut(line.text))
        return line, after

    def _disassembled(self, data: bytes, here: _Physical, end: int) -> tuple[Line, int]:
        """What decode_stacktrace.sh made of a "Code:" line, as that line."""
        lines = [here.line.text]
        after = here.after
        while after < end and len(lines) < disassembly.LONGEST:
            following = self._physical(data, after)
            if following.shape.marked or not disassembly.is_of_it(following.line.text):
                break
            lines.append(following.line.text)
            after = following.after
        return here.line._replace(text=disassembly.code_line(lines) or here.line.text), after

    def _physical(self, data: bytes, position: int) -> _Physical:
        """The line at the position as the file has it."""
        known = self._known.get(position)
        if known is None:
            after = data.index(b"\n", position) + 1
            raw = data[position : min(after, position + MAX_LINE_BYTES)].decode("utf-8", "replace")
            line, marked, depth = take(raw, 0)
            shape = wrapping.Physical(len(raw.rstrip("\r\n")), marked, not line.text.strip())
            if not marked and not shape.blank:
                shape = shape._replace(begins=wrapping.begins(line.text))
            if len(self._known) > 4 * _STYLE_LINES:
                self._known = {}
            known = self._known[position] = _Physical(line, shape, depth, after)
        return known

    def _style_at(self, data: bytes, position: int, end: int) -> wrapping.Style:
        """How the lines from here on are wrapped."""
        if position >= self._style_until:
            shapes: list[wrapping.Physical] = []
            place = position
            while place < end and len(shapes) < _STYLE_LINES:
                physical = self._physical(data, place)
                shapes.append(physical.shape)
                place = physical.after
            style = wrapping.style_of(shapes)
            if style.width or not self._assembler.open:
                self._style = style
            # The last lines of the sample want a look ahead as well.
            self._style_until = place if place >= end else (position + place) // 2
        return self._style

    def _lines_before(self, data: bytes, start: int, end: int) -> Optional[int]:
        """How many lines before the one at ``start`` may belong to what it begins.

        None: it begins nothing, as most needles in running text do. A boot's first line stands
        alone.
        """
        line = self._physical(data, start).line
        if line.program not in ("", "kernel"):
            return None
        for text in (line.text.strip(), self._logical(data, start, end)[0].text.strip()):
            if registry.header(text) is not None or panics.LINE.match(text) is not None:
                return LOOKBACK
            if text.startswith("Linux version "):
                return 0
        return None


def _rewind(data: bytes, start: int, floor: int, count: int) -> int:
    """The beginning of the line ``count`` lines before ``start``, not before ``floor``."""
    for _ in range(count):
        if start <= floor:
            return floor
        start = data.rfind(b"\n", floor, start - 1) + 1 or floor
    return max(start, floor)
