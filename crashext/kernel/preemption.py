# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether the crashed CPU could sleep: preempt count and interrupt flag."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from crashext.engine.model import Check, Finding
from crashext.engine.report import Report
from crashext.kernel import cpus
from crashext.kernel.findings import Look
from crashext.kernel.session import KernelSession
from crashext.targets.base import ExceptionFrame

#: X86_EFLAGS_IF: interrupts are let through.
INTERRUPT_FLAG = 1 << 9

#: Fields of the count (include/linux/preempt.h): name, shift, width.
_FIELDS = (
    ("preempt", 0, 8),
    ("softirq", 8, 8),
    ("hardirq", 16, 4),
    ("NMI", 20, 4),
)


def decode(count: int) -> dict[str, int]:
    """The nesting depths in a preempt count; PREEMPT_NEED_RESCHED (bit 31) is no depth.

    In ``softirq`` an odd number means that a softirq runs; each local_bh_disable() adds 2
    (SOFTIRQ_DISABLE_OFFSET).
    """
    return {name: count >> shift & (1 << width) - 1 for name, shift, width in _FIELDS}


def describe(count: int, eflags: Optional[int]) -> str:
    """The count and the flag in one sentence.

    Most dumps are made inside panic(), which disables preemption itself: the lab's 6.1 shows 1 for
    it, 6.12 shows 2; a capture kernel that is entered before panic() none. A kernel without
    CONFIG_PREEMPT_COUNT has 0 always.
    """
    depth = decode(count)
    words = [f"preempt depth {depth['preempt']}"]
    if depth["preempt"]:
        words[0] += " (panic() itself adds 1 or 2)"
    if depth["softirq"]:
        running = "in a softirq" if depth["softirq"] & 1 else "softirqs disabled"
        words.append(running)
    if depth["hardirq"]:
        words.append("in a hard interrupt")
    if depth["NMI"]:
        words.append("in an NMI")
    if eflags is not None:
        words.append(f"interrupts were {'on' if eflags & INTERRUPT_FLAG else 'off'} at the fault")
    return ", ".join(words)


def find(
    session: KernelSession, report: Optional[Report], frame: Optional[ExceptionFrame]
) -> Iterator[Finding]:
    """One finding for the CPU that panicked. Which locks are held only lockdep kernels record."""
    port = session.kernel.port
    cpu = cpus.panic_cpu(port)
    if cpu is None:
        return
    count = cpus.preempt_count(port, cpu)
    flags = session.arch.registers.flags
    eflags = frame.registers.get(flags) if frame is not None and flags is not None else None
    name = "pcpu_hot" if port.symbol("__preempt_count") is None else "__preempt_count"
    yield Finding(
        "preemption",
        describe(count, eflags),
        check=Check(drgn=f"per_cpu(prog['{name}'], {cpu})"),
    )


LOOK: Look[KernelSession] = Look(("preemption",), frozenset(), find)
