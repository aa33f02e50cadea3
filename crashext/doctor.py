# SPDX-License-Identifier: GPL-2.0-or-later
"""``crashext doctor``: do the tools here fit this dump, said before an hour is lost.

What a dump's kernel needs of crash is found by looking at the kernel's types, which vendors
backport; what a crash can do is told by its release, because a binary does not tell otherwise.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Optional

from crashext.commands.base import CommandParser
from crashext.engine.escape import printable
from crashext.errors import CrashextError, Unknown

if TYPE_CHECKING:
    import drgn

    from crashext.targets.base import Target

Version = tuple[int, ...]


@dataclass(frozen=True)
class Line:
    """One finding: ``level`` is "ok", "note" or "bad"; ``fix`` is the way out."""

    level: str
    text: str
    fix: str = ""


@dataclass(frozen=True)
class Requirement:
    """Something of the kernel that a crash before ``since`` reads wrongly."""

    what: str
    since: Version
    consequence: str
    present: Callable[[drgn.Program], bool]


def _has_type(prog: drgn.Program, name: str) -> bool:
    try:
        prog.type(name)
    except LookupError:
        return False
    return True


def _has_symbol(prog: drgn.Program, name: str) -> bool:
    try:
        prog.symbol(name)
    except LookupError:
        return False
    return True


def _pid_numbers_is_flexible(prog: drgn.Program) -> bool:
    """b69f0aeb0689 ("pid: Replace struct pid 1-element array with flex-array"); 6.5, and
    backported to 6.1.y: so a release number would not tell."""
    try:
        numbers = prog.type("struct pid").member("numbers").type
    except LookupError:
        return False
    return bool(not numbers.length)


def _has_maple_tree(prog: drgn.Program) -> bool:
    try:
        return bool(prog.type("struct mm_struct").has_member("mm_mt"))
    except LookupError:
        return False


#: With the commit of crash that brought the support, and the release that has it.
REQUIREMENTS = (
    Requirement(  # crash 8858006
        "struct pid with a flexible array",
        (8, 0, 4),
        "it finds few tasks ('not found in PID hash'); bt shows stale frames",
        _pid_numbers_is_flexible,
    ),
    Requirement(  # crash df1f0cb
        "per-CPU variables in struct pcpu_hot",
        (8, 0, 3),
        "it cannot find the current tasks or the IRQ stacks",
        lambda prog: _has_symbol(prog, "pcpu_hot"),
    ),
    Requirement(  # crash 9efc1f6
        "VMAs in a maple tree",
        (8, 0, 3),
        "vm shows no regions, vtop of user addresses fails",
        _has_maple_tree,
    ),
    Requirement(  # crash 7750e61
        "struct module with mem[]",
        (8, 0, 4),
        "it cannot read the modules",
        lambda prog: _has_type(prog, "struct module_memory"),
    ),
)


def parse_crash_version(text: str) -> Optional[Version]:
    """``crash 8.0.2`` → (8, 0, 2); None when the text names no version."""
    match = re.search(r"^crash (\d+(?:\.\d+)+)", text, re.MULTILINE)
    return tuple(int(part) for part in match.group(1).split(".")) if match else None


def judge_crash(prog: drgn.Program, version: Version) -> list[Line]:
    """What a crash of this version reads wrongly of this kernel."""
    name = "crash " + ".".join(map(str, version))
    lacking = [
        requirement
        for requirement in REQUIREMENTS
        if version < requirement.since and requirement.present(prog)
    ]
    if not lacking:
        return [Line("ok", f"{name} knows this kernel's structures, as far as we know")]
    needed = ".".join(map(str, max(requirement.since for requirement in lacking)))
    fix = f"use crash {needed} or later (crashext lab tool fetches one), or drgn"
    return [
        Line("bad", f"{name} does not know {item.what}: {item.consequence}", fix)
        for item in lacking
    ]


def _crash_version(program: str) -> Optional[Version]:
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_crash_version(done.stdout)


def _drgn_lines() -> list[Line]:
    import drgn

    version = importlib.import_module("importlib.metadata").version("drgn")
    lines = [Line("ok", f"drgn {version}")]
    if not getattr(drgn, "_with_libkdumpfile", False):
        lines.append(
            Line(
                "bad",
                "this drgn has no libkdumpfile: it cannot open kdump-compressed dumps",
                "install drgn from PyPI, whose wheels have it",
            )
        )
    return lines


def _python_lines() -> list[Line]:
    if importlib.util.find_spec("iced_x86") is None:
        return [
            Line("bad", "iced-x86 is missing: instructions are not decoded", "pip install iced-x86")
        ]
    return [Line("ok", f"Python {sys.version.split()[0]} with iced-x86")]


def _without_debug_files(target: Target) -> list[Line]:
    """The out-of-tree modules whose debug file is nowhere: a distribution's can be installed."""
    lines = []
    for module in target.modules():
        if "O" not in (module.taints or "") or module.address is None:
            continue
        try:
            target.source(module.address)  # makes the target look for the debug file
        except Unknown as reason:
            if "debug info for" in str(reason):
                lines.append(Line("note", str(reason), "without it there are no source lines"))
    return lines


def examine_dump(path: str, symbols: list[str], module_dirs: list[str], crash: str) -> list[Line]:
    """What can be said of a dump: whether it opens, what is missing, whether crash fits."""
    from crashext.opening import open_dump
    from crashext.targets.drgn import DrgnTarget

    try:
        prog = open_dump(path, symbols=symbols, module_dirs=module_dirs)
    except CrashextError as error:
        return [Line("bad", str(error))]
    target = DrgnTarget(prog)
    lines = [Line("ok", f"{path}: kernel {target.kernel().release}, opened with debug info")]
    lines += _without_debug_files(target)
    version = _crash_version(crash)
    if version is None:
        lines.append(Line("note", f"no {crash} here; drgn alone does", "apt install crash"))
    else:
        lines += judge_crash(prog, version)
    return lines


_MARKS = {"ok": "ok   ", "note": "note ", "bad": "BAD  "}


def main(argv: list[str]) -> int:
    """Exit code 0 when nothing is bad."""
    parser = CommandParser(
        prog="crashext doctor",
        description="Checks the tools here, and whether they fit a dump.",
        formatter_class=argparse.HelpFormatter,
    )
    parser.add_argument("dump", nargs="?", metavar="VMCORE")
    parser.add_argument("-s", "--symbols", metavar="FILE", action="append", default=[])
    parser.add_argument("-S", dest="module_dir", metavar="DIR", action="append", default=[])
    parser.add_argument("--crash", default=shutil.which("crash") or "crash", metavar="PROGRAM")
    args = parser.parse_intermixed_args(argv)
    lines = _python_lines() + _drgn_lines()
    if args.dump is not None:
        lines += examine_dump(args.dump, args.symbols, args.module_dir, args.crash)
    else:
        version = _crash_version(args.crash)
        lines.append(
            Line("note", f"no {args.crash} here; drgn alone does", "apt install crash")
            if version is None
            else Line("ok", "crash " + ".".join(map(str, version)))
        )
    for line in lines:
        sys.stdout.write(_MARKS[line.level] + printable(line.text) + "\n")
        if line.fix and line.level != "ok":
            sys.stdout.write("     → " + printable(line.fix) + "\n")
    return 1 if any(line.level == "bad" for line in lines) else 0
