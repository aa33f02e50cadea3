# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``mods`` says: a summary, a table, and a page for each module that was named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Optional

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
from crashext.view.document import (
    Column,
    Document,
    Piece,
    Row,
    Table,
    TableRow,
    line,
    row,
)

#: Rows of one kind on a module's page, unless verbose.
_ROWS = 12
#: Differing runs of bytes shown for one file, unless verbose.
_DIFFERENCES = 8
_UNKNOWN = "?"

_COLUMNS = (
    Column("MODULE", 6, 24),
    Column("BASE", 16, 16),
    Column("SIZE", 8, 8, right=True),
    Column("STATE", 9, 9),
    Column("REFS", 4, 4, right=True),
    Column("TAINT", 5, 5),
    Column("USED BY"),
)


def document(report: ModsReport, *, verbose: bool = False) -> Document:
    """The answer in the order of reading."""
    made = Document()
    for index, detail in enumerate(report.details):
        _page(made, detail, report, verbose, apart=index > 0)
    if not report.details:
        made.heading(summary_text(report.summary))
        if report.modules:
            rows = [_row(module, verbose) for module in report.modules]
            made.parts.append(Table(_COLUMNS, rows, apart=True))
        else:
            made.rows([row(None, "no module fits")], apart=True)
        made.rows(
            (
                entry
                for name, result in report.integrity.items()
                for entry in _integrity(name, result, verbose)
            ),
            apart=True,
        )
        made.rows(_unloaded(report.last_unloaded, report.unloaded, verbose), apart=True)
    made.rows(
        row(label, text)
        for label, texts in (
            ("stray", report.stray),
            ("note", report.notes),
            ("damage", report.damage),
            ("unknown", _reasons(report.unknown)),
        )
        for text in texts
    )
    return made


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


def _row(module: Module, verbose: bool) -> TableRow:
    notes = [line(" · ".join(module.why))] if module.why else []
    facts = _facts(module) if module.suspect or verbose else []
    notes += [line(fact, aside=True) for fact in [*facts, *module.damage]]
    taints = _UNKNOWN if module.taints is None else (module.taints or "-")
    return TableRow(
        (
            Piece(module.name, "module"),
            Piece(f"{module.address:016x}" if module.address is not None else _UNKNOWN, "address"),
            Piece(f"{module.size}" if module.size is not None else _UNKNOWN),
            Piece(module.state or _UNKNOWN),
            Piece(f"{module.refcount}" if module.refcount is not None else _UNKNOWN),
            Piece(taints),
            Piece(",".join(module.used_by) or "-"),
        ),
        module.suspect,
        notes,
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


def _page(
    made: Document, detail: ModuleDetail, report: ModsReport, verbose: bool, *, apart: bool
) -> None:
    module = detail.module
    words = ", ".join(taint_words(module.taints))
    if module.taints == "":
        words = "in-tree, no taint"
    state = module.state or "state unknown"
    made.heading(
        f"{module.name}: {state}" + (f", {words}" if words else ""),
        "suspect" if module.suspect else "",
        "bad",
        apart=apart,
    )
    made.rows(_page_rows(detail, report, verbose), apart=True)


def _page_rows(detail: ModuleDetail, report: ModsReport, verbose: bool) -> Iterable[Row]:
    module = detail.module
    for text in module.why:
        yield row("why", text)
    yield from _identity(detail)
    yield from _memory(detail, verbose)
    for label, function in (("init", detail.init), ("exit", detail.exit)):
        if function is not None:
            yield row(label, _function(function))
    if detail.permanent:
        yield row("", "it has no exit function: it cannot be unloaded (permanent)")
    yield from _parameters(detail.parameters)
    yield from _exports(detail.exports, verbose)
    yield from _pointers(detail, verbose)
    if module.name in report.integrity:
        yield from _integrity(module.name, report.integrity[module.name], verbose)
    for text in [*module.damage, *detail.damage]:
        yield row("damage", text)
    for text in _reasons(detail.unknown):
        yield row("unknown", text)


def _identity(detail: ModuleDetail) -> Iterable[Row]:
    module = detail.module
    for fact in _facts(module):
        yield row("file", fact)
    references = f"{module.refcount} references" if module.refcount is not None else ""
    if module.refcount == 1:
        references = "1 reference"
    users = f"used by {', '.join(module.used_by)}" if module.used_by else "used by no module"
    if references:
        yield row("refs", f"{references}, {users}")
    if detail.depends is not None:
        yield row("needs", ", ".join(detail.depends) or "no other module")
    places = list(detail.sysfs)
    if detail.struct_address is not None:
        places.insert(0, f"struct module at {detail.struct_address:016x}")
    if detail.kobject is not None:
        places.insert(1, f"kobject at {detail.kobject:016x}")
    if places:
        yield row("at", ", ".join(places))


def _memory(detail: ModuleDetail, verbose: bool) -> Iterable[Row]:
    for region in detail.module.regions:
        note = "  freed after init" if region.freed else ""
        yield row("memory", f"{region.address:016x} {region.size:8}  {region.kind}{note}")
    sections = detail.sections or []
    shown = [s for s in sections if verbose or not s.name.startswith((".note", ".rodata.str"))]
    for section in sorted(shown, key=lambda s: s.address):
        size = f"{section.size:8}" if section.size is not None else f"{_UNKNOWN:>8}"
        note = "  freed after init" if section.freed else ""
        yield row("section", f"{section.address:016x} {size}  {section.name}{note}")


def _function(function: FunctionPointer) -> str:
    if not function.address:
        return function.note or "none"
    text = f"{function.symbol or 'name unknown'} ({function.address:016x})"
    return f"{text}, {function.note}" if function.note else text


def _parameters(parameters: Optional[Sequence[Parameter]]) -> Iterable[Row]:
    for parameter in parameters or ():
        value = parameter.value if parameter.value is not None else f"? ({parameter.why})"
        kind = f"  {parameter.type}" if parameter.type else ""
        mode = f" {parameter.mode:04o}" if parameter.mode is not None else ""
        text = f"{parameter.name} = {value}{kind}{mode}"
        if parameter.description:
            text += f"  {parameter.description}"
        yield row("param", text)


def _exports(exports: Optional[Sequence[Export]], verbose: bool) -> Iterable[Row]:
    rows = list(exports or ())
    limit = len(rows) if verbose else _ROWS
    for export in rows[:limit]:
        gpl = "  GPL only" if export.gpl else ""
        users = f"  used by {', '.join(export.users)}" if export.users else ""
        yield row("export", f"{export.address:016x}  {export.name}{gpl}{users}")
    if len(rows) > limit:
        yield row("", f"… and {len(rows) - limit} more (-v shows them)")


def _pointers(detail: ModuleDetail, verbose: bool) -> Iterable[Row]:
    rows = sorted(detail.pointers or (), key=lambda pointer: pointer.kind)
    for kind, group in groupby(rows, key=lambda pointer: pointer.kind):
        found = list(group)
        limit = len(found) if verbose else _ROWS
        for pointer in found[:limit]:
            yield row("points", f"{kind}: {pointer.text}")
        if len(found) > limit:
            yield row("", f"… and {len(found) - limit} more of this kind (-v)")
    if detail.pointers is not None and not rows:
        yield row("points", "nothing that was looked at in the kernel points into it")


def _integrity(name: str, result: Integrity, verbose: bool) -> Iterable[Row]:
    yield row("code", integrity_text(name, result))
    limit = len(result.differences) if verbose else _DIFFERENCES
    for difference in result.differences[:limit]:
        yield row("", difference_text(difference))
    hidden = len(result.differences) - limit if len(result.differences) > limit else 0
    if hidden or result.more:
        how = " (-v shows them)" if hidden else ""
        yield row("", f"… and {hidden + result.more} more{how}")
    if verbose and result.patched:
        allowed = ", ".join(f"{count} {what}" for what, count in sorted(result.patched.items()))
        yield row("", f"patched as the kernel does: {allowed}")
    for text in result.skipped:
        yield row("", f"not compared: {text}")


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


def _unloaded(last: Optional[str], unloaded: Optional[Unloaded], verbose: bool) -> Iterable[Row]:
    if last:
        yield row("gone", f"last unloaded: {last}")
    if unloaded is None:
        return
    for module in unloaded.tainted:
        times = f", {module.count} times" if module.count and module.count > 1 else ""
        yield row("gone", f"unloaded and tainting ({module.taints or '?'}): {module.name}{times}")
    for freed in unloaded.ranges:
        yield row("gone", f"{freed.address:016x} {freed.size:8}  {freed.what}")
    limit = len(unloaded.left_behind) if verbose else _ROWS
    for pointer in unloaded.left_behind[:limit]:
        yield row("left", f"{pointer.kind}: {pointer.text}")
    if len(unloaded.left_behind) > limit:
        yield row("", f"… and {len(unloaded.left_behind) - limit} more (-v shows them)")
    if verbose:
        for text in _reasons(unloaded.unknown):
            yield row("unknown", text)


def _reasons(unknown: dict[str, str]) -> list[str]:
    """Reasons, the keys that share one on one line."""
    merged: dict[str, list[str]] = {}
    for key, reason in unknown.items():
        merged.setdefault(reason, []).append(key.replace("modules.", ""))
    return [f"{', '.join(keys)}: {reason}" for reason, keys in merged.items()]
