# SPDX-License-Identifier: GPL-2.0-or-later
"""The log cases in tests/data/logs and how their expected JSON is compared.

``CASE.report.json`` beside ``CASE.log`` states what the parser must find. Only the keys that it has
are compared, and those exactly; ``registers`` and ``details`` are compared key by key. Symbols,
frames and addresses are written the way a person reads them (see :func:`describe`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from crashext.engine.report import LogFrame, LogSummary, LogSymbol, Report

DATA = Path(__file__).parents[2] / "data" / "logs"
CASES = sorted(DATA.glob("*.report.json"))
LOGS = sorted(DATA.glob("*.log"))


def symbol_text(symbol: Optional[LogSymbol]) -> Optional[str]:
    """``? name+0xoff/0xsize [module] @0xaddr file:line {stack} inline``, what there is of it."""
    if symbol is None:
        return None
    parts = []
    if isinstance(symbol, LogFrame) and not symbol.reliable:
        parts.append("?")
    if symbol.name is not None:
        place = f"+{symbol.offset:#x}/{symbol.size:#x}" if symbol.offset is not None else ""
        parts.append(symbol.name + place)
    if symbol.module is not None:
        parts.append(f"[{symbol.module}]")
    if symbol.address is not None:
        parts.append(f"@{symbol.address:#x}")
    if symbol.file is not None:
        parts.append(f"{symbol.file}:{symbol.line}")
    if isinstance(symbol, LogFrame):
        if symbol.stack != "task":
            parts.append("{" + symbol.stack + "}")
        if symbol.inlined:
            parts.append("inline")
    return " ".join(parts)


def describe(report: Report) -> dict[str, Any]:
    """All fields of a report as JSON values that are easy to write by hand."""
    fields = dict(vars(report))
    fields["rip"] = symbol_text(report.rip)
    fields["frames"] = [symbol_text(frame) for frame in report.frames]
    fields["other_stacks"] = {
        name: [symbol_text(frame) for frame in stack] for name, stack in report.other_stacks.items()
    }
    fields["noted"] = {name: symbol_text(frame) for name, frame in report.noted.items()}
    fields["addresses"] = [
        f"{candidate.value:#x} {candidate.source}:{candidate.line_no}"
        for candidate in report.addresses
    ]
    fields["registers"] = {name: f"{value:#x}" for name, value in report.registers.items()}
    fields["error_code"] = None if report.error_code is None else f"{report.error_code:#x}"
    fields["code"] = None
    if report.code is not None:
        before, after = (
            report.code.data[: report.code.fault_index].hex(),
            report.code.data[report.code.fault_index :].hex(),
        )
        fields["code"] = f"{before}<{after}>"
    fields["modules"] = None
    if report.modules is not None:
        fields["modules"] = [
            f"{module.name}({module.taints}){module.state}" for module in report.modules
        ]
    return fields


def selected(actual: Any, expected: Any) -> Any:
    """``actual`` with only what ``expected`` speaks of."""
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return {
            key: selected(actual[key], expected[key]) if key in actual else "(absent)"
            for key in expected
        }
    return actual


def summarise(summary: LogSummary, expected: Mapping[str, Any]) -> dict[str, Any]:
    """The summary in the form of a ``.report.json``, cut to what that states."""
    reports = [describe(report) for report in summary.reports]
    wanted = expected.get("reports", [])
    if len(wanted) == len(reports):
        reports = [selected(report, want) for report, want in zip(reports, wanted)]
    whole = {
        "reports": reports,
        "crash": summary.crash,
        "lines": summary.lines,
        "release": summary.release,
        "notes": summary.notes,
    }
    return {key: whole[key] for key in expected}
