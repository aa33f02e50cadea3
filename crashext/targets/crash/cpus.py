# SPDX-License-Identifier: GPL-2.0-or-later
"""CPUs, the tasks that run on them, and their stacks, from memory by PyKdump's names alone.

crash 8.0.2 misreads the task tables of 6.1 kernels; what is here asks only for symbols, type
layouts and memory, which it reads rightly. Each function is the twin of one in
:mod:`crashext.targets.drgn.cpus`, and names its stacks alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from crashext.engine.arch.ptregs import Stack
from crashext.errors import Unknown
from crashext.targets.crash.port import CrashPort

_IRQ_STACK_SIZE = 16384
_IST_STACK_SIZE = 4096
_MAX_STACK_SIZE = 1 << 18
#: More CPUs than any kernel is built for (NR_CPUS of MAXSMP) is a damaged number.
_MAX_CPUS = 8192
_MAX_TASKS = 1 << 20

TASK = "struct task_struct"


class Cpus:
    def __init__(self, memory: CrashPort) -> None:
        self._memory = memory

    def panic_cpu(self) -> Optional[int]:
        """The CPU that panicked or jumped to the crash kernel; None when there was no panic.

        ``panic_cpu`` holds -1 (PANIC_CPU_INVALID) until panic() claims it; before 4.5 only
        ``crashing_cpu`` tells.
        """
        for name in ("panic_cpu", "crashing_cpu"):
            address = self._memory.symbol(name)
            if address is None:
                continue
            try:
                cpu = int.from_bytes(self._memory.read(address, 4), "little", signed=True)
            except Unknown:
                continue
            if cpu >= 0:
                return cpu
        return None

    def present(self) -> list[int]:
        """CPUs that the machine has. Raises Unknown when the mask cannot be read."""
        for name in ("__cpu_present_mask", "cpu_present_bits"):  # the latter before 4.5
            address = self._memory.symbol(name)
            if address is None:
                continue
            size = self._memory.sizeof("struct cpumask") or 8
            mask = self._memory.unsigned(address, min(size, _MAX_CPUS // 8))
            return [cpu for cpu in range(8 * size) if mask >> cpu & 1]
        raise Unknown("this kernel has no mask of present CPUs")

    def per_cpu(self, name: str, cpu: int) -> Optional[int]:
        """The address of a CPU's copy of a per-CPU variable; None when there is none."""
        base = self._memory.symbol(name)
        if base is None or not 0 <= cpu < _MAX_CPUS:
            return None
        offsets = self._memory.symbol("__per_cpu_offset")
        if offsets is None:  # a kernel without CONFIG_SMP
            return base
        return (base + self._memory.unsigned(offsets + 8 * cpu, 8)) & (1 << 64) - 1

    def current_task(self, cpu: int) -> int:
        """Address of the ``task_struct`` that runs on a CPU. Raises Unknown.

        ``pcpu_hot`` held it from 6.2 (commit e57ef2ed97c1 "x86: Put hot per CPU variables into a
        struct") to 6.14; before and after, the variable ``current_task``. The run queue's
        ``curr`` is the same task on every kernel.
        """
        for variable, type_name, path in (
            ("pcpu_hot", "struct pcpu_hot", "current_task"),
            ("current_task", None, None),
            ("runqueues", "struct rq", "curr"),
        ):
            address = self.per_cpu(variable, cpu)
            if address is None:
                continue
            if type_name is not None and path is not None:
                member = self._memory.member(type_name, path)
                if member is None:
                    continue
                address += member.offset
            try:
                task = self._memory.unsigned(address, 8)
            except Unknown:
                continue
            if task:
                return task
        raise Unknown(f"the task that runs on CPU {cpu} is not known")

    def task_of_pid(self, pid: int, cpus: list[int]) -> Optional[int]:
        """The task with that pid: looked for on the CPUs first, then among all tasks."""
        if pid <= 0:
            return None
        for cpu in cpus:
            try:
                task = self.current_task(cpu)
            except Unknown:
                continue
            if self.task_pid(task) == pid:
                return task
        return next((task for task in self._tasks() if self.task_pid(task) == pid), None)

    def _tasks(self) -> Iterator[int]:
        """All threads of all processes, each once, as far as the lists can be read."""
        init = self._memory.symbol("init_task")
        tasks = self._memory.member(TASK, "tasks")
        if init is None or tasks is None:
            return
        for leader in self._ring(init + tasks.offset, tasks.offset):
            yield leader
            yield from self._threads(leader)

    def _threads(self, leader: int) -> Iterator[int]:
        """The other threads of a process.

        The list is headed in signal_struct since 3.14 (commit 0c740d0afc3b "introduce
        for_each_thread()"); ``thread_group`` is gone since 6.7 (commit 8e1f385104ac).
        """
        signal = self._memory.member(TASK, "signal")
        head = self._memory.member("struct signal_struct", "thread_head")
        node = self._memory.member(TASK, "thread_node")
        try:
            if signal is not None and head is not None and node is not None:
                start = self._memory.unsigned(leader + signal.offset, 8) + head.offset
                ring = self._ring(start, node.offset)
            else:
                group = self._memory.member(TASK, "thread_group")
                if group is None:
                    return
                ring = self._ring(leader + group.offset, group.offset)
            yield from (task for task in ring if task != leader)
        except Unknown:
            return

    def _ring(self, head: int, offset: int) -> Iterator[int]:
        seen: set[int] = set()
        link = head
        while len(seen) < _MAX_TASKS:
            try:
                link = self._memory.unsigned(link, 8)
            except Unknown:
                return
            if link in (0, head) or link in seen:
                return
            seen.add(link)
            yield link - offset

    def task_pid(self, task: int) -> Optional[int]:
        return self.task_number(task, "pid")

    def task_number(self, task: int, path: str) -> Optional[int]:
        """An integer member of a task, None when it is not there."""
        member = self._memory.member(TASK, path)
        if member is None:
            return None
        try:
            return self._memory.unsigned(task + member.offset, member.size)
        except Unknown:
            return None

    def task_comm(self, task: int) -> Optional[str]:
        member = self._memory.member(TASK, "comm")
        if member is None:
            return None
        try:
            raw = self._memory.read(task + member.offset, member.size)
        except Unknown:
            return None
        return raw.partition(b"\0")[0].decode(errors="replace")

    def task_cpu(self, task: int) -> Optional[int]:
        """The CPU that a task last ran on.

        In task_struct, or in its thread_info (4.9 to 5.15, commit bcf9033e5449 "sched: move CPU
        field back into thread_info if THREAD_INFO_IN_TASK=y"), or in the thread_info at the
        bottom of its stack (before 4.9 on x86).
        """
        for path in ("cpu", "thread_info.cpu"):
            found = self.task_number(task, path)
            if found is not None:
                return found
        bottom = self._memory.member("struct thread_info", "cpu")
        stack = self.task_number(task, "stack")
        if bottom is None or not stack:
            return None
        try:
            return self._memory.unsigned(stack + bottom.offset, bottom.size)
        except Unknown:
            return None

    def thread_size(self) -> int:
        """Size of a task's kernel stack in bytes: 16 KiB on x86-64 since 3.15, 8 KiB before.

        ``init_thread_union`` (or ``init_stack``, 4.16 and later) tells, where debug info has it.
        """
        size = self._memory.sizeof("union thread_union")
        return size if size and 4096 <= size <= _MAX_STACK_SIZE else 16384

    def task_stack(self, task: int) -> Optional[Stack]:
        """A task's kernel stack, None when it is not in the dump."""
        base = self.task_number(task, "stack")
        return self._stack("task", base, self.thread_size()) if base else None

    def cpu_stacks(self, cpu: int) -> Iterator[Stack]:
        """The interrupt stack and the exception (IST) stacks of a CPU."""
        irq = self._irq_stack(cpu)
        if irq is not None:
            yield irq
        yield from self._exception_stacks(cpu)

    def _stack(self, name: str, base: int, size: int) -> Optional[Stack]:
        try:
            return Stack(name, base, self._memory.read(base, size))
        except Unknown:
            return None

    def _irq_stack(self, cpu: int) -> Optional[Stack]:
        top = None
        for variable, path in (
            ("hardirq_stack_ptr", None),  # 5.8
            ("pcpu_hot", "hardirq_stack_ptr"),  # 6.2 to 6.14
            ("irq_stack_ptr", None),
        ):
            address = self.per_cpu(variable, cpu)
            if address is None:
                continue
            if path is not None:
                member = self._memory.member("struct pcpu_hot", path)
                if member is None:
                    continue
                address += member.offset
            try:
                top = self._memory.unsigned(address, 8)
                break
            except Unknown:
                continue
        if not top:
            return None
        size = self._memory.sizeof("struct irq_stack") or 0
        if not 4096 <= size <= _MAX_STACK_SIZE:
            size = _IRQ_STACK_SIZE
        end = (top + 4095) & ~4095
        return self._stack("IRQ", end - size, size)

    def _exception_stacks(self, cpu: int) -> Iterator[Stack]:
        # Since 5.2 (commit 019b17b3ffe4 "x86/exceptions: Add structs for exception stacks").
        layout = "struct cea_exception_stacks"
        pointer = self.per_cpu("cea_exception_stacks", cpu)
        if pointer is None or self._memory.sizeof(layout) is None:
            yield from self._tss_stacks(cpu)
            return
        try:
            base = self._memory.unsigned(pointer, 8)
        except Unknown:
            return
        for word in ("DF", "NMI", "DB", "MCE", "VC", "VC2"):
            member = self._memory.member(layout, f"{word}_stack")
            if member is None:
                continue
            name = {"MCE": "#MC", "NMI": "NMI"}.get(word, f"#{word}")
            stack = self._stack(name, base + member.offset, member.size)
            if stack is not None:
                yield stack

    def _tss_stacks(self, cpu: int) -> Iterator[Stack]:
        """The IST pointers of the TSS: tops of stacks of which only the last page is taken."""
        ist = self._memory.member("struct tss_struct", "x86_tss.ist")
        if ist is None:
            return
        for variable in ("cpu_tss_rw", "cpu_tss", "init_tss"):
            address = self.per_cpu(variable, cpu)
            if address is None:
                continue
            for number in range(ist.size // 8):
                try:
                    top = self._memory.unsigned(address + ist.offset + 8 * number, 8)
                except Unknown:
                    continue
                stack = self._stack(f"IST{number + 1}", top - _IST_STACK_SIZE, _IST_STACK_SIZE)
                if top and stack is not None:
                    yield stack
            return
