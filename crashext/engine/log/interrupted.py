# SPDX-License-Identifier: GPL-2.0-or-later
"""What the lines of a whole report say together: the context it ran in."""

from __future__ import annotations

from typing import Optional

from crashext.engine.kinds import registry
from crashext.engine.lazy import Lazy
from crashext.engine.report import Report
from crashext.engine.words import TaskContext

#: What an interrupt has between its entry and its handler.
_INTERRUPT = Lazy(
    r"(?:__)?handle_irq|(?:__)?hrtimer_(?:run_queues|interrupt)|(?:asm_|__)?sysvec_|\w*_interrupt$"
    r"|(?:asm_|__)?common_interrupt|do_IRQ|handle_(?:edge|fasteoi|level|percpu)\w*irq|irq_work_run"
    r"|(?:__)?flush_smp_call_function|generic_smp_call_function|el1h?_(?:64_)?irq|ret_from_intr"
)
_SOFTIRQ_FRAMES = frozenset(
    (
        "__do_softirq",
        "__softirqentry_text_start",
        "do_softirq",
        "do_softirq_own_stack",
        "call_softirq",
        "invoke_softirq",
        "run_timer_softirq",
        "net_rx_action",
        "rcu_core",
        "rcu_process_callbacks",
        "tasklet_action_common",
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
        of_stack = [frame for frame in frames if frame.stack == stack]
        names = {frame.name for frame in of_stack if frame.reliable}
        names = names or {frame.name for frame in of_stack}
        if names & _SOFTIRQ_FRAMES:
            return "softirq"
        if stack == "IRQ" and not any(_INTERRUPT.match(name or "") for name in names):
            return None  # softirqs run on that stack as well, and the trace ends before it tells
        return "hardirq"
    return "process"
