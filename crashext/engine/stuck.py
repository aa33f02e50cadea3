# SPDX-License-Identifier: GPL-2.0-or-later
"""Reports of what does not go on: the wait-for graph of a log's hung tasks, and idle CPUs."""

from __future__ import annotations

from crashext.engine import blame, kinds, values
from crashext.engine import waits as waits_engine
from crashext.engine.blame.names import normalise
from crashext.engine.case import Case, log_source
from crashext.engine.lazy import Lazy
from crashext.engine.model import Culprit
from crashext.engine.report import Report

_DEVICE = (
    "look at the device: its errors and timeouts in the log, the requests in flight (iostat, "
    "/sys/kernel/debug/block), the path to the storage"
)


def waits(case: Case) -> None:
    """Fills ``waits`` from the hung tasks of the log; who holds up the others is the place.

    Also reads a stall of a CPU that was idle: a guest that was not run, or a lost timer.
    """
    report, summary = case.report, case.summary
    if report is None or summary.crash is None:
        return
    _idle(case, report)
    found = waits_engine.waits_of(summary.reports, summary.crash)
    if found is None:
        return
    case.explanation.waits = found
    if not found.why:
        return
    case.claim(found.why, log_source(report.first_line), "the reports of the hung tasks")
    root = waits_engine.root_report(summary.reports, found)
    if root is not None and root is not report:
        frames = [frame.shown() for frame in root.frames]
        index, why, doubt = blame.choose(frames, None, kind=root.kind)
        if doubt:
            case.doubts.append(doubt)
        if index is not None:
            frame = frames[index]
            case.root = Culprit(
                normalise(frame.function or ""),
                frame.file,
                frame.line,
                frame.module,
                f"{root.comm} (pid {root.pid}) holds the others up; {why}",
            )
    of_roots = {task.waits_for for task in found.tasks if task.pid in found.roots}
    advice = _DEVICE if "I/O" in of_roots else ""
    case.reading = values.Classification(
        report.kind,
        found.why,
        advice=advice,
        instead=bool(advice or found.cycles),
        event=f"was blocked{_since(report)}: {found.why}",
    )


def _since(report: Report) -> str:
    seconds = report.details.get("seconds")
    return f" for {seconds} s" if seconds else ""


def _other_cpu(case: Case, report: Report, name: str) -> None:
    since = _since(report)
    case.reading = values.Classification(
        report.kind,
        "the CPU waits for another one",
        own=True,
        advice="find the other CPU, the one that does not answer (backtraces of all CPUs, "
        "csd_lock_wait's cpu, csdlock_debug): it has interrupts off, or hangs, or was not run",
        instead=True,
        event=f"CPU {report.cpu if report.cpu is not None else '?'} waited{since} in {name} for "
        "another CPU to answer an IPI, and no answer came",
    )


#: Where a CPU idles (kernel/sched/idle.c, drivers/cpuidle/, arch/*/kernel/process.c).
_IDLE = Lazy(
    r"(?:arch_|cpu_do_|poll_|default_|mwait_|intel_)idle\w*|(?:pv_)?native_safe_halt|do_idle"
    r"|acpi_(?:idle_enter|safe_halt)\w*|cpuidle_enter\w*|default_idle_call|power\d_idle\w*"
)
_GUEST = Lazy(
    r"VMware|KVM|QEMU|Bochs|VirtualBox|innotek|Xen|Hyper-?V|Virtual Machine|OpenStack|Nutanix|EC2"
)


def _idle(case: Case, report: Report) -> None:
    if report.kind not in (kinds.RCU_STALL, kinds.SOFT_LOCKUP, kinds.HARD_LOCKUP):
        return
    name = normalise(report.rip.name) if report.rip is not None and report.rip.name else ""
    role = blame.role_of(name) if name else None
    if role == "cross-cpu" and report.kind != kinds.RCU_STALL:
        _other_cpu(case, report, name)
    if not _IDLE.fullmatch(name):
        return
    starved = "starved" in report.details or "unwoken" in report.details
    guest = _GUEST.search(report.hardware or "")
    machine = f"this machine is a guest ({guest[0]})" if guest else "if this machine is a guest"
    cpu = report.cpu if report.cpu is not None else "?"
    case.reading = values.Classification(
        report.kind,
        "the CPU was idle",
        sure=bool(guest and starved),
        other="timer interrupts that did not arrive",
        own=True,
        advice=f"ask the host first: {machine}, was it paused, migrated, suspended or short of CPU "
        "time (steal) for that long? Else look for a lost timer (clocksource, firmware)",
        instead=True,
        victim="the CPU was idle: no code held it",
        event=f"CPU {cpu} was idle (in {name}){' and starved RCU' if starved else ''}: it did not "
        "run, as in a virtual machine (VM) that its hypervisor paused, or its timer did not fire",
    )
