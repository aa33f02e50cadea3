# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a summary says only what its log says: for the property tests and the fuzzer."""

from __future__ import annotations

import re

from crashext.engine.kinds import KINDS
from crashext.engine.log.reader import logical_lines
from crashext.engine.report import LogFrame, LogSummary, LogSymbol, Report

TEXT_FIELDS = (
    "comm",
    "release",
    "version",
    "hardware",
    "workqueue",
    "bug_file",
    "last_unloaded",
    "code_unavailable",
)


def invented(summary: LogSummary, text: str) -> list[str]:
    """Every value of the summary that is not in the text, or not on the line that it names."""
    logical = logical_lines(text.encode("utf-8", "surrogatepass"))
    lines = [""] * (text.count("\n") + 1)
    for line in logical:
        for number in range(line.number, line.end + 1):
            lines[number - 1] = line.text
    text = "\n".join(lines)
    found = []
    for report in summary.reports:
        found += _of_report(report, text, lines)
    return found


def _of_report(report: Report, text: str, lines: list[str]) -> list[str]:
    found = []
    if report.kind not in KINDS:
        found.append(f"kind {report.kind}")
    if not 1 <= report.first_line <= report.last_line <= len(lines):
        found.append(f"lines {report.first_line}-{report.last_line} of {len(lines)}")
    if report.headline not in text:
        found.append(f"headline {report.headline}")
    for name in (
        "comm",
        "release",
        "version",
        "hardware",
        "workqueue",
        "bug_file",
        "last_unloaded",
    ):
        value = getattr(report, name)
        if value is not None and value not in text:
            found.append(f"{name} {value}")
    for name in ("pid", "cpu", "uid", "bug_line", "die_count"):
        value = getattr(report, name)
        if value is not None and not re.search(rf"0*{value}", text):
            found.append(f"{name} {value}")
    if report.panic_line and (report.panic_message or "") not in lines[report.panic_line - 1]:
        found.append(f"panic {report.panic_message}")
    for name, value in report.registers.items():
        if not _has_hex(text, value):
            found.append(f"register {name} {value:#x}")
    for address in report.addresses:
        if not _has_hex(lines[address.line_no - 1], address.value):
            found.append(f"address {address}")
    symbols: list[LogSymbol] = [report.rip] if report.rip else []
    symbols += report.frames
    for stack in report.other_stacks.values():
        symbols += stack
    for symbol in symbols:
        found += _of_symbol(symbol, lines)
    for module in report.modules or []:
        if module.name not in text:
            found.append(f"module {module.name}")
    if report.code is not None:
        line = re.sub(r"[<>()\s]", "", lines[report.code.line_no - 1])
        data = report.code.data
        # Bytes, words of four (arm, mips) or parcels of two (riscv), each as a number.
        forms = (
            b"".join(data[i : i + size][::-1] for i in range(0, len(data), size))
            for size in (1, 2, 4)
        )
        if not any(form.hex() in line for form in forms):
            found.append(f"code {data.hex()}")
    return found


def _of_symbol(symbol: LogSymbol, lines: list[str]) -> list[str]:
    line = lines[symbol.line_no - 1]
    if symbol.name is not None and symbol.name not in line:
        return [f"symbol {symbol.name} in line {symbol.line_no}"]
    if symbol.module is not None and symbol.module not in line:
        return [f"module {symbol.module} in line {symbol.line_no}"]
    if symbol.address is not None and not _has_hex(line, symbol.address):
        return [f"address {symbol.address:#x} in line {symbol.line_no}"]
    doubted = any(mark in line for mark in ("? ", "(unreliable)", "([<"))
    if isinstance(symbol, LogFrame) and symbol.reliable is doubted:
        return [f"reliability of {symbol.name} in line {symbol.line_no}"]
    return []


def _has_hex(text: str, value: int) -> bool:
    return f"{value:x}" in text or (value == 0 and "(null)" in text)
