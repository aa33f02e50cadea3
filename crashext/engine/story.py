# SPDX-License-Identifier: GPL-2.0-or-later
"""The one sentence for a person, and how sure we are of it."""

from __future__ import annotations

import re
from typing import Optional

from crashext.engine.case import Case
from crashext.engine.exitcode import describe_exit_code
from crashext.engine.functions import normalise
from crashext.engine.model import Explanation

#: Kinds whose sentence tells of a memory access by the instruction at RIP.
MEMORY_KINDS = frozenset(
    {
        "null-deref", "err-ptr", "bad-pointer", "non-canonical", "use-after-free",
        "write-to-read-only", "nx-exec", "user-memory-access", "general-protection",
        "list-corruption",
    }
)  # fmt: skip

_VERBS = {"read": "read", "write": "wrote", "execute": "jumped to"}
_PREPOSITIONS = {"read": "from", "write": "to"}

#: What happened, for kinds that are no plain memory access; {where} is function and module.
EVENTS = {
    "stack-overflow": "the kernel stack overflowed in {where}",
    "stack-smash": "{where} returned over a destroyed stack canary: a local buffer was overrun",
    "divide-error": "{where} divided by zero (or the quotient did not fit)",
    "invalid-opcode": "{where} executed an instruction that the processor refuses",
    "general-protection": "{where} violated a protection rule of the processor (#GP)",
    "double-fault": "the processor faulted while delivering a fault, in {where}",
    "bug": "{where} hit a BUG(): an assumption of the code does not hold",
    "warning": "{where} hit a WARN(): an assumption of the code does not hold",
    "panic": "the kernel panicked: {message}",
    "init-killed": "the first process died, which the kernel cannot survive: {message}",
    "sysrq": "someone asked for this crash (sysrq c, /proc/sysrq-trigger)",
    "soft-lockup": "a CPU ran kernel code in {where} without rescheduling{seconds}",
    "hard-lockup": "a CPU ran in {where} with interrupts off{seconds}",
    "hung-task": "a task was blocked{seconds}, in {where}",
    "rcu-stall": "RCU could not finish a grace period: {where} does not let go of its CPU",
    "workqueue-stall": "a workqueue pool made no progress{seconds}",
    "oom-panic": "the kernel ran out of memory and was told to panic (vm.panic_on_oom, or nothing "
    "left to kill)",
    "oom-kill": "the kernel ran out of memory and killed a process",
    "list-corruption": "{where} found a linked list corrupted",
    "refcount": "{where} found a reference count saturated, underflowed or used after zero",
    "usercopy": "{where} copied between user space and memory outside the object",
    "fortify": "{where} called a string function with more bytes than the buffer holds",
    "atomic-sleep": "{where} slept, or scheduled, where sleeping is forbidden",
    "machine-check": "the hardware reported an error that cannot be corrected",
    "split-lock": "{where} did a locked access across a cache line",
    "double-free": "{where} freed an object that was free already",
    "slab-corruption": "a slab object was found overwritten, in {where}",
    "use-after-free": "{where} used an object that was freed",
    "kasan": "KASAN caught an invalid access in {where}",
    "kfence": "KFENCE caught an invalid access in {where}",
    "kmsan": "KMSAN caught the use of uninitialised memory in {where}",
    "kcsan": "KCSAN caught a data race in {where}",
    "ubsan": "UBSAN caught undefined behaviour in {where}",
    "lockdep": "lockdep found a locking order that can deadlock, in {where}",
    "leak": "kmemleak found memory that nothing points to",
    "unknown": "the kernel crashed in {where}",
}


def headline(case: Case) -> str:
    """One sentence: who, where, what."""
    explanation = case.explanation
    kind = explanation.kind or "unknown"
    subject = _task(explanation)
    if kind == "hung-task" and subject:
        return f"{subject[:-2]} was blocked{_seconds(case)}, in {_where(explanation).rstrip(',')}."
    access = explanation.access
    if kind in MEMORY_KINDS and access is not None and access.type is not None:
        event = _access_sentence(explanation)
    else:
        event = EVENTS.get(kind, EVENTS["unknown"]).format(
            where=_where(explanation),
            message=_message(case),
            seconds=_seconds(case),
        )
    unloading = _unloading(explanation)
    return f"{subject}{unloading}{event.rstrip('.,')}."


def _access_sentence(explanation: Explanation) -> str:
    access = explanation.access
    assert access is not None
    where = _where(explanation)
    if access.type == "execute":
        target = f"0x{access.address:x}" if access.address is not None else "a bad address"
        culprit = explanation.culprit
        if culprit is not None and culprit.function is None and culprit.module is not None:
            name = culprit.module
            if any(module.name == name for module in explanation.modules or []):
                return f"the kernel called {target}, where the init code of {name} was until freed"
            return f"the kernel called {target}, where {name} was before it was unloaded"
        return f"{where.partition(', through ')[0]} jumped to {target}{_meaning(explanation)}"
    size = f"{access.size} byte{'s' if access.size != 1 else ''} " if access.size else ""
    verb = _VERBS.get(access.type or "", "touched")
    preposition = _PREPOSITIONS.get(access.type or "", "at")
    if access.address is None:
        return f"{where} {verb} {size}{preposition} an address that the evidence does not tell"
    source = f"{access.source} at " if access.source else ""
    return (
        f"{where} {verb} {size}{preposition} {source}address 0x{access.address:x}"
        f"{_meaning(explanation)}"
    )


def _meaning(explanation: Explanation) -> str:
    fault = explanation.fault_address
    return f" ({fault.meaning})" if fault is not None and fault.meaning else ""


def _task(explanation: Explanation) -> str:
    task = explanation.task
    if task is None or task.comm is None:
        return ""
    inside = [f"pid {task.pid}"] if task.pid is not None else []
    if task.cpu is not None:
        inside.append(f"CPU {task.cpu}")
    context = f", in {task.context} context" if task.context not in (None, "process") else ""
    return f"{task.comm} ({', '.join(inside)}{context}): "


def _unloading(explanation: Explanation) -> str:
    rip = explanation.rip
    for module in explanation.modules or []:
        if module.state == "unloading" and rip is not None and rip.module == module.name:
            return f"while {module.name} was being unloaded, "
    return ""


def _where(explanation: Explanation) -> str:
    culprit, rip = explanation.culprit, explanation.rip
    if culprit is not None and culprit.function:
        name, module = normalise(culprit.function), culprit.module
    elif culprit is not None and culprit.module:
        return f"unloaded code of {culprit.module}"
    elif rip is not None and rip.symbol:
        name, module = normalise(rip.symbol), rip.module
    else:
        return "unknown code"
    text = f"{name} [{module}]" if module else name
    if rip is not None and rip.symbol and normalise(rip.symbol) != name:
        text += f", through {normalise(rip.symbol)},"
    return text


_EXIT_CODE = re.compile(r"exitcode=0x([0-9a-f]{1,8})")


def _message(case: Case) -> str:
    report = case.report
    if report is not None and report.panic_message:
        code = _EXIT_CODE.search(report.panic_message)
        if case.explanation.kind == "init-killed" and code is not None:
            return describe_exit_code(int(code.group(1), 16))
        return report.panic_message
    return report.headline if report is not None else "no message"


def _seconds(case: Case) -> str:
    seconds = case.report.details.get("seconds") if case.report is not None else None
    return f" for {seconds} s" if seconds else ""


def confidence(case: Case) -> None:
    """Fills ``confidence`` and ``confidence_why`` from what agrees and what is missing."""
    explanation = case.explanation
    agree: list[str] = []
    doubts: list[str] = []
    if explanation.contradictions:
        doubts.append("the sources disagree, see the contradictions")
    if case.report is not None and case.frame is not None:
        agree.append("log and memory agree")
    if case.analysis is not None and case.analysis.matches:
        agree.append("the address computed from the instruction is the reported one")
    if case.analysis is not None and case.analysis.matches is False:
        doubts.append("the instruction's operand does not give the reported address")
    if case.report is not None and case.report.cut:
        doubts.append(case.report.cut)
    if explanation.kind == "unknown":
        doubts.append("no known kind of crash fits")
    blind = (
        [key for key in ("rip", "culprit") if getattr(explanation, key) is None]
        if explanation.kind in MEMORY_KINDS
        else []
    )
    doubts += [explanation.unknown.get(key, f"no {key}") for key in blind]
    level = "high"
    if doubts or (explanation.kind in MEMORY_KINDS and not agree):
        level = "medium"
    if len(doubts) > 1 or explanation.kind == "unknown":
        level = "low"
    explanation.confidence = level
    alone = explanation.unknown.get("rip.instruction")
    explanation.confidence_why = _reason(level, agree, doubts, alone)


def _reason(level: str, agree: list[str], doubts: list[str], alone: Optional[str]) -> str:
    if doubts:
        return "; ".join(doubts)
    if agree:
        return "; ".join(agree)
    if level == "high":
        return "the kernel's own message names the kind and the place"
    why = f": {alone}" if alone else ""
    return f"one source only, nothing to check it against{why}"


def relation(fatal: bool, before: bool, same_task: Optional[bool]) -> str:
    """How another report of the log relates to the crash, in words."""
    if before:
        return "before the crash" if not fatal else "before the crash, survived"
    if same_task:
        return "after it: the same task died again, fallout"
    return "after it: probably fallout of the crash" if fatal else "after the crash"
