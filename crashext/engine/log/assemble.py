# SPDX-License-Identifier: GPL-2.0-or-later
"""Turns lines into reports: which line opens, joins, refines or ends which report."""

from __future__ import annotations

import re
from collections import deque
from re import Match
from typing import Optional

from crashext.engine.log import headers, panics
from crashext.engine.log.builder import ReportBuilder
from crashext.engine.log.headers import Header, Role
from crashext.engine.log.prefix import Line
from crashext.engine.report import LogSummary, Report

#: A report is over after so many lines in a row (of its own stream) that are not of it.
MAX_GAP = 40
#: A note ("list_add corruption…") speaks of a report that begins within so many lines.
NOTE_REACH = 12

_LINUX_VERSION = re.compile(r"Linux version (?P<release>\S{1,200})")
_CUT_HERE = "[ cut here ]"


class _Stream:
    """The lines of one CPU or task, as far as the caller tag tells them apart."""

    def __init__(self) -> None:
        self.builder: Optional[ReportBuilder] = None
        self.gap = 0
        self.notes: deque[tuple[Header, Match[str], Line]] = deque(maxlen=4)
        self.cut_here = 0  # line number of the last "cut here" mark


class Assembler:
    """Feed it lines in order, then call :meth:`finish`."""

    def __init__(self) -> None:
        self._streams: dict[tuple[str, str], _Stream] = {}
        self._builders: list[ReportBuilder] = []
        self._release: Optional[str] = None
        self._release_at_crash: Optional[str] = None
        self._boots = 0
        self.open = False

    def feed(self, line: Line) -> None:
        """One line, prefix stripped."""
        if line.program not in ("", "kernel"):
            return
        key = (line.host, line.caller)
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = _Stream()
        text = line.text
        if "Linux version " in text and (match := _LINUX_VERSION.match(text)):
            self._boot(match["release"])
            return
        if "Kernel panic" in text and (match := headers.PANIC.match(text.strip())):
            self._panic(match, line, stream)
            return
        found = headers.recognise(text.strip())
        if found is not None:
            self._header(found[0], found[1], line, stream)
            return
        note = headers.recognise_note(text.strip())
        if note is not None:
            self._note(note[0], note[1], line, stream)
            return
        if _CUT_HERE in text:
            stream.cut_here = line.number
        self._follow(line, stream)

    def _boot(self, release: str) -> None:
        self._boots += 1
        for stream in self._streams.values():
            self._close(stream)
        self._release = release

    def _follow(self, line: Line, stream: _Stream) -> None:
        builder = stream.builder
        if builder is None:
            return
        if builder.absorb(line):
            stream.gap = 0
            return
        stream.gap += 1
        if stream.gap > MAX_GAP:
            self._close(stream)

    def _close(self, stream: _Stream) -> None:
        stream.builder = None
        stream.gap = 0
        stream.notes.clear()
        self.open = any(other.builder is not None for other in self._streams.values())

    def _header(self, header: Header, match: Match[str], line: Line, stream: _Stream) -> None:
        builder = stream.builder
        if builder is not None and builder.awaits_die and not builder.ended:
            if header.role is Role.DIE:
                builder.complete(header, match, line)
                stream.gap = 0
                return
            if header.role is Role.ONGOING and builder.report.die_count is None:
                self._join_ongoing(builder, header, match, line)
                stream.gap = 0
                return
        self._begin(header, match, line, stream)

    @staticmethod
    def _join_ongoing(
        builder: ReportBuilder, header: Header, match: Match[str], line: Line
    ) -> None:
        """Two lines before one die(): "kernel tried to execute NX…" then "BUG: unable to…"."""
        report = builder.report
        specific = {"nx-exec", "user-memory-access", "stack-overflow", "sysrq"}
        if report.kind not in specific:
            report.kind = header.kind
        builder.fill(header, match, line)

    def _begin(
        self, header: Header, match: Match[str], line: Line, stream: _Stream
    ) -> ReportBuilder:
        builder = ReportBuilder(header, match, line)
        stream.builder = builder
        stream.gap = 0
        self.open = True
        self._builders.append(builder)
        for note_header, note_match, note_line in stream.notes:
            if line.number - note_line.number <= NOTE_REACH:
                builder.note(note_header, note_match, note_line)
                builder.report.first_line = min(builder.report.first_line, note_line.number)
        stream.notes.clear()
        if stream.cut_here and line.number - stream.cut_here <= 4:
            builder.report.first_line = min(builder.report.first_line, stream.cut_here)
        stream.cut_here = 0
        return builder

    def _note(self, header: Header, match: Match[str], line: Line, stream: _Stream) -> None:
        builder = stream.builder
        if builder is not None and not builder.ended and not builder.traced:
            builder.note(header, match, line)
            stream.gap = 0
        else:
            stream.notes.append((header, match, line))

    # ---------------------------------------------------------------- panics

    def _panic(self, match: Match[str], line: Line, stream: _Stream) -> None:
        message = match["message"].strip()
        row, details = panics.classify(message)
        builder = stream.builder
        if match["end"]:
            if builder is not None:
                builder.report.last_line = line.number
                self._close(stream)
            return
        ended = self._ended_by(row, stream)
        if ended is None:
            header = Header(row.kind, Role.START, "", headers.PANIC, fatal=True)
            ended = self._begin(header, match, line, stream)
            ended.report.details.pop("message", None)
        else:
            ended.begin_other("panic")
        ended.report.details.update(details)
        report = ended.report
        report.fatal = True
        report.panic_message = message
        report.panic_line = line.number
        report.last_line = max(report.last_line, line.number)
        if report.kind == "oom-kill":
            report.kind = "oom-panic"
        stream.builder = ended
        stream.gap = 0
        self.open = True

    def _ended_by(self, row: panics.Panic, stream: _Stream) -> Optional[ReportBuilder]:
        """The report that this panic belongs to: the open one, else the latest that fits."""
        if not row.ends:
            return None
        candidates = ([stream.builder] if stream.builder else []) + self._builders[:-9:-1]
        for builder in candidates:
            report = builder.report
            if report.panic_line:
                continue
            if "any" in row.ends or report.kind in row.ends or ("*" in row.ends and report.fatal):
                return builder
        return None

    # ---------------------------------------------------------------- end

    def finish(self, lines: int) -> LogSummary:
        """All reports; ``lines`` is the number of lines of the whole log."""
        reports: list[Report] = [builder.finish() for builder in self._builders]
        reports.sort(key=lambda report: report.first_line)
        crash: Optional[int] = None
        for index, report in enumerate(reports):
            if report.fatal:
                crash = index
                break
        if crash is None and reports:
            crash = len(reports) - 1
        summary = LogSummary(reports=reports, crash=crash, lines=lines, release=self._release)
        if self._boots > 1:
            summary.notes.append(f"the log holds {self._boots} boots")
        return summary
