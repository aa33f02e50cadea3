# SPDX-License-Identifier: GPL-2.0-or-later
"""Hung tasks: what a task waits for, who holds it, and so on down to the end or around the cycle.

A task blocked in ``mutex_lock()`` or ``down_write()`` has the lock in a parameter or local of one
of its frames. The lock names its owner; the owner may itself be blocked. Since 6.14 a blocked task
also records the lock (``task_struct.blocker``, CONFIG_DETECT_HUNG_TASK_BLOCKER).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

import drgn
from drgn import Object, Program, cast
from drgn.helpers.linux.sched import task_state_to_char

from crashext.engine.model import Check, Finding
from crashext.engine.report import Report
from crashext.errors import Unknown
from crashext.targets.base import ExceptionFrame
from crashext.targets.drgn import cpus
from crashext.targets.drgn.asking import NO_ANSWER

if TYPE_CHECKING:
    from crashext.targets.drgn.target import DrgnTarget

#: Longest chain of owners followed.
MAX_CHAIN = 32
#: Frames of a blocked task that are looked through for the lock.
MAX_FRAMES = 24
#: Kinds of reports for which a chain of locks is worth the walk.
KINDS = ("hung-task", "soft-lockup", "hard-lockup", "rcu-stall", "workqueue-stall")

#: Function → (name of its lock variable, kind of lock).
_WAITS = {
    "__mutex_lock": ("lock", "mutex"),
    "__mutex_lock_common": ("lock", "mutex"),
    "__mutex_lock_slowpath": ("lock", "mutex"),
    "__mutex_lock_killable_slowpath": ("lock", "mutex"),
    "__mutex_lock_interruptible_slowpath": ("lock", "mutex"),
    "mutex_lock": ("lock", "mutex"),
    "rwsem_down_write_slowpath": ("sem", "rwsem (write)"),
    "rwsem_down_read_slowpath": ("sem", "rwsem (read)"),
    "down_write": ("sem", "rwsem (write)"),
    "down_read": ("sem", "rwsem (read)"),
    "__down_common": ("sem", "semaphore"),
    "down": ("sem", "semaphore"),
    "wait_for_completion": ("x", "completion"),
    "__wait_for_common": ("x", "completion"),
    "rt_mutex_slowlock": ("lock", "rt_mutex"),
    "io_schedule": ("", "I/O"),
}


@dataclass
class Wait:
    """What one task waits for. ``lock`` is None when only the kind is known."""

    kind: str
    lock: Optional[int]
    caller: Optional[str]  # the function that asked for the lock
    where: Optional[str]  # file:line of it


def find(
    target: DrgnTarget, report: Optional[Report], frame: Optional[ExceptionFrame]
) -> Iterator[Finding]:
    """The chain of locks that begins at the task of a hang report; a spinlock spun on."""
    if report is None or report.kind not in KINDS:
        return
    if frame is not None:
        yield from _spins(target, frame)
    task = blocked_task(target.prog, report)
    if task is None:
        return
    links, end = chain(target, task)
    if not links:
        return
    detail = [_link(target, blocked, wait) for blocked, wait in links]
    if end is not None:
        detail.append(end)
    cycle = end is not None and end.startswith("a cycle")
    text = (
        "a deadlock: each task waits for a lock that the next one holds"
        if cycle
        else f"{_who(task)} waits for {_lock_text(target, links[0][1])}"
    )
    pid = int(task.pid.value_())
    yield Finding("locks", text, detail, Check(crash=f"bt {pid}", drgn=f"stack_trace({pid})"))


#: Functions that spin, and their lock (kernel/locking/qspinlock.c, spinlock.c).
_SPINNERS = (
    "native_queued_spin_lock_slowpath",
    "__pv_queued_spin_lock_slowpath",
    "queued_spin_lock_slowpath",
    "do_raw_spin_lock",
    "_raw_spin_lock",
    "_raw_spin_lock_irqsave",
    "_raw_spin_lock_irq",
    "_raw_spin_lock_bh",
)


def _spins(target: DrgnTarget, frame: ExceptionFrame) -> Iterator[Finding]:
    """The spinlock that the interrupted code waits for. It does not record who holds it."""
    for count, step in enumerate(target.trace(frame)):
        if count >= MAX_FRAMES:
            return
        lock = _value(step, "lock") if step.function_name in _SPINNERS else None
        if lock is None:
            continue
        try:
            value = target.prog.read_u32(lock)
        except NO_ANSWER:
            return
        name = _lock_text(target, Wait("spinlock", lock, None, None))
        yield Finding(
            "locks",
            f"the CPU spins on {name}, which is {spinlock_text(value)}",
            ["a spinlock does not record its owner: look for who took it and did not release it"],
            Check(crash=f"struct qspinlock {lock:x}", drgn=f"hex(prog.read_u32({lock:#x}))"),
        )
        return


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


def blocked_task(prog: Program, report: Report) -> Optional[Object]:
    """The task that a hang report names (not the watchdog that reported it)."""
    for key in ("task_pid", "pid"):
        word = report.details.get(key)
        if word is not None and word.isdigit():
            return cpus.task_of_pid(prog, int(word))
    name, _, pid = report.details.get("task", "").rpartition(":")
    if name and pid.isdigit():
        return cpus.task_of_pid(prog, int(pid))
    return cpus.task_of_pid(prog, report.pid) if report.pid is not None else None


def chain(target: DrgnTarget, task: Object) -> tuple[list[tuple[Object, Wait]], Optional[str]]:
    """(task, what it waits for) from ``task`` on, and how the chain ends, in words."""
    links: list[tuple[Object, Wait]] = []
    seen: list[int] = []
    current = task
    while len(links) < MAX_CHAIN:
        address = int(current.value_())
        if address in seen:
            first = seen.index(address)
            names = [_who(link[0]) for link in links[first:]]
            return links, "a cycle: " + " → ".join([*names, names[0]])
        seen.append(address)
        wait = waits_for(target, current)
        if wait is None:
            return links, f"{_who(current)} does not wait for a lock: {_doing(target, current)}"
        links.append((current, wait))
        owner = lock_owner(target.prog, wait)
        if owner is None:
            return links, None
        current = owner
    return links, f"the chain was cut after {MAX_CHAIN} tasks"


def waits_for(target: DrgnTarget, task: Object) -> Optional[Wait]:
    """The lock that a sleeping task waits for, from the variables of its frames."""
    try:
        trace = target.task_trace(task)
    except NO_ANSWER:
        return None
    found: Optional[Wait] = None
    for count, step in enumerate(trace):
        if count >= MAX_FRAMES:
            break
        try:
            target.symbols.module_name(step.pc)
        except LookupError:
            break
        name = step.function_name or step.name
        if name in _WAITS:
            variable, kind = _WAITS[name]
            if found is None:
                found = Wait(kind, None, None, None)
            if variable and found.lock is None:
                found.lock = _value(step, variable)
                if found.lock is not None:
                    found.kind = kind
        elif found is not None and not name.startswith(("__mutex", "mutex_", "__down", "down_")):
            found.caller = name
            try:
                location = step.source()
                found.where = f"{location.filename}:{location.line}"
            except NO_ANSWER:
                pass
            break
    return found


def _value(step: drgn.StackFrame, name: str) -> Optional[int]:
    try:
        value = step[name]
        return None if value.absent_ else int(value.value_())
    except NO_ANSWER:
        return None


def lock_owner(prog: Program, wait: Wait) -> Optional[Object]:
    """``struct task_struct *`` of the task that holds the lock; None when it cannot be told."""
    from drgn.helpers.linux.locking import mutex_owner, rwsem_owner

    if wait.lock is None:
        return None
    try:
        if wait.kind == "mutex":
            owner = mutex_owner(Object(prog, "struct mutex *", wait.lock))
        elif wait.kind.startswith("rwsem"):
            owner = rwsem_owner(Object(prog, "struct rw_semaphore *", wait.lock))
        elif wait.kind == "rt_mutex":
            lock = Object(prog, "struct rt_mutex_base *", wait.lock)
            # RT_MUTEX_HAS_WAITERS is bit 0 of the owner (kernel/locking/rtmutex_common.h).
            owner = cast("struct task_struct *", cast("unsigned long", lock.owner) & ~1)
        else:
            return None
        owner.pid.value_()  # the pointer may be stale: is it a task at all?
    except NO_ANSWER:
        return None
    return owner if owner else None


def _who(task: Object) -> str:
    comm = task.comm.string_().decode(errors="replace")
    return f"{comm} (pid {int(task.pid.value_())})"


def _doing(target: DrgnTarget, task: Object) -> str:
    try:
        state = str(task_state_to_char(task))
    except NO_ANSWER:
        state = "?"
    try:
        names = [step.function_name for step in target.task_trace(task)]
    except NO_ANSWER:
        return f"state {state}"
    path = [name for name in names if name is not None and name not in _SLEEPING]
    return f"state {state} in {' ← '.join(path[:4])}" if path else f"state {state}"


#: How every sleeping task sleeps.
_SLEEPING = ("context_switch", "__schedule", "__schedule_loop", "schedule", "schedule_timeout")


def _lock_text(target: DrgnTarget, wait: Wait) -> str:
    if wait.lock is None:
        return f"a {wait.kind}"
    try:
        symbol = target.symbols.symbol(wait.lock)
        name = symbol.name + (f"+{symbol.offset:#x}" if symbol.offset else "")
        if symbol.module:
            name += f" [{symbol.module}]"
    except Unknown:
        name = f"{wait.lock:#x}"
    return f"{wait.kind} {name}"


def _link(target: DrgnTarget, task: Object, wait: Wait) -> str:
    text = f"{_who(task)} waits for {_lock_text(target, wait)}"
    if wait.caller:
        text += f" in {wait.caller}"
    if wait.where:
        text += f" ({wait.where})"
    owner = lock_owner(target.prog, wait)
    if owner is not None:
        text += f", held by {_who(owner)}"
    return text
