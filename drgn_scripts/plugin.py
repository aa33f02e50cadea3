# SPDX-License-Identifier: GPL-2.0-or-later
"""The drgn plugin: ``%explain``, ``%oops``, ``%rip`` and ``%mods`` in every drgn session.

drgn imports this module and calls the hook at the start of each session, also of those that never
look at a crash. So nothing of crashext is imported here: a command brings it in when it first runs.
"""

from __future__ import annotations

from typing import Any

from drgn import Program
from drgn.commands import DEFAULT_COMMAND_NAMESPACE, ParsedCommand, parse_shell_command

#: The commands (crashext.commands.NAMES, which is not imported for this).
NAMES = ("explain", "oops", "rip", "mods")


class LazyCommand:
    """A drgn command whose implementation is imported when it is first used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def description(self) -> str:
        from drgn_scripts import door

        return door.command(self._name).summary

    def format_usage(self) -> str:
        from drgn_scripts import door

        return door.command(self._name).parser(f"%{self._name}").format_usage()

    def format_help(self, *, indent: str = "") -> str:
        from drgn_scripts import door

        text = door.command(self._name).parser(f"%{self._name}").format_help()
        return "".join(indent + line for line in text.splitlines(keepends=True))

    def enabled(self, prog: Program) -> bool:
        # drgn asks before it knows whether the program is a kernel; the command itself says so.
        return True

    def parse(self, source: str, /) -> ParsedCommand[Any]:
        return parse_shell_command(source)

    def run(self, prog: Program, name: str, args: Any, /, **kwargs: Any) -> int:
        from drgn_scripts import door

        return door.run_in_session(prog, self._name, list(args))


def drgn_prog_set(prog: Program) -> None:
    """drgn's hook: a program was opened. Registers the commands and does nothing else."""
    for name in NAMES:
        DEFAULT_COMMAND_NAMESPACE.register(name, LazyCommand(name))
