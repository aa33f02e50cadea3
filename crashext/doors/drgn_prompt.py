# SPDX-License-Identifier: GPL-2.0-or-later
"""``crash> drgn``: drgn scripts and a drgn prompt on crash's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from crashext.commands.base import HelpRequested
from crashext.doors import epython
from crashext.errors import CrashextError, UsageError

if TYPE_CHECKING:
    import drgn

USAGE = """\
usage: drgn [-v] [-e CODE | FILE [argument ...]]

  -e CODE  run CODE; put it in double quotes
  -v       show the traceback when the script fails

Without arguments: a prompt, in which %NAME runs a drgn command; end it with Ctrl-D.
"""

BANNER = "drgn on crash's memory: prog is this kernel, %NAME a drgn command; end with Ctrl-D"


class _DrgnConsole(epython.Console):
    """A prompt that knows drgn's %commands."""

    def __init__(self, names: dict[str, object], prog: drgn.Program) -> None:
        super().__init__(names)
        self._prog = prog

    def push(self, line: str, *more: Any, **options: Any) -> bool:
        if self.buffer or not line.lstrip().startswith("%"):
            return super().push(line, *more, **options)
        from drgn.commands import run_command

        try:
            run_command(self._prog, line.lstrip()[1:])
        except SystemExit:
            raise
        except Exception:
            self.showtraceback()
        return False


def run(words: list[str]) -> int:
    """The command ``drgn``."""
    wants_traceback = False
    while words and words[0].startswith("-") and words[0] != "-e":
        if words[0] in ("-h", "--help"):
            raise HelpRequested(USAGE)
        if words[0] != "-v":
            raise UsageError(f"drgn: no option {words[0]}; see drgn -h")
        wants_traceback, words = True, words[1:]
    if words and words[0] == "-e":
        if len(words) < 2:
            raise UsageError('drgn: -e needs code, in double quotes: drgn -e "print(prog)"')
        source, argv = words[1].encode(), ["-e", *words[2:]]
        return _with_program(
            lambda names, prog: epython.run_reported(
                "drgn", source, "<drgn -e>", argv, wants_traceback, names
            )
        )
    if words:
        path = epython.find_program(words[0])
        with open(path, "rb") as file:
            source = file.read()
        return _with_program(
            lambda names, prog: epython.run_reported(
                "drgn", source, path, [path, *words[1:]], wants_traceback, names
            )
        )
    return _with_program(lambda names, prog: epython.prompt(_DrgnConsole(names, prog), BANNER))


def _with_program(body: Callable[[dict[str, object], drgn.Program], int]) -> int:
    """Calls ``body`` with the names of drgn's command line, and prog as its default program."""
    try:
        import drgn
        from drgn.cli import default_globals
    except ImportError as error:
        raise CrashextError(
            f"drgn: {error}; install it into the Python that crashext was built for"
        ) from None
    from crashext.targets.drgn_over_crash import program

    prog = program()
    try:
        before = drgn.get_default_prog()
    except drgn.NoDefaultProgramError:
        before = None
    drgn.set_default_prog(prog)
    try:
        return body(default_globals(prog), prog)
    finally:
        drgn.set_default_prog(before)
