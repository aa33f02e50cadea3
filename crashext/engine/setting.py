# SPDX-License-Identifier: GPL-2.0-or-later
"""The setting of a crash: kernel, task, taint, modules, variables, and what else memory tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Optional

from crashext.engine import blame, cause, checks, pages, particulars, values
from crashext.engine import memory as memory_engine
from crashext.engine import modules as module_engine
from crashext.engine import taint as taint_engine
from crashext.engine.case import Case, log_source
from crashext.engine.kinds import registry
from crashext.engine.model import Culprit, Finding, Kernel, Task
from crashext.engine.model.evidence import OF_ACCESS
from crashext.engine.model.hardware import Sign
from crashext.engine.modules import ModuleSection
from crashext.engine.template import fill
from crashext.targets.base import DeepModules, Target


def kernel(case: Case) -> None:
    """Fills ``kernel``: from memory, else from the report's lines."""
    report, explanation = case.report, case.explanation
    found = case.ask("kernel", case.target.kernel)
    release = report.release if report is not None and report.release else case.summary.release
    if found is None and (release or (report is not None and report.panic_message)):
        found = Kernel(
            release=release,
            version=report.version if report is not None else None,
            machine=report.machine if report is not None else None,
        )
    if found is not None and found.panic_message is None and report is not None:
        found.panic_message = report.panic_message
    explanation.kernel = found
    if found is not None and found.cpus is None:
        explanation.unknown["kernel.cpus"] = case.reasons.get(
            "kernel", "the log does not say how many CPUs there are"
        )


def task(case: Case) -> None:
    """Fills ``task``; the log's words win where memory shows another task, and it is said."""
    report, explanation = case.report, case.explanation
    logged = None
    if report is not None and (report.comm is not None or report.pid is not None):
        logged = Task(report.comm, report.pid, report.cpu, report.context)
    remembered = case.ask_crash("task", lambda: case.target.task(report, case.frame))
    explanation.task = logged or remembered
    if logged is None or remembered is None:
        return
    if remembered.pid is not None and logged.pid is not None and remembered.pid != logged.pid:
        case.contradict(
            f"the log says that pid {logged.pid} ({logged.comm}) crashed, memory that pid "
            f"{remembered.pid} ({remembered.comm}) did; the log is believed"
        )
        return
    explanation.task = Task(
        remembered.comm or logged.comm,
        logged.pid if logged.pid is not None else remembered.pid,
        logged.cpu if logged.cpu is not None else remembered.cpu,
        logged.context or remembered.context,
    )


def memory(case: Case) -> None:
    """Fills ``memory`` where the report tells who has it."""
    report, explanation = case.report, case.explanation
    if report is None or not report.memory_lines:
        return
    explanation.memory = memory_engine.state_of(report.memory_lines, report.details)
    state = explanation.memory
    if state is None:
        return
    case.claim(state.why, log_source(report.first_line), "the tables that follow the stack")
    of_group = state.scope != "machine"
    most = state.holders[0].what if state.holders else "what"
    case.reading = values.Classification(
        report.kind,
        state.why,
        title="out of memory in a control group" if of_group else "",
        advice=f"find why {most} grows, or raise the limit of {state.scope} (memory.max)"
        if of_group
        else f"find why {most} takes so much"
        if state.holders
        else "",
        instead=bool(state.holders),
    )


def remark(case: Case) -> None:
    """Reads a headline or panic message that has a meaning of its own."""
    report = case.report
    if report is None or case.reading is not None:
        return
    found = registry.remark((report.headline, report.panic_message, report.details.get("message")))
    if found is None:
        return
    row, match = found
    names = {"comm": report.comm or "the task", **report.details}
    wrong = pages.meaning(names.get("reason", ""), names.get("page_flags", ""))
    if wrong is not None:
        names["reason"] = f"{wrong} ({names['reason']})"
    names.update({name: value for name, value in match.groupdict().items() if value is not None})
    event = next((text for text in (fill(each, names) for each in row.event) if text), "")
    if row.doubt:
        case.doubts.append(row.doubt)
    case.reading = values.Classification(
        report.kind, event, own=True, advice=row.advice, instead=True, title=row.title,
        victim=row.nobody, event=event, named=row.named,
    )  # fmt: skip


def allocation_failure(case: Case) -> None:
    """Tells of a failed page allocation in a log without a crash: who asked, and why in vain."""
    failed = next(
        (r for r in reversed(case.summary.reports) if r.survivable and "gfp_mask" in r.details),
        None,
    )
    if failed is None:
        return
    explanation = case.explanation
    explanation.memory = memory_engine.state_of(failed.memory_lines, failed.details)
    order = failed.details.get("order", "0")
    size = memory_engine.size_text(memory_engine.PAGE << min(int(order), 30))
    frames = [frame.shown() for frame in failed.frames]
    index, why, _ = blame.choose(frames, None, kind=failed.kind)
    asker = f", asked for by {blame.where(frames[index])}" if index is not None else ""
    cause = f": {explanation.memory.why}" if explanation.memory is not None else ""
    who = f"{failed.comm} (pid {failed.pid}) " if failed.comm else ""
    explanation.headline = (
        f"{who}could not get {size} (a page allocation of order {order} failed{asker}){cause}. "
        "That is no crash: the caller must expect it."
    )
    detail = [f"blame {why}"] if asker else []
    detail.append(
        "take the memory in single pages (kvmalloc(), vmalloc(), a scatter list) where it need not "
        "be contiguous, and handle that the allocation can fail"
        if int(order)
        else "find who has the memory, and handle that the allocation can fail"
    )
    explanation.findings.append(
        Finding("memory", f"log line {failed.first_line}: {failed.headline[:200]}", detail)
    )


def taint(case: Case) -> None:
    """Fills ``taint`` from the report's CPU line."""
    report = case.report
    if report is None or report.taint is None:
        case.explanation.unknown["taint"] = "the report has no CPU line with the taint letters"
        return
    case.explanation.taint = taint_engine.explain(report.taint)


def modules(case: Case) -> None:
    """Fills ``modules``, the suspects first, and ``last_unloaded``."""
    explanation, report = case.explanation, case.report
    found = case.ask("modules", case.target.modules)
    if found is not None:
        found, notes = module_engine.join(report.modules if report is not None else None, found)
        for note in notes:
            case.contradict(note)
    elif report is not None and report.modules is not None:
        found = module_engine.from_log(report.modules)
    if found is not None:
        explanation.modules = module_engine.suspects(
            found,
            **module_engine.crash_facts(explanation, report),
            **module_engine.target_facts(case.target.log, _sections_of(case.target), found, report),
        )
    last_unloaded(case)


def _sections_of(target: Target) -> Optional[Callable[[str], Sequence[ModuleSection]]]:
    return target.module_sections if isinstance(target, DeepModules) else None


def unloaded_code(case: Case) -> None:
    """Blames the module unloaded last when RIP is in module space where no module is any more.

    Its code was entered after it was gone: through a timer, work item or callback that its exit
    function did not cancel. Machinery that called it (process_one_work) is innocent.
    """
    explanation = case.explanation
    rip = explanation.rip
    if rip is None or rip.address is None or rip.symbol is not None:
        return
    if not values.region_of(rip.address, case.layout).name.startswith("modules"):
        return
    if _late_init(case, rip.address):
        return
    last_unloaded(case)
    name = explanation.last_unloaded
    if name is None:
        return
    explanation.culprit = Culprit(
        module=name,
        why=(
            f"RIP lies in module space where no module is now, and {name} was the last module "
            "unloaded: something still called into it (a timer, work item or callback that its "
            "exit function did not cancel)"
        ),
    )
    explanation.unknown["culprit.function"] = f"the symbols of {name} went with it"
    case.claim(
        f"RIP is in no module, and {name} was unloaded last",
        "memory" if case.target.has_memory else "log",
        crash="mod",
        drgn="prog['last_unloaded_module']",
    )


def _late_init(case: Case, address: int) -> bool:
    """Blames a module whose init code was called when it had been freed."""
    loaded = case.ask("modules", case.target.modules) or []
    asked = _sections_of(case.target)
    if asked is None:
        return False
    found = module_engine.freed_init(address, loaded, module_engine.quiet_sections(asked))
    if found is None:
        return False
    module, place = found
    case.explanation.culprit = Culprit(
        module=module.name,
        why=(
            f"RIP lies where {module.name}'s {place} was, which the kernel freed after init: a "
            "pointer to an __init function was kept and called too late"
        ),
    )
    case.explanation.unknown["culprit.function"] = "the symbols of the init code were freed with it"
    case.claim(
        f"RIP is in the freed {place} of {module.name}",
        "memory",
        drgn=f"prog.module('{module.name}').section_addresses",
    )
    return True


def last_unloaded(case: Case) -> None:
    """Fills ``last_unloaded``: from memory, else from the report's ``[last unloaded: …]``."""
    explanation, report = case.explanation, case.report
    if explanation.last_unloaded is not None:
        return
    explanation.last_unloaded = case.ask("last_unloaded", case.target.last_unloaded)
    if explanation.last_unloaded is None and report is not None:
        explanation.last_unloaded = report.last_unloaded
    if explanation.last_unloaded is None:
        explanation.unknown.setdefault("last_unloaded", "no module was unloaded, or none is named")


def variables(case: Case) -> None:
    """Fills ``variables``: parameters and locals of the frames that matter."""
    explanation, frame = case.explanation, case.frame
    explanation.variables = case.ask_crash(
        "variables", lambda: case.target.variables(case.report, frame)
    )
    if frame is None or frame.address is None:
        return
    trace = f"prog.stack_trace(Object(prog, 'struct pt_regs', address=0x{frame.address:x}))"
    functions = [entry.function for entry in explanation.stack or []]
    for variable in explanation.variables or []:
        if variable.value is None or variable.frame not in functions:
            continue
        if explanation.rip is not None and variable.frame == functions[0]:
            index = functions.index(variable.frame)
            case.claim(
                f"{variable.name} is {variable.value} in {variable.frame}",
                "DWARF",
                variable.type,
                drgn=f"{trace}[{index}]['{variable.name}']",
            )


def findings(case: Case) -> None:
    """Fills ``findings``: what the report's lines add, then what the target's memory adds."""
    explanation, target = case.explanation, case.target
    if case.report is not None:
        explanation.findings += particulars.findings(case.report)
    asked = case.ask_crash("findings", lambda: target.findings(case.report, case.frame))
    if asked is not None:
        explanation.findings += asked.found
        for topic, why in asked.not_asked.items():
            explanation.unknown.setdefault(f"findings.{topic}", why)
    for finding in explanation.findings:
        # The pointer that a helper choked on, in the words of the function that passed it.
        if finding.topic in OF_ACCESS and explanation.access is not None:
            said = explanation.access.expression
            explanation.access.expression = f"{said}; {finding.text}" if said else finding.text


def _hardware_before(case: Case) -> None:
    """Hardware errors that stand right before the crash are signs."""
    for link in case.explanation.chain:
        if link.kind == "hardware" and link.role == "cause":
            case.signs.append(Sign(link.title, line=link.line, why="it stands before the crash"))


def other_reports(case: Case) -> None:
    """Fills ``reports``: the other reports of the log and their relation to this one."""
    if case.report is None:
        return
    if case.summary.crash is not None:
        summary, crash = case.summary, case.summary.crash
        case.explanation.reports = cause.others(summary.reports, crash)
        case.explanation.chain = cause.chain_of(summary, crash)
        case.explanation.cause = cause.cause_of(summary, crash)
        _hardware_before(case)
        lost = cause.missing(summary.reports, crash)
        if lost is not None:
            case.explanation.findings.append(Finding("report", lost))
            if "first" in lost:
                case.doubts.append("it is not the first oops of this boot")
    case.claim(
        f"the report begins: {case.report.headline}",
        log_source(case.report.first_line),
        check=checks.log(),
    )
