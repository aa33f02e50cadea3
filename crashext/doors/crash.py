# SPDX-License-Identifier: GPL-2.0-or-later
"""The crash door: the commands that crashext.so gives to ``crash``, and how they run.

crashext.so (crashext/native) starts the interpreter, imports this module, registers what
:func:`start` returns, and calls :func:`run` for each command that the user types.
"""

from __future__ import annotations

import functools
import io
import os
import re
import shutil
import sys
import textwrap
import traceback
from typing import Callable

import _crashext
import crash

from crashext.commands import NAMES, load
from crashext.commands.base import Command, Context, HelpRequested
from crashext.doors import no_readline
from crashext.errors import CrashextError
from crashext.targets.crash_files import opened


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


def context() -> Context:
    width = shutil.get_terminal_size((100, 24)).columns
    from crashext.targets.crash import open_target

    # One target a command: it sees the module files that "mod -s" has loaded since the last one,
    # and the directories given to one command are not those of the next.
    target = functools.cache(open_target)
    return Context(sys.stdout, target, wants_color(), min(width, 120), "crash")


def run_suite_command(command: Command, words: list[str]) -> int:
    """explain, oops, rip, mods: the same commands as in the shell and in drgn."""
    args = command.parser().parse_intermixed_args(words)
    return command.run(context(), args)


def suite_help(command: Command) -> list[str]:
    """The lines of ``help NAME``: name, summary, synopsis, then the page."""
    parser = command.parser()
    usage, _, rest = parser.format_help().partition("\n\n")
    synopsis = " ".join(usage.split()[2:])
    # The parser's page repeats the description; ours has it first, in crash's indentation.
    options = rest[rest.find("\n\n") + 2 :] if command.description and rest else rest
    lines = textwrap.wrap(command.description, 78, initial_indent="  ", subsequent_indent="  ")
    lines += ["", *textwrap.indent(options.rstrip(), "  ").splitlines()]
    if command.examples:
        lines += ["", "EXAMPLES"]
        for words, what in command.examples:
            lines += [f"  {what[:1].upper()}{what[1:]}:", "", f"    crash> {words}", ""]
    return [command.name, command.summary, synopsis or " ", *lines]


def one_line(error: BaseException) -> str:
    """An exception as one line, with the place in the program that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    place = (frames[-1].filename, frames[-1].lineno) if frames else None
    text = traceback.format_exception_only(type(error), error)[-1]
    if isinstance(error, SyntaxError) and error.filename:
        place = (error.filename, error.lineno)
        text = f"{type(error).__name__}: {error.msg}"
    text = " ".join(text.split())
    return f"{text} ({os.path.basename(place[0])}:{place[1]})" if place else text


def report(name: str, error: Exception, wants_traceback: bool) -> None:
    """Shows an exception that a program did not expect: one line, or all with -v."""
    if wants_traceback:
        print("".join(traceback.format_exception(type(error), error, error.__traceback__)), end="")
    else:
        print(f"{name}: {one_line(error)}; {name} -v shows the traceback")


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
            text = str(error).strip()
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
    **{name: _suite(name) for name in NAMES},
    "epython": _epython,
    "drgn": _drgn,
    "crashext": _about,
}

#: Help pages of the commands that only crash has (of the others: crashext/commands).
_OWN_HELP: list[list[str]] = [
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
        "about crashext: versions, this dump, settings",
        " ",
        "  Shows the version of crashext, of the Python inside, and of the crash that it was",
        "  built for; what is open; and where it looks for programs, sources and modules.",
        "",
        "EXAMPLES",
        "    crash> crashext",
    ],
]


def start() -> list[tuple[str, list[str]]]:
    """Called once, by crashext.so: prepares the interpreter, returns (name, help lines)."""
    sys.stdout = sys.stderr = CrashOutput()
    opened()
    sys.modules["readline"] = no_readline
    # Libraries of extension modules (drgn brings libelf and libdw) must use their own zlib, not
    # the parts of another zlib that the crash binary happens to export.
    sys.setdlopenflags(sys.getdlopenflags() | os.RTLD_DEEPBIND)
    from crashext.pykdump import cmodule, install_alias

    cmodule.complete(crash)
    install_alias()
    pages = [suite_help(load(name)) for name in NAMES if _loads(name)] + _OWN_HELP
    return [(page[0], page) for page in pages]


def _loads(name: str) -> bool:
    """A command that cannot be imported is said so, and does not take the others with it."""
    try:
        load(name)
    except Exception as error:
        print(f"crashext.so: no command {name}: {one_line(error)}")
        return False
    return True
