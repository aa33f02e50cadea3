# SPDX-License-Identifier: GPL-2.0-or-later
"""CPUs and per-CPU variables, from memory alone: no saved CPU registers are needed."""

from __future__ import annotations

from typing import Optional

from crashext.errors import Unknown
from crashext.kernel.memory import read_pointer, read_signed, read_unsigned
from crashext.kernel.port import Port

#: More CPUs than any kernel is built for (NR_CPUS of MAXSMP) is a damaged number.
MAX_CPUS = 8192


def panic_cpu(port: Port) -> Optional[int]:
    """The CPU that panicked or took the crash kernel's jump; None when there was no panic.

    ``panic_cpu`` is an atomic_t holding -1 (PANIC_CPU_INVALID) until panic() or a kexec crash
    claims it; before 4.5 only ``crashing_cpu`` tells.
    """
    for name in ("panic_cpu", "crashing_cpu"):
        address = port.symbol(name)
        if address is None:
            continue
        try:
            cpu = read_signed(port, address, 4)
        except Unknown:
            continue
        if cpu >= 0:
            return cpu
    return None


def present(port: Port) -> list[int]:
    """CPUs that the machine has. (A panicking kernel takes the others off the online mask.)

    Raises Unknown when the mask cannot be read.
    """
    for name in ("__cpu_present_mask", "cpu_present_bits"):  # the latter before 4.5
        address = port.symbol(name)
        if address is None:
            continue
        size = min(port.sizeof("struct cpumask") or port.word, MAX_CPUS // 8)
        # An array of longs: read as one number only where bytes are in the order of their weight.
        raw = port.read(address, size)
        order = range(0, size, port.word)
        mask = sum(
            int.from_bytes(raw[at : at + port.word], "little" if port.little else "big") << 8 * at
            for at in order
        )
        return [cpu for cpu in range(8 * size) if mask >> cpu & 1]
    raise Unknown("this kernel has no mask of present CPUs")


def per_cpu(port: Port, name: str, cpu: int) -> Optional[int]:
    """The address of a CPU's copy of a per-CPU variable; None when there is none.

    Raises Unknown when the table of offsets cannot be read.
    """
    base = port.symbol(name)
    if base is None or not 0 <= cpu < MAX_CPUS:
        return None
    offsets = port.symbol("__per_cpu_offset")
    if offsets is None:  # a kernel without CONFIG_SMP
        return base
    return (base + read_pointer(port, offsets + port.word * cpu)) & (1 << 8 * port.word) - 1


def per_cpu_member(port: Port, name: str, kind: str, path: str, cpu: int) -> Optional[int]:
    """The address of a member of a CPU's copy of a per-CPU structure; None when there is none."""
    address = per_cpu(port, name, cpu)
    member = port.member(kind, path)
    if address is None or member is None:
        return None
    return address + member.offset


def current_task(port: Port, cpu: int) -> int:
    """Address of the ``task_struct`` that runs on a CPU. Raises Unknown.

    The run queue's ``curr`` on every kernel; where debug info lacks it, ``pcpu_hot`` (6.2, commit
    e57ef2ed97c1 "x86: Put hot per CPU variables into a struct", to 6.14) and ``current_task``.
    """
    for name, kind, path in (
        ("runqueues", "struct rq", "curr"),
        ("pcpu_hot", "struct pcpu_hot", "current_task"),
        ("current_task", None, ""),
    ):
        try:
            address = (
                per_cpu(port, name, cpu)
                if kind is None
                else per_cpu_member(port, name, kind, path, cpu)
            )
            task = read_pointer(port, address) if address is not None else 0
        except Unknown:
            continue
        if task:
            return task
    raise Unknown(f"the task that runs on CPU {cpu} is not known")


def preempt_count(port: Port, cpu: int) -> int:
    """The preempt count of a CPU. Raises Unknown.

    It was in ``pcpu_hot`` from 6.2 to 6.14 (64701838bf06 "x86/percpu: Move preempt_count next to
    current_task") and is a variable of its own before and after.
    """
    address = per_cpu_member(port, "pcpu_hot", "struct pcpu_hot", "preempt_count", cpu)
    if address is None:
        address = per_cpu(port, "__preempt_count", cpu)
    if address is None:
        raise Unknown("this kernel keeps no preempt count of a CPU")
    return read_unsigned(port, address, 4)
