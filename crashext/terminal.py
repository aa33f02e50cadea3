# SPDX-License-Identifier: GPL-2.0-or-later
"""The last thing before a terminal: nothing that came from a dump acts on it.

Renderers escape what they print (:mod:`crashext.engine.escape`); errors do so themselves. This
stream is where all of it passes once more, so that a forgotten place shows a visible escape and
does not retitle a window, hide a line or answer a query. It lets pass the colours of
:class:`crashext.render.style.Style`, and those only where colour is on.
"""

from __future__ import annotations

import io
import re
import sys
from typing import Optional, TextIO

from crashext.engine.escape import printable

#: What Style writes: ECMA-48 SGR with attributes and the eight colours.
_COLOUR = re.compile("(\x1b\\[[0-9;]{1,8}m)")


def safe(text: str, color: bool = False) -> str:
    """``text`` with everything that could act on a terminal made visible; newlines stay.

    :param color: colours (SGR sequences) stay as well.
    """
    if not color or "\x1b" not in text:
        return printable(text, newlines=True)
    pieces = _COLOUR.split(text)
    pieces[::2] = [printable(piece, newlines=True) for piece in pieces[::2]]
    return "".join(pieces)


class SafeOutput(io.TextIOBase):
    """A text stream in front of another one that makes everything written :func:`safe`."""

    def __init__(self, stream: TextIO, color: bool = False) -> None:
        self._stream = stream
        self._color = color

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._stream.write(safe(text, self._color))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        """Nothing: the other stream is not this one's to close, nor to flush when this one goes
        (an error of that flush would be lost)."""

    def isatty(self) -> bool:
        return self._stream.isatty()


def complain(text: str, stream: Optional[TextIO] = None) -> None:
    """Writes lines to standard error, safe; says nothing when there is none (``2>&-``)."""
    stream = sys.stderr if stream is None else stream
    if stream is None:
        return
    try:
        stream.write(safe(text) + "\n")
        stream.flush()
    except (OSError, ValueError):
        pass  # nobody can be told


def never_fail_to_encode() -> None:
    """A terminal of another encoding (ASCII, Latin-1) gets escapes for what it cannot show."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
