# SPDX-License-Identifier: GPL-2.0-or-later
"""The one sentence for a person, and how sure we are of it."""

from __future__ import annotations

from typing import Optional

from crashext.engine import kinds
from crashext.engine.blame.names import normalise
from crashext.engine.case import Case
from crashext.engine.exitcode import describe_exit_code
from crashext.engine.kinds import registry
from crashext.engine.lazy import Lazy
from crashext.engine.model import Explanation
from crashext.engine.words import Level

_VERBS = {"read": "read", "write": "wrote", "execute": "jumped to"}
_PREPOSITIONS = {"read": "from", "write": "to"}


def headline(case: Case) -> str:
    """One sentence: who, where, what."""
    explanation = case.explanation
    kind = explanation.kind or kinds.UNKNOWN
    subject = _task(explanation)
    if case.reading is not None and case.reading.event:
        return f"{subject}{case.reading.event.rstrip('.')}."
    if kind == kinds.HUNG_TASK and subject:
        return f"{subject[:-2]} was blocked{_seconds(case)}, in {_where(explanation).rstrip(',')}."
    if explanation.memory is not None and explanation.memory.why:
        return f"{subject}{explanation.memory.why.rstrip('.')}."
    access = explanation.access
    if registry.info(kind).memory and access is not None and access.type is not None:
        event = _access_sentence(explanation)
    else:
        event = registry.info(kind).event.format(
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


_EXIT_CODE = Lazy(r"exitcode=0x([0-9a-f]{1,8})")


def _message(case: Case) -> str:
    report = case.report
    if report is not None and report.panic_message:
        code = _EXIT_CODE.search(report.panic_message)
        if case.explanation.kind == kinds.INIT_KILLED and code is not None:
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
    doubts += case.doubts
    if case.report is not None and case.report.cut:
        doubts.append(case.report.cut)
    if case.readings:
        doubts.append("what is known can be read as " + ", or as ".join(case.readings))
    nameless = explanation.kind == kinds.UNKNOWN and not (case.reading and case.reading.title)
    if nameless:
        doubts.append("no known kind of crash fits")
    blind = (
        [key for key in ("rip", "culprit") if getattr(explanation, key) is None]
        if registry.info(explanation.kind).memory
        else []
    )
    doubts += [explanation.unknown.get(key, f"no {key}") for key in blind]
    innocent = case.reading is not None and bool(case.reading.victim)
    info = registry.info(explanation.kind)
    if (info.stuck or info.unsettled) and explanation.culprit is None and not innocent:
        doubts.append(explanation.unknown.get("culprit", "no function to blame could be told"))
    level: Level = "high"
    if doubts or (registry.info(explanation.kind).memory and not agree):
        level = "medium"
    if len(doubts) > 1 or nameless:
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
