# SPDX-License-Identifier: GPL-2.0-or-later
"""``crashext``: versions, what is open, and where things are looked for."""

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
from crashext.errors import UsageError

USAGE = "usage: crashext\n\nShows versions, what is open, and where things are looked for.\n"


def library(name: str, distribution: str) -> str:
    """The version of a library, or why it is missing."""
    try:
        importlib.import_module(name)
        return importlib.metadata.version(distribution)
    except (ImportError, importlib.metadata.PackageNotFoundError) as error:
        return f"not usable: {error}"


def run(words: list[str]) -> int:
    """The command ``crashext``."""
    if words in (["-h"], ["--help"]):
        raise HelpRequested(USAGE)
    if words:
        raise UsageError(f"crashext: no argument {words[0]!r}; see crashext -h")
    session = _crashext.session()
    rows = [
        ("crashext", f"{crashext.__version__}  {session['extension']}"),
        ("crash", f"{crash.Crash_run}  (built for {crash.Crash_build})"),
        ("Python", f"{platform.python_version()}  {sys.executable}"),
        ("drgn", library("drgn", "drgn")),
        ("iced-x86", library("iced_x86", "iced-x86")),
        ("kernel", session["namelist_debug"] or session["namelist"] or "?"),
        ("dump", "live system" if session["live"] else session["dumpfile"] or "?"),
        ("PYKDUMPPATH", ":".join(search_path()[1:]) or "not set"),
    ]
    for name, value in rows:
        print(f"{name:>12}  {value}")
    return 0
