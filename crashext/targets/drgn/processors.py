# SPDX-License-Identifier: GPL-2.0-or-later
"""What each CPU was doing when the dump was made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Optional

from drgn import Object
from drgn.helpers.linux.sched import task_state_to_char

from crashext.engine.model import Check, Finding
from crashext.engine.report import Report
from crashext.errors import Unknown
from crashext.targets.base import ExceptionFrame
from crashext.targets.drgn import cpus
from crashext.targets.drgn.asking import NO_ANSWER

if TYPE_CHECKING:
    from crashext.targets.drgn.target import DrgnTarget

#: CPUs told apart one by one; of a bigger machine the idle ones are only counted.
MAX_CPUS = 16
#: Functions named of another CPU's stack.
MAX_FUNCTIONS = 6


def find(
    target: DrgnTarget, report: Optional[Report], frame: Optional[ExceptionFrame]
) -> Iterator[Finding]:
    """One finding: the CPUs, idle ones counted, busy ones with task and innermost functions."""
    idle, busy = [], []
    for cpu in cpus.present_cpus(target.prog):
        try:
            task = cpus.current_task(target.prog, cpu)
            pid = int(task.pid.value_())
        except NO_ANSWER:
            continue
        if pid == 0:
            idle.append(cpu)
        else:
            busy.append((cpu, task))
    if not idle and not busy:
        return
    text = f"{len(busy)} of {len(idle) + len(busy)} CPUs ran a task"
    if idle:
        text += f", {len(idle)} idle"
    panicked = cpus.panic_cpu(target.prog)
    detail = [_line(target, cpu, task, cpu == panicked) for cpu, task in busy[:MAX_CPUS]]
    if len(busy) > MAX_CPUS:
        detail.append(f"… {len(busy) - MAX_CPUS} more")
    yield Finding("cpus", text, detail, Check(crash="bt -a", drgn="%crash bt -a"))


def _line(target: DrgnTarget, cpu: int, task: Object, panicked: bool) -> str:
    comm = task.comm.string_().decode(errors="replace")
    words = f"CPU {cpu}: {comm} (pid {int(task.pid.value_())}, {_state(task)})"
    if panicked:
        return words + ", the CPU that panicked"
    path = _functions(target, task)
    return words + (f" in {' ← '.join(path)}" if path else "")


def _state(task: Object) -> str:
    try:
        return str(task_state_to_char(task))
    except (Unknown, *NO_ANSWER):
        return "?"


def _functions(target: DrgnTarget, task: Object) -> list[str]:
    """Innermost functions of a running task, where its registers were saved."""
    try:
        trace = target.task_trace(task)
    except NO_ANSWER:
        return []
    names: list[str] = []
    for step in trace:
        name = step.function_name
        if name is None or step.is_inline or name in _HALTING:
            continue
        names.append(name)
        if len(names) == MAX_FUNCTIONS:
            break
    return names


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
