# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks: one by its number, all of them, and what their ``task_struct`` holds.

:meth:`Tasks.all` reads of each task the piece with the members that are asked for, in one read, so
that a dump with thousands of tasks is walked in a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Optional

from crashext.errors import Unknown
from crashext.kernel import cpus
from crashext.kernel.memory import read_pointer, read_pointers, read_unsigned, text_of
from crashext.kernel.port import Member, Port, TaskIndex

TASK = "struct task_struct"
#: More tasks than a machine can have (PID_MAX_LIMIT is 2^22) is a list gone wrong.
MAX_TASKS = 1 << 20
#: A kernel thread (include/linux/sched.h; unchanged since 2.6).
PF_KTHREAD = 0x00200000

#: Letters of the states that ps knows; the kernel's own array tells which bit has which.
_LETTERS = "RSDTtXZP"


@dataclass(frozen=True)
class TaskRecord:
    """What a ``task_struct`` holds. A member that this kernel lacks is None."""

    address: int
    pid: Optional[int]
    tgid: Optional[int]
    comm: Optional[str]
    flags: Optional[int]
    state: Optional[int]
    stack: Optional[int]  # lowest address of its kernel stack

    @property
    def kernel_thread(self) -> bool:
        return bool((self.flags or 0) & PF_KTHREAD)


class Tasks:
    """The tasks of one kernel. Layouts are looked up once."""

    def __init__(self, port: Port) -> None:
        self._port = port
        #: ``__state`` since 5.14 (commit 2f064a59a11f "sched: Change task_struct::state").
        self._state = self._member("__state") or self._member("state")
        self._fields = {
            name: self._member(name) for name in ("pid", "tgid", "comm", "flags", "stack")
        }
        self._letters: Optional[str] = None
        wanted = [m for m in (self._state, *self._fields.values()) if m is not None]
        self._first = min((m.offset for m in wanted), default=0)
        self._size = max((m.offset + m.size for m in wanted), default=0) - self._first

    def _member(self, path: str) -> Optional[Member]:
        return self._port.member(TASK, path)

    # One task

    def record(self, task: int) -> TaskRecord:
        """Raises Unknown when the task_struct cannot be read."""
        if self._size <= 0:
            raise Unknown("the debug info has no struct task_struct")
        raw = self._port.read(task + self._first, self._size)
        order = "little" if self._port.little else "big"

        def number(member: Optional[Member]) -> Optional[int]:
            if member is None:
                return None
            at = member.offset - self._first
            return int.from_bytes(raw[at : at + member.size], order)  # type: ignore[arg-type]

        comm = None
        if self._fields["comm"] is not None:
            at = self._fields["comm"].offset - self._first
            comm = text_of(raw[at : at + self._fields["comm"].size].partition(b"\0")[0])
        return TaskRecord(
            task,
            number(self._fields["pid"]),
            number(self._fields["tgid"]),
            comm,
            number(self._fields["flags"]),
            number(self._state),
            number(self._fields["stack"]) or None,
        )

    def number(self, task: int, path: str) -> Optional[int]:
        """An integer member of a task, None when it is not there."""
        member = self._member(path)
        if member is None:
            return None
        try:
            return read_unsigned(self._port, task + member.offset, member.size)
        except Unknown:
            return None

    def pid(self, task: int) -> Optional[int]:
        return self.number(task, "pid")

    def comm(self, task: int) -> Optional[str]:
        member = self._member("comm")
        if member is None:
            return None
        try:
            raw = self._port.read(task + member.offset, member.size)
        except Unknown:
            return None
        return text_of(raw.partition(b"\0")[0])

    def cpu(self, task: int) -> Optional[int]:
        """The CPU that a task last ran on.

        In task_struct, or in its thread_info (4.9 to 5.15, commit bcf9033e5449 "sched: move CPU
        field back into thread_info if THREAD_INFO_IN_TASK=y"), or in the thread_info at the
        bottom of its stack (before 4.9 on x86).
        """
        for path in ("cpu", "thread_info.cpu"):
            found = self.number(task, path)
            if found is not None:
                return found
        bottom = self._port.member("struct thread_info", "cpu")
        stack = self.number(task, "stack")
        if bottom is None or not stack:
            return None
        try:
            return read_unsigned(self._port, stack + bottom.offset, bottom.size)
        except Unknown:
            return None

    def who(self, task: int) -> str:
        """``rmmod (pid 91)``."""
        pid = self.pid(task)
        return f"{self.comm(task) or '?'} (pid {'?' if pid is None else pid})"

    def state_letter(self, task: int) -> str:
        """``R``, ``S``, ``D`` … as ps shows it; ``?`` when it cannot be told.

        The highest bit set of state and exit_state decides, after get_task_state()
        (fs/proc/array.c).
        """
        if self._state is None:
            return "?"
        try:
            state = read_unsigned(self._port, task + self._state.offset, self._state.size)
        except Unknown:
            return "?"
        # TASK_IDLE, TASK_UNINTERRUPTIBLE with TASK_NOLOAD (4.14 and later).
        if state == 0x402:
            return "I"
        letters = self._state_letters()
        state = (state | (self.number(task, "exit_state") or 0)) & (1 << len(letters) - 1) - 1
        return letters[state.bit_length()] if letters else "?"

    def _state_letters(self) -> str:
        """The first letters of ``task_state_array``: "R (running)", "S (sleeping)" …"""
        if self._letters is None:
            self._letters = ""
            address = self._port.symbol("task_state_array")
            try:
                names = read_pointers(self._port, address, len(_LETTERS)) if address else []
                for name in names:
                    letter = self._port.read(name, 1).decode("ascii", "replace")
                    if letter not in _LETTERS:
                        break
                    self._letters += letter
            except Unknown:
                pass
        return self._letters

    # All tasks

    def all(self) -> Iterator[int]:
        """All threads of all processes, each once, as far as the lists can be read."""
        init = self._port.symbol("init_task")
        tasks = self._member("tasks")
        if init is None or tasks is None:
            return
        for leader in self._ring(init + tasks.offset, tasks.offset):
            yield leader
            yield from self._threads(leader)

    def records(self) -> Iterator[TaskRecord]:
        """:meth:`all` with what each task holds; those that cannot be read are left out."""
        for task in self.all():
            try:
                yield self.record(task)
            except Unknown:
                continue

    def _threads(self, leader: int) -> Iterator[int]:
        """The other threads of a process.

        The list is headed in signal_struct since 3.14 (commit 0c740d0afc3b "introduce
        for_each_thread()"); ``thread_group`` is gone since 6.7 (commit 8e1f385104ac).
        """
        signal = self._member("signal")
        head = self._port.member("struct signal_struct", "thread_head")
        node = self._member("thread_node")
        try:
            if signal is not None and head is not None and node is not None:
                start = read_pointer(self._port, leader + signal.offset) + head.offset
                ring = self._ring(start, node.offset)
            else:
                group = self._member("thread_group")
                if group is None:
                    return
                ring = self._ring(leader + group.offset, group.offset)
            yield from (task for task in ring if task != leader)
        except Unknown:
            return

    def _ring(self, head: int, offset: int) -> Iterator[int]:
        seen: set[int] = set()
        link = head
        while len(seen) < MAX_TASKS:
            try:
                link = read_pointer(self._port, link)
            except Unknown:
                return
            if link in (0, head) or link in seen:
                return
            seen.add(link)
            yield link - offset

    def find(self, pid: int, on_cpus: Iterable[int] = ()) -> Optional[int]:
        """The task with a pid of the initial namespace, None when there is none (or pid 0).

        The kernel's own index where the debugger reads it; else the tasks that run on
        ``on_cpus`` first, then all.
        """
        if pid <= 0:
            return None
        if isinstance(self._port, TaskIndex):
            try:
                return self._port.find_task(pid)
            except Unknown:
                pass
        for cpu in on_cpus:
            try:
                task = cpus.current_task(self._port, cpu)
            except Unknown:
                continue
            if self.pid(task) == pid:
                return task
        return next((task for task in self.all() if self.pid(task) == pid), None)
