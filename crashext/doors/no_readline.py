# SPDX-License-Identifier: GPL-2.0-or-later
"""Stands in for Python's module ``readline`` inside crash; every function does nothing.

crash exports the functions of its own copy of the readline library, so the real module would call
those with the data layout of another version. Prompts here are edited by crash's readline.
"""

from __future__ import annotations

from typing import Callable


def __getattr__(name: str) -> Callable[..., None]:
    if name.startswith("__"):
        raise AttributeError(name)
    return lambda *arguments: None
