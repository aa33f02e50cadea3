# SPDX-License-Identifier: GPL-2.0-or-later
"""How an exception that nobody expected is told: one line, or the traceback when asked for."""

from __future__ import annotations

import os
import traceback

from crashext.engine.escape import printable


def one_line(error: BaseException) -> str:
    """An exception as one line, with the place in the program that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    place = (frames[-1].filename, frames[-1].lineno) if frames else None
    text = traceback.format_exception_only(type(error), error)[-1]
    if isinstance(error, SyntaxError) and error.filename:
        place = (error.filename, error.lineno)
        text = f"{type(error).__name__}: {error.msg}"
    text = printable(" ".join(text.split()))
    return f"{text} ({os.path.basename(place[0])}:{place[1]})" if place else text


def report(name: str, error: Exception, wants_traceback: bool) -> None:
    """Shows an exception that a program did not expect: one line, or all with -v."""
    if wants_traceback:
        print("".join(traceback.format_exception(type(error), error, error.__traceback__)), end="")
    else:
        print(f"{name}: {one_line(error)}; {name} -v shows the traceback")
