# SPDX-License-Identifier: GPL-2.0-or-later
"""What the lines of a whole report say together: the context it ran in."""

from __future__ import annotations

from typing import Optional

from crashext.engine.kinds import registry
from crashext.engine.report import Report
from crashext.engine.words import TaskContext

_SOFTIRQ_FRAMES = frozenset(
    (
        "__do_softirq",
        "__softirqentry_text_start",
        "do_softirq",
        "do_softirq_own_stack",
        "handle_softirqs",
    )
)


def context_of(report: Report) -> Optional[TaskContext]:
    """``process``, ``softirq``, ``hardirq`` or ``nmi``, from the marks in the stack."""
    frames = report.frames
    if registry.INFO[report.kind].stalled:
        # The stack begins with the watchdog that found the stall; what was stalled begins where
        # the registers stand, or after the NMI.
        place = report.rip.line_no if report.rip is not None else 0
        stalled = [frame for frame in frames if frame.line_no > place and frame.stack != "NMI"]
        frames = stalled or frames
        if not place and frames and frames[0].stack == "IRQ":
            return None  # where the watchdog's frames end and the stalled ones begin is open
    if not frames:
        return None
    stack = frames[0].stack
    if stack in ("NMI", "SOFTIRQ"):
        return "nmi" if stack == "NMI" else "softirq"
    if stack in ("IRQ", "HARDIRQ"):
        names = {frame.name for frame in frames if frame.stack == stack and frame.reliable}
        return "softirq" if names & _SOFTIRQ_FRAMES else "hardirq"
    return "process"
