# SPDX-License-Identifier: GPL-2.0-or-later
"""``crashext``: versions, what is open, where things are looked for; modules' lines for crash."""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
import sys

import _crashext
import crash

import crashext
from crashext.commands.base import HelpRequested
from crashext.doors.epython import search_path
from crashext.engine.escape import printable
from crashext.errors import CrashextError, Unknown, UsageError
from crashext.pykdump.crash_files import opened

USAGE = """\
usage: crashext
       crashext lines [-S DIR ...] [MODULE ...]

Shows versions, what is open, and where things are looked for.

lines: loads the debug files of these modules (of all, when none is named) into crash, so that
its dis -l, dis -s, bt -l, sym and p know their source lines and types.

  -S DIR  directory with module files (.ko, .ko.debug, packed ones too; may be repeated)
"""


def library(name: str, distribution: str) -> str:
    """The version of a library, or why it is missing."""
    try:
        importlib.import_module(name)
        return importlib.metadata.version(distribution)
    except (ImportError, importlib.metadata.PackageNotFoundError) as error:
        return f"not usable: {error}"


def run(words: list[str]) -> int:
    """The command ``crashext``."""
    words = [word for word in words if word != "-v"]  # shows the traceback should we fail
    if words in (["-h"], ["--help"]):
        raise HelpRequested(USAGE)
    if words[:1] == ["lines"]:
        return lines(words[1:])
    if words:
        raise UsageError(f"crashext: no argument {words[0]!r}; see crashext -h")
    session = _crashext.session()
    rows = [
        ("crashext", f"{crashext.__version__}  {session['extension']}"),
        ("crash", f"{crash.Crash_run}  (built for {crash.Crash_build})"),
        ("Python", f"{platform.python_version()}  {sys.executable}"),
        ("drgn", library("drgn", "drgn")),
        ("iced-x86", library("iced_x86", "iced-x86")),
        ("kernel", ", ".join(opened().kernels) or "?"),
        ("dump", "live system" if opened().live else opened().dump or "?"),
        ("targets", targets()),
        ("PYKDUMPPATH", ":".join(search_path()[1:]) or "not set"),
    ]
    for name, value in rows:
        print(f"{name:>12}  {printable(value)}")
    return 0


def targets() -> str:
    """Who answers the questions of explain, rip and mods here."""
    try:
        importlib.import_module("crashext.pykdump.drgn_over_crash").program()
    except (ImportError, CrashextError) as error:
        return f"crash; without drgn: {error}"
    return "crash, and drgn on crash's memory"


def lines(words: list[str]) -> int:
    """``crashext lines``: 0 when every module named has its lines."""
    from crashext.targets.crash import open_target

    try:
        from crashext.targets.crash_lines import load_lines, module_names
    except ImportError as error:
        raise CrashextError(
            f"crashext: lines: {error}; pip install drgn for {sys.executable}"
        ) from None
    names, directories = [], open_target().module_dirs
    while words:
        word, words = words[0], words[1:]
        if word == "-S" and words:
            directories.append(words[0])
            words = words[1:]
        elif word.startswith("-"):
            raise UsageError(f"crashext: lines: no option {word}; see crashext -h")
        else:
            names.append(word.replace("-", "_"))
    missing = 0
    for name in names or module_names():
        try:
            answer = load_lines(name)
        except Unknown as reason:
            missing += 1
            answer = str(reason)
        print(printable(f"{name}: {answer}"))
    return 1 if missing else 0
