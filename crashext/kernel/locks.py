# SPDX-License-Identifier: GPL-2.0-or-later
"""Sleeping locks and spinlocks by their address: who holds them, what their value says."""

from __future__ import annotations

from typing import Optional

from crashext.errors import Unknown
from crashext.kernel.memory import read_pointer
from crashext.kernel.port import Port
from crashext.kernel.tasks import Tasks

#: Kind of lock → its types, of which a kernel has one, and the low bits of ``owner`` that are
#: flags: MUTEX_FLAGS (kernel/locking/mutex.h, 4.10; before it a plain pointer), the reader and
#: spinning bits of a rwsem (kernel/locking/rwsem.c), RT_MUTEX_HAS_WAITERS (rtmutex_common.h).
_OWNERS: dict[str, tuple[tuple[str, ...], int]] = {
    "mutex": (("struct mutex",), 7),
    "rwsem (write)": (("struct rw_semaphore",), 7),
    "rwsem (read)": (("struct rw_semaphore",), 7),
    "rt_mutex": (("struct rt_mutex_base", "struct rt_mutex"), 1),
}


def owner(port: Port, tasks: Tasks, kind: str, lock: int) -> Optional[int]:
    """Address of the ``task_struct`` that holds a lock; None when it cannot be told.

    Of a rwsem held by readers the last that took it, where the kernel kept it.
    """
    types, flags = _OWNERS.get(kind, ((), 0))
    for name in types:
        member = port.member(name, "owner")
        if member is None:
            continue
        try:
            task = read_pointer(port, lock + member.offset) & ~flags
        except Unknown:
            return None
        # The pointer may be stale: is it a task at all?
        return task if task and tasks.pid(task) is not None else None
    return None


def spinlock_text(value: int) -> str:
    """A qspinlock's value in words (include/asm-generic/qspinlock_types.h).

    Bits 0–7 locked, 8 pending, 16–17 nesting level and 18 and up the CPU of the last waiter, plus
    one (kernels for fewer than 16384 CPUs).
    """
    words = ["locked" if value & 0xFF else "not locked"]
    if value & 0x100:
        words.append("one CPU is next in turn")
    if value >> 18:
        words.append(f"CPU {(value >> 18) - 1} is the last in its queue")
    return ", ".join(words)
