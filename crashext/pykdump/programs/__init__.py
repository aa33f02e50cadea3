# SPDX-License-Identifier: GPL-2.0-or-later
"""crashext's commands as programs for PyKdump's ``epython``, where there is no crashext.so.

    $ export PYKDUMPPATH=…/crashext/pykdump/programs
    crash> extend mpykdump.so
    crash> epython explain -v

(crashext.so registers the same commands itself.)
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from typing import Optional

import crash

from crashext.commands import load
from crashext.commands.base import Context, HelpRequested
from crashext.engine.escape import printable
from crashext.errors import CrashextError
from crashext.targets.crash import open_target


def run(name: str, words: Optional[Sequence[str]] = None) -> int:
    """Runs a command on the dump that crash has open; ``words`` default to ``sys.argv``'s.

    Returns the exit code: what ends a command is printed as one line.
    """
    command = load(name)
    context = Context(sys.stdout, functools.cache(open_target), door="crash")
    try:
        arguments = command.parser().parse_intermixed_args(
            list(sys.argv[1:] if words is None else words)
        )
        return command.run(context, arguments)
    except HelpRequested as page:
        print(page, end="")
        return 0
    except (CrashextError, crash.error) as error:
        text = printable(str(error))
        print(text if text.startswith(f"{name}:") else f"{name}: {text}")
        return 1
