# SPDX-License-Identifier: GPL-2.0-or-later
"""How the other reports of a log relate to the crash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from crashext.engine.model import OtherReport
from crashext.engine.report import Report


def others(reports: Sequence[Report], crash: int) -> list[OtherReport]:
    """All reports but the crash (its index), each with its relation to it in words."""
    task = reports[crash].pid
    found = []
    for index, report in enumerate(reports):
        if index == crash:
            continue
        same_task = report.pid == task if report.pid is not None and task is not None else None
        if same_task and task == 0:
            # Every CPU has an idle task, and all of them are pid 0.
            same_task = report.cpu == reports[crash].cpu
        words = relation(report.fatal, index < crash, same_task)
        found.append(OtherReport(report.kind, report.headline, report.first_line, words))
    return found


def relation(fatal: bool, before: bool, same_task: Optional[bool]) -> str:
    """How one report relates to the crash; ``same_task`` None: not known."""
    if before:
        return "before the crash" if not fatal else "before the crash, survived"
    if same_task:
        return "after it: the same task died again, fallout"
    return "after it: probably fallout of the crash" if fatal else "after the crash"
