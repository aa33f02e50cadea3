# SPDX-License-Identifier: GPL-2.0-or-later
"""The door for a crash that has upstream PyKdump loaded instead of crashext.so.

Only PyKdump's names are used here and in crashext/targets/crash, and no module that only
crashext.so has. What needs drgn on crash's memory is then missing, and said to be.
"""

from __future__ import annotations

import functools
import sys

import crash

from crashext.commands import load
from crashext.commands.base import Context, HelpRequested
from crashext.engine.escape import printable
from crashext.errors import CrashextError
from crashext.targets.crash import open_target


def main(name: str, words: list[str]) -> None:
    """Runs one command of the suite on the open dump; every failure that we know is one line."""
    command = load(name)
    try:
        args = command.parser(f"epython {name}.py").parse_intermixed_args(words)
        command.run(Context(sys.stdout, functools.cache(open_target), door="crash"), args)
    except HelpRequested as page:
        print(str(page), end="")
    except (CrashextError, crash.error) as error:
        print(f"{name}: {printable(str(error), newlines=True)}")
