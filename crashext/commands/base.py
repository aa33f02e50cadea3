# SPDX-License-Identifier: GPL-2.0-or-later
"""The shape of a command. Doors (shell, crash, drgn) parse words with the same parser."""

from __future__ import annotations

import argparse
import importlib
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable, NoReturn, Optional, TextIO, cast

from crashext.commands import table
from crashext.engine.report import LogSummary
from crashext.errors import UsageError
from crashext.render import text
from crashext.targets.base import Target
from crashext.terminal import SafeOutput
from crashext.view.document import Document


class HelpRequested(Exception):
    """-h was given; the text is the help page."""


class CommandParser(argparse.ArgumentParser):
    """An ArgumentParser that never exits the process: crash and drgn must live on."""

    def exit(self, status: int = 0, message: Optional[str] = None) -> NoReturn:
        raise HelpRequested(message or "")

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}; see {self.prog} -h")

    def print_help(self, file: Any = None) -> None:
        raise HelpRequested(self.format_help())


def exit_code(found: bool, summary: LogSummary) -> int:
    """0: what was asked for is there; 1: it is not; 3: not known, the log could not be read."""
    if found:
        return 0
    return 1 if summary.unread is None else 3


@dataclass
class Context:
    """What a door gives to a command."""

    out: TextIO
    #: Opens (once) and returns the target; raises CrashextError with one line when it cannot.
    target: Callable[[], Target]
    color: bool = False
    width: int = 100
    #: One of :data:`crashext.commands.table.DOORS`: its debugger's commands are shown first.
    door: str = "shell"

    def write(self, document: Document) -> None:
        """Prints an answer as text, in this door's width and colour."""
        self.out.write(text.render(document, color=self.color, width=self.width))

    def __post_init__(self) -> None:
        """Whatever a command writes is safe to print, at every door."""
        self.out = cast(TextIO, SafeOutput(self.out, self.color))


@dataclass(frozen=True)
class Command:
    """One command, written once. ``run`` returns the exit code; 0 is success."""

    name: str
    description: str
    examples: tuple[tuple[str, str], ...]  # (words, what they do)
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Context, argparse.Namespace], int]
    #: How the shell door gets the target: "always" the first word; "optional": the first of
    #: ``args.words`` when it names a file, for commands that also work alone (``oops 0x0002``).
    shell_target: str = "always"

    @property
    def summary(self) -> str:
        """One line, as in crash's help listing; it stands in the table of commands."""
        return table.summary(self.name)

    def parse(
        self,
        words: Sequence[str],
        prog: Optional[str] = None,
        first: Optional[Callable[[argparse.ArgumentParser], None]] = None,
    ) -> argparse.Namespace:
        """The words that a person typed after the command's name, the same way in every door:
        options may stand between the words.

        :raises UsageError: they do not fit; one line.
        :raises HelpRequested: ``-h`` was among them.
        """
        return self.parser(prog, first).parse_intermixed_args(list(words))

    def parser(
        self,
        prog: Optional[str] = None,
        first: Optional[Callable[[argparse.ArgumentParser], None]] = None,
    ) -> CommandParser:
        """The command's parser; ``first`` lets a door add its own words before the command's."""
        parser = CommandParser(
            prog=prog or self.name,
            description=textwrap.fill(self.description, 78),
            epilog=self._example_text(prog or self.name),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if first is not None:
            first(parser)
        self.configure(parser)
        return parser

    def _example_text(self, prog: str) -> str:
        """The examples as a door spells them; the shell's need the target's name as well."""
        target = " TARGET" if prog.startswith("crashext ") and self.shell_target == "always" else ""
        rows = [(f"{prog}{target}{words[len(self.name) :]}", what) for words, what in self.examples]
        width = max((len(words) for words, _ in rows), default=0)
        return "examples:\n" + "\n".join(f"  {words:<{width}}   {what}" for words, what in rows)


def load(name: str) -> Command:
    """The command of that name, imported only now: a door lists names without loading all."""
    command: Command = importlib.import_module(f"crashext.commands.{name}").COMMAND
    return command
