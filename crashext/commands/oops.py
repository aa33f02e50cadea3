# SPDX-License-Identifier: GPL-2.0-or-later
"""``oops``: the code of the crash bit by bit, every report of the log, or a code typed by hand."""

from __future__ import annotations

import argparse
from typing import Any

from crashext.commands.base import Command, Context, exit_code
from crashext.commands.options import (
    add_output_options,
    add_source_options,
    apply_source_options,
)
from crashext.engine.codes import explain_code
from crashext.engine.model import SCHEMA, Explanation
from crashext.engine.verdict import explain, read_log
from crashext.render import json
from crashext.view import oops as view

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
    if args.words:
        readings = explain_code(" ".join(args.words), kind=args.kind)
        if args.json:
            context.out.write(json.render({"schema": SCHEMA, "readings": readings}))
        else:
            context.write(view.readings(readings))
        return 0
    target = context.target()
    apply_source_options(target, args)
    summary = read_log(target)
    if args.all:
        if args.json:
            found = {"schema": SCHEMA, "crash": summary.crash, "reports": list(summary.reports)}
            context.out.write(json.render(found))
        else:
            context.write(view.reports(summary))
        return exit_code(bool(summary.reports), summary)
    explanation = explain(target, summary)
    if args.json:
        context.out.write(json.render(_facts(explanation)))
    else:
        context.write(view.crash(explanation))
    return exit_code(explanation.crashed, summary)


def _facts(explanation: Explanation) -> dict[str, Any]:
    keys = (
        "schema", "target", "crashed", "kind", "title", "error_code", "access", "fault_address",
        "task", "taint", "contradictions", "reports", "unknown",
    )  # fmt: skip
    return {key: getattr(explanation, key) for key in keys}


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
