# SPDX-License-Identifier: GPL-2.0-or-later
"""CPUs, the tasks that run on them, and their stacks, all from memory.

Nothing here needs saved CPU registers, so it works for a program over crash's memory too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

from drgn import FaultError, Object, Program, TypeKind, sizeof
from drgn.helpers.linux.cpumask import for_each_present_cpu
from drgn.helpers.linux.percpu import per_cpu
from drgn.helpers.linux.pid import find_task
from drgn.helpers.linux.sched import cpu_curr

from crashext.engine.arch.ptregs import Stack
from crashext.targets.drgn.asking import NO_ANSWER

#: Interrupt stack of x86-64 without KASAN (IRQ_STACK_ORDER 2), when the type does not tell.
_IRQ_STACK_SIZE = 16384
#: Exception stack of x86-64 kernels before cea_exception_stacks (EXCEPTION_STACK_ORDER 0).
_IST_STACK_SIZE = 4096
#: Where a stack cannot be: a guard against nonsense read from a damaged dump.
_MAX_STACK_SIZE = 1 << 18


def panic_cpu(prog: Program) -> Optional[int]:
    """The CPU that panicked or took the crash kernel's jump; None when there was no panic.

    ``panic_cpu`` is an atomic_t holding -1 (PANIC_CPU_INVALID) until panic() or a kexec crash
    claims it; before 4.5 only ``crashing_cpu`` tells.
    """
    for name in ("panic_cpu", "crashing_cpu"):
        try:
            variable = prog[name]
            if variable.type_.unaliased_kind() == TypeKind.STRUCT:
                variable = variable.counter
            cpu = int(variable.value_())
        except NO_ANSWER:
            continue
        if cpu >= 0:
            return cpu
    return None


def current_task(prog: Program, cpu: int) -> Object:
    """``struct task_struct *`` of the task that runs on a CPU."""
    return cpu_curr(prog, cpu)


def task_of_pid(prog: Program, pid: int) -> Optional[Object]:
    """The task with a pid (of the initial namespace), None when there is none (or pid 0)."""
    if pid <= 0:
        return None
    try:
        task = find_task(prog, pid)
    except NO_ANSWER:
        return None
    return task if task else None


def present_cpus(prog: Program) -> list[int]:
    """CPUs that the machine has. (A panicking kernel takes the others off the online mask.)"""
    return list(for_each_present_cpu(prog))


def thread_size(prog: Program) -> int:
    """Size of a task's kernel stack in bytes."""
    try:
        size = int(prog["THREAD_SIZE"].value_())
    except NO_ANSWER:
        size = 16384
    return min(size, _MAX_STACK_SIZE)


def task_stack(prog: Program, task: Object) -> Optional[Stack]:
    """A task's kernel stack, None when it is not in the dump."""
    try:
        base = int(task.stack.value_())
    except NO_ANSWER:
        return None
    return _stack(prog, "task", base, thread_size(prog)) if base else None


@dataclass(frozen=True)
class Area:
    """Where a stack lies: ``name`` as in :class:`Stack`, ``size`` in bytes."""

    name: str
    base: int
    size: int


def cpu_stacks(prog: Program, cpu: int) -> Iterator[Stack]:
    """The interrupt stack and the exception (IST) stacks of a CPU, as far as the dump has them."""
    for area in cpu_stack_areas(prog, cpu):
        stack = _stack(prog, area.name, area.base, area.size)
        if stack is not None:
            yield stack


def cpu_stack_areas(prog: Program, cpu: int) -> Iterator[Area]:
    """Where a CPU's interrupt stack and exception stacks lie."""
    irq = _irq_stack(prog, cpu)
    if irq is not None:
        yield irq
    yield from _exception_stacks(prog, cpu)


def _stack(prog: Program, name: str, base: int, size: int) -> Optional[Stack]:
    try:
        return Stack(name, base, prog.read(base, size))
    except FaultError:
        return None


def _irq_stack_top(prog: Program, cpu: int) -> Optional[int]:
    """Some address in the last page of the interrupt stack."""
    # 6.2 – 6.14 keep it in pcpu_hot (commit e57ef2ed97c1 "x86: Put hot per CPU variables into a
    # struct"); 5.8 and later name it hardirq_stack_ptr; before it was irq_stack_ptr.
    for variable, member in (
        ("hardirq_stack_ptr", None),
        ("pcpu_hot", "hardirq_stack_ptr"),
        ("irq_stack_ptr", None),
    ):
        try:
            value = per_cpu(prog[variable], cpu)
            if member is not None:
                value = value.member_(member)
            return int(value.value_())
        except NO_ANSWER:
            continue
    return None


def _irq_stack(prog: Program, cpu: int) -> Optional[Area]:
    top = _irq_stack_top(prog, cpu)
    if not top:
        return None
    try:
        size = int(prog.type("struct irq_stack").size or 0)
    except LookupError:
        size = 0
    if not 4096 <= size <= _MAX_STACK_SIZE:
        size = _IRQ_STACK_SIZE
    end = (top + 4095) & ~4095
    return Area("IRQ", end - size, size)


def _exception_stacks(prog: Program, cpu: int) -> Iterator[Area]:
    try:
        # Since 5.2 (commit 019b17b3ffe4 "x86/exceptions: Add structs for exception stacks").
        area = per_cpu(prog["cea_exception_stacks"], cpu)
        base, layout = int(area.value_()), area.type_.type
        members = [m for m in layout.members or () if (m.name or "").endswith("_stack")]
    except NO_ANSWER:
        yield from _tss_stacks(prog, cpu)
        return
    for member in members:
        name = (member.name or "")[: -len("_stack")]
        name = {"MCE": "#MC", "NMI": "NMI"}.get(name, f"#{name}")
        yield Area(name, base + member.offset, sizeof(member.type))


def _tss_stacks(prog: Program, cpu: int) -> Iterator[Area]:
    """The IST pointers of the TSS: tops of stacks of which only the last page is taken."""
    for variable in ("cpu_tss_rw", "cpu_tss", "init_tss"):
        try:
            tops = [int(top.value_()) for top in per_cpu(prog[variable], cpu).x86_tss.ist]
        except NO_ANSWER:
            continue
        for number, top in enumerate(tops, 1):
            if top:
                yield Area(f"IST{number}", top - _IST_STACK_SIZE, _IST_STACK_SIZE)
        return
