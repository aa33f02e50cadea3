# SPDX-License-Identifier: GPL-2.0-or-later
"""What each CPU was doing when the dump was made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from crashext.engine.model import Check, Finding
from crashext.engine.report import Report
from crashext.errors import Unknown
from crashext.kernel import cpus
from crashext.kernel.findings import Look
from crashext.kernel.session import KernelSession
from crashext.targets.base import ExceptionFrame

#: CPUs told apart one by one; of a bigger machine the idle ones are only counted.
MAX_CPUS = 16
#: Functions named of another CPU's stack.
MAX_FUNCTIONS = 6


def find(
    session: KernelSession, report: Optional[Report], frame: Optional[ExceptionFrame]
) -> Iterator[Finding]:
    """One finding: the CPUs, idle ones counted, busy ones with task and innermost functions."""
    kernel = session.kernel
    idle, busy = [], []
    for cpu in cpus.present(kernel.port):
        try:
            task = cpus.current_task(kernel.port, cpu)
        except Unknown:
            continue
        pid = kernel.tasks.pid(task)
        if pid == 0:
            idle.append(cpu)
        elif pid is not None:
            busy.append((cpu, task))
    if not idle and not busy:
        return
    text = f"{len(busy)} of {len(idle) + len(busy)} CPUs ran a task"
    if idle:
        text += f", {len(idle)} idle"
    panicked = cpus.panic_cpu(kernel.port)
    detail = [_line(session, cpu, task, cpu == panicked) for cpu, task in busy[:MAX_CPUS]]
    if len(busy) > MAX_CPUS:
        detail.append(f"… {len(busy) - MAX_CPUS} more")
    yield Finding("cpus", text, detail, Check(crash="bt -a", drgn="%crash bt -a"))


def _line(session: KernelSession, cpu: int, task: int, panicked: bool) -> str:
    tasks = session.kernel.tasks
    words = f"CPU {cpu}: {tasks.comm(task)} (pid {tasks.pid(task)}, {tasks.state_letter(task)})"
    if panicked:
        return words + ", the CPU that panicked"
    path = [name for name in session.path_of(task) if name not in _HALTING][:MAX_FUNCTIONS]
    return words + (f" in {' ← '.join(path)}" if path else "")


#: How a CPU was brought to a stop by the one that panicked: of no interest.
_HALTING = {
    "stop_this_cpu",
    "native_stop_other_cpus",
    "sysvec_reboot",
    "__sysvec_reboot",
    "asm_sysvec_reboot",
    "crash_nmi_callback",
    "nmi_handle",
    "default_do_nmi",
    "exc_nmi",
    "asm_exc_nmi",
}

LOOK: Look[KernelSession] = Look(("cpus",), frozenset(), find)
