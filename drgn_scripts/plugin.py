# SPDX-License-Identifier: GPL-2.0-or-later
"""The drgn plugin: ``%explain`` and the other commands of the suite in every drgn session.

drgn imports this module and calls the hook at the start of each session, also of those that never
look at a crash. So nothing of crashext but the table of its commands is imported here: a command
brings in the rest when it first runs.
"""

from __future__ import annotations

from typing import Any

from drgn import Program
from drgn.commands import DEFAULT_COMMAND_NAMESPACE, ParsedCommand, parse_shell_command

from crashext.commands import table


class LazyCommand:
    """A drgn command whose implementation is imported when it is first used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def description(self) -> str:
        return table.summary(self._name)

    def format_usage(self) -> str:
        from crashext.commands.base import load

        return load(self._name).parser(f"%{self._name}").format_usage()

    def format_help(self, *, indent: str = "") -> str:
        from crashext.commands.base import load

        text = load(self._name).parser(f"%{self._name}").format_help()
        return "".join(indent + line for line in text.splitlines(keepends=True))

    def enabled(self, prog: Program) -> bool:
        # drgn asks before it knows whether the program is a kernel; the command itself says so.
        return True

    def parse(self, source: str, /) -> ParsedCommand[Any]:
        return parse_shell_command(source)

    def run(self, prog: Program, name: str, args: Any, /, **kwargs: Any) -> int:
        from crashext.doors import drgn as door

        return door.run_in_session(prog, self._name, list(args))


def drgn_prog_set(prog: Program) -> None:
    """drgn's hook: a program was opened. Registers the commands and does nothing else."""
    for name in table.names("drgn"):
        DEFAULT_COMMAND_NAMESPACE.register(name, LazyCommand(name))
