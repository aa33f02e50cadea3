# SPDX-License-Identifier: GPL-2.0-or-later
"""The files that crash has open, by absolute path."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from typing import Optional

import _crashext


@dataclass(frozen=True)
class Opened:
    """What this session was started with. ``kernels``: the files with the kernel's symbols and
    debug info, the one with debug info first."""

    kernels: tuple[str, ...]
    dump: Optional[str]  # None on a live system
    live: bool


@functools.cache
def opened() -> Opened:
    """The files of this session. crash keeps their paths as they were typed, relative to the
    directory that it was started in."""
    session = _crashext.session()

    def absolute(name: str) -> str:
        return os.path.normpath(os.path.join(session["directory"], name))

    names = (session["debuginfo_file"], session["namelist_debug"], session["namelist"])
    kernels = tuple(dict.fromkeys(absolute(name) for name in names if name))
    dump = None if session["live"] else session["dumpfile"]
    return Opened(kernels, absolute(dump) if dump else None, session["live"])
