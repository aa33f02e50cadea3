# SPDX-License-Identifier: GPL-2.0-or-later
"""The ``mods`` report for a person: a summary line, a table, and one page for a module."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import groupby
from typing import Optional

from crashext.engine.escape import printable
from crashext.engine.integrity import Difference, Integrity
from crashext.engine.model import Module
from crashext.engine.modules import (
    Export,
    FunctionPointer,
    ModsReport,
    ModuleDetail,
    ModuleSummary,
    Parameter,
    Unloaded,
    taint_words,
)
from crashext.render.style import Style

#: Rows of one kind on a module's page, unless verbose.
_ROWS = 12
#: Differing runs of bytes shown for one file, unless verbose.
_DIFFERENCES = 8
_UNKNOWN = "?"


def render(
    report: ModsReport, *, color: bool = False, width: int = 100, verbose: bool = False
) -> str:
    """The whole text, ending in a newline."""
    style = Style(color, width)
    if report.details:
        lines: list[str] = []
        for detail in report.details:
            lines += [*_page(detail, report, style, verbose), ""]
        lines.pop()
    else:
        summary = textwrap.wrap(summary_text(report.summary), style.width, subsequent_indent="  ")
        lines = [*(style.paint("title", line) for line in summary), ""]
        lines += _table(report.modules, style, verbose)
        lines += _integrity_rows(report.integrity, style, verbose)
        if report.last_unloaded or report.unloaded is not None:
            lines += _unloaded(report.last_unloaded, report.unloaded, style, verbose)
    for label, texts in (
        ("stray", report.stray),
        ("note", report.notes),
        ("damage", report.damage),
        ("unknown", _reasons(report.unknown, verbose)),
    ):
        for text in texts:
            lines += style.row(label, text)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def summary_text(summary: ModuleSummary) -> str:
    """``91 modules: 90 in-tree, 1 out-of-tree, 1 unsigned; 1 unloading; 1 suspect``."""
    if not summary.total:
        return "no modules"
    kinds = [
        (summary.in_tree, "in-tree"),
        (summary.out_of_tree, "out-of-tree"),
        (summary.unsigned, "unsigned"),
        (summary.proprietary, "proprietary"),
        (summary.forced, "force-loaded"),
        (summary.livepatch, "livepatch"),
        (summary.staging, "staging"),
        (summary.unknown_taints, "of unknown origin"),
    ]
    states = [
        (summary.loading, "loading"),
        (summary.unloading, "unloading"),
    ]
    plural = "" if summary.total == 1 else "s"
    text = f"{summary.total} module{plural}"
    parts = [", ".join(f"{count} {word}" for count, word in kinds if count)]
    parts.append(", ".join(f"{count} {word}" for count, word in states if count))
    parts.append(f"{summary.suspect} suspect" if summary.suspect else "none suspect")
    return text + ": " + "; ".join(part for part in parts if part)


def _table(modules: Sequence[Module], style: Style, verbose: bool) -> list[str]:
    if not modules:
        return ["  no module fits"]
    name_width = min(max(6, *(len(printable(m.name)) for m in modules)), 24)
    head = f"  {'MODULE':{name_width}}  {'BASE':16}  {'SIZE':>8}  {'STATE':9}  REFS  TAINT  USED BY"
    lines = [style.paint("label", head)]
    indent = " " * 6
    for module in modules:
        lines.append(_row(module, name_width, style))
        if module.why:
            text = " · ".join(module.why)
            lines += [
                indent + line.strip() for line in style.row("", text, label_width=len(indent) - 2)
            ]
        facts = _facts(module) if module.suspect or verbose else []
        facts += module.damage
        for fact in facts:
            lines += [
                style.paint("dim", indent + line.strip())
                for line in style.row("", fact, label_width=len(indent) - 2)
            ]
    return lines


def _row(module: Module, name_width: int, style: Style) -> str:
    mark = style.paint("mark", "!") if module.suspect else " "
    base = f"{module.address:016x}" if module.address is not None else _UNKNOWN
    size = f"{module.size}" if module.size is not None else _UNKNOWN
    refs = f"{module.refcount}" if module.refcount is not None else _UNKNOWN
    taints = _UNKNOWN if module.taints is None else (module.taints or "-")
    room = max(10, style.width - name_width - 58)
    users = ",".join(module.used_by) or "-"
    if len(users) > room:
        users = f"{users[: room - 5]}… ({len(module.used_by)})"
    name = printable(module.name)
    return (
        f"{mark} {name:{name_width}}  {base:16}  {size:>8}  {module.state or _UNKNOWN:9}  "
        f"{refs:>4}  {printable(taints):5}  {printable(users)}"
    )


def _facts(module: Module) -> list[str]:
    """Identity: version, srcversion, build-id, and where the debug info is or why not."""
    identity = [
        f"{label} {value}"
        for label, value in (
            ("version", module.version),
            ("srcversion", module.srcversion),
            ("build-id", module.build_id),
        )
        if value
    ]
    rows = [", ".join(identity)] if identity else []
    if module.debug_info:
        rows.append(f"debug info {module.debug_info}")
    elif module.debug_info_why:
        rows.append(module.debug_info_why)
    return rows


def _page(detail: ModuleDetail, report: ModsReport, style: Style, verbose: bool) -> list[str]:
    module = detail.module
    words = ", ".join(taint_words(module.taints))
    if module.taints == "":
        words = "in-tree, no taint"
    state = module.state or "state unknown"
    left = f"{printable(module.name)}: {printable(state)}" + (
        f", {printable(words)}" if words else ""
    )
    lines = [
        style.columns(left, "suspect" if module.suspect else "", "bad"),
        "",
    ]
    for text in module.why:
        lines += style.row("why", text)
    lines += _identity(detail, style)
    lines += _memory(detail, style, verbose)
    for label, function in (("init", detail.init), ("exit", detail.exit)):
        if function is not None:
            lines += style.row(label, _function(function))
    if detail.permanent:
        lines += style.row("", "it has no exit function: it cannot be unloaded (permanent)")
    lines += _parameters(detail.parameters, style)
    lines += _exports(detail.exports, style, verbose)
    lines += _pointers(detail, style, verbose)
    if module.name in report.integrity:
        lines += _integrity(module.name, report.integrity[module.name], style, verbose)
    for text in [*module.damage, *detail.damage]:
        lines += style.row("damage", text)
    for text in _reasons(detail.unknown, True):
        lines += style.row("unknown", text)
    return lines


def _identity(detail: ModuleDetail, style: Style) -> list[str]:
    module = detail.module
    lines: list[str] = []
    for fact in _facts(module):
        lines += style.row("file", fact)
    references = f"{module.refcount} references" if module.refcount is not None else ""
    if module.refcount == 1:
        references = "1 reference"
    users = f"used by {', '.join(module.used_by)}" if module.used_by else "used by no module"
    if references:
        lines += style.row("refs", f"{references}, {users}")
    if detail.depends is not None:
        lines += style.row("needs", ", ".join(detail.depends) or "no other module")
    places = list(detail.sysfs)
    if detail.struct_address is not None:
        places.insert(0, f"struct module at {detail.struct_address:016x}")
    if detail.kobject is not None:
        places.insert(1, f"kobject at {detail.kobject:016x}")
    if places:
        lines += style.row("at", ", ".join(places))
    return lines


def _memory(detail: ModuleDetail, style: Style, verbose: bool) -> list[str]:
    lines: list[str] = []
    for region in detail.module.regions:
        note = "  freed after init" if region.freed else ""
        lines += style.row("memory", f"{region.address:016x} {region.size:8}  {region.kind}{note}")
    sections = detail.sections or []
    shown = [s for s in sections if verbose or not s.name.startswith((".note", ".rodata.str"))]
    for section in sorted(shown, key=lambda s: s.address):
        size = f"{section.size:8}" if section.size is not None else f"{_UNKNOWN:>8}"
        note = "  freed after init" if section.freed else ""
        lines += style.row("section", f"{section.address:016x} {size}  {section.name}{note}")
    return lines


def _function(function: FunctionPointer) -> str:
    if not function.address:
        return function.note or "none"
    text = f"{function.symbol or 'name unknown'} ({function.address:016x})"
    return f"{text}, {function.note}" if function.note else text


def _parameters(parameters: Optional[Sequence[Parameter]], style: Style) -> list[str]:
    lines: list[str] = []
    for parameter in parameters or ():
        value = parameter.value if parameter.value is not None else f"? ({parameter.why})"
        kind = f"  {parameter.type}" if parameter.type else ""
        mode = f" {parameter.mode:04o}" if parameter.mode is not None else ""
        text = f"{parameter.name} = {value}{kind}{mode}"
        if parameter.description:
            text += f"  {parameter.description}"
        lines += style.row("param", text)
    return lines


def _exports(exports: Optional[Sequence[Export]], style: Style, verbose: bool) -> list[str]:
    lines: list[str] = []
    rows = list(exports or ())
    limit = len(rows) if verbose else _ROWS
    for export in rows[:limit]:
        gpl = "  GPL only" if export.gpl else ""
        users = f"  used by {', '.join(export.users)}" if export.users else ""
        lines += style.row("export", f"{export.address:016x}  {export.name}{gpl}{users}")
    if len(rows) > limit:
        lines += style.row("", f"… and {len(rows) - limit} more (-v shows them)")
    return lines


def _pointers(detail: ModuleDetail, style: Style, verbose: bool) -> list[str]:
    lines: list[str] = []
    rows = sorted(detail.pointers or (), key=lambda pointer: pointer.kind)
    for kind, group in groupby(rows, key=lambda pointer: pointer.kind):
        found = list(group)
        limit = len(found) if verbose else _ROWS
        for pointer in found[:limit]:
            lines += style.row("points", f"{kind}: {pointer.text}")
        if len(found) > limit:
            lines += style.row("", f"… and {len(found) - limit} more of this kind (-v)")
    if detail.pointers is not None and not rows:
        lines += style.row("points", "nothing that was looked at in the kernel points into it")
    return lines


def _integrity_rows(results: dict[str, Integrity], style: Style, verbose: bool) -> list[str]:
    lines: list[str] = []
    for name, result in results.items():
        lines += _integrity(name, result, style, verbose)
    return ["", *lines] if lines else []


def _integrity(name: str, result: Integrity, style: Style, verbose: bool) -> list[str]:
    lines = style.row("code", integrity_text(name, result))
    limit = len(result.differences) if verbose else _DIFFERENCES
    for difference in result.differences[:limit]:
        lines += style.row("", difference_text(difference))
    hidden = len(result.differences) - limit if len(result.differences) > limit else 0
    if hidden or result.more:
        how = " (-v shows them)" if hidden else ""
        lines += style.row("", f"… and {hidden + result.more} more{how}")
    if verbose and result.patched:
        allowed = ", ".join(f"{count} {what}" for what, count in sorted(result.patched.items()))
        lines += style.row("", f"patched as the kernel does: {allowed}")
    for text in result.skipped:
        lines += style.row("", f"not compared: {text}")
    return lines


def integrity_text(name: str, result: Integrity) -> str:
    """One line on a comparison."""
    against = f" with {result.file}" if result.file else ""
    if not result.compared:
        return f"{name}: nothing compared{against}"
    if not result.differences:
        return f"{name}: {result.compared} bytes in memory agree{against}"
    count = len(result.differences) + result.more
    places = "1 place" if count == 1 else f"{count} places"
    return f"{name}: memory differs in {places}{against} ({result.compared} bytes compared)"


def difference_text(difference: Difference) -> str:
    """``ffffffffc055b012 hello_cleanup+0x12 (.exit.text+0x12): c7 in the file, c6 in memory``."""
    where = f"{difference.section}+0x{difference.offset:x}" if difference.section else ""
    symbol = f" {difference.symbol}" if difference.symbol else ""
    note = f"  {difference.note}" if difference.note else ""
    return (
        f"{difference.address:016x}{symbol} ({where}): "
        f"{_spaced(difference.expected)} in the file, {_spaced(difference.found)} in memory{note}"
    )


def _spaced(digits: str) -> str:
    pairs = [digits[i : i + 2] for i in range(0, len(digits), 2)]
    return " ".join(pairs[:16]) + (" …" if len(pairs) > 16 else "")


def _unloaded(
    last: Optional[str], unloaded: Optional[Unloaded], style: Style, verbose: bool
) -> list[str]:
    lines = [""]
    if last:
        lines += style.row("gone", f"last unloaded: {last}")
    if unloaded is None:
        return lines
    for module in unloaded.tainted:
        times = f", {module.count} times" if module.count and module.count > 1 else ""
        lines += style.row(
            "gone", f"unloaded and tainting ({module.taints or '?'}): {module.name}{times}"
        )
    for freed in unloaded.ranges:
        lines += style.row("gone", f"{freed.address:016x} {freed.size:8}  {freed.what}")
    limit = len(unloaded.left_behind) if verbose else _ROWS
    for pointer in unloaded.left_behind[:limit]:
        lines += style.row("left", f"{pointer.kind}: {pointer.text}")
    if len(unloaded.left_behind) > limit:
        lines += style.row("", f"… and {len(unloaded.left_behind) - limit} more (-v shows them)")
    if verbose:
        for text in _reasons(unloaded.unknown, True):
            lines += style.row("unknown", text)
    return lines if len(lines) > 1 else []


def _reasons(unknown: dict[str, str], verbose: bool) -> list[str]:
    """Reasons, the keys that share one on one line; addresses of the rest only when verbose."""
    merged: dict[str, list[str]] = {}
    for key, reason in unknown.items():
        merged.setdefault(reason, []).append(key.replace("modules.", ""))
    return [f"{', '.join(keys)}: {reason}" for reason, keys in merged.items()]
