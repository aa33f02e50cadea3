# SPDX-License-Identifier: GPL-2.0-or-later
"""``epython``: runs a Python program, or a prompt, inside crash."""

from __future__ import annotations

import code
import os
import platform
import sys
import types
from typing import Optional

import _crashext
import crash

from crashext import __version__
from crashext.commands.base import HelpRequested
from crashext.doors.failure import report
from crashext.errors import CrashextError, UsageError

USAGE = """\
usage: epython [-v] FILE [argument ...]
       epython [-h | -p | -v]

  -v  show the traceback when the program fails; without FILE: versions
  -p  show Python's version and search path
"""


def search_path() -> list[str]:
    """Where programs are looked for: the current directory, then PYKDUMPPATH."""
    return [".", *filter(None, os.environ.get("PYKDUMPPATH", "").split(os.pathsep))]


def find_program(name: str) -> str:
    """The path of a program. Raises CrashextError when there is none."""
    name = os.path.expanduser(name)
    directories = [""] if os.path.isabs(name) else search_path()
    for directory in directories:
        for path in (os.path.join(directory, name), os.path.join(directory, name + ".py")):
            if os.path.isfile(path):
                return path
    where = "" if os.path.isabs(name) else f" in {', '.join(search_path())}"
    raise CrashextError(f"epython: no program {name}{where}; PYKDUMPPATH lists directories")


def run(words: list[str]) -> int:
    """The command ``epython``."""
    wants_traceback = False
    while words and words[0].startswith("-"):
        option, words = words[0], words[1:]
        if option in ("-h", "--help"):
            raise HelpRequested(USAGE)
        if option in ("-p", "--path"):
            print(sys.version)
            print(*sys.path, sep="\n")
            return 0
        if option in ("-d", "--debug"):  # PyKdump's; its level means nothing here
            words = words[1:]
        elif option in ("-v", "--version"):
            wants_traceback = True
            if not words:
                print(f"crashext {__version__}, Python {platform.python_version()}")
                print(f"crash {crash.Crash_run}, built for {crash.Crash_build}")
                return 0
        else:
            raise UsageError(f"epython: no option {option}; see epython -h")
    if not words:
        return prompt(
            Console({"__name__": "__console__", "crash": crash}),
            "crash is the module of that name; end with Ctrl-D",
        )
    return run_program(words[0], words[1:], wants_traceback)


def run_program(name: str, arguments: list[str], wants_traceback: bool = False) -> int:
    """Runs the program ``name`` as ``__main__``; its exit code, 1 when it failed."""
    path = find_program(name)
    with open(path, "rb") as file:
        source = file.read()
    return run_reported("epython", source, path, [path, *arguments], wants_traceback)


def run_reported(
    command: str,
    source: bytes,
    path: str,
    argv: list[str],
    wants_traceback: bool,
    names: Optional[dict[str, object]] = None,
) -> int:
    """:func:`run_source`; an exception that the program did not catch is shown, and 1 returned.

    Without ``names`` it is a program for PyKdump, whose hooks are called.
    """
    try:
        return run_source(source, path, argv, names or {}, hooks=names is None)
    except (CrashextError, HelpRequested, BrokenPipeError):
        raise
    except Exception as error:
        report(command, _without_our_frames(error, path), wants_traceback)
        return 1


def _without_our_frames(error: Exception, path: str) -> Exception:
    """The traceback begins in the program."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code.co_filename != path:
        traceback = traceback.tb_next
    return error.with_traceback(traceback) if traceback is not None else error


def run_source(
    source: bytes, path: str, argv: list[str], names: dict[str, object], hooks: bool = False
) -> int:
    """Runs ``source`` in a fresh ``__main__`` with these names; puts back what it changed in
    ``sys``. PyKdump's hooks see the program's ``sys.argv`` and may change it."""
    main = types.ModuleType("__main__")
    main.__dict__.update({**names, "__name__": "__main__", "__file__": path})
    saved = sys.modules.get("__main__"), sys.argv, list(sys.path), sys.stdout, sys.stderr
    sys.modules["__main__"] = main
    sys.argv = argv
    directory = os.path.dirname(os.path.realpath(path))
    sys.path[:0] = [directory, *search_path()[1:]]
    try:
        if hooks:
            _call_hook("enterepython")
        try:
            exec(compile(source, path, "exec"), main.__dict__)
        finally:
            if hooks:
                _call_hook("exitepython")
        return 0
    finally:
        if saved[0] is not None:
            sys.modules["__main__"] = saved[0]
        sys.argv = saved[1]
        sys.path[:] = saved[2]
        sys.stdout, sys.stderr = saved[3:]


def _call_hook(name: str) -> None:
    """PyKdump programs may leave functions in ``sys`` that run before and after each program."""
    hook = getattr(sys, name, None)
    if hook is not None:
        hook()


class Console(code.InteractiveConsole):
    """A prompt whose lines are edited by crash's readline."""

    def raw_input(self, prompt: str = "") -> str:
        sys.stdout.flush()
        line = _crashext.readline(prompt)
        if line is None:
            raise EOFError
        return line


def prompt(console: Console, banner: str) -> int:
    """An interactive prompt until Ctrl-D or ``exit()``."""
    _crashext.close_pager()
    try:
        console.interact(banner=banner, exitmsg="")
    except SystemExit:
        pass
    return 0
