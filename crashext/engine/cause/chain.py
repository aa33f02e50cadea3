# SPDX-License-Identifier: GPL-2.0-or-later
"""What came first: every report and sign of a log in the order of time, and what the crash follows
from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from crashext.engine import kinds
from crashext.engine.blame import is_helper
from crashext.engine.blame.names import normalise
from crashext.engine.cause.boots import boots
from crashext.engine.cause.relations import relation_of
from crashext.engine.cause.repeats import is_same
from crashext.engine.kinds import registry
from crashext.engine.model import Cause, ChainLink
from crashext.engine.report import Event, LogSummary, Report
from crashext.engine.words import ChainRole

#: Signs count so many seconds before the crash.
_BEFORE = {"hardware": 60.0, "storage": 900.0, "livepatch": 10.0, "module": 5.0, "clock": 30.0,
           "file-system": 600.0}  # fmt: skip
_WORDS = {
    "hardware": "hardware errors",
    "storage": "a disk or controller that did not answer",
    "livepatch": "a live patch",
    "module": "a module was loaded",
    "clock": "the clock jumped",
    "file-system": "a file-system error",
}
#: Reports that tell of damage which a later crash can follow from.
_DAMAGE = frozenset(
    (
        kinds.REFCOUNT, kinds.LIST_CORRUPTION, kinds.SLAB_CORRUPTION, kinds.DOUBLE_FREE,
        kinds.KASAN, kinds.KFENCE, kinds.USE_AFTER_FREE, kinds.WARNING, kinds.BUG, kinds.UBSAN,
        kinds.USERCOPY, kinds.ATOMIC_SLEEP, kinds.LOCKDEP,
    )
)  # fmt: skip
#: Seconds within which damage and crash belong together when nothing else ties them.
_SOON = 10.0


def chain_of(summary: LogSummary, crash: int) -> list[ChainLink]:
    """All reports and signs that matter, in order of time; empty when the crash is all there is."""
    reports = summary.reports
    numbers = boots(reports)
    links = []
    for index, report in enumerate(reports):
        role, why = _role(reports, numbers, index, crash)
        links.append(
            ChainLink(report.first_line, report.kind, report.headline, role, report.time, why)
        )
    for event in _near(summary.events, reports[crash]):
        links.append(
            ChainLink(event.line, event.kind, event.text, _event_role(event, reports[crash]),
                      event.seconds, _WORDS[event.kind])
        )  # fmt: skip
    if len(links) == 1:
        return []
    links.sort(key=lambda link: link.line)
    return links


def _role(
    reports: Sequence[Report], numbers: Sequence[int], index: int, crash: int
) -> tuple[ChainRole, str]:
    report, chosen = reports[index], reports[crash]
    if index == crash:
        return "crash", ""
    if is_same(report, chosen):
        return "repeat", "the same report again: place and registers are equal"
    if numbers[index] != numbers[crash]:
        return "other boot", "time, release or the kernel's banner show another boot of the machine"
    if index > crash:
        return "consequence", relation_of(reports, index, crash)
    tie = _tie(report, chosen)
    return ("cause", tie) if tie else ("unrelated", "nothing ties it to the crash")


def _near(events: Sequence[Event], crash: Report) -> list[Event]:
    near = []
    for event in events:
        if event.seconds is None or crash.time is None:
            if 0 < crash.first_line - event.line <= 60:
                near.append(event)
        elif 0 <= crash.time - event.seconds <= _BEFORE[event.kind]:
            near.append(event)
    return near[-8:]


def _event_role(event: Event, crash: Report) -> ChainRole:
    return "cause" if _ties(event, crash) else "unrelated"


def _ties(event: Event, crash: Report) -> bool:
    info = registry.info(crash.kind)
    if event.kind == "hardware":
        return True
    if event.kind in ("storage", "file-system"):
        return info.stuck
    if event.kind == "livepatch":
        return info.memory or crash.kind == kinds.INVALID_OPCODE
    return False


def _modules(report: Report) -> set[str]:
    found = {frame.module for frame in report.frames if frame.module and frame.reliable}
    if report.rip is not None and report.rip.module:
        found.add(report.rip.module)
    return {name for name in found if name}


def _functions(report: Report) -> set[str]:
    return {
        normalise(frame.name)
        for frame in report.frames
        if frame.name and frame.reliable and not is_helper(frame.name)
    }


def _tie(earlier: Report, crash: Report) -> str:
    """What ties an earlier report to the crash, in words; "" when nothing does."""
    if earlier.kind not in _DAMAGE:
        return ""
    ties = []
    if modules := _modules(earlier) & _modules(crash):
        ties.append(f"both are in {', '.join(sorted(modules))}")
    elif functions := _functions(earlier) & _functions(crash):
        ties.append(f"both went through {sorted(functions)[0]}")
    if earlier.pid is not None and earlier.pid == crash.pid and earlier.pid != 0:
        ties.append("the same task ran")
    values = {value for value in earlier.registers.values() if value >> 63}
    shared = values & {value for value in crash.registers.values() if value >> 63}
    addresses = {address.value for address in crash.addresses}
    if shared & addresses or (crash.rip is not None and crash.rip.address in values):
        ties.append("the bad address was in its registers")
    soon = (
        earlier.time is not None
        and crash.time is not None
        and 0 <= crash.time - earlier.time <= _SOON
    )
    if soon:
        ties.append(f"it came {crash.time - earlier.time:.1f} s before")  # type: ignore[operator]
    if not ties or (len(ties) == 1 and not soon):
        return ""
    return "; ".join(ties)


def cause_of(summary: LogSummary, crash: int) -> Optional[Cause]:
    """The earliest report or sign that the crash follows from, or None.

    Told as possible (confidence medium) when it is only near; a tie by address is high.
    """
    reports = summary.reports
    chosen = reports[crash]
    for link in chain_of(summary, crash):
        if link.role != "cause" or link.line >= chosen.first_line:
            continue
        before = (
            chosen.time - link.seconds
            if chosen.time is not None and link.seconds is not None
            else None
        )
        report = next((each for each in reports if each.first_line == link.line), None)
        own = [
            each
            for each in (report.frames if report is not None else ())
            if each.name and each.reliable and not is_helper(each.name)
        ]
        # A module's function is nearer to the fault than the core's that it called.
        frame = next((each for each in own if each.module), own[0] if own else None)
        return Cause(
            link.kind,
            link.title,
            function=normalise(frame.name) if frame is not None and frame.name else None,
            module=frame.module if frame is not None else None,
            file=report.bug_file if report is not None else None,
            line=report.bug_line if report is not None else None,
            first_line=link.line,
            seconds_before=round(before, 6) if before is not None else None,
            relation=f"{_WORDS.get(link.kind, 'an earlier report')} before the crash",
            why=link.why,
            confidence="medium",
        )
    return None


def missing(reports: Sequence[Report], crash: int) -> Optional[str]:
    """That an earlier report is missing from the text, when the crash itself tells of one."""
    chosen = reports[crash]
    earlier = [report for report in reports[:crash] if report.fatal]
    if (chosen.die_count or 0) > 1 and not earlier:
        return (
            f"this is oops #{chosen.die_count}: the first one is not in this text, and it is "
            "the one to act on; find it earlier in the log"
        )
    if chosen.fatal and "D" in (chosen.taint or "") and not earlier:
        return "the kernel had oopsed before (taint D): the first oops is not in this text; find it"
    if chosen.fatal and "M" in (chosen.taint or ""):
        return "a machine check was seen before (taint M): the hardware is suspect, find its report"
    if chosen.fatal and "B" in (chosen.taint or "") and not reports[:crash]:
        return "a bad page was seen before (taint B), and its report is not in this text"
    return None
