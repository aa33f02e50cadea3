# SPDX-License-Identifier: GPL-2.0-or-later
"""The errors that reach a user: one line that names the thing and the way out."""

from __future__ import annotations

from crashext.engine.escape import printable


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
