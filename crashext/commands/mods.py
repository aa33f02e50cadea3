# SPDX-License-Identifier: GPL-2.0-or-later
"""``mods``: which modules were there, which one is the suspect, and why."""

from __future__ import annotations

import argparse
import dataclasses
import functools
from collections.abc import Sequence
from typing import Optional

from crashext.commands.base import Command, Context
from crashext.commands.options import (
    add_output_options,
    add_source_options,
    apply_source_options,
)
from crashext.engine import modules as mods
from crashext.engine.escape import printable
from crashext.engine.model import SCHEMA, Explanation, Module
from crashext.engine.report import LogSummary, Report
from crashext.engine.verdict import explain, read_log
from crashext.errors import Unknown, UsageError
from crashext.render import json
from crashext.targets.base import DeepModules, ModuleLists, Target
from crashext.view import mods as view

#: A check of code against its file takes a moment; unasked, only this many suspects get one.
CHECKED_UNASKED = 4

#: The key of the kernel proper in ``ModsReport.integrity``.
KERNEL = "vmlinux"

TEXT_DIFFERS = "its code in memory differs from its file"
NO_DETAIL = "only drgn's types tell more about a module; open the vmcore with drgn or crashext"


def configure(parser: argparse.ArgumentParser) -> None:
    add_output_options(parser)
    add_source_options(parser)
    parser.add_argument(
        "--sort",
        choices=mods.SORT_KEYS,
        default="suspicion",
        help="order of the table (default: suspicion)",
    )
    parser.add_argument(
        "--only",
        metavar="WHICH",
        action="append",
        default=[],
        help="tainted, suspect, or a name pattern such as 'nf_*' (may be repeated)",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="compare the code of all modules shown with their .ko files, and of the kernel with "
        "vmlinux (unasked: of the suspects, and the function at RIP); takes some seconds",
    )
    parser.add_argument(
        "names", metavar="NAME", nargs="*", help="tell everything about these modules"
    )


def run(context: Context, args: argparse.Namespace) -> int:
    """Prints the table, or everything about the named modules. Exit code 1: no module known."""
    target = context.target()
    apply_source_options(target, args)
    summary = read_log(target)
    report = gather(target, summary, names=args.names, check_all=args.check, only=args.only)
    report.modules = mods.sort_modules(report.modules, args.sort)
    if args.json:
        context.out.write(json.render(report))
    else:
        context.write(view.document(report, verbose=args.verbose))
    return 0 if report.summary.total else 1


def gather(
    target: Target,
    summary: LogSummary,
    *,
    names: Optional[list[str]] = None,
    check_all: bool = False,
    only: Optional[list[str]] = None,
) -> mods.ModsReport:
    """All that the target and its log tell about modules, judged by the verdict on the crash.

    Raises UsageError when a name in ``names`` fits no module.
    """
    explanation = explain(target, summary)
    crash = summary.reports[summary.crash] if summary.crash is not None else None
    report = mods.ModsReport(SCHEMA, target.name, mods.ModuleSummary())
    deep = target if isinstance(target, DeepModules) else None
    known = _known(target, crash, report)
    asked = deep.module_sections if deep is not None else None
    facts = mods.target_facts(target.log, asked, known, crash)
    judge = functools.partial(mods.suspects, **mods.crash_facts(explanation, crash), **facts)
    judged = judge(known)
    chosen = _expand(names or [], judged, explanation, report)
    if deep is not None:
        closer = _closer_look(judged, chosen, check_all, only or [])
        _check(deep, closer, report)
        _check_kernel_text(deep, explanation, report, check_all and not chosen)
        judged = judge(_with_findings(deep, known, report))
    report.summary = mods.summarize(judged)
    _gone(target, deep, explanation, report)
    if report.unloaded is not None:
        report.stray = mods.stray_addresses(explanation, judged, report.unloaded, facts["sections"])
    report.modules = mods.select(judged, only or [])
    for name in chosen:
        report.details.append(_detail(deep, next(m for m in judged if m.name == name)))
    return report


def _known(target: Target, crash: Optional[Report], report: mods.ModsReport) -> list[Module]:
    """Memory's list joined with the log's; the log's alone when there is no memory."""
    logged = crash.modules if crash is not None else None
    try:
        if isinstance(target, ModuleLists):
            table = target.module_table()
            report.damage += table.damage
            remembered = table.modules
        else:
            remembered = target.modules()
    except Unknown as reason:
        if crash is None:
            report.unknown["modules"] = f"{reason}; it holds no crash report"
            return []
        found = mods.from_log(logged) if logged is not None else mods.named_in(crash)
        if logged is None:
            report.unknown["modules"] = (
                'the report has no "Modules linked in:" line: only modules that its RIP and '
                "frames name are known"
            )
        for key in ("address", "size", "refcount", "used_by", "version", "srcversion", "build_id"):
            report.unknown[f"modules.{key}"] = str(reason)
        if crash.cut is not None:
            report.damage.append(f"the report is not whole ({crash.cut}): modules may be missing")
        return found
    joined, notes = mods.join(logged, remembered)
    report.notes += notes
    return joined


def _expand(
    names: list[str], known: Sequence[Module], explanation: Explanation, report: mods.ModsReport
) -> list[str]:
    """The names of the modules that the words NAME mean: exact names or patterns."""
    chosen: list[str] = []
    for word in names:
        wanted = word[:-3] if word.endswith(".ko") else word
        found = [module.name for module in mods.select(known, [wanted.replace("-", "_")])]
        if not found:
            gone = explanation.last_unloaded
            hint = f"; the last one unloaded was {gone}" if gone else ""
            where = "in the log's module line" if report.target == "log" else "loaded"
            raise UsageError(
                f"mods: no module {printable(word)} among the {len(known)} {where}{hint}; "
                "list them with mods"
            )
        chosen += [name for name in found if name not in chosen]
    return chosen


def _closer_look(
    judged: Sequence[Module], chosen: Sequence[str], check_all: bool, only: Sequence[str]
) -> list[str]:
    """The modules whose files are looked for and compared: those named, else the suspects."""
    if chosen:
        return list(chosen)
    if check_all:
        return [module.name for module in mods.select(judged, only)]
    return [module.name for module in judged if module.suspect][:CHECKED_UNASKED]


def _check(deep: DeepModules, names: Sequence[str], report: mods.ModsReport) -> None:
    """Looks for the files of modules and compares their code."""
    for name in names:
        try:
            deep.find_debug_info(name)
            report.integrity[name] = deep.module_integrity(name)
        except Unknown as reason:
            report.unknown[f"integrity.{name}"] = str(reason)


def _with_findings(
    deep: DeepModules, known: Sequence[Module], report: mods.ModsReport
) -> list[Module]:
    """The modules with what the closer look found: debug files, and code that differs."""
    fresh = {module.name: module for module in deep.module_table().modules}
    found = []
    for module in known:
        module = fresh.get(module.name, module)
        result = report.integrity.get(module.name)
        why = [*module.why, TEXT_DIFFERS] if result and result.differences else module.why
        found.append(dataclasses.replace(module, why=list(why)))
    return found


def _check_kernel_text(
    deep: DeepModules, explanation: Explanation, report: mods.ModsReport, everything: bool
) -> None:
    """All code of the kernel proper, or the function at RIP when that is the kernel's own."""
    rip = explanation.rip
    try:
        if everything:
            report.integrity[KERNEL] = deep.kernel_integrity()
        elif rip is not None and rip.address and rip.symbol and rip.module is None:
            report.integrity[KERNEL] = deep.text_integrity(rip.address)
    except Unknown as reason:
        report.unknown[f"integrity.{KERNEL}"] = str(reason)


def _gone(
    target: Target,
    deep: Optional[DeepModules],
    explanation: Explanation,
    report: mods.ModsReport,
) -> None:
    """Unloaded modules and what they left behind."""
    report.last_unloaded = explanation.last_unloaded
    if report.last_unloaded is None:
        try:
            report.last_unloaded = target.last_unloaded()
        except Unknown as reason:
            report.unknown["last_unloaded"] = str(reason)
    if deep is None:
        return
    try:
        report.unloaded = deep.unloaded_modules()
    except Unknown as reason:
        report.unknown["unloaded"] = str(reason)


def _detail(deep: Optional[DeepModules], module: Module) -> mods.ModuleDetail:
    if deep is None:
        return mods.ModuleDetail(module, unknown={"detail": NO_DETAIL})
    try:
        detail = deep.module_detail(module.name)
    except Unknown as reason:
        return mods.ModuleDetail(module, unknown={"detail": str(reason)})
    detail.module = module
    return detail


COMMAND = Command(
    name="mods",
    description=(
        "Lists the loaded modules, the suspect ones first with the reason: RIP is in it, it is on "
        "the stack, the fault address is in or next to it, it was loading or unloading, its code "
        "differs from its file. With NAME: parameters, sections, symbols, dependencies, and what "
        "in the kernel points into it."
    ),
    examples=(
        ("mods", "all modules, the suspects first"),
        ("mods --only tainted", "only out-of-tree, unsigned, forced, … ones"),
        ("mods hello_2", "everything about hello_2"),
        ("mods --check", "compare all code in memory with the files: rootkits, bit flips"),
        ("mods --json", "the same for a program"),
    ),
    configure=configure,
    run=run,
)
