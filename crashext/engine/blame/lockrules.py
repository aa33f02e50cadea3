# SPDX-License-Identifier: GPL-2.0-or-later
"""The place that a report of lockdep names, where the stack does not lead to one.

A stack of an interrupt or of a work item can hold nothing but machinery, or the check may run long
after the mistake (a task that returns with a lock). kernel/locking/lockdep.c prints the place all
the same: ``(&lock){…}, at: F+0x…`` (print_lock), ``is trying to release lock (…) at:`` and the
chains of the locks, where the pseudo-locks ``(wq_completion)`` and ``(work_completion)`` stand for
"waits for this work" (kernel/workqueue.c).
"""

from __future__ import annotations

import re
from typing import Optional

from crashext.engine.blame import roles
from crashext.engine.blame.names import normalise
from crashext.engine.lazy import Lazy
from crashext.engine.report import LogFrame, Report

_AT = Lazy(
    r", at: (?:\[<[^>]{1,20}>\] )?(?P<name>[A-Za-z_][\w.$]{0,119})"
    r"(?:\+0x[0-9a-f/x]{1,40})?(?: \[(?P<module>[\w-]{1,64})\])?"
)
_CHECKED_LATE = Lazy(r"still has locks held|lock held (?:when|at) |leaving the kernel with locks")
_WORK = re.compile(r"\((?:wq|work)_completion\)")
#: Functions through which everybody takes locks, and what called them all.
_NEVER = frozenset({"lock", "report", "entry", "thunk", "plumbing", "sanitizer", "scheduler"})


def named_place(report: Report, chosen: Optional[str]) -> Optional[tuple[LogFrame, str]]:
    """The function that the report names, with the reason, or None to keep what the stack tells.

    ``chosen``: the function that the stack leads to, or None when it leads to nobody.
    """
    details = report.details
    wanted = details.get("wanted_lock")
    if _CHECKED_LATE.search(report.headline):
        frame = _at(details.get("held_first"))
        if frame is not None:
            return frame, f"{frame.name} took the lock that was still held when the check ran"
        return None
    if chosen is not None and _may_be_blamed(chosen):
        return None
    if wanted is not None and _WORK.search(wanted):
        frame = _who_flushes(report)
        if frame is not None:
            return frame, (
                f"{frame.name} waits for the work (flush, cancel or destroy) while the lock is "
                "held that the work itself needs"
            )
    released = details.get("released_at")
    if released is not None:
        frame = _at(f", at: {released}")
        if frame is not None:
            return frame, f"{frame.name} releases the lock"
    frame = _at(wanted)
    if frame is not None:
        return frame, f"{frame.name} asks for the lock; beyond it the stack is machinery"
    return None


def _may_be_blamed(name: str) -> bool:
    found = roles.category(name)
    return found is None or found.key not in _NEVER


def _at(lock: Optional[str]) -> Optional[LogFrame]:
    """The function after ``at:`` of a lock's line."""
    found = _AT.search(lock) if lock is not None else None
    if found is None or not _may_be_blamed(found["name"]):
        return None
    return LogFrame(normalise(found["name"]), module=found["module"])


def _who_flushes(report: Report) -> Optional[LogFrame]:
    for stack, frames in report.other_stacks.items():
        if not stack.startswith("lock chain #") or not _WORK.search(stack):
            continue
        for frame in frames:
            if frame.name is None or not frame.reliable or roles.category(frame.name) is not None:
                continue
            return LogFrame(normalise(frame.name), module=frame.module)
    return None
