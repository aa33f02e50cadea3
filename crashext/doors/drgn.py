# SPDX-License-Identifier: GPL-2.0-or-later
"""The drgn door: from drgn's program to a command, for scripts and for ``%commands``."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import TextIO

from drgn import NoDefaultProgramError, Program, ProgramFlags, get_default_prog

from crashext.commands import table
from crashext.commands.base import Context, HelpRequested, load
from crashext.errors import (
    EXIT_PIPE,
    EXIT_UNREAD,
    EXIT_USAGE,
    CrashextError,
    UsageError,
)
from crashext.targets.base import Target
from crashext.terminal import complain, never_fail_to_encode


def target_of(prog: Program) -> Target:
    """The target for drgn's program, made once a program and kept with it.

    :raises CrashextError: it is no kernel, or drgn has no debug info for the kernel.
    """
    kept = prog.cache.get("crashext.target")
    if kept is not None:
        target: Target = kept
        return target
    if not prog.flags & ProgramFlags.IS_LINUX_KERNEL:
        raise CrashextError("drgn's program is a process, not a kernel; open a vmcore with drgn -c")
    from crashext.targets.drgn import DrgnTarget

    try:
        missing = prog.main_module().wants_debug_file()
    except LookupError:
        missing = True
    if missing:
        raise CrashextError(
            "drgn has no vmlinux with debug info for this dump; give it with drgn -s VMLINUX "
            f"({_wanted(prog)})"
        )
    made = DrgnTarget(prog)
    prog.cache["crashext.target"] = made
    return made


def _wanted(prog: Program) -> str:
    """Which vmlinux the dump wants, in words."""
    from crashext.targets.drgn.files import vmcoreinfo

    info = vmcoreinfo(prog)
    words = [f"kernel {info.get('OSRELEASE', 'of unknown release')}"]
    if "BUILD-ID" in info:
        words.append(f"build-id {info['BUILD-ID']}")
    return ", ".join(words)


def run(prog: Program, name: str, words: Sequence[str], out: TextIO) -> int:
    """Runs a command with the words after its name. Raises CrashextError with one line."""
    command = load(name)
    try:
        args = command.parse(words)
    except HelpRequested as page:
        out.write(str(page))
        return 0
    terminal = out.isatty()
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    color = terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    context = Context(out, lambda: target_of(prog), color, width, "drgn")
    return command.run(context, args)


def run_in_session(prog: Program, name: str, words: Sequence[str]) -> int:
    """For ``%name`` and ``run_command()``: drgn prints the error and the session goes on."""
    return run(prog, name, words, sys.stdout)


def run_script(argv: Sequence[str]) -> None:
    """For ``drgn -c vmcore … drgn_scripts/NAME.py WORDS``; ends the process when it fails.

    The script's own name says which command is meant; ``run.py`` takes it as its first word.
    """
    name, words = os.path.splitext(os.path.basename(argv[0]))[0], list(argv[1:])
    if name == "run":
        name = words.pop(0) if words else ""
    if name not in table.names("drgn"):
        complain(f"crashext: no command {name!r}; there are {', '.join(table.names('drgn'))}")
        sys.exit(EXIT_USAGE)
    never_fail_to_encode()
    try:
        code = run(get_default_prog(), name, words, sys.stdout)
        sys.stdout.flush()
    except CrashextError as error:
        text = str(error)
        complain(text if text.startswith(f"{name}:") else f"{name}: {text}")
        sys.exit(EXIT_USAGE if isinstance(error, UsageError) else EXIT_UNREAD)
    except NoDefaultProgramError:
        complain(f"{name}: this is a script for drgn: drgn -c VMCORE {argv[0]}")
        sys.exit(EXIT_USAGE)
    except BrokenPipeError:
        # The reader (head, less) has gone; nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_PIPE)
    if code:
        sys.exit(code)
