# SPDX-License-Identifier: GPL-2.0-or-later
"""From a target and its log to an Explanation: the order of the steps, nothing else.

Each step fills its keys of the Explanation, adds evidence, and leaves a reason under ``unknown``
for what it could not fill. A later step may use what an earlier one found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashext.engine import (
    advice,
    fault,
    hardware,
    log,
    place,
    setting,
    story,
    stuck,
    title,
)
from crashext.engine.case import Case
from crashext.engine.model import Explanation, Hardware
from crashext.engine.report import LogSummary
from crashext.errors import Unknown

if TYPE_CHECKING:
    from crashext.targets.base import Target

#: Keys that are null or empty when nothing is known, and then need a reason.
_NEEDS_REASON = (
    "kind", "error_code", "access", "fault_address", "rip", "culprit", "task", "stack",
    "registers", "variables", "taint", "modules", "kernel", "last_unloaded",
)  # fmt: skip


def read_log(target: Target) -> LogSummary:
    """The parsed log of a target; a target without one gives an empty summary with a note."""
    summary = getattr(target, "summary", None)  # a bare log is a stream, parsed once
    if callable(summary):
        parsed: LogSummary = summary()
        return parsed
    try:
        return log.parse(target.log())
    except Unknown as reason:
        return LogSummary(notes=[f"no log: {reason}"], unread=str(reason))


def explain(target: Target, summary: LogSummary) -> Explanation:
    """The whole explanation. Never raises for what a damaged dump or log leaves out."""
    case = _open(target, summary)
    explanation = case.explanation
    if case.report is None and case.frame is None:
        return _no_crash(case)
    explanation.crashed = True
    setting.task(case)
    fault.registers(case)
    place.locate(case)
    place.disassemble(case)
    fault.error_code(case)
    fault.analyse(case)
    fault.kind(case)
    place.stack(case)
    setting.memory(case)
    stuck.waits(case)
    hardware.machine_check(case)
    setting.remark(case)
    place.culprit(case)
    setting.unloaded_code(case)
    fault.name_operand(case)
    setting.variables(case)
    setting.taint(case)
    setting.modules(case)
    setting.findings(case)
    setting.other_reports(case)
    if case.signs:
        explanation.hardware = Hardware(suspected=True, signs=case.signs)
    explanation.title = title.title_of(explanation, case.report, case.reading)
    explanation.bucket, explanation.bucket_text = title.bucket_of(explanation)
    story.confidence(case)
    explanation.headline = story.headline(case)
    explanation.next_steps = advice.next_steps(explanation, case.reading)
    _complete_unknown(case)
    return explanation


def locate_crash(target: Target, summary: LogSummary) -> Case:
    """Only where the crash is: RIP, source, code. For the ``rip`` command."""
    case = _open(target, summary)
    if case.report is None and case.frame is None:
        found = "the log could not be read" if summary.unread else "no crash report found"
        case.explanation.unknown["rip"] = f"{found}; give an address"
        return case
    place.locate(case)
    place.disassemble(case)
    return case


def locate_address(target: Target, address: int) -> Case:
    """Where a text address is: as :func:`locate_crash`, for an address that a person gives."""
    case = Case(target, LogSummary(), None, Explanation(target=target.name))
    place.locate_at(case, address)
    place.disassemble(case)
    return case


def _open(target: Target, summary: LogSummary) -> Case:
    report = summary.reports[summary.crash] if summary.crash is not None else None
    case = Case(target, summary, report, Explanation(target=target.name))
    setting.kernel(case)
    case.frame = case.ask_crash("registers", lambda: target.exception_frame(report))
    return case


_LOOKED_FOR = "looked for an oops, panic, BUG, WARNING, lockup, stall, hung task, OOM kill"


def unread(where: str, reason: str) -> str:
    """What is said of a log that could not be read: not that there was no crash."""
    what = where[0].upper() + where[1:]
    return f"{what} could not be read, so whether it holds a crash is not known: {reason}."


def _no_crash(case: Case) -> Explanation:
    explanation = case.explanation
    where = "the log of this dump" if case.target.has_memory else "this log"
    lines = case.summary.lines
    count = f"{lines} line" if lines == 1 else f"{lines} lines"
    taken = f", taken for {case.summary.nature}" if case.summary.nature and lines else ""
    explanation.headline = f"No crash report in {where} ({count}{taken}): {_LOOKED_FOR}."
    nothing = "no crash report found"
    if case.summary.unread is not None:
        explanation.headline = unread(where, case.summary.unread)
        nothing = "the log could not be read"
    setting.allocation_failure(case)
    hardware.survived(case)
    for note in case.summary.notes:
        explanation.unknown.setdefault("log", note)
    for key in _NEEDS_REASON:
        if getattr(explanation, key) is None:
            explanation.unknown.setdefault(key, nothing)
    if case.target.has_memory:
        # A machine that hung without a word: its dump still shows what the CPUs were doing.
        setting.findings(case)
    return explanation


def _complete_unknown(case: Case) -> None:
    explanation = case.explanation
    for note in case.summary.notes:
        explanation.unknown.setdefault("log", note)
    for key in _NEEDS_REASON:
        if getattr(explanation, key) is None and key not in explanation.unknown:
            explanation.unknown[key] = case.reasons.get(key) or _default_reason(key, case)


def _default_reason(key: str, case: Case) -> str:
    if key in ("error_code", "access", "fault_address"):
        return f"a crash of kind {case.explanation.kind} has none"
    return "neither the log nor the target tells"
