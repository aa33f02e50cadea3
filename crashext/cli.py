# SPDX-License-Identifier: GPL-2.0-or-later
"""The shell door: ``crashext COMMAND …``."""

from __future__ import annotations

import argparse
import errno
import functools
import importlib
import os
import shutil
import sys
from typing import TYPE_CHECKING, Callable, Optional

from crashext import __version__
from crashext.commands import table
from crashext.commands.base import Context, HelpRequested, load
from crashext.engine.case import FAILURE
from crashext.errors import (
    EXIT_BUG,
    EXIT_FAILED,
    EXIT_INTERRUPT,
    EXIT_PIPE,
    EXIT_UNREAD,
    EXIT_USAGE,
    CrashextError,
    UsageError,
)
from crashext.terminal import complain, never_fail_to_encode

if TYPE_CHECKING:
    from crashext.commands.base import Command
    from crashext.targets.base import Target

#: Subcommands with a parser of their own: module with ``main(argv) -> int``, and what it does.
TOOLS = {
    "build": ("crashext.build", "build crashext.so for the installed crash"),
    "doctor": ("crashext.doctor", "check that the tools here fit a dump"),
    "lab": ("crashext.lab.cli", "make real vmcores in QEMU"),
}


def usage() -> str:
    lines = ["usage: crashext COMMAND … (crashext COMMAND -h for more)", ""]
    lines += [f"  {row.name:<8} {row.summary}" for row in table.COMMANDS if "shell" in row.doors]
    lines += [f"  {name:<8} {summary}" for name, (_, summary) in TOOLS.items()]
    lines += ["", "TARGET is a kernel log (or - for standard input) or a vmcore."]
    return "\n".join(lines) + "\n"


def _configure(command: Command, parser: argparse.ArgumentParser) -> None:
    """What the shell door adds to a command: the log or dump to open, and how."""
    if command.shell_target == "always":
        parser.add_argument("shell_target", metavar="TARGET", help="kernel log, -, or vmcore")
    parser.add_argument(
        "-s",
        "--symbols",
        metavar="FILE",
        action="append",
        default=[],
        help="vmlinux or module file with debug info (may be repeated)",
    )
    parser.add_argument(
        "--color", choices=("auto", "always", "never"), default="auto", help="default: auto"
    )


def _wants_color(choice: str) -> bool:
    if choice != "auto":
        return choice == "always"
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def run_command(command: Command, words: list[str]) -> int:
    """Runs one command of the suite with the shell's words; returns the exit code."""
    prog = f"crashext {command.name}"
    args = command.parse(words, prog, first=lambda parser: _configure(command, parser))
    word: Optional[str] = getattr(args, "shell_target", None)
    if word is None and args.words and (args.words[0] == "-" or os.path.exists(args.words[0])):
        word = args.words.pop(0)

    @functools.cache
    def target() -> Target:
        if word is None:
            raise UsageError(f"{prog}: which log or vmcore? see {prog} -h")
        from crashext.opening import open_target

        return open_target(word, symbols=args.symbols, module_dirs=args.module_dir)

    width = shutil.get_terminal_size((100, 24)).columns
    context = Context(sys.stdout, target, _wants_color(args.color), min(width, 120), "shell")
    return command.run(context, args)


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        if len(words) > 1 and words[0] == "help":
            return _dispatch([words[1], "-h"])
        sys.stdout.write(usage())
        return 0 if words else EXIT_USAGE
    if words[0] in ("-V", "--version", "version"):
        sys.stdout.write(f"crashext {__version__}\n")
        return 0
    name, rest = words[0], words[1:]
    if name in TOOLS:
        main_of: Callable[[list[str]], int] = importlib.import_module(TOOLS[name][0]).main
        return main_of(rest)
    if name in table.names("shell"):
        return run_command(load(name), rest)
    raise UsageError(f"crashext: no command {name!r}; see crashext --help")


def main(argv: Optional[list[str]] = None) -> int:
    """The console script. Every failure that we know is one line on standard error.

    Exit codes: 0 explained, 1 no crash in it, 2 wrong usage, 3 it could not be read (or the answer
    not be written), 70 a bug of ours, 130 interrupted, 141 the reader of the output has gone.
    """
    words = sys.argv[1:] if argv is None else argv
    if sys.stdout is None:
        complain("crashext: standard output is closed; there is nowhere to write the answer to")
        return EXIT_UNREAD
    never_fail_to_encode()
    try:
        code = _dispatch(words)
        sys.stdout.flush()
        return code
    except HelpRequested as page:
        sys.stdout.write(str(page))
        return 0
    except UsageError as error:
        complain(str(error))
        return EXIT_USAGE
    except CrashextError as error:
        complain(f"crashext: {error}")
        return EXIT_FAILED if words[0] in TOOLS else EXIT_UNREAD
    except BrokenPipeError:
        # The reader (head, less) has gone; nothing more can be said to it.
        _output_to_nowhere()
        return EXIT_PIPE
    except KeyboardInterrupt:
        complain("")
        return EXIT_INTERRUPT
    except MemoryError:
        complain("crashext: there is not enough memory for this (see ulimit -v)")
        return EXIT_UNREAD
    except OSError as error:
        if error.errno not in _CANNOT_WRITE or error.filename is not None:
            return _our_fault(error)
        _output_to_nowhere()
        complain(f"crashext: the answer cannot be written: {error.strerror}")
        return EXIT_UNREAD
    except Exception as error:
        return _our_fault(error)


#: What write() answers when there is no more room for it (write(2)).
_CANNOT_WRITE = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO, errno.EBADF)


def _our_fault(error: Exception) -> int:
    if "CRASHEXT_TRACEBACK" in os.environ:
        raise error
    text = " ".join(str(error).split())
    complain(
        f"crashext: {FAILURE}: {type(error).__name__}: {text}; CRASHEXT_TRACEBACK=1 shows where"
    )
    return EXIT_BUG


def _output_to_nowhere() -> None:
    """What is still in the buffer would fail once more when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
