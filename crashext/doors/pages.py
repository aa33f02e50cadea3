# SPDX-License-Identifier: GPL-2.0-or-later
"""The pages of ``help NAME`` in crash. ``crashext build`` puts them into crashext.so.

A page is what crash's command table wants (help_data in crash's defs.h): name, one line, synopsis,
then the lines of the description.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

from crashext.commands import table
from crashext.commands.base import Command, load

#: The commands that only crash has.
_OWN: list[list[str]] = [
    [
        "epython",
        "run a Python program",
        "[-v] FILE [argument ...] | -h | -p",
        "  Runs a Python program in this session. FILE is a path, or a name that is looked for",
        "  in the current directory and in the directories of PYKDUMPPATH, with and without .py.",
        "  Programs written for PyKdump run: from pykdump.API import *. The module crash has the",
        "  calls beneath it, and sys.argv the arguments. Without FILE: an interactive prompt.",
        "",
        "       -v  show the traceback when the program fails; without FILE: versions",
        "       -p  show Python's version and search path",
        "       -h  this summary",
        "",
        "EXAMPLES",
        "  Run hello.py, and page through its output:",
        "",
        "    crash> epython hello.py one two",
        "",
        "  Count the tasks:",
        "",
        "    crash> epython tasks | wc -l",
    ],
    [
        "drgn",
        "run drgn on this dump",
        "[-v] [-e CODE | FILE [argument ...]]",
        "  Opens a drgn prompt, or runs a drgn script, on this session's kernel. Memory comes",
        "  from crash, so every dump format that crash reads can be used; types and symbols come",
        "  from the same vmlinux. prog is the program, as in drgn.",
        "",
        "       -e CODE  run CODE; put it in double quotes",
        "       -v       show the traceback when the script fails",
        "",
        "EXAMPLES",
        "  Show the name of the first task:",
        "",
        "    crash> drgn -e \"print(prog['init_task'].comm)\"",
        "",
        "  Run a script:",
        "",
        "    crash> drgn slabs.py",
    ],
    [
        "crashext",
        "about crashext; source lines of modules for crash",
        "[lines [-S DIR ...] [MODULE ...]]",
        "  Shows the version of crashext, of the Python inside, and of the crash that it was",
        "  built for; what is open; and where it looks for things.",
        "",
        "  lines  loads the debug files of these modules (of all, when none is named) into crash,",
        "         so that dis -l, dis -s, bt -l, sym and p know their source lines and types. The",
        "         file must be of the very build; it is looked for beside the dump and vmlinux, in",
        "         the directories given with -S, and by build-id. It may be packed (.ko.xz).",
        "         explain, rip and mods do this for the modules of which they show lines.",
        "",
        "EXAMPLES",
        "  Versions and files of this session:",
        "",
        "    crash> crashext",
        "",
        "  Source lines for all modules that have a file in /srv/build:",
        "",
        "    crash> crashext lines -S /srv/build",
        "    crash> bt -l",
    ],
]


def suite_page(command: Command) -> list[str]:
    """The page of a command of the suite, from its parser."""
    usage, _, rest = command.parser().format_help().partition("\n\n")
    synopsis = " ".join(usage.split()[2:])
    # The parser's page repeats the description; ours has it first, in crash's indentation.
    options = rest.partition("\n\n")[2] if command.description else rest
    # … and its examples, which crash's pages show with crash's prompt.
    options = options.partition("\nexamples:\n")[0]
    lines = textwrap.wrap(command.description, 78, initial_indent="  ", subsequent_indent="  ")
    lines += ["", *textwrap.indent(options.rstrip(), "  ").splitlines()]
    if command.examples:
        lines += ["", "EXAMPLES"]
        for words, what in command.examples:
            lines += [f"  {what[:1].upper()}{what[1:]}:", "", f"    crash> {words}", ""]
    return [command.name, command.summary, synopsis or " ", *lines]


@contextmanager
def _width(columns: int) -> Iterator[None]:
    """argparse folds its page for the terminal of whoever builds; a page is for all."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(columns)
    try:
        yield
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before


def all_pages() -> list[list[str]]:
    """Every command that crashext.so registers, in order."""
    with _width(78):
        return [suite_page(load(name)) for name in table.names("crash")] + _OWN
