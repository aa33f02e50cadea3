# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the kernel's stacks lie: those of tasks, and the interrupt and exception stacks of CPUs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

from crashext.engine.arch.ptregs import Stack
from crashext.errors import Unknown
from crashext.kernel import cpus
from crashext.kernel.memory import read_pointer, read_unsigned
from crashext.kernel.port import Port

#: Interrupt stack of x86-64 without KASAN (IRQ_STACK_ORDER 2), when the type does not tell.
_IRQ_STACK_SIZE = 16384
#: Exception stack of x86-64 kernels before cea_exception_stacks (EXCEPTION_STACK_ORDER 0).
_IST_STACK_SIZE = 4096
#: A kernel stack of x86-64 since 3.15, when nothing tells.
_THREAD_SIZE = 16384
#: Where a stack cannot be: a guard against nonsense read from a damaged dump.
_MAX_STACK_SIZE = 1 << 18

#: The members of ``struct cea_exception_stacks`` that are stacks, in its order.
_EXCEPTIONS = ("DF", "NMI", "DB", "MCE", "VC", "VC2")


@dataclass(frozen=True)
class Area:
    """Where a stack lies: ``name`` as in :class:`Stack`, ``size`` in bytes."""

    name: str
    base: int
    size: int


def thread_size(port: Port) -> int:
    """Size of a task's kernel stack in bytes.

    ``init_stack`` (an array, 4.16 and later) or ``init_thread_union`` has the type that tells.
    """
    size = port.sizeof("union thread_union")
    return size if size and 4096 <= size <= _MAX_STACK_SIZE else _THREAD_SIZE


def read_area(port: Port, area: Area) -> Optional[Stack]:
    """A stack with its bytes, None when the dump does not have all of them."""
    try:
        return Stack(area.name, area.base, port.read(area.base, area.size))
    except Unknown:
        return None


def of_task(port: Port, task: int) -> Optional[Stack]:
    """A task's kernel stack, None when it is not in the dump."""
    member = port.member("struct task_struct", "stack")
    if member is None:
        return None
    try:
        base = read_unsigned(port, task + member.offset, member.size)
    except Unknown:
        return None
    return read_area(port, Area("task", base, thread_size(port))) if base else None


def of_cpu(port: Port, cpu: int) -> Iterator[Stack]:
    """The interrupt stack and the exception (IST) stacks of a CPU, as far as the dump has them."""
    for area in cpu_areas(port, cpu):
        stack = read_area(port, area)
        if stack is not None:
            yield stack


def cpu_areas(port: Port, cpu: int) -> Iterator[Area]:
    """Where a CPU's interrupt stack and exception stacks lie; what cannot be read is left out."""
    try:
        irq = _irq_stack(port, cpu)
        if irq is not None:
            yield irq
        yield from _exception_stacks(port, cpu)
    except Unknown:
        return


def _irq_stack(port: Port, cpu: int) -> Optional[Area]:
    top = _irq_stack_top(port, cpu)
    if not top:
        return None
    size = port.sizeof("struct irq_stack") or 0
    if not 4096 <= size <= _MAX_STACK_SIZE:
        size = _IRQ_STACK_SIZE
    end = (top + 4095) & ~4095
    return Area("IRQ", end - size, size)


def _irq_stack_top(port: Port, cpu: int) -> Optional[int]:
    """Some address in the last page of the interrupt stack."""
    # 6.2 – 6.14 keep it in pcpu_hot (commit e57ef2ed97c1 "x86: Put hot per CPU variables into a
    # struct"); 5.8 and later name it hardirq_stack_ptr; before it was irq_stack_ptr.
    for address in (
        cpus.per_cpu(port, "hardirq_stack_ptr", cpu),
        cpus.per_cpu_member(port, "pcpu_hot", "struct pcpu_hot", "hardirq_stack_ptr", cpu),
        cpus.per_cpu(port, "irq_stack_ptr", cpu),
    ):
        if address is not None:
            try:
                return read_pointer(port, address)
            except Unknown:
                continue
    return None


def _exception_stacks(port: Port, cpu: int) -> Iterator[Area]:
    # Since 5.2 (commit 019b17b3ffe4 "x86/exceptions: Add structs for exception stacks").
    layout = "struct cea_exception_stacks"
    pointer = cpus.per_cpu(port, "cea_exception_stacks", cpu)
    if pointer is None or port.sizeof(layout) is None:
        yield from _tss_stacks(port, cpu)
        return
    base = read_pointer(port, pointer)
    for word in _EXCEPTIONS:
        member = port.member(layout, f"{word}_stack")
        if member is not None:
            name = {"MCE": "#MC", "NMI": "NMI"}.get(word, f"#{word}")
            yield Area(name, base + member.offset, member.size)


def _tss_stacks(port: Port, cpu: int) -> Iterator[Area]:
    """The IST pointers of the TSS: tops of stacks of which only the last page is taken."""
    ist = port.member("struct tss_struct", "x86_tss.ist")
    if ist is None:
        return
    for variable in ("cpu_tss_rw", "cpu_tss", "init_tss"):
        address = cpus.per_cpu(port, variable, cpu)
        if address is None:
            continue
        for number in range(ist.size // port.word):
            try:
                top = read_pointer(port, address + ist.offset + port.word * number)
            except Unknown:
                continue
            if top:
                yield Area(f"IST{number + 1}", top - _IST_STACK_SIZE, _IST_STACK_SIZE)
        return
