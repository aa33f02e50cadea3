# SPDX-License-Identifier: GPL-2.0-or-later
"""The errors that reach a user: one line that names the thing and the way out."""

from __future__ import annotations


class CrashextError(Exception):
    """Ends a command. Its text is one line: what is wrong, with which thing, and what to do."""


class UsageError(CrashextError):
    """The command's own words are off (unknown option, no such address)."""


class Unknown(Exception):
    """A target cannot answer one question; the text is the reason, in words for the user.

    Never ends a command: the engine carries the reason to ``Explanation.unknown``.
    """
