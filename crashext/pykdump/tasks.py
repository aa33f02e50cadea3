# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks by pid. crash 8.0.2 misses most tasks of 6.1 kernels: what it lacks is read from memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from crashext.pykdump.cmodule import crash
from crashext.pykdump.lists import readList
from crashext.pykdump.structs import StructResult, readSU
from crashext.pykdump.typequery import member_offset

_TASK = "struct task_struct"


def all_tasks() -> Iterator[StructResult]:
    """All threads of all processes, from the lists that the kernel keeps.

    Threads hang on signal_struct since 3.14 (commit 0c740d0afc3b "introduce for_each_thread()"),
    on the leader's ``thread_group`` before.
    """
    head = crash.sym2addr("init_task")
    offset = member_offset(_TASK, "tasks")
    if not head or offset < 0:
        return
    for link in readList(head + offset, 0, None, True):
        leader = readSU(_TASK, link - offset)
        yield leader
        try:
            yield from _other_threads(leader)
        except (crash.error, IndexError):
            continue


def _other_threads(leader: StructResult) -> Iterator[StructResult]:
    node = member_offset(_TASK, "thread_node")
    head = member_offset("struct signal_struct", "thread_head")
    if node >= 0 and head >= 0:
        links = readList(int(leader.signal) + head, 0, None, False)
    else:
        node = member_offset(_TASK, "thread_group")
        links = readList(int(leader) + node, 0, None, False) if node >= 0 else []
    for link in links:
        if link - node != leader:
            yield readSU(_TASK, link - node)


def pid_to_task(pid: int) -> int:
    """The address of the task with that pid, 0 when there is none."""
    found = int(crash.pid_to_task(pid))
    if found:
        return found
    return next((int(task) for task in all_tasks() if task.pid == pid), 0)


def task_to_pid(task: int) -> Optional[int]:
    """The pid of the task at that address, None when there is no task."""
    found: Optional[int] = crash.task_to_pid(int(task))
    if found is None and any(int(task) == int(one) for one in all_tasks()):
        found = int(readSU(_TASK, int(task)).pid)
    return found
