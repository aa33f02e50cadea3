# SPDX-License-Identifier: GPL-2.0-or-later
"""The crash door: the commands that crashext.so gives to ``crash``, and how they run.

crashext.so (crashext/native) registers the commands with the help pages of pages.py; at the first
of them it starts the interpreter, imports this module and calls :func:`start`, and :func:`run` for
each command that the user types.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Callable

import _crashext
import crash

from crashext.commands import table
from crashext.commands.base import Command, Context, HelpRequested, load
from crashext.doors import no_readline
from crashext.doors.failure import report
from crashext.engine.escape import printable
from crashext.errors import CrashextError, Unknown


class CrashOutput(io.TextIOBase):
    """``sys.stdout``: goes where crash's output goes at that moment (``| head``, ``> file``)."""

    encoding = "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        """Raises BrokenPipeError when the reader of a pipe has gone."""
        _crashext.write(text.encode("utf-8", "backslashreplace"))
        return len(text)

    def flush(self) -> None:
        _crashext.flush()

    def isatty(self) -> bool:
        return _crashext.output_is_tty()


def wants_color() -> bool:
    """Colour on a terminal, and in crash's pager when it is told to pass colour through."""
    if "NO_COLOR" in os.environ or os.environ.get("TERM") in (None, "dumb"):
        return False
    if _crashext.output_is_pager():
        return bool(re.search(r"(^|\s)-?\w*[rR]", os.environ.get("LESS", "")))
    return _crashext.output_is_tty()


def run_suite_command(command: Command, words: list[str]) -> int:
    """explain, oops, rip, mods: the same commands as in the shell and in drgn.

    What they show of a module can be checked by hand afterwards: crash gets the module's debug
    file, for its own ``dis -s``, ``bt -l`` and ``sym``.
    """
    from crashext.targets.crash import open_target

    # One target a command: it sees the module files that "mod -s" has loaded since the last one,
    # and the directories given to one command are not those of the next.
    target = functools.cache(open_target)
    width = shutil.get_terminal_size((100, 24)).columns
    args = command.parse(words)
    here = Context(sys.stdout, target, wants_color(), min(width, 120), "crash")
    try:
        code = command.run(here, args)
        sys.stdout.flush()
    except BrokenPipeError:  # "| head" has seen enough; what it saw can still be checked
        code = 0
    if target.cache_info().currsize:  # the command opened it
        _teach_crash(target().lined, target().source_dirs)
    return code


def _teach_crash(modules: Iterable[str], source_dirs: Sequence[str]) -> None:
    """Gives crash the lines of these modules; what it cannot have, the command has said."""
    try:
        from crashext.targets.crash_lines import load_lines
    except ImportError:
        return  # no drgn in this Python: the target has said so
    for name in modules:
        with contextlib.suppress(Unknown):
            load_lines(name, source_dirs)


def run(argv: list[str]) -> int:
    """Runs the command line ``argv``; returns its exit code. Only KeyboardInterrupt comes out."""
    name, words = argv[0], argv[1:]
    entry = _COMMANDS.get(name) or functools.partial(_registered_program, name)
    try:
        try:
            code = entry(words)
        except HelpRequested as page:
            print(str(page), end="")
            code = 0
        except (CrashextError, crash.error) as error:
            text = printable(str(error).strip(), newlines=True)
            print(text if text.startswith(f"{name}:") else f"{name}: {text}")
            code = 1
        except SystemExit as done:
            code = _exit_code(done)
        except BrokenPipeError:
            raise
        except Exception as error:
            report(name, error, "-v" in words or "--verbose" in words)
            code = 1
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        return 0  # "| head" has seen enough
    except OSError as error:
        _say_on_terminal(f"{name}: cannot write: {error.strerror}")
        return 1


def _exit_code(done: SystemExit) -> int:
    if done.code is None or isinstance(done.code, int):
        return done.code or 0
    print(done.code)
    return 1


def _say_on_terminal(text: str) -> None:
    """For what cannot go to the command's output, because that is what fails (a full disk)."""
    os.write(2, text.encode("utf-8", "backslashreplace") + b"\n")


def _suite(name: str) -> Callable[[list[str]], int]:
    return lambda words: run_suite_command(load(name), words)


def _epython(words: list[str]) -> int:
    from crashext.doors import epython

    return epython.run(words)


def _drgn(words: list[str]) -> int:
    from crashext.doors import drgn_prompt

    return drgn_prompt.run(words)


def _about(words: list[str]) -> int:
    from crashext.doors import about

    return about.run(words)


def _registered_program(name: str, words: list[str]) -> int:
    """A program that ``register_epython_prog`` made a command: found as ``epython NAME``."""
    from crashext.doors import epython

    return epython.run_program(name, words)


_COMMANDS: dict[str, Callable[[list[str]], int]] = {
    **{name: _suite(name) for name in table.names("crash")},
    "epython": _epython,
    "drgn": _drgn,
    "crashext": _about,
}


def start() -> None:
    """Prepares the interpreter; called once, by crashext.so, before the first command."""
    sys.stdout = sys.stderr = CrashOutput()
    sys.modules["readline"] = no_readline
    sys.setdlopenflags(sys.getdlopenflags() | _crashext.DLOPEN_FLAGS)
    from crashext.pykdump import cmodule, install_alias

    cmodule.complete(crash)
    install_alias()
