# SPDX-License-Identifier: GPL-2.0-or-later
"""The options that every PyKdump program has, whatever its own are."""

from __future__ import annotations

import importlib
import os
import sys
from optparse import OptionParser, Values
from typing import Optional, TextIO

from crashext.pykdump.cmodule import crash
from crashext.pykdump.containers import (
    CU_PYMOD,
    CU_TIMEOUT,
    Bunch,
    DCache,
    PY_select_purge,
    purge_memoize_cache,
)
from crashext.pykdump.lists import set_default_maxel

API_options = Bunch({"debug": 0, "experimental": 0, "dumpcache": 0})

_timeout_before = 0


def _parser() -> OptionParser:
    parser = OptionParser(add_help_option=False)
    parser.add_option(
        "--experimental", action="store_true", default=0, help="enable experimental features"
    )
    parser.add_option("--debug", type="int", default=-1, help="enable debugging output")
    parser.add_option(
        "--timeout", type="int", default=120, help="time limit of crash commands, in seconds"
    )
    parser.add_option(
        "--maxel", type="int", default=10000, help="number of list elements to visit at most"
    )
    parser.add_option("--usens", type="int", help="use the namespaces of that PID")
    parser.add_option(
        "--reload", action="store_true", default=0, help="reload the imported Python modules"
    )
    parser.add_option("--dumpcache", action="store_true", default=0, help="print DCache")
    parser.add_option("--ofile", metavar="FILE", help="write the report to FILE")
    parser.add_option("--ehelp", action="store_true", default=0, help="print these options")
    return parser


def split_common_options(words: list[str]) -> tuple[list[str], list[str]]:
    """(the common options among ``words`` with their values, the rest in order)."""
    parser = _parser()
    common: list[str] = []
    own: list[str] = []
    remaining = list(words)
    while remaining:
        word = remaining.pop(0)
        option = parser.get_option(word.split("=")[0]) if word.startswith("-") else None
        if option is None:
            own.append(word)
            continue
        common.append(word)
        if "=" not in word and option.nargs and remaining:
            common.append(remaining.pop(0))
    return common, own


def take_common_options(argv: list[str]) -> Values:
    """Removes the common options from ``argv`` and puts them into effect."""
    global _timeout_before
    common, own = split_common_options(argv[1:])
    parser = _parser()
    values, _rest = parser.parse_args(common)
    argv[1:] = own
    API_options.experimental = values.experimental
    API_options.dumpcache = values.dumpcache
    if values.debug != -1:
        API_options.debug = values.debug
    if values.ehelp:
        parser.print_help()
    if values.reload:
        _reload()
    crash.set_default_timeout(values.timeout)
    crash.default_timeout = values.timeout
    if values.timeout > _timeout_before:
        # Commands that were cut off may complete now.
        purge_memoize_cache(CU_TIMEOUT)
    _timeout_before = values.timeout
    set_default_maxel(values.maxel)
    if values.dumpcache:
        DCache.dump()
    if values.ofile:
        _redirect(values.ofile)
    return values


_console: Optional[TextIO] = None


def _redirect(path: str) -> None:
    global _console
    end_redirection()
    report = open(path, "w", encoding="utf-8")  # noqa: SIM115 (closed by end_redirection)
    _console, sys.stdout = sys.stdout, report


def end_redirection() -> None:
    """Undoes --ofile."""
    global _console
    if _console is not None:
        sys.stdout.close()
        sys.stdout, _console = _console, None


def _reload() -> None:
    """Imports anew the modules that come from files outside this package and Python itself."""
    purge_memoize_cache(CU_PYMOD)
    PY_select_purge()
    library = (os.path.dirname(os.__file__), sys.prefix, sys.base_prefix)
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        package = name.split(".")[0]
        if not path or not os.path.isfile(path) or package in ("pykdump", "crashext", "__main__"):
            continue
        if path.startswith(library):
            continue
        DCache.perm._delmodentries(module)
        importlib.reload(module)
