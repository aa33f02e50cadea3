# SPDX-License-Identifier: GPL-2.0-or-later
"""``rip``: the source line, inline chain and code of RIP or of any text address."""

from __future__ import annotations

import argparse
import re

from crashext.commands.base import Command, Context
from crashext.commands.options import (
    add_output_options,
    add_source_options,
    apply_source_options,
)
from crashext.engine.escape import printable
from crashext.engine.verdict import locate_address, locate_crash, read_log
from crashext.errors import Unknown, UsageError
from crashext.render import json
from crashext.targets.base import Target
from crashext.view import rip as view

_SYMBOL = re.compile(r"^([A-Za-z_.$][\w.$]*)(?:\+(0x[0-9a-fA-F]+|\d+))?$")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "address",
        nargs="?",
        metavar="ADDRESS",
        help="hexadecimal address or symbol+offset; default: RIP of the crash",
    )
    add_output_options(parser)
    add_source_options(parser)


def resolve(target: Target, words: str) -> int:
    """The address that a person typed: hex with or without 0x, or ``symbol+0x12``.

    Raises UsageError when it is neither or the symbol is not known.
    """
    if re.fullmatch(r"(0[xX])?[0-9a-fA-F]{1,16}", words):
        return int(words, 16)
    match = _SYMBOL.match(words)
    if match is None:
        raise UsageError(f"rip: {words!r} is no address; give hex digits or symbol+offset")
    name, offset = match.group(1), match.group(2)
    try:
        return target.address(name) + (int(offset, 0) if offset else 0)
    except Unknown as reason:
        raise UsageError(f"rip: no address for {name}: {reason}") from None


def run(context: Context, args: argparse.Namespace) -> int:
    """Prints where an address is. Exit code 1 when nothing is known of it."""
    target = context.target()
    apply_source_options(target, args)
    if args.address is not None:
        case = locate_address(target, resolve(target, args.address))
    else:
        case = locate_crash(target, read_log(target))
    rip, unknown = case.explanation.rip, case.explanation.unknown
    if args.json:
        context.out.write(json.render({"rip": rip, "unknown": unknown}))
        return 0 if rip is not None else 1
    if rip is None:
        context.out.write(f"no RIP: {printable(unknown.get('rip', 'no crash report found'))}\n")
        return 1
    context.write(view.document(rip, unknown))
    return 0


COMMAND = Command(
    name="rip",
    description=(
        "Maps RIP of the crash (or ADDRESS) to function, file and line, with the chain of inlined "
        "functions, the source text, and the instructions around it, the one at RIP marked."
    ),
    examples=(
        ("rip", "the place of the crash"),
        ("rip ffffffffc0550012", "any text address"),
        ("rip hello_cleanup+0x12", "symbol and offset"),
    ),
    configure=configure,
    run=run,
)
