# SPDX-License-Identifier: GPL-2.0-or-later
"""``explain``: what happened, where, whose fault, how sure, and how to check it."""

from __future__ import annotations

import argparse

from crashext.commands.base import Command, Context, exit_code
from crashext.commands.options import (
    add_output_options,
    add_source_options,
    apply_source_options,
)
from crashext.engine.verdict import explain, read_log
from crashext.render import json
from crashext.view import explain as view


def configure(parser: argparse.ArgumentParser) -> None:
    add_output_options(parser)
    add_source_options(parser)


def run(context: Context, args: argparse.Namespace) -> int:
    """Prints the explanation. Exit code 0 when a crash was explained, 1 when there is none, 3 when
    the log could not be read."""
    target = context.target()
    apply_source_options(target, args)
    summary = read_log(target)
    explanation = explain(target, summary)
    if args.json:
        context.out.write(json.render(explanation))
    else:
        context.write(view.document(explanation, verbose=args.verbose, door=context.door))
    return exit_code(explanation.crashed, summary)


COMMAND = Command(
    name="explain",
    description=(
        "Explains the crash: its kind, the faulting instruction and source line, the bad pointer, "
        "the function and module to look at, the evidence for each claim, and what to do next."
    ),
    examples=(
        ("explain", "the crash on one screen"),
        ("explain -v", "with registers, disassembly, stack and evidence"),
        ("explain --json", "the same for a program (schema crashext/1)"),
        ("explain --source-dir /usr/src/linux", "with source text from this directory"),
    ),
    configure=configure,
    run=run,
)
