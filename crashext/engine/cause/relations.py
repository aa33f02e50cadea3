# SPDX-License-Identifier: GPL-2.0-or-later
"""How the other reports of a log relate to the crash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from crashext.engine.cause.boots import boots
from crashext.engine.cause.repeats import is_same
from crashext.engine.model import OtherReport
from crashext.engine.report import Report


def others(reports: Sequence[Report], crash: int) -> list[OtherReport]:
    """All reports but the crash (its index), each with its relation to it in words."""
    numbers = boots(reports)
    found = []
    for index, report in enumerate(reports):
        if index == crash:
            continue
        if is_same(report, reports[crash]):
            words = "the same report again"
        elif numbers[index] != numbers[crash]:
            words = "in another boot of the machine"
        else:
            words = relation_of(reports, index, crash)
        found.append(OtherReport(report.kind, report.headline, report.first_line, words))
    return found


def relation_of(reports: Sequence[Report], index: int, crash: int) -> str:
    """How the report at ``index`` relates to the crash, of the same boot."""
    report, task = reports[index], reports[crash].pid
    same_task = report.pid == task if report.pid is not None and task is not None else None
    if same_task and task == 0:
        # Every CPU has an idle task, and all of them are pid 0.
        same_task = report.cpu == reports[crash].cpu
    return relation(report.fatal, index < crash, same_task)


def relation(fatal: bool, before: bool, same_task: Optional[bool]) -> str:
    """How one report relates to the crash; ``same_task`` None: not known."""
    if before:
        return "before the crash" if not fatal else "before the crash, survived"
    if same_task:
        return "after it: the same task died again, fallout"
    return "after it: probably fallout of the crash" if fatal else "after the crash"
