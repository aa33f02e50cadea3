# SPDX-License-Identifier: GPL-2.0-or-later
"""``crash> drgn``: drgn scripts and a drgn prompt on crash's memory."""

from __future__ import annotations

import builtins
import contextlib
import sys
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


#: What drgn's command line imports for its user (drgn/cli.py). That module itself is not usable
#: here: it takes over the terminal.
_NAMES = (
    "FaultError", "NULL", "Object", "alignof", "cast", "container_of", "execscript",
    "implicit_convert", "offsetof", "reinterpret", "reinterpret_cast", "sizeof", "search_memory",
    "search_memory_regex", "search_memory_u16", "search_memory_u32", "search_memory_u64",
    "search_memory_word", "source_location", "stack_trace",
)  # fmt: skip


def namespace(prog: drgn.Program) -> dict[str, object]:
    """The names that a drgn script or prompt begins with."""
    import drgn
    import drgn.helpers.common
    import drgn.helpers.linux

    names: dict[str, object] = {"prog": prog, "drgn": drgn}
    names.update((name, getattr(drgn, name)) for name in _NAMES if hasattr(drgn, name))
    for module in (drgn.helpers.common, drgn.helpers.linux):
        names.update((name, getattr(module, name)) for name in module.__dict__["__all__"])
    return names


class _DrgnConsole(epython.Console):
    """A prompt that shows drgn's objects as drgn does, and knows its %commands."""

    def __init__(self, names: dict[str, object], prog: drgn.Program) -> None:
        super().__init__(names)
        self._prog = prog

    def runsource(self, source: str, *more: Any, **options: Any) -> bool:
        if not source.startswith("%"):
            return super().runsource(source, *more, **options)
        import drgn.commands

        try:
            drgn.commands.run_command(self._prog, source[1:])
        except (SystemExit, KeyboardInterrupt):
            raise
        except Exception as error:
            print(error)
        return False


def _display(value: object) -> None:
    """The prompt's ``sys.displayhook``."""
    import drgn

    if value is None:
        return
    builtins.__dict__["_"] = value
    try:
        drgns = (drgn.SourceLocation, drgn.StackFrame, drgn.StackTrace, drgn.Type, drgn.Object)
        print(str(value) if isinstance(value, drgns) else repr(value))
    except drgn.FaultError as error:
        print(f"{value!r}: {error}")


def _prompt(prog: drgn.Program) -> int:
    before = sys.displayhook
    sys.displayhook = _display
    try:
        return epython.prompt(
            _DrgnConsole(namespace(prog), prog), BANNER + _without_debug_info(prog)
        )
    finally:
        sys.displayhook = before


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
            lambda prog: epython.run_reported(
                "drgn", source, "<drgn -e>", argv, wants_traceback, namespace(prog)
            )
        )
    if words:
        path = epython.find_program(words[0])
        with open(path, "rb") as file:
            source = file.read()
        return _with_program(
            lambda prog: epython.run_reported(
                "drgn", source, path, [path, *words[1:]], wants_traceback, namespace(prog)
            )
        )
    return _with_program(_prompt)


def _load_modules(prog: drgn.Program) -> None:
    """Debug info of all modules that have a file, as drgn's own command line loads it."""
    import drgn

    with contextlib.suppress(drgn.MissingDebugInfoError):
        prog.load_default_debug_info()


def _without_debug_info(prog: drgn.Program) -> str:
    names = [module.name for module in prog.modules() if module.wants_debug_file()]
    return f"; no debug info for {', '.join(names)}" if names else ""


def _with_program(body: Callable[[drgn.Program], int]) -> int:
    """Calls ``body`` with the session's program, which is drgn's default program for so long."""
    try:
        import drgn
    except ImportError as error:
        raise CrashextError(
            f"drgn: {error}; install it into the Python that crashext was built for"
        ) from None
    from crashext.pykdump.drgn_over_crash import program
    from crashext.targets.crash import open_target

    prog = program()
    open_target()  # lets drgn find the files of modules
    _load_modules(prog)
    try:
        before = drgn.get_default_prog()
    except drgn.NoDefaultProgramError:
        before = None
    drgn.set_default_prog(prog)
    try:
        return body(prog)
    finally:
        drgn.set_default_prog(before)
