# SPDX-License-Identifier: GPL-2.0-or-later
"""Hung tasks: what a task waits for, who holds it, and so on down to the end or around the cycle.

A task blocked in ``mutex_lock()`` or ``down_write()`` has the lock in a parameter or local of one
of its frames. The lock names its owner; the owner may itself be blocked. Since 6.14 a blocked task
also records the lock (``task_struct.blocker``, CONFIG_DETECT_HUNG_TASK_BLOCKER).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

import drgn

from crashext.engine.model import Check, Finding
from crashext.engine.report import Report
from crashext.errors import Unknown
from crashext.kernel import locks
from crashext.kernel.findings import Look
from crashext.targets.base import ExceptionFrame
from crashext.targets.drgn.asking import NO_ANSWER
from crashext.targets.drgn.session import WAITING, Session

#: Longest chain of owners followed.
MAX_CHAIN = 32
#: Frames of a blocked task that are looked through for the lock.
MAX_FRAMES = 24
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
    session: Session, report: Optional[Report], frame: Optional[ExceptionFrame]
) -> Iterator[Finding]:
    """The chain of locks that begins at the task of a hang report; a spinlock spun on."""
    if report is None or report.kind not in WAITING:
        return
    if frame is not None:
        yield from _spins(session, frame)
    task = blocked_task(session, report)
    if task is None:
        return
    links, end = chain(session, task)
    if not links:
        return
    detail = [_link(session, blocked, wait) for blocked, wait in links]
    if end is not None:
        detail.append(end)
    cycle = end is not None and end.startswith("a cycle")
    text = (
        "a deadlock: each task waits for a lock that the next one holds"
        if cycle
        else f"{_who(session, task)} waits for {_lock_text(session, links[0][1])}"
    )
    pid = session.kernel.tasks.pid(task)
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


def _spins(session: Session, frame: ExceptionFrame) -> Iterator[Finding]:
    """The spinlock that the interrupted code waits for. It does not record who holds it."""
    for count, step in enumerate(session.trace(None, frame)):
        if count >= MAX_FRAMES:
            return
        lock = _value(step, "lock") if step.function_name in _SPINNERS else None
        if lock is None:
            continue
        try:
            value = session.prog.read_u32(lock)
        except NO_ANSWER:
            return
        name = _lock_text(session, Wait("spinlock", lock, None, None))
        yield Finding(
            "locks",
            f"the CPU spins on {name}, which is {locks.spinlock_text(value)}",
            ["a spinlock does not record its owner: look for who took it and did not release it"],
            Check(crash=f"struct qspinlock {lock:x}", drgn=f"hex(prog.read_u32({lock:#x}))"),
        )
        return


def blocked_task(session: Session, report: Report) -> Optional[int]:
    """The task that a hang report names (not the watchdog that reported it)."""
    word = report.details.get("pid", "")
    pid = int(word) if word.isdigit() else report.pid
    return session.kernel.tasks.find(pid) if pid is not None else None


def chain(session: Session, task: int) -> tuple[list[tuple[int, Wait]], Optional[str]]:
    """(task, what it waits for) from ``task`` on, and how the chain ends, in words."""
    links: list[tuple[int, Wait]] = []
    seen: list[int] = []
    current = task
    while len(links) < MAX_CHAIN:
        if current in seen:
            first = seen.index(current)
            names = [_who(session, link[0]) for link in links[first:]]
            return links, "a cycle: " + " → ".join([*names, names[0]])
        seen.append(current)
        wait = waits_for(session, current)
        if wait is None:
            return (
                links,
                f"{_who(session, current)} does not wait for a lock: {_doing(session, current)}",
            )
        links.append((current, wait))
        owner = lock_owner(session, wait)
        if owner is None:
            return links, None
        current = owner
    return links, f"the chain was cut after {MAX_CHAIN} tasks"


def waits_for(session: Session, task: int) -> Optional[Wait]:
    """The lock that a sleeping task waits for, from the variables of its frames."""
    try:
        trace = session.task_trace(task)
    except NO_ANSWER:
        return None
    found: Optional[Wait] = None
    for count, step in enumerate(trace):
        if count >= MAX_FRAMES:
            break
        try:
            session.symbols.module_name(step.pc)
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


def lock_owner(session: Session, wait: Wait) -> Optional[int]:
    """The task that holds the lock; None when it cannot be told."""
    if wait.lock is None:
        return None
    return locks.owner(session.port, session.kernel.tasks, wait.kind, wait.lock)


def _who(session: Session, task: int) -> str:
    return session.kernel.tasks.who(task)


def _doing(session: Session, task: int) -> str:
    state = session.kernel.tasks.state_letter(task)
    try:
        names = [step.function_name for step in session.task_trace(task)]
    except NO_ANSWER:
        return f"state {state}"
    path = [name for name in names if name is not None and name not in _SLEEPING]
    return f"state {state} in {' ← '.join(path[:4])}" if path else f"state {state}"


#: How every sleeping task sleeps.
_SLEEPING = ("context_switch", "__schedule", "__schedule_loop", "schedule", "schedule_timeout")


def _lock_text(session: Session, wait: Wait) -> str:
    if wait.lock is None:
        return f"a {wait.kind}"
    try:
        symbol = session.symbols.symbol(wait.lock)
        name = symbol.name + (f"+{symbol.offset:#x}" if symbol.offset else "")
        if symbol.module:
            name += f" [{symbol.module}]"
    except Unknown:
        name = f"{wait.lock:#x}"
    return f"{wait.kind} {name}"


def _link(session: Session, task: int, wait: Wait) -> str:
    text = f"{_who(session, task)} waits for {_lock_text(session, wait)}"
    if wait.caller:
        text += f" in {wait.caller}"
    if wait.where:
        text += f" ({wait.where})"
    owner = lock_owner(session, wait)
    if owner is not None:
        text += f", held by {_who(session, owner)}"
    return text


LOOK: Look[Session] = Look(("locks",), frozenset({"variables", "unwinding"}), find)
