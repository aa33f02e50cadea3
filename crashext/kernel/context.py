# SPDX-License-Identifier: GPL-2.0-or-later
"""In which context the kernel was when it crashed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from crashext.engine.words import TaskContext

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
    functions: Iterable[str], stack: Optional[str], kernel_thread: Optional[bool]
) -> Optional[TaskContext]:
    """The context from what is known; None when nothing tells.

    :param functions: the call path, innermost first; empty when nobody could unwind.
    :param stack: name of the stack that held the registers (:class:`.stacks.Area`).
    """
    found = from_functions(functions)
    if found is not None:
        return found
    if stack == "NMI":
        return "nmi"
    if kernel_thread is None:
        return None
    return "kthread" if kernel_thread else "process"
