# SPDX-License-Identifier: GPL-2.0-or-later
"""crashext's commands as programs for PyKdump's ``epython``, where there is no crashext.so.

    $ export PYKDUMPPATH=…/crashext/pykdump/programs
    crash> extend mpykdump.so
    crash> epython explain -v

``epython run COMMAND`` runs any command of the suite. (crashext.so registers them itself.)
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Sequence

import crash

from crashext.commands import table
from crashext.commands.base import Context, HelpRequested, load
from crashext.engine.escape import printable
from crashext.errors import EXIT_UNREAD, EXIT_USAGE, CrashextError
from crashext.targets.crash import open_target


def run(argv: Sequence[str]) -> int:
    """Runs the command that the program is named after (``run.py``: its first word) on the dump
    that crash has open.

    Returns the exit code: what ends a command is printed as one line.
    """
    name, words = os.path.splitext(os.path.basename(argv[0]))[0], list(argv[1:])
    if name == "run":
        name = words.pop(0) if words else ""
    if name not in table.names("pykdump"):
        print(f"crashext: no command {name!r}; there are {', '.join(table.names('pykdump'))}")
        return EXIT_USAGE
    command = load(name)
    context = Context(sys.stdout, functools.cache(open_target), door="pykdump")
    try:
        return command.run(context, command.parse(words))
    except HelpRequested as page:
        print(page, end="")
        return 0
    except (CrashextError, crash.error) as error:
        text = printable(str(error))
        print(text if text.startswith(f"{name}:") else f"{name}: {text}")
        return EXIT_UNREAD
