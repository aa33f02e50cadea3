# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``oops`` says: the code of the crash, a code typed by hand, or every report of a log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from crashext.engine.codes import Reading
from crashext.engine.model import ErrorCode, Explanation
from crashext.engine.report import LogSummary
from crashext.engine.verdict import unread
from crashext.view.document import (
    Column,
    Document,
    Piece,
    Row,
    Table,
    TableRow,
    line,
    row,
)


def bit_rows(code: ErrorCode) -> list[str]:
    """``bit  1  WRITE  1  a write``, a row a bit."""
    return [f"bit {bit.bit:2}  {bit.name:<6} {int(bit.set)}  {bit.meaning}" for bit in code.bits]


def crash(explanation: Explanation) -> Document:
    """The crash's code and what it was about, shorter than ``explain``."""
    made = Document()
    if not explanation.crashed:
        made.heading(line(explanation.headline or "no crash report found"))
        return made
    made.heading(explanation.title or "")
    made.rows([row(None, explanation.headline or "")])
    made.rows(_rows(explanation))
    return made


def _rows(explanation: Explanation) -> Iterable[Row]:
    code = explanation.error_code
    if code is not None:
        yield row(code.trap or "code", f"{code.raw:04x}: {code.meaning}", *bit_rows(code))
    else:
        yield row("code", explanation.unknown.get("error_code", "none"))
    fault, access = explanation.fault_address, explanation.access
    if fault is not None:
        value = Piece(f"{fault.value:#x}", "address")
        yield row("address", line(value, f": {fault.meaning} (from {fault.source})"))
    if access is not None and access.expression:
        yield row("access", access.expression)
    for entry in explanation.taint.meanings if explanation.taint else ():
        yield row("taint", f"{entry.letter}  {entry.meaning}")
    for text in explanation.contradictions:
        yield row("!", text)
    for other in explanation.reports:
        yield row("also", f"log line {other.line}: {other.title} ({other.relation})")


def readings(found: Sequence[Reading]) -> Document:
    """What a code typed by hand can mean, the likeliest first."""
    made = Document()
    for index, reading in enumerate(found):
        if index:
            made.heading(line("or, less likely:", aside=True), apart=True)
        made.heading(reading.title)
        made.rows([row(None, *reading.lines)])
    return made


def reports(summary: LogSummary) -> Document:
    """Every report of the log, a row each, the crash marked."""
    made = Document()
    if not summary.reports:
        nothing = f"no crash report in the log ({summary.lines} lines)"
        made.heading(line(unread("the log", summary.unread) if summary.unread else nothing))
        return made
    rows = [
        TableRow(
            (
                Piece(f"line {report.first_line:>6}"),
                Piece(report.kind),
                Piece("fatal" if report.fatal else "not fatal"),
                Piece(report.headline),
            ),
            marked=index == summary.crash,
        )
        for index, report in enumerate(summary.reports)
    ]
    columns = (Column("", 11, 11), Column("", 19, 19), Column("", 9, 9), Column(""))
    made.parts.append(Table(columns, rows, mark="→"))
    return made
