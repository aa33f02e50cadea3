# SPDX-License-Identifier: GPL-2.0-or-later
"""What a report's own lines tell beyond the fault: the object, its history, the locks, the victim.

The parser keeps them as strings (``Report.details``, docs/logs.md); here they become findings.
"""

from __future__ import annotations

from typing import Optional

from crashext.engine import blame
from crashext.engine.kinds import registry
from crashext.engine.kinds.family import FactRow
from crashext.engine.model import Check, Finding
from crashext.engine.report import LogFrame, Report
from crashext.engine.template import fill

#: KASAN's reading of an address in its shadow, which comes with a #GP (mm/kasan/report.c).
_ANY: tuple[FactRow, ...] = (
    ("KASAN: {kasan_hint} in range {kasan_range}", "KASAN: {kasan_hint}"),
    "{stack_overrun}",
)

#: Stacks of the object's past and of the other party, in the words of the row.
_STACKS = {
    "allocated": "allocated by",
    "freed": "freed by",
    "stored": "the uninitialised value was stored by",
    "created": "the uninitialised memory was made by",
    "work creation": "queued by",
    "owner": "the lock's owner is in",
    "other access": "the other access is by",
}
#: Functions shown of such a stack.
_SHOWN = 5


def findings(report: Report) -> list[Finding]:
    """The report's particulars; empty for a plain oops."""
    info = registry.info(report.kind)
    rows = (info.facts_of_cache if "cache" in report.details else ()) or info.facts
    found: list[Finding] = []
    for group in (rows, _ANY):
        texts = [text for row in group if (text := _text(row, report)) is not None]
        if texts:
            found.append(Finding("report", texts[0], texts[1:], Check(crash="log")))
    for name, words in _STACKS.items():
        path = _path(report.other_stacks.get(name, []))
        if path and name not in report.noted:
            found.append(Finding("stack", f"{words} {path}"))
    return found


def _text(row: FactRow, report: Report) -> Optional[str]:
    alternatives = (row,) if isinstance(row, str) else row
    names = dict(report.details)
    for name, frame in report.noted.items():
        names[f"{name}_in"] = frame.text()
    filled = (fill(template, names) for template in alternatives)
    return next((text for text in filled if text is not None), None)


def _path(frames: list[LogFrame]) -> str:
    names = [
        frame.name + (f" [{frame.module}]" if frame.module else "")
        for frame in frames
        if frame.name is not None and frame.reliable and not blame.is_helper(frame.name)
    ]
    return " ← ".join(names[:_SHOWN])
