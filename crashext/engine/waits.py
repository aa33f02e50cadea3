# SPDX-License-Identifier: GPL-2.0-or-later
"""Who waits for whom, from the reports of a log: hung tasks, with the owners that the kernel names.

kernel/hung_task.c prints a stack a task and, since 6.15 or so, the likely owner of its mutex,
semaphore or rwsem. A task that waits for I/O waits for the device, whatever function it stands in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from crashext.engine import kinds
from crashext.engine.blame import role_of
from crashext.engine.blame.names import normalise
from crashext.engine.lazy import Lazy
from crashext.engine.model import WaitingTask, Waits
from crashext.engine.report import Report

#: Functions of a wait, innermost first: the first that is on the stack tells what it is for.
_WAITS: tuple[tuple[str, str], ...] = (
    ("I/O", r"(?:blk_)?io_schedule\w*|bit_wait_io\w*|folio_wait_\w+|wait_on_page_\w+|wait_on_buffer"
            r"|__wait_on_buffer|blk_mq_get_tag|blk_execute_rq|submit_bio_wait|xlog_wait_on_iclog"
            r"|dio_await\w*|read_extent_buffer_pages|nvme_\w*sync_cmd|scsi_execute\w*"),
    ("rwsem", r"(?:__)?rwsem_down_\w+|call_rwsem_down_\w+|(?:__)?down_(?:read|write)\w*"),
    ("mutex", r"(?:__)?mutex_lock\w*|__ww_mutex_lock\w*|rt_mutex_\w*lock\w*|rt_mutex_slowlock\w*"),
    ("semaphore", r"(?:__)?down(?:_common|_interruptible|_killable|_timeout)?"),
    ("grace period", r"synchronize_(?:s?rcu|sched|rcu_\w+)|rcu_barrier\w*|__wait_rcu_gp"),
    ("work item", r"(?:__)?flush_work(?:queue)?|cancel_\w*work_sync|drain_workqueue"),
    ("thread", r"kthread_(?:stop|park)"),
    ("completion", r"wait_for_(?:completion|common)\w*|__wait_for_common|do_wait_for_common"),
    ("journal", r"jbd2_log_wait_commit|wait_transaction_locked|xfs_log_force\w*"
                r"|xlog_grant_head_wait"),
)  # fmt: skip
_COMPILED = tuple((what, Lazy(pattern)) for what, pattern in _WAITS)


def waits_of(reports: Sequence[Report], crash: int) -> Optional[Waits]:
    """The graph of the hung tasks that were reported together with that at ``crash``, or None."""
    if reports[crash].kind != kinds.HUNG_TASK:
        return None
    hung = [
        report
        for report in reports
        if report.kind == kinds.HUNG_TASK and report.boot == reports[crash].boot
    ]
    tasks: dict[int, WaitingTask] = {}
    for report in hung:
        task = _task(report)
        if task.pid is not None:
            tasks[task.pid] = task  # of several rounds the last
    if not tasks:
        return None
    waits = Waits(tasks=list(tasks.values()))
    waits.cycles = _cycles(tasks)
    waits.roots = _roots(tasks, waits.cycles)
    waits.why = _why(tasks, waits)
    return waits


def root_report(reports: Sequence[Report], waits: Waits) -> Optional[Report]:
    """The report of the task that holds the others up, when there is one such task."""
    if len(waits.roots) != 1:
        return None
    found = [r for r in reports if r.kind == kinds.HUNG_TASK and r.pid == waits.roots[0]]
    return found[-1] if found else None


def _task(report: Report) -> WaitingTask:
    details = report.details
    seconds = details.get("seconds", "")
    owner = details.get("owner_pid", "")
    what, where = _wait(report)
    if details.get("state") == "blocked in I/O wait":
        what = "I/O"
    return WaitingTask(
        report.comm,
        report.pid,
        state="D",
        seconds=float(seconds) if seconds.isdigit() else None,
        waits_for=details.get("lock_type") or what,
        owner=int(owner) if owner.isdigit() else None,
        where=where,
    )


def _wait(report: Report) -> tuple[Optional[str], Optional[str]]:
    """(what is waited for, the function that waits for it)."""
    names = [normalise(frame.name) for frame in report.frames if frame.name and frame.reliable]
    found: Optional[str] = None
    for name in names:
        what = next((word for word, pattern in _COMPILED if pattern.fullmatch(name)), None)
        if what is not None and (found is None or found == "completion"):
            found = what
        if what is None and role_of(name) in (None, "device"):
            return found, name
    return found, names[0] if names else None


def _cycles(tasks: dict[int, WaitingTask]) -> list[list[int]]:
    cycles: list[list[int]] = []
    done: set[int] = set()
    for start in tasks:
        path: list[int] = []
        pid: Optional[int] = start
        while pid is not None and pid in tasks and pid not in done and pid not in path:
            path.append(pid)
            pid = tasks[pid].owner
        if pid is not None and pid in path:
            cycles.append(path[path.index(pid) :])
        done.update(path)
    return cycles


def _roots(tasks: dict[int, WaitingTask], cycles: list[list[int]]) -> list[int]:
    if cycles:
        return [pid for cycle in cycles for pid in cycle]
    owned = [pid for pid, task in tasks.items() if task.owner is not None]
    if owned:
        roots = []
        for pid in owned:
            owner = tasks[pid].owner
            while owner is not None and owner in tasks and tasks[owner].owner is not None:
                owner = tasks[owner].owner
            if owner is not None and owner not in roots:
                roots.append(owner)
        return roots
    io = [pid for pid, task in tasks.items() if task.waits_for == "I/O"]
    if io:
        return io[:1]  # the others wait for what it does, or for the same device
    free = [pid for pid, t in tasks.items() if t.waits_for not in ("mutex", "rwsem", "semaphore")]
    return free[:1] if len(tasks) > 1 and len(free) == 1 else []


def _name(tasks: dict[int, WaitingTask], pid: int) -> str:
    task = tasks.get(pid)
    return f"{task.comm} (pid {pid})" if task is not None and task.comm else f"pid {pid}"


def _why(tasks: dict[int, WaitingTask], waits: Waits) -> str:
    if waits.cycles:
        names = [_name(tasks, pid) for pid in waits.cycles[0]]
        return "a deadlock: " + " waits for ".join([*names, names[0]])
    if not waits.roots:
        return ""
    root = waits.roots[0]
    task = tasks.get(root)
    others = [_name(tasks, pid) for pid in tasks if pid != root][:4]
    held = [pid for pid, each in tasks.items() if each.owner == root]
    if task is None:
        return (
            f"pid {root} holds what {', '.join(others)} wait for, and is not among the hung tasks"
        )
    what = f"waits for {task.waits_for}" if task.waits_for else "waits"
    if task.waits_for == "I/O":
        what = "waits for I/O: the disk, or whatever block device is behind it, does not answer"
    text = f"the root is {_name(tasks, root)}, which {what}"
    if task.where:
        text += f" in {task.where}"
    if held:
        text += "; it holds what " + ", ".join(_name(tasks, pid) for pid in held) + " waits for"
    elif others:
        text += f"; {', '.join(others)} wait behind it"
    return text
