# SPDX-License-Identifier: GPL-2.0-or-later
"""In which context the kernel was when it crashed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

import drgn
from drgn import Object
from drgn.helpers.linux.sched import task_cpu as drgn_task_cpu

from crashext.engine.words import TaskContext
from crashext.targets.drgn.asking import NO_ANSWER

#: A kernel thread (include/linux/sched.h; unchanged since 2.6).
PF_KTHREAD = 0x00200000

_SOFTIRQ = {"__do_softirq", "handle_softirqs", "do_softirq_own_stack", "run_ksoftirqd"}
_HARDIRQ = (
    "asm_sysvec_",
    "sysvec_",
    "asm_common_interrupt",
    "common_interrupt",
    "__common_interrupt",
    "do_IRQ",
    "ret_from_intr",
    "apic_timer_interrupt",
    "smp_apic_timer_interrupt",
    "el1h_64_irq",  # arm64 since 5.14; el1_irq before
    "el1_irq",
    "el1_interrupt",
    "gic_handle_irq",
)
_NMI = ("asm_exc_nmi", "exc_nmi", "do_nmi", "end_repeat_nmi")


def task_cpu(task: Object) -> Optional[int]:
    """The CPU that a task last ran on."""
    try:
        return int(drgn_task_cpu(task))
    except NO_ANSWER:
        return None


def from_functions(names: Iterable[str]) -> Optional[TaskContext]:
    """The context that a call path tells, innermost function first; None: plain process context.

    The first entry met from the inside out decides: a softirq runs on top of the interrupt that
    raised it, so ``__do_softirq`` comes before the interrupt's entry.
    """
    for name in names:
        if name in _SOFTIRQ:
            return "softirq"
        if name.startswith(_NMI):
            return "nmi"
        if name.startswith(_HARDIRQ):
            return "hardirq"
    return None


def of_crash(
    trace: Optional[drgn.StackTrace], stack: Optional[str], task: Object
) -> Optional[TaskContext]:
    """ "softirq", "hardirq", "nmi", "kthread" or "process"."""
    if trace is not None:
        found = from_functions(frame.name for frame in trace)
        if found is not None:
            return found
    if stack == "NMI":
        return "nmi"
    try:
        return "kthread" if task.flags.value_() & PF_KTHREAD else "process"
    except NO_ANSWER:
        return None
