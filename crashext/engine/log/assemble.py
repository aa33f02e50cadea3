# SPDX-License-Identifier: GPL-2.0-or-later
"""Turns lines into reports: which line opens, joins, refines or ends which report."""

from __future__ import annotations

import re
from collections import deque
from re import Match
from typing import Optional

from crashext.engine import decide, kinds
from crashext.engine.cause import crash_of, event_of
from crashext.engine.forms.prefix import Line
from crashext.engine.kinds import KINDS, Kind, panics, registry
from crashext.engine.kinds.family import Ends, Header, Note, Panic, Role
from crashext.engine.lazy import Lazy
from crashext.engine.log.builder import ReportBuilder
from crashext.engine.report import Event, LogSummary, Report

#: A report is over after so many lines in a row (of its own stream) that are not of it.
MAX_GAP = 40
#: A note ("list_add corruption…") speaks of a report that begins within so many lines.
NOTE_REACH = 12
#: A log may begin inside a report; only so far is that looked for.
HEAD_LINES = 60
#: No report is longer: what follows is taken for another text that looks alike.
MAX_REPORT_LINES = 20_000

#: So many reports are kept: of a flood the first, the fatal and the last ones.
MAX_REPORTS = 200
#: So many signs are kept, the last ones.
MAX_EVENTS = 200
#: So many callers are told apart at a time. Each may have a report open; a machine with more CPUs
#: than this that all report at once is not known, a flood of made-up caller tags is easily made.
MAX_STREAMS = 1024

_LINUX_VERSION = Lazy(r"Linux version (?P<release>\S{1,200})")
_CUT_HERE = "[ cut here ]"
_HEADLESS = re.compile(
    r"(?:RIP: 0010:|Modules linked in:|CPU: \d+ (?:UID: \d+ )?PID: |CR2: [0-9a-f]{16}$)"
)
_NMI = "NMI backtrace for cpu"
_PANIC_HEADER: dict[Kind, Header] = {
    kind: Header(kind, Role.START, "", "", fatal=True) for kind in KINDS
}
_HEADLESS_HEADER = Header(kinds.UNKNOWN, Role.START, "", "")


class _Stream:
    """The lines of one CPU or task, as far as the caller tag tells them apart."""

    def __init__(self) -> None:
        self.builder: Optional[ReportBuilder] = None
        #: A report in whose trace this one began: without caller tags two CPUs' lines mix.
        self.interrupted: Optional[ReportBuilder] = None
        self.gap = 0
        self.last = 0  # number of its last line
        self.notes: deque[tuple[Note, Match[str], Line]] = deque(maxlen=4)
        #: The last "cut here" mark and what was said since: the text of WARN().
        self.cut_here: Optional[Line] = None
        self.since_cut: list[str] = []
        #: What a Rust panic says: it stands on the line after the place.
        self.rust_text: Optional[str] = None


class Assembler:
    """Feed it lines in order, then call :meth:`finish`."""

    def __init__(self) -> None:
        self._streams: dict[tuple[str, str], _Stream] = {}
        self._builders: list[ReportBuilder] = []
        self._boots = 0
        self._releases: dict[int, str] = {}
        self._open = 0  # streams that have a report
        self._dropped = 0
        self._events: deque[Event] = deque(maxlen=MAX_EVENTS)

    @property
    def open(self) -> bool:
        """Whether the next lines may matter although nothing in them says so."""
        return self._open > 0

    # ---------------------------------------------------------------- lines

    def feed(self, line: Line) -> None:
        """One line, prefix stripped."""
        if line.program not in ("", "kernel"):
            return
        stream = self._streams.get((line.host, line.caller))
        if stream is None:
            if len(self._streams) >= MAX_STREAMS:
                self._forget_streams()
            stream = self._streams[(line.host, line.caller)] = _Stream()
        stream.last = line.place
        bare = line.text.strip()
        if "Linux version " in bare and (match := _LINUX_VERSION.match(bare)):
            self._boot(match["release"])
        elif "Kernel panic" in bare and (match := panics.LINE.match(bare)):
            self._panic(match, line, stream)
        elif found := registry.header(bare):
            self._header(*found, line, stream)
        elif noted := registry.note(bare):
            self._note(*noted, line, stream)
        else:
            self._follow(line, bare, stream)

    def skip(self) -> None:
        """Lines were left out here that hold nothing of interest."""
        if not self._open:
            self._streams.clear()

    def _forget_streams(self) -> None:
        """Keeps memory bounded: of the callers the half that was silent for longest goes."""
        by_age = sorted(self._streams, key=lambda key: self._streams[key].last)
        for key in by_age[: MAX_STREAMS // 2]:
            self._close(self._streams.pop(key))

    def _boot(self, release: str) -> None:
        self._boots += 1
        self._releases[self._boots] = release
        for stream in self._streams.values():
            builder = stream.builder
            if builder is not None and builder.report.fatal and not builder.tailed:
                builder.report.cut = builder.report.cut or "the machine booted again inside it"
        self._streams.clear()
        self._open = 0

    def _follow(self, line: Line, bare: str, stream: _Stream) -> None:
        if _CUT_HERE in bare:
            stream.cut_here = line
            stream.since_cut = []
        elif stream.cut_here is not None and len(stream.since_cut) < 8 and bare:
            stream.since_cut.append(bare)
        if stream.notes and "rust_panic" in stream.notes[-1][0].regex.groupindex:
            stream.rust_text = stream.rust_text or bare
        if stream.builder is None and bare.startswith(_NMI):
            watching = self._watching(line)
            if watching is not None:
                self._attach(stream, watching)
        if stream.builder is None and line.place <= HEAD_LINES and _HEADLESS.match(bare):
            self._headless(line, stream)
            return
        builder = stream.builder
        if builder is None or builder.ended:
            self._event(line, bare)
        if builder is None:
            return
        if stream.interrupted is not None and self._goes_on(line, builder, stream):
            return
        if builder.absorb(line):
            stream.gap = 0
            if line.number - builder.report.first_line > MAX_REPORT_LINES:
                self._close(stream)
            return
        stream.gap += 1
        if stream.gap > MAX_GAP:
            self._close(stream)

    @staticmethod
    def _goes_on(line: Line, builder: ReportBuilder, stream: _Stream) -> bool:
        """A frame before the new report's own "Call Trace:" goes on with the older one's."""
        interrupted = stream.interrupted
        if interrupted is None or not line.text.startswith(" ") or "+0x" not in line.text:
            return False
        if builder.traced or builder.in_trace(line):
            stream.interrupted = None
            return False
        return interrupted.absorb_frame(line)

    def _event(self, line: Line, bare: str) -> None:
        """A line outside of any report that is a sign all the same; the last ones are kept."""
        kind = event_of(bare)
        if kind is not None:
            self._events.append(Event(kind, bare[:200], line.number, line.time))

    def _watching(self, line: Line) -> Optional[ReportBuilder]:
        """The stall report for which another CPU now shows its stack."""
        for builder in self._builders[:-9:-1]:
            if builder.boot != self._boots or builder.host != line.host:
                continue
            if registry.INFO[builder.report.kind].stuck and not builder.closed:
                return builder
        return None

    def _headless(self, line: Line, stream: _Stream) -> None:
        """The log begins inside a report; whether it was one, its end will show."""
        match = _HEADLESS.match(line.text.strip())
        if match is None:
            return
        builder = ReportBuilder(_HEADLESS_HEADER, match, line, self._boots)
        builder.headless = True
        builder.report.cut = "the log begins inside it"
        builder.absorb(line)
        self._add(builder, stream, line)

    def _add(self, builder: ReportBuilder, stream: _Stream, line: Line) -> None:
        self._cut_off(stream)
        stream.interrupted = None
        if stream.builder is not None:
            stream.builder.closed = True
            if not stream.builder.ended and stream.builder.in_trace(line):
                stream.interrupted = stream.builder
        self._attach(stream, builder)
        self._builders.append(builder)
        # Two at a time, for reports that are still open cannot go and may have made a backlog.
        for _ in range(min(2, len(self._builders) - MAX_REPORTS)):
            self._drop_one()

    def _drop_one(self) -> None:
        """Keeps memory bounded in a flood: drops from the middle, fatal reports last."""
        middle = range(MAX_REPORTS // 2, MAX_REPORTS - 8)
        for may_be_fatal in (False, True):
            for index in middle:
                builder = self._builders[index]
                if builder.closed and (may_be_fatal or not builder.report.fatal):
                    del self._builders[index]
                    self._dropped += 1
                    return

    def _attach(self, stream: _Stream, builder: ReportBuilder) -> None:
        self._open += stream.builder is None
        stream.builder = builder
        stream.gap = 0

    def _close(self, stream: _Stream) -> None:
        if stream.builder is not None:
            stream.builder.closed = True
            self._open -= 1
        stream.builder = None
        stream.gap = 0

    @staticmethod
    def _cut_off(stream: _Stream) -> None:
        """A new report begins where the open one had not come to its end."""
        builder = stream.builder
        if builder is not None and not builder.headless and builder.awaits_die:
            builder.report.cut = builder.report.cut or "another report begins inside it"

    # ---------------------------------------------------------------- headers and notes

    def _header(self, header: Header, match: Match[str], line: Line, stream: _Stream) -> None:
        builder = stream.builder
        if builder is None or builder.ended or not self._joins(builder, header, match):
            self._begin(header, match, line, stream)
            return
        stream.gap = 0
        if header.joins_without:
            builder.report.memory_lines.append(line.text.strip()[:300])
        if header.role is Role.DIE:
            builder.complete(header, match, line)
            return
        builder.report.kind = decide.joined(builder.report.kind, header)
        builder.fill(header, match, line)

    @staticmethod
    def _joins(builder: ReportBuilder, header: Header, match: Match[str]) -> bool:
        """Whether the header is one more line of the open report."""
        report = builder.report
        if header.joins_without:
            return report.kind == header.kind and header.joins_without not in report.details
        if header.kind == kinds.WARNING:
            # Newer kernels end slub_debug's report with a WARN instead of a plain stack
            # (mm/slub.c: __slab_err).
            return (
                registry.INFO[report.kind].of_an_object
                and not builder.traced
                and match["bug_file"] == "mm/slub.c"
            )
        if not builder.awaits_die or builder.traced:
            return False
        return header.role is Role.DIE or (
            header.role is Role.ONGOING and report.release is None and report.die_count is None
        )

    def _begin(
        self, header: Header, match: Match[str], line: Line, stream: _Stream
    ) -> ReportBuilder:
        builder = ReportBuilder(header, match, line, self._boots)
        self._add(builder, stream, line)
        report = builder.report
        for note_header, note_match, note_line in stream.notes:
            if line.place - note_line.place <= NOTE_REACH and self._fits(note_header, header):
                builder.note(note_header, note_match, note_line)
                report.first_line = min(report.first_line, note_line.number)
                report.last_line = line.end
            if "rust_panic" in note_header.regex.groupindex and stream.rust_text:
                report.details.setdefault("message", stream.rust_text[:300])
        cut_here = stream.cut_here
        if cut_here is not None and line.place - cut_here.place <= NOTE_REACH:
            report.first_line = min(report.first_line, cut_here.number)
            if report.kind == kinds.WARNING and stream.since_cut:
                report.details.setdefault("message", " ".join(stream.since_cut)[:300])
        stream.notes.clear()
        stream.cut_here = stream.rust_text = None
        return builder

    @staticmethod
    def _fits(note: Note, header: Header) -> bool:
        """A check that failed explains a BUG or a WARN, not a lockup that came by."""
        if note.kind == kinds.SYSRQ:
            return header.fatal
        if "root_device" in note.regex.groupindex:
            return header.kind == kinds.PANIC
        if "first_byte" in note.regex.groupindex:
            return header.kind == kinds.SLAB_CORRUPTION
        if note.kind == kinds.UBSAN or "cfi_target" in note.regex.groupindex:
            return header.kind == kinds.INVALID_OPCODE
        return header.kind in (kinds.BUG, kinds.WARNING) or header.role is Role.DIE

    def _note(self, note: Note, match: Match[str], line: Line, stream: _Stream) -> None:
        builder = stream.builder
        inside = builder is not None and not (builder.ended or builder.traced or builder.headless)
        if (
            builder is not None
            and inside
            and (
                note.kind is None
                or builder.report.kind in (kinds.BUG, kinds.WARNING, kinds.UNKNOWN)
            )
        ):
            builder.note(note, match, line)
            stream.gap = 0
        else:
            stream.notes.append((note, match, line))

    # ---------------------------------------------------------------- panics

    def _panic(self, match: Match[str], line: Line, stream: _Stream) -> None:
        message = match["message"].strip()
        if match["end"]:
            if stream.builder is not None:
                stream.builder.report.last_line = line.end
                self._close(stream)
            return
        row, details = registry.panic(message)
        ended = self._ended_by(row, stream)
        if ended is None:
            header = _PANIC_HEADER[row.kind]
            for note_header, _, note_line in stream.notes:
                if note_header.kind == kinds.SYSRQ and line.place - note_line.place <= NOTE_REACH:
                    header = _PANIC_HEADER[kinds.SYSRQ]
            ended = self._begin(header, match, line, stream)
            for group in match.groupdict():
                ended.report.details.pop(group, None)
            site = details.pop("at", None)
            if site is not None:
                details["function"] = site
        else:
            ended.begin_panic(line)
            self._attach(stream, ended)
        report = ended.report
        report.fatal = True
        report.panic_message = message
        report.panic_line = line.number
        report.last_line = max(report.last_line, line.end)
        report.kind = decide.panicked(report.kind)
        if "cpu" in details:
            cpu = int(details.pop("cpu"))
            report.cpu = cpu if report.cpu is None else report.cpu
        for name, value in details.items():
            report.details.setdefault(name, value)
        stream.gap = 0

    def _ended_by(self, row: Panic, stream: _Stream) -> Optional[ReportBuilder]:
        """The report that this panic belongs to: the open one, else the latest that fits."""
        if not row.ends:
            # A check that panics before it shows its stack: the panic is the rest of it.
            near = stream.builder
            if near and not near.report.fatal and not near.traced and stream.gap < 4:
                return near if row is registry.PLAIN_PANIC else None
            return None
        candidates = ([stream.builder] if stream.builder else []) + self._builders[:-9:-1]
        for builder in candidates:
            report = builder.report
            if report.panic_line or builder.boot != self._boots:
                continue
            if row.kind == kinds.INIT_KILLED and report.pid not in (1, None):
                continue  # an oops that init lived through
            if (
                Ends.ANY in row.ends
                or report.kind in row.ends
                or (Ends.FATAL in row.ends and (report.fatal or builder.headless))
            ):
                return self._first_of_round(builder) if report.kind == kinds.HUNG_TASK else builder
        return None

    def _first_of_round(self, last: ReportBuilder) -> ReportBuilder:
        """khungtaskd shows every hung task of its round and panics after the last one."""
        first = last
        for builder in reversed(self._builders):
            report = builder.report
            if builder is first:
                continue
            if report.kind != kinds.HUNG_TASK or report.panic_line or builder.boot != last.boot:
                break
            if report.time is None or first.report.time is None:
                break
            if first.report.time - report.time > 1.0:
                break
            first = builder
        return first

    # ---------------------------------------------------------------- end

    def finish(self, lines: int) -> LogSummary:
        """All reports; ``lines`` is the number of lines of the whole log."""
        builders = [builder for builder in self._builders if self._proved(builder)]
        for builder in builders:
            self._mark_cut(builder, lines)
            builder.finish()
        builders.sort(key=lambda builder: builder.report.first_line)
        reports: list[Report] = [builder.report for builder in builders]
        for builder in builders:
            builder.report.boot = builder.boot
        crash = crash_of(reports)
        summary = LogSummary(reports=reports, crash=crash, lines=lines, events=list(self._events))
        boot = builders[crash].boot if crash is not None else self._boots
        summary.release = self._releases.get(boot)
        if self._dropped:
            summary.notes.append(f"{self._dropped} further reports are not listed")
        if self._boots > 1:
            where = f"; the crash is in boot {boot}" if crash is not None and boot else ""
            summary.notes.append(f"the log holds {self._boots} boots{where}")
        return summary

    @staticmethod
    def _proved(builder: ReportBuilder) -> bool:
        """A report without its head is one if it shows the end that only an oops has."""
        report = builder.report
        if not builder.headless:
            return True
        handler_address = any(address.source == "CR2 end" for address in report.addresses)
        if not (report.panic_line or (builder.ended and (handler_address or report.rip))):
            return False
        report.fatal = report.fatal or handler_address
        report.trap = "#PF" if handler_address else None
        return True

    @staticmethod
    def _mark_cut(builder: ReportBuilder, lines: int) -> None:
        """die() and WARN() print known last lines; of other reports only the stack is sure."""
        report = builder.report
        if report.cut is not None or report.panic_line or builder.tailed:
            return
        ends_known = report.die_count is not None or report.kind == kinds.WARNING
        expected = ends_known or (report.fatal and not builder.traced)
        if expected and lines - report.last_line <= 1:
            report.cut = "the log ends inside it"
