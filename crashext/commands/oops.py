# SPDX-License-Identifier: GPL-2.0-or-later
"""``oops``: the code of the crash bit by bit, every report of the log, or a code typed by hand."""

from __future__ import annotations

import argparse
from typing import Any

from crashext.commands.base import Command, Context
from crashext.commands.options import (
    add_output_options,
    add_source_options,
    apply_source_options,
)
from crashext.engine.codes import Reading, explain_code
from crashext.engine.escape import printable
from crashext.engine.model import SCHEMA, ErrorCode, Explanation
from crashext.engine.report import LogSummary
from crashext.engine.verdict import explain, read_log
from crashext.render import json
from crashext.render.style import Style

#: What --as takes, and the kind of reading that it keeps.
KINDS = ("page-fault", "selector", "trap", "taint", "errno", "value", "esr")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words",
        nargs="*",
        metavar="CODE",
        help="error code, trap, taint letters or mask, error number or value; default: the crash",
    )
    parser.add_argument(
        "-a", "--all", action="store_true", help="every report in the log, not only the crash"
    )
    parser.add_argument(
        "--as", dest="kind", choices=KINDS, help="read CODE as this and nothing else"
    )
    parser.add_argument(
        "--taint", dest="kind", action="store_const", const="taint", help="short for --as taint"
    )
    add_output_options(parser)
    add_source_options(parser)


def run(context: Context, args: argparse.Namespace) -> int:
    """Explains a code. Exit code 1 when there is no crash to take it from."""
    style = Style(context.color, context.width)
    if args.words:
        readings = explain_code(" ".join(args.words), kind=args.kind)
        if args.json:
            context.out.write(json.render({"schema": SCHEMA, "readings": readings}))
        else:
            context.out.write(_render_readings(readings, style))
        return 0
    target = context.target()
    apply_source_options(target, args)
    summary = read_log(target)
    if args.all:
        context.out.write(_all(summary, style, args.json))
        return 0 if summary.reports else 1
    explanation = explain(target, summary)
    if args.json:
        context.out.write(json.render(_facts(explanation)))
    else:
        context.out.write(render(explanation, style))
    return 0 if explanation.crashed else 1


def _render_readings(readings: list[Reading], style: Style) -> str:
    lines: list[str] = []
    for reading in readings:
        if lines:
            lines += ["", style.paint("dim", "or, less likely:")]
        lines.append(style.paint("title", printable(reading.title)))
        for line in reading.lines:
            lines += style.row("", line, label_width=0)
    return "\n".join(lines) + "\n"


def _all(summary: LogSummary, style: Style, as_json: bool) -> str:
    if as_json:
        return json.render(
            {"schema": SCHEMA, "crash": summary.crash, "reports": list(summary.reports)}
        )
    if not summary.reports:
        return f"no crash report in the log ({summary.lines} lines)\n"
    lines = []
    for index, report in enumerate(summary.reports):
        mark = "→" if index == summary.crash else " "
        fatal = "fatal" if report.fatal else "not fatal"
        text = f"{mark} line {report.first_line:>6}  {report.kind:<20} {fatal:<10} "
        row = text + printable(report.headline)
        lines.append(style.paint("mark", row) if index == summary.crash else row)
    return "\n".join(lines) + "\n"


def _facts(explanation: Explanation) -> dict[str, Any]:
    keys = (
        "schema", "target", "crashed", "kind", "title", "error_code", "access", "fault_address",
        "task", "taint", "contradictions", "reports", "unknown",
    )  # fmt: skip
    return {key: getattr(explanation, key) for key in keys}


def bit_rows(code: ErrorCode) -> list[str]:
    """``bit  1  WRITE  1  a write``, a row a bit."""
    return [
        f"bit {bit.bit:2}  {bit.name:<6} {int(bit.set)}  {printable(bit.meaning)}"
        for bit in code.bits
    ]


def render(explanation: Explanation, style: Style) -> str:
    """The crash's code and what it was about, shorter than ``explain``."""
    if not explanation.crashed:
        return printable(explanation.headline or "no crash report found") + "\n"
    lines = [style.paint("title", printable(explanation.title or ""))]
    lines += style.row("", explanation.headline or "", label_width=0)
    code = explanation.error_code
    if code is not None:
        lines += style.row(f"{code.trap or 'code'}", f"{code.raw:04x}: {code.meaning}")
        for row in bit_rows(code):
            lines += style.row("", row)
    else:
        lines += style.row("code", explanation.unknown.get("error_code", "none"))
    fault, access = explanation.fault_address, explanation.access
    if fault is not None:
        lines += style.row("address", f"{fault.value:#x}: {fault.meaning} (from {fault.source})")
    if access is not None and access.expression:
        lines += style.row("access", access.expression)
    for entry in explanation.taint.meanings if explanation.taint else ():
        lines += style.row("taint", f"{entry.letter}  {entry.meaning}")
    for text in explanation.contradictions:
        lines += style.row("!", text)
    for other in explanation.reports:
        lines += style.row("also", f"log line {other.line}: {other.title} ({other.relation})")
    return "\n".join(lines) + "\n"


COMMAND = Command(
    name="oops",
    description=(
        "Without CODE: the error code of the crash, bit by bit, with the access, the address and "
        "the taint. With CODE: explains an error code (0x0002), a trap (14, #GP), taint letters "
        "or a mask (POE, --taint 12289), an error number (ENOENT, -2) or a 64-bit value."
    ),
    examples=(
        ("oops", "the code of the crash"),
        ("oops -a", "every report in the log, the crash marked"),
        ("oops 0x0002", "a page-fault error code"),
        ("oops 14", "a trap number"),
        ("oops --taint 12289", "a taint mask"),
        ("oops dead000000000122", "a value that you found in a register"),
    ),
    configure=configure,
    run=run,
    shell_target="optional",
)
