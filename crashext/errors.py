# SPDX-License-Identifier: GPL-2.0-or-later
"""The errors that reach a user: one line that names the thing and the way out."""

from __future__ import annotations

from crashext.engine.escape import printable

# What a command ends with. 0: what was asked for is told; 1: there is no crash in it, or nothing
# of what was asked for.
EXIT_FAILED = 1  # of a tool: no dump was made, nothing was built
EXIT_USAGE = 2
EXIT_UNREAD = 3  # the file cannot be read, so nothing is known of it
EXIT_BUG = 70  # EX_SOFTWARE of sysexits.h
EXIT_INTERRUPT = 130  # 128 + SIGINT, as a shell reports it
EXIT_PIPE = 141  # 128 + SIGPIPE


class CrashextError(Exception):
    """Ends a command. Its text is one line: what is wrong, with which thing, and what to do.

    The thing can bear a name out of a dump (a release, a module): ``str()`` gives it escaped, so
    that it is safe to print at every door, also where the debugger prints it.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


class UsageError(CrashextError):
    """The command's own words are off (unknown option, no such address)."""


class Unknown(Exception):
    """A target cannot answer one question; the text is the reason, in words for the user.

    Never ends a command: the engine carries the reason to ``Explanation.unknown``.
    """
