# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands of the suite, a row each. Every door derives its own list from this one.

A command is a module of this package with ``COMMAND`` (a :class:`base.Command`) and a row here.
From the row follow the shell's subcommand and completion, crash's command with its help page, the
drgn commands ``%name`` and scripts, and the programs for PyKdump's epython.

This module is imported at the start of every drgn session, so it imports nothing but the little
that it needs itself.
"""

from __future__ import annotations

from typing import NamedTuple

#: Where a command can be typed.
DOORS = ("shell", "crash", "drgn", "pykdump")


class Row(NamedTuple):
    """One command: its name, its one line of help, and the doors in which it makes sense."""

    name: str
    summary: str
    doors: tuple[str, ...] = DOORS


#: In the order of their help.
COMMANDS = (
    Row("explain", "explain the crash"),
    Row("oops", "the crash's error code bit by bit, or a code typed by hand"),
    Row("rip", "source line and code of RIP, or of an address"),
    Row("mods", "loaded modules, sorted by suspicion"),
)


def names(door: str) -> tuple[str, ...]:
    """The names of the commands of one door (of :data:`DOORS`), in order."""
    return tuple(row.name for row in COMMANDS if door in row.doors)


def summary(name: str) -> str:
    """What the command of that name does, in one line. Raises KeyError when there is none."""
    return {row.name: row.summary for row in COMMANDS}[name]
